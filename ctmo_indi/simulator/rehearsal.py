"""A simulated night: when it begins and ends, how fast to run it, and what to ask for.

Used by ``ctmo-indi demo``. Pure: it computes orders, it submits none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ctmo_indi.models import coordinates, sky
from ctmo_indi.profiles import Profile
from ctmo_indi.simulator.showpieces import SHOWPIECES, Showpiece

# The clock starts so long before dusk that the opening is seen, and ends after the closing.
_BEFORE_DUSK = timedelta(minutes=10)
_AFTER_DAWN = timedelta(minutes=5)
_MACHINE_S_FOR_A_NIGHT = 290.0
_MIN_ALTITUDE_DEG = 40.0


@dataclass(frozen=True, slots=True)
class Night:
    """One night at a site: sky frames from ``dusk_utc`` to ``dawn_utc``; label YYYYMMDD."""

    label: str
    start_utc: datetime
    dusk_utc: datetime
    dawn_utc: datetime
    end_utc: datetime

    @property
    def speed_for_five_minutes(self) -> float:
        """Sky seconds per machine second that bring the night to its end in about five minutes."""
        return round((self.end_utc - self.start_utc).total_seconds() / _MACHINE_S_FOR_A_NIGHT)


def coming_night(profile: Profile, now_utc: datetime) -> Night:
    """Return the next whole night of the profile's site.

    Raises
    ------
    ValueError
        The Sun does not go below (or above) the profile's limit within a day: polar summer.
    """
    limit_deg = profile.night.sun_max_altitude_deg
    bounds = sky.night_bounds(profile.site, now_utc, limit_deg)
    if bounds is not None and bounds[0] - _BEFORE_DUSK < now_utc:
        bounds = sky.night_bounds(profile.site, now_utc + timedelta(days=1), limit_deg)
    if bounds is None:
        raise ValueError(
            f"at {profile.site.name} the Sun does not pass {limit_deg} deg in the coming night"
        )
    dusk_utc, dawn_utc = bounds
    label = sky.night_of(profile.site, dusk_utc)
    return Night(label, dusk_utc - _BEFORE_DUSK, dusk_utc, dawn_utc, dawn_utc + _AFTER_DAWN)


def well_placed(profile: Profile, night: Night, count: int) -> list[Showpiece]:
    """Choose ``count`` objects that are high at times spread over the night, earliest first."""
    span = (night.dawn_utc - night.dusk_utc) / count
    chosen: list[Showpiece] = []
    for index in range(count):
        middle_utc = night.dusk_utc + span * (index + 0.5)
        best = max(
            (piece for piece in SHOWPIECES if piece not in chosen),
            key=lambda piece: _altitude_deg(piece, profile, middle_utc),
        )
        if _altitude_deg(best, profile, middle_utc) >= _MIN_ALTITUDE_DEG:
            chosen.append(best)
    return chosen


def _altitude_deg(piece: Showpiece, profile: Profile, utc: datetime) -> float:
    altitude_deg, _ = coordinates.altaz(piece.ra_deg, piece.dec_deg, profile.site, utc)
    return float(altitude_deg)


def demo_orders(
    profile: Profile, night: Night, *, targets: int = 8, frames: int = 4, exposure_s: float = 240.0
) -> list[dict[str, object]]:
    """Return the Work Orders of a demonstration night, for calibrated light frames.

    The filters go round the profile's list, two for each object. The biases, darks and flats that
    they need are ordered by the scheduler itself when the night is over.
    """
    filters = list(profile.filters)
    orders: list[dict[str, object]] = []
    for index, piece in enumerate(well_placed(profile, night, targets)):
        for part in range(2):
            filter_name = filters[(2 * index + part) % len(filters)]
            orders.append(
                {
                    "ID": f"demo-{piece.name.replace(' ', '')}-{filter_name}",
                    "WOType": "Observation",
                    "User": "demo",
                    "Object": piece.name,
                    "RA": piece.ra_deg,
                    "Dec": piece.dec_deg,
                    "Filter": filter_name,
                    "Exposure Time": exposure_s,
                    "Number of Exposures": frames,
                    "Type of job": "Demonstration",
                    "Type of object": piece.kind,
                    "Calibration Frames": "Yes",
                    "Output": "Analysis",
                    "Constraints": {"Min Altitude": _MIN_ALTITUDE_DEG},
                }
            )
    return orders
