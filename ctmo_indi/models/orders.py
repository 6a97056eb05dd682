"""Work Orders as the inside knows them: frozen, in units, ICRS degrees.

``work_orders/contract.py`` is the only place that renames the wire's keys into these fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite

from ctmo_indi.errors import BadOrder
from ctmo_indi.models.motions import Motion
from ctmo_indi.models.states import FrameType

MOST_CYCLES = 400
"""Windows of a cadence in phase; each costs every look at the order a little."""

ROUNDED_S = 1e-3
"""What Unix seconds may lack by rounding: a time that is shorter by so much is long enough."""

_YEAR_S = 366.0 * 86400.0


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in which an observation may be made; Unix seconds, UTC."""

    start_utc_s: float
    end_utc_s: float


@dataclass(frozen=True, slots=True)
class Constraints:
    """An order's own limits, on top of the site's; None is no limit.

    Parameters
    ----------
    min_hour_angle_h, max_hour_angle_h
        From -12 to 12, west positive.
    max_moon_illumination
        Lit part of the disk, 0 to 1; holds while the Moon is above the horizon.
    max_moon_altitude_deg
        Of the Moon's centre; 0: the Moon is down.
    """

    max_airmass: float | None = None
    min_altitude_deg: float | None = None
    min_moon_separation_deg: float | None = None
    max_sun_altitude_deg: float | None = None
    min_hour_angle_h: float | None = None
    max_hour_angle_h: float | None = None
    max_moon_illumination: float | None = None
    max_moon_altitude_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Cadence:
    """An order is due again after each visit; a visit is ``count`` frames.

    Parameters
    ----------
    period_s
        From the begin of one visit to that of the next.
    tolerance_s
        A visit may begin so much earlier. A later one is made as soon as it can be; in phase with
        an epoch, so much later at most.
    visits
        How many.
    epoch_utc_s
        Unix seconds: visits begin whole periods after it. None: each counts from the one before.
    """

    period_s: float
    tolerance_s: float
    visits: int
    epoch_utc_s: float | None = None

    def due_utc_s(self, last_utc_s: float) -> float:
        """Return the earliest begin (Unix seconds) of the visit after one begun then."""
        if self.epoch_utc_s is None:
            return last_utc_s + self.period_s - self.tolerance_s
        cycle = floor((last_utc_s - self.epoch_utc_s + self.tolerance_s) / self.period_s)
        return self.epoch_utc_s + (cycle + 1) * self.period_s - self.tolerance_s

    def windows(self, length_s: float, within: Sequence[Window] = ()) -> tuple[Window, ...]:
        """Return the windows of visits in phase: each from its earliest begin to its latest end.

        Parameters
        ----------
        length_s
            Of a visit.
        within
            Only visits that fit in one of these; empty: those of a year from the epoch on.

        Returns
        -------
        windows
            Ascending, ``MOST_CYCLES`` at most; none without an epoch.
        """
        if self.epoch_utc_s is None:
            return ()
        first_s = self.epoch_utc_s - self.tolerance_s
        found: list[Window] = []
        lasts_s = 2.0 * self.tolerance_s + length_s
        for one in within or (Window(first_s, first_s + _YEAR_S + lasts_s),):
            if one.end_utc_s - one.start_utc_s < length_s - ROUNDED_S:
                continue
            # A visit begins its tolerance after the epoch's, at the latest, and ends in the window.
            since_s = one.start_utc_s - 2.0 * self.tolerance_s - ROUNDED_S - first_s
            until_s = one.end_utc_s - length_s + ROUNDED_S - first_s
            first, last = max(ceil(since_s / self.period_s), 0), floor(until_s / self.period_s)
            for cycle in range(first, min(last + 1, first + MOST_CYCLES - len(found))):
                begin_s = first_s + cycle * self.period_s
                start_s = max(begin_s, one.start_utc_s)
                end_s = min(begin_s + lasts_s, one.end_utc_s)
                found.append(Window(start_s, max(start_s, end_s)))
        return tuple(sorted(found, key=lambda one: one.start_utc_s))


@dataclass(frozen=True, slots=True)
class ObservationRequest:
    """What one Observation order asks for.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS; None for frames that need no sky, and for a target that moves. Where the target is at
        an instant: :func:`~ctmo_indi.models.moving_targets.place_icrs_deg`.
    filter_name
        As the profile names it; None for bias and dark.
    count
        Frames wanted, of each visit.
    parent, parent_id, parent_user
        Of an attempt: receipt, ID and User of the order it is made for.
    latest_start_utc_s
        Of a time-critical order: Unix seconds after which no attempt at it begins.
    cadence
        None: one visit.
    group
        Orders of one user with the same name here are planned together or not at all; "" for none.
    motion
        Of a target that moves among the stars; None for all others.
    """

    order_id: str
    user: str
    frame_type: FrameType
    exposure_s: float
    count: int
    ra_deg: float | None = None
    dec_deg: float | None = None
    object_name: str = ""
    filter_name: str | None = None
    binning: int = 1
    windows: tuple[Window, ...] = ()
    constraints: Constraints = Constraints()
    telescope_name: str = ""
    job_type: str = ""
    object_type: str = ""
    calibration_frames: bool = False
    output: str = "Raw"
    parent: str = ""
    parent_id: str = ""
    parent_user: str = ""
    motion: Motion | None = None
    latest_start_utc_s: float | None = None
    cadence: Cadence | None = None
    group: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no number: no driver, model or mount is ever given it.

        Raises
        ------
        BadOrder
            Naming each field, what came and what was expected.
        """
        dec_deg = self.dec_deg
        if (
            isfinite(self.exposure_s)
            and (self.ra_deg is None or isfinite(self.ra_deg))
            and (dec_deg is None or -90.0 <= dec_deg <= 90.0)
        ):
            return
        numbers = {"exposure_s": self.exposure_s, "ra_deg": self.ra_deg}
        problems = [
            f"order {self.order_id}: {name} came {value}, expected a finite number"
            for name, value in numbers.items()
            if value is not None and not isfinite(value)
        ]
        if dec_deg is not None and not -90.0 <= dec_deg <= 90.0:
            problems.append(f"order {self.order_id}: dec_deg came {dec_deg}, expected -90 to 90")
        raise BadOrder(problems)

    @property
    def visits(self) -> int:
        """How often ``count`` frames are wanted."""
        return 1 if self.cadence is None else self.cadence.visits

    @property
    def fixed_place_deg(self) -> tuple[float, float] | None:
        """RA and Dec (ICRS) of a target that does not move; None for all others."""
        if self.ra_deg is None or self.dec_deg is None:
            return None
        return self.ra_deg, self.dec_deg

    @property
    def has_place(self) -> bool:
        """Whether the order names a place on the sky, fixed or moving."""
        return self.motion is not None or self.fixed_place_deg is not None


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """One frame on disk, in IVOA ObsCore words where they fit.

    Parameters
    ----------
    t_min_mjd, t_max_mjd
        Start and end of the exposure, MJD (UTC).
    s_ra_deg, s_dec_deg
        Where the mount said it pointed at mid-exposure, ICRS; None without sky.
    """

    exposure_id: str
    attempt_id: str
    order_receipt: str
    sequence: int
    path: str
    frame_type: FrameType
    filter_name: str
    t_exptime_s: float
    t_min_mjd: float
    t_max_mjd: float
    s_ra_deg: float | None
    s_dec_deg: float | None
    target_name: str
    sha256: str
