"""An observation: an attempt that succeeded, as it is stored and registered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_WORDS = {"mount_s": "Mount", "dome_s": "Dome", "filter_s": "Filter", "exposing_s": "Exposing"}


@dataclass(frozen=True, slots=True)
class StepDurations:
    """What the steps of an attempt took, sky seconds; None: not known.

    Parameters
    ----------
    mount_s, dome_s, filter_s
        From the command to go until each was there; side by side. Only of an attempt that found
        the telescope open and tracking, and pointed without a failure.
    exposing_s
        From the begin of the first exposure to the last frame; only when none was repeated.
    """

    mount_s: float | None = None
    dome_s: float | None = None
    filter_s: float | None = None
    exposing_s: float | None = None

    def to_wire(self) -> dict[str, object]:
        """Return what is known, to the millisecond."""
        known = ((word, getattr(self, name)) for name, word in _WORDS.items())
        return {word: round(value, 3) for word, value in known if value is not None}

    @classmethod
    def of_wire(cls, wire: object) -> StepDurations | None:
        """Return what :meth:`to_wire` gave, without what is no duration; None when nothing is left.

        A telescope of another version may say nothing of it, or other things.
        """
        if not isinstance(wire, Mapping):
            return None
        values = {name: _duration_s(wire.get(word)) for name, word in _WORDS.items()}
        return cls(**values) if any(value is not None for value in values.values()) else None


@dataclass(frozen=True, slots=True)
class Observation:
    """An attempt that succeeded, as registered with the scheduling driver.

    Parameters
    ----------
    attempt_id
        Stored and registered once only: a repeated one changes nothing.
    receipt
        Of the order it was made for.
    ra_deg, dec_deg
        ICRS; None for frames that need no sky.
    mjd
        Start of the first exposure, MJD (UTC).
    exposure_s
        Of one frame.
    frames
        Good frames the attempt added.
    target_id
        The driver's own name of the target; the receipt for a target made of a pending order.
    took
        What the attempt's steps took, as the telescope measured it.
    number
        Place in the stored history, from 1, growing; 0 for one that is only simulated.
    """

    attempt_id: str
    receipt: str
    target_name: str
    ra_deg: float | None
    dec_deg: float | None
    mjd: float
    exposure_s: float
    frames: int
    filter_name: str | None = None
    target_id: str = ""
    number: int = 0
    took: StepDurations | None = None


def _duration_s(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0.0 else None
