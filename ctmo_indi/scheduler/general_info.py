"""The night in a few words, for ``generalInfo``: its label, whether it lasts, Sun's set and rise.

Computed once a night and per call a comparison; the first call imports the models of the sky. One
thread at a time, never the engine's.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ctmo_indi.first_import import FIRST_IMPORT

if TYPE_CHECKING:
    from ctmo_indi.profiles import Profile

SUN_ON_HORIZON_DEG = -0.833
"""Altitude of the Sun's centre at sunset: refraction and radius (Explanatory Supplement, 9.311)."""

Bounds = tuple[datetime, datetime] | None


class GeneralInfo:
    """What is published as ``generalInfo`` for an instant.

    Nights run from mean local noon to noon; the night that lasts is that between the instants at
    which the Sun passes the profile's limit for frames of the sky.
    """

    def __init__(self, profile: Profile) -> None:
        self._site = profile.site
        self._sun_limit_deg = profile.night.sun_max_altitude_deg
        self._label = ""
        self._dark: Bounds = None
        self._sun_down: Bounds = None

    def __call__(self, utc: datetime) -> dict[str, object]:
        """Return the event's data; Sunset and Sunrise are left out where there are none."""
        with FIRST_IMPORT:
            from ctmo_indi.models import sky

        label = sky.night_of(self._site, utc)
        if label != self._label:
            self._dark = sky.night_bounds(self._site, utc, self._sun_limit_deg)
            self._sun_down = sky.night_bounds(self._site, utc, SUN_ON_HORIZON_DEG)
            self._label = label
        is_night = self._dark is not None and self._dark[0] <= utc < self._dark[1]
        told: dict[str, object] = {"Night": label, "Is Night": is_night}
        if self._sun_down is not None:
            names = ("Sunset", "Sunrise")
            told |= {
                name: instant.isoformat(timespec="seconds")
                for name, instant in zip(names, self._sun_down, strict=True)
            }
        return told
