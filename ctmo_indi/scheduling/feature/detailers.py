"""Detailers: what is changed about a target once it is chosen.

Deterministic: the same seed, field and visit give the same detail.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from ctmo_indi.scheduling import settings


@dataclass(frozen=True, slots=True)
class Draft:
    """A target on its way.

    Parameters
    ----------
    key
        Of the field.
    visit
        How often the field was visited before, in any filter.
    night
        Label of the night.
    count
        Frames.
    """

    key: str
    visit: int
    night: str
    seed: int
    ra_deg: float
    dec_deg: float
    count: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detailer(ABC):
    """Changes one thing about a target."""

    name: ClassVar[str]

    @abstractmethod
    def detailed(self, draft: Draft) -> Draft:
        """Return the draft with the detail. Pure."""


@dataclass(frozen=True, slots=True)
class Dither(Detailer):
    """Moves the pointing to a place within ``radius_deg``, each as likely as any other.

    Parameters
    ----------
    each
        Another place for each "visit" of a field, or for each "night".
    """

    name: ClassVar[str] = "dither"

    radius_deg: float = settings.number(0.0, 10.0, 0.1)
    each: str = settings.choice(("visit", "night"), "visit")

    def detailed(self, draft: Draft) -> Draft:
        """Move it."""
        turn = str(draft.visit) if self.each == "visit" else draft.night
        first, second = _lots(f"dither {draft.seed} {draft.key} {turn}")
        away_rad = math.radians(self.radius_deg) * math.sqrt(first)
        ra_deg, dec_deg = _moved(draft.ra_deg, draft.dec_deg, away_rad, 2.0 * math.pi * second)
        return replace(draft, ra_deg=ra_deg, dec_deg=dec_deg)


@dataclass(frozen=True, slots=True)
class Rotation(Detailer):
    """Says in the target's note how the camera is to be turned; our mounts have no rotator.

    Parameters
    ----------
    angle_deg
        Position angle; None: one by lot for each night, within ``range_deg``.
    """

    name: ClassVar[str] = "rotation"

    angle_deg: float | None = settings.number(-360.0, 360.0, None)
    range_deg: tuple[float, float] = settings.span(-360.0, 360.0, (-90.0, 90.0))

    def detailed(self, draft: Draft) -> Draft:
        """Note it."""
        angle_deg = self.angle_deg
        if angle_deg is None:
            part, _ = _lots(f"rotation {draft.seed} {draft.night}")
            low, high = self.range_deg
            angle_deg = low + part * (high - low)
        note = f"no rotator for the position angle {angle_deg:.1f} deg"
        return replace(draft, notes=(*draft.notes, note))


@dataclass(frozen=True, slots=True)
class Repeat(Detailer):
    """Takes ``times`` as many frames."""

    name: ClassVar[str] = "repeat"

    times: int = settings.number(1, 1000, 2, whole=True)

    def detailed(self, draft: Draft) -> Draft:
        """Multiply the frames."""
        return replace(draft, count=draft.count * self.times)


DETAILERS: Mapping[str, type[Detailer]] = {one.name: one for one in (Dither, Rotation, Repeat)}


def _lots(text: str) -> tuple[float, float]:
    """Return two numbers from 0 to 1, below 1, that the text decides."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    first, second = (int.from_bytes(part, "big") for part in (digest[:8], digest[8:]))
    return (first >> 11) / 2.0**53, (second >> 11) / 2.0**53


def _moved(
    ra_deg: float, dec_deg: float, away_rad: float, toward_rad: float
) -> tuple[float, float]:
    """Go from a place along a great circle; the direction from north over east."""
    dec = math.radians(dec_deg)
    sin_dec = math.sin(dec) * math.cos(away_rad) + (
        math.cos(dec) * math.sin(away_rad) * math.cos(toward_rad)
    )
    east = math.sin(toward_rad) * math.sin(away_rad) * math.cos(dec)
    north = math.cos(away_rad) - math.sin(dec) * sin_dec
    moved_ra_deg = (ra_deg + math.degrees(math.atan2(east, north))) % 360.0
    return moved_ra_deg, math.degrees(math.asin(max(-1.0, min(1.0, sin_dec))))
