"""One decision at a time: which request is begun best now, whatever the rest of the night brings.

For when there is no plan, or the plan's visit cannot be begun. Cost, cached night: 0.1 ms among
100,000 requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ctmo_indi.models.coordinates import ApparentFrame
from ctmo_indi.models.dome_geometry import TubeSide
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.dispatch_kernels import best_now, best_of_bins
from ctmo_indi.planner.kept import NO_FILTER, Kept, Setup, Sky
from ctmo_indi.planner.row_arrays import joined
from ctmo_indi.planner.setup_kernels import hour_angle_deg, travel_s

_ONE = np.zeros(1)
_NOWHERE = Kept(
    ra_deg=_ONE,
    dec_deg=_ONE,
    sin_dec=_ONE,
    cos_dec=_ONE,
    worth=_ONE,
    duration_s=_ONE,
    filter_slot=np.full(1, NO_FILTER, dtype=np.int32),
    first=np.zeros(2, dtype=np.int32),
    earliest_s=np.empty(0),
    latest_s=np.empty(0),
)
"""The row that stands for where the telescope is."""

BIN_S = 300.0
LISTED = 4096
"""Requests in the list of five minutes; when it does not decide, all are looked at."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The request to begin now.

    Parameters
    ----------
    rate
        Value for each second of setup and visit.
    """

    key: str
    rate: float
    setup_s: float


class Dispatcher:
    """Decides among the requests of one night; :meth:`drop` takes those out that are done.

    Parameters
    ----------
    every
        The night's requests, and their keys in the same order.
    frame
        Of the night: turns ICRS into its apparent places.
    begin_utc_s
        Where the arrays count their seconds from.
    """

    def __init__(
        self,
        sky: Sky,
        every: Kept,
        setup: Setup,
        keys: list[str],
        frame: ApparentFrame,
        begin_utc_s: float,
        filter_names: tuple[str, ...],
        observatory: ObservatoryModel,
    ) -> None:
        self._sky = sky
        self._setup = setup
        self._keys = keys
        self._frame = frame
        self._begin_utc_s = begin_utc_s
        self._filters = {name: code for code, name in enumerate(filter_names)}
        self._observatory = observatory
        self._every = joined(every, _NOWHERE)
        self._row_of = {key: row for row, key in enumerate(keys)}
        self._gone = np.zeros(len(keys), dtype=np.bool_)
        self._longest_s = longest_setup_s(setup)
        count = len(keys)
        shape = max(math.ceil(sky.length_s / BIN_S), 1), min(LISTED, max(count, 1))
        self._rows = np.empty(shape, dtype=np.int32)
        self._most = np.empty(shape, dtype=np.float32)
        best_of_bins(
            sky, self._every, count, setup.mount_settle_s, self._longest_s, BIN_S,
            self._rows, self._most,
        )  # fmt: skip
        self._all = np.arange(count, dtype=np.int32)

    def drop(self, key: str) -> None:
        """Take a request out; unknown ones are none of this night's."""
        row = self._row_of.get(key)
        if row is not None:
            self._gone[row] = True

    def decide(self, state: ObservatoryModelState) -> Decision | None:
        """Return what is best begun at ``state.utc_s``; None when nothing can be."""
        time_s = state.utc_s - self._begin_utc_s
        here, is_west, extra_s = self._put(state, time_s)
        which = min(max(int((time_s + extra_s) / BIN_S), 0), len(self._rows) - 1)
        row, rate, setup_s, is_sure = best_now(
            self._sky, self._every, self._setup, self._rows[which], self._most[which], self._gone,
            here, is_west, time_s + extra_s, self._setup.mount_settle_s, self._longest_s,
        )  # fmt: skip
        if not is_sure and self._rows.shape[1] < self._all.size:
            any_rate = np.full(self._all.size, np.inf, dtype=np.float32)
            row, rate, setup_s, _ = best_now(
                self._sky, self._every, self._setup, self._all, any_rate, self._gone,
                here, is_west, time_s + extra_s, self._setup.mount_settle_s, self._longest_s,
            )  # fmt: skip
        return None if row < 0 else Decision(self._keys[row], rate, setup_s + extra_s)

    def _put(self, state: ObservatoryModelState, time_s: float) -> tuple[int, bool, float]:
        """Write where the telescope is into the additional row; what it takes to track besides."""
        known, row = self._observatory.kinematics, len(self._keys)
        extra_s = (0.0 if state.is_open else known.open_s) + known.unpark_s * state.is_parked
        extra_s += 0.0 if state.is_tracking else known.start_tracking_s
        if state.is_parked or state.ra_deg is None or state.dec_deg is None:
            turned = self._sky.rotation_deg + self._sky.rotation_rate_deg_s * time_s
            ra_deg, dec_deg = turned - 15.0 * known.park_hour_angle_h, known.park_declination_deg
        else:
            ra_rad, dec_rad = self._frame.place_rad(state.ra_deg, state.dec_deg)
            ra_deg, dec_deg = math.degrees(ra_rad), math.degrees(dec_rad)
        every = self._every
        every.ra_deg[row], every.dec_deg[row] = ra_deg, dec_deg
        every.sin_dec[row] = math.sin(math.radians(dec_deg))
        every.cos_dec[row] = math.cos(math.radians(dec_deg))
        every.filter_slot[row] = self._filters.get(state.filter_name or "", NO_FILTER)
        if state.tube_side is None:
            return row, hour_angle_deg(self._sky, ra_deg, time_s) < 0.0, extra_s
        return row, state.tube_side is TubeSide.WEST, extra_s


def longest_setup_s(setup: Setup) -> float:
    """Return an upper bound of every setup: each axis all the way round, and any filter."""
    ways = (
        (360.0, setup.hour_angle_rate_deg_s, setup.hour_angle_acceleration_deg_s2),
        (360.0, setup.declination_rate_deg_s, setup.declination_acceleration_deg_s2),
    )
    longest_s = setup.flip_s + setup.mount_settle_s + max(travel_s(*way) for way in ways)
    if setup.has_dome:
        turn_s = travel_s(360.0, setup.dome_rate_deg_s, setup.dome_acceleration_deg_s2)
        longest_s = max(longest_s, turn_s + setup.dome_settle_s)
    return float(max(longest_s, setup.filter_s.max()))
