"""The inputs of ``bench_sched.py``: nights that anybody can make again from a name and a seed.

One telescope at CTMO, the night of 2026-11-22 from 01:00 to 11:33 UTC (Sun below -18 degrees).

============  ========================================================================
scenario      requests
============  ========================================================================
uniform       all over the sphere between declinations -30 and 80; 30 to 300 s x 1 to 10
              frames; 30 % with a window of 1 to 4 hours
pile-up       the same, four of five around one right ascension (sigma 1 h), on the
              meridian at half the night
tight         the same as uniform, every request with a window of 0.5 to 1.5 hours
survey        the same as uniform, one frame of 60 s each
============  ========================================================================

All: readout 5 s, priority 0 to 10, one of four filters, air mass at most 1.5, 2.0 or 2.5, altitude
at least 25 degrees, 30 degrees from the Moon. Kinematics: a fork (no turning over at the meridian,
as astroplan has none), 2 degrees per second on both axes and 4 per square second, 5 s to settle,
10 s for a change of filter, no dome. The night begins with the telescope open, tracking, at hour
angle 0 and declination 20, its filter not known.

Everything comes from numpy's PCG64 with the seed, and columns are drawn in a fixed order: the same
name, count and seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import sidereal_time_h
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.window_rows import WindowRows
from ctmo_indi.profiles import Kinematics, Limits, MountKind, NightPolicy, Site

Array = NDArray[np.float64]

SCENARIOS = ("uniform", "pile-up", "tight", "survey")
SEEDS = (1, 2, 3)
COUNTS = (50, 300, 1_000, 10_000, 100_000)

SITE = Site("CTMO", 25.995, -97.569, 12.0)
LIMITS = Limits(horizon_deg=25.0, max_altitude_deg=90.0)
NIGHT = NightPolicy(sun_max_altitude_deg=-18.0)
BEGIN_UTC_S = datetime(2026, 11, 22, 1, 0, tzinfo=UTC).timestamp()
END_UTC_S = datetime(2026, 11, 22, 11, 33, tzinfo=UTC).timestamp()
MIDDLE_UTC_S = (BEGIN_UTC_S + END_UTC_S) / 2.0
FILTERS = ("B", "V", "R", "I")
MIN_MOON_SEPARATION_DEG = 30.0
KINEMATICS = Kinematics(
    mount=MountKind.FORK,
    hour_angle_rate_deg_s=2.0,
    hour_angle_acceleration_deg_s2=4.0,
    declination_rate_deg_s=2.0,
    declination_acceleration_deg_s2=4.0,
    mount_settle_s=5.0,
    filter_change_s=10.0,
    filter_step_s=0.0,
    readout_s=5.0,
)
MODEL = ObservatoryModel(SITE, KINEMATICS)
START = ObservatoryModelState(
    utc_s=BEGIN_UTC_S,
    ra_deg=15.0 * sidereal_time_h(SITE, BEGIN_UTC_S),
    dec_deg=20.0,
    is_tracking=True,
    is_parked=False,
    is_open=True,
)


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests as columns, shape (n,) each unless said.

    Parameters
    ----------
    frame_s, frames
        Exposure of one frame, and how many.
    window_row, window_start_utc_s, window_end_utc_s
        Shape (n_windows,): at most one window a request.
    """

    scenario: str
    seed: int
    ra_deg: Array
    dec_deg: Array
    frame_s: Array
    frames: NDArray[np.int64]
    priority: Array
    filter_code: NDArray[np.int16]
    max_airmass: Array
    window_row: NDArray[np.int64]
    window_start_utc_s: Array
    window_end_utc_s: Array

    def __len__(self) -> int:
        return self.ra_deg.size

    @property
    def keys(self) -> list[str]:
        """Names that sort like the rows."""
        return [f"{row:07d}" for row in range(len(self))]

    @property
    def duration_s(self) -> Array:
        """Exposures and readouts."""
        return self.frames * (self.frame_s + KINEMATICS.readout_s)

    def table(self) -> RequestTable:
        """Return what the planner works on."""
        return RequestTable.from_arrays(
            self.keys,
            self.ra_deg,
            self.dec_deg,
            self.frames * self.frame_s,
            self.duration_s,
            LIMITS,
            NIGHT,
            priority=self.priority,
            filter_code=self.filter_code,
            filter_names=FILTERS,
            windows=WindowRows(self.window_row, self.window_start_utc_s, self.window_end_utc_s),
            max_airmass=self.max_airmass,
            min_moon_separation_deg=MIN_MOON_SEPARATION_DEG,
        )

    def requests(self, rows: Sequence[int] | None = None) -> list[PlanRequest]:
        """Return some rows (or all) one by one: what the checker and astroplan work on."""
        windows = {
            int(row): (Window(float(start), float(end)),)
            for row, start, end in zip(
                self.window_row, self.window_start_utc_s, self.window_end_utc_s, strict=True
            )
        }
        return [
            PlanRequest(
                key=f"{row:07d}",
                ra_deg=float(self.ra_deg[row]),
                dec_deg=float(self.dec_deg[row]),
                exposure_s=float(self.frame_s[row]),
                count=int(self.frames[row]),
                filter_name=FILTERS[self.filter_code[row]],
                priority=float(self.priority[row]),
                windows=windows.get(row, ()),
                constraints=Constraints(
                    max_airmass=float(self.max_airmass[row]),
                    min_moon_separation_deg=MIN_MOON_SEPARATION_DEG,
                ),
            )
            for row in (range(len(self)) if rows is None else rows)
        ]


