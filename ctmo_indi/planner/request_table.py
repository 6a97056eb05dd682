"""The requests a night is planned from, as a table of arrays: checked once, cheap at 10^6 rows.

Every limit of the site, of the night and of the request itself that is one number on the target's
path is folded into a column here; the rules are those of ``models/observing_rules.py``. What
depends on the direction (horizon mask) or on the night (Sun, Moon) is left to ``visibility``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctmo_indi.planner.airmass_altitude import altitude_of_airmass_deg
from ctmo_indi.planner.plan_request import PlanRequest, as_columns
from ctmo_indi.planner.request_checks import Column, refuse_bad_rows
from ctmo_indi.planner.window_rows import WindowRows, merged_windows
from ctmo_indi.profiles import Limits, NightPolicy

__all__ = ["NO_FILTER", "NO_GROUP", "PlanRequest", "RequestTable"]

Array = NDArray[np.float64]

NO_FILTER = -1
NO_GROUP = -1


@dataclass(frozen=True, slots=True)
class RequestTable:
    """Requests as columns, shape (n,) each unless said; make it with :meth:`of` or the arrays.

    Parameters
    ----------
    key_rank
        int32; place of the key in sorted order: whoever breaks a tie takes the lower.
    ra_deg, dec_deg
        ICRS.
    exposure_s
        All frames together.
    duration_s
        With readouts: how long a visit lasts.
    weight
        1 + priority.
    filter_code
        int16; index in ``filter_names``, NO_FILTER when none is asked for.
    window_first
        Shape (n + 1,), int32: windows of row i are ``window_first[i]:window_first[i + 1]``; none:
        any time.
    window_start_utc_s, window_end_utc_s
        Shape (n_windows,); of a row ascending and apart from each other.
    min_altitude_deg
        Site's plain horizon, the request's own minimum and its air mass, whichever is highest;
        91: no altitude has that air mass. A horizon mask is not in it.
    min_hour_angle_h, max_hour_angle_h
        The request's own, -12 to 12, west positive; the site's is not in it.
    min_moon_separation_deg
        0: none.
    max_moon_altitude_deg, max_moon_illumination
        90 and 1: none. The second holds while the Moon is above the horizon.
    max_sun_altitude_deg
        The night's or the request's own, whichever is lower.
    group
        int32; the same number: all or none. NO_GROUP: on its own.
    is_time_critical
        bool; planned before what is not. False for members of groups.
    """

    key: tuple[str, ...]
    key_rank: NDArray[np.int32]
    ra_deg: Array
    dec_deg: Array
    exposure_s: Array
    duration_s: Array
    weight: Array
    filter_code: NDArray[np.int16]
    filter_names: tuple[str, ...]
    window_first: NDArray[np.int32]
    window_start_utc_s: Array
    window_end_utc_s: Array
    min_altitude_deg: Array
    min_hour_angle_h: Array
    max_hour_angle_h: Array
    min_moon_separation_deg: Array
    max_moon_altitude_deg: Array
    max_moon_illumination: Array
    max_sun_altitude_deg: Array
    group: NDArray[np.int32]
    is_time_critical: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.key)

    @classmethod
    def of(
        cls,
        requests: Sequence[PlanRequest],
        limits: Limits,
        night: NightPolicy,
        *,
        readout_s: float = 0.0,
        filter_names: Sequence[str] = (),
    ) -> RequestTable:
        """Make the table of requests; 3 us each.

        Parameters
        ----------
        readout_s
            After each frame.
        filter_names
            The profile's, in the order of their codes; those of the requests when left out.

        Raises
        ------
        BadOrder
            As :meth:`from_arrays`; also for a count below 1.
        """
        columns = as_columns(requests, readout_s, filter_names)
        return cls.from_arrays(limits=limits, night=night, **columns)

    @classmethod
    def from_arrays(
        cls,
        key: Sequence[str],
        ra_deg: ArrayLike,
        dec_deg: ArrayLike,
        exposure_s: ArrayLike,
        duration_s: ArrayLike,
        limits: Limits,
        night: NightPolicy,
        *,
        priority: ArrayLike = 0.0,
        filter_code: ArrayLike = NO_FILTER,
        filter_names: Sequence[str] = (),
        windows: WindowRows | None = None,
        min_altitude_deg: ArrayLike = -90.0,
        max_airmass: ArrayLike = np.inf,
        min_hour_angle_h: ArrayLike = -12.0,
        max_hour_angle_h: ArrayLike = 12.0,
        min_moon_separation_deg: ArrayLike = 0.0,
        max_moon_altitude_deg: ArrayLike = 90.0,
        max_moon_illumination: ArrayLike = 1.0,
        max_sun_altitude_deg: ArrayLike = 90.0,
        group: ArrayLike = NO_GROUP,
        is_time_critical: ArrayLike = False,
    ) -> RequestTable:
        """Make the table of columns, shape (n,) or one value for all; 1 us a row.

        Parameters
        ----------
        exposure_s, duration_s
            Of the whole visit, without and with readouts.
        max_airmass
            Kasten and Young's, as ``coordinates.airmass``; infinity: no limit.

        Raises
        ------
        BadOrder
            Naming key, column, what came and what was expected of every wrong row (the first of
            them when there are many): duplicate keys, what is not finite, a declination outside
            -90..90, a duration not above 0 or shorter than its exposure, a window that ends before
            it starts, an unknown filter.
        """
        rows = len(key)

        def column(values: ArrayLike, dtype: Any = np.float64) -> Any:  # Any: array of that dtype
            return np.ascontiguousarray(np.broadcast_to(np.asarray(values, dtype), (rows,)))

        ra, dec = column(ra_deg), column(dec_deg)
        exposure, duration = column(exposure_s), column(duration_s)
        altitude, masses = column(min_altitude_deg), column(max_airmass)
        moon, sun = column(min_moon_separation_deg), column(max_sun_altitude_deg)
        moon_altitude, light = column(max_moon_altitude_deg), column(max_moon_illumination)
        first_h, last_h = column(min_hour_angle_h), column(max_hour_angle_h)
        weights, codes = 1.0 + column(priority), column(filter_code, np.int64)
        groups = column(group, np.int32)
        windows = WindowRows.of(()) if windows is None else windows
        refuse_bad_rows(
            key,
            [
                Column("ra_deg", ra),
                Column("dec_deg", dec, at_least=-90.0, at_most=90.0),
                Column("exposure_s", exposure, at_least=0.0),
                Column("duration_s", duration, above=0.0),
                Column("duration_s - exposure_s", duration - exposure, at_least=-1e-6),
                Column("priority", weights - 1.0, at_least=-1.0),
                Column("filter_code", codes, at_least=NO_FILTER, at_most=len(filter_names) - 1),
                Column("min_altitude_deg", altitude, at_least=-90.0, at_most=90.0),
                Column("max_airmass", masses, above=0.0, may_be_infinite=True),
                Column("min_moon_separation_deg", moon, at_least=0.0, at_most=180.0),
                Column("max_moon_altitude_deg", moon_altitude, at_least=-90.0, at_most=90.0),
                Column("max_moon_illumination", light, at_least=0.0, at_most=1.0),
                Column("min_hour_angle_h", first_h, at_least=-12.0, at_most=12.0),
                Column("max_hour_angle_h", last_h, at_least=-12.0, at_most=12.0),
                Column("max_sun_altitude_deg", sun, at_least=-90.0, at_most=90.0),
            ],
            windows,
        )
        rank = np.empty(rows, dtype=np.int32)
        rank[sorted(range(rows), key=key.__getitem__)] = np.arange(rows, dtype=np.int32)
        first, starts, ends = merged_windows(windows, rows)
        return cls(
            key=tuple(key),
            key_rank=rank,
            ra_deg=ra,
            dec_deg=dec,
            exposure_s=exposure,
            duration_s=duration,
            weight=weights,
            filter_code=codes.astype(np.int16),
            filter_names=tuple(filter_names),
            window_first=first,
            window_start_utc_s=starts,
            window_end_utc_s=ends,
            min_altitude_deg=np.maximum.reduce(
                [altitude, np.full(rows, limits.horizon_deg), altitude_of_airmass_deg(masses)]
            ),
            min_hour_angle_h=first_h,
            max_hour_angle_h=last_h,
            min_moon_separation_deg=moon,
            max_moon_altitude_deg=moon_altitude,
            max_moon_illumination=light,
            max_sun_altitude_deg=np.minimum(sun, night.sun_max_altitude_deg),
            group=groups,
            is_time_critical=column(is_time_critical, np.bool_) & (groups == NO_GROUP),
        )
