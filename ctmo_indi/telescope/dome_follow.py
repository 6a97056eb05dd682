"""When the dome must be turned after the tracking mount: a pure decision."""

from __future__ import annotations

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.telescope.hands import Sight

THRESHOLD_DEG = 3.0


def off_deg(wanted_deg: float, present_deg: float) -> float:
    """Angle between two azimuths, 0 to 180."""
    return abs((wanted_deg - present_deg + 180.0) % 360.0 - 180.0)


def may_follow(sight: Sight) -> bool:
    """Whether the mount tracks in an open dome and nothing moves."""
    return (
        sight.state is ObservatoryState.OPEN
        and sight.tracking is True
        and not sight.slewing
        and not sight.dome_moving
        and sight.dome_parked is not True
        and sight.dome_azimuth_deg is not None
    )


def target_deg(sight: Sight, wanted_deg: float | None, threshold_deg: float) -> float | None:
    """Azimuth to turn to, None when the dome is where it should be, or may not follow."""
    if wanted_deg is None or sight.dome_azimuth_deg is None or not may_follow(sight):
        return None
    return wanted_deg if off_deg(wanted_deg, sight.dome_azimuth_deg) > threshold_deg else None