def make(scenario: str, count: int, seed: int) -> Requests:
    """Make the requests of a scenario of this module's table."""
    if scenario not in SCENARIOS:
        raise ValueError(f"came scenario {scenario!r}, expected one of {', '.join(SCENARIOS)}")
    lots = np.random.Generator(np.random.PCG64([SCENARIOS.index(scenario), count, seed]))
    low, high = np.sin(np.radians([-30.0, 80.0]))
    dec_deg = np.degrees(np.arcsin(lots.uniform(low, high, count)))
    ra_deg = lots.uniform(0.0, 360.0, count)
    if scenario == "pile-up":
        middle_deg = 15.0 * sidereal_time_h(SITE, MIDDLE_UTC_S)
        piled_deg = lots.normal(middle_deg, 15.0, count) % 360.0
        ra_deg = np.where(lots.uniform(size=count) < 0.8, piled_deg, ra_deg)
    frame_s = np.round(lots.uniform(30.0, 300.0, count))
    frames = lots.integers(1, 10, count, endpoint=True)
    if scenario == "survey":
        frame_s, frames = np.full(count, 60.0), np.ones(count, dtype=np.int64)
    shortest_s, longest_s, share = (
        (1800.0, 5400.0, 1.0) if scenario == "tight" else (3600.0, 14400.0, 0.3)
    )
    length_s = lots.uniform(shortest_s, longest_s, count)
    start_s = np.round(
        BEGIN_UTC_S + lots.uniform(size=count) * (END_UTC_S - BEGIN_UTC_S - length_s)
    )
    row = np.flatnonzero(lots.uniform(size=count) < share)
    return Requests(
        scenario=scenario,
        seed=seed,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        frame_s=frame_s,
        frames=frames,
        priority=lots.integers(0, 10, count, endpoint=True).astype(np.float64),
        filter_code=lots.integers(0, len(FILTERS), count).astype(np.int16),
        max_airmass=lots.choice([1.5, 2.0, 2.5], count),
        window_row=row,
        window_start_utc_s=start_s[row],
        window_end_utc_s=np.round(start_s[row] + length_s[row]),
    )


def alert(utc_s: float) -> PlanRequest:
    """Return a target of opportunity: 10 minutes of something that culminates two hours later."""
    ra_deg = 15.0 * sidereal_time_h(SITE, utc_s + 7200.0)
    return PlanRequest("alert", ra_deg, 30.0, 295.0, 2, FILTERS[2], 10.0)
