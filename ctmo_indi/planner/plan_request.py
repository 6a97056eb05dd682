"""What a night can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ctmo_indi.errors import BadOrder
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.planner.request_checks import Column, refuse_bad_rows
from ctmo_indi.planner.window_rows import WindowRows


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked of the night: one target, all its frames in one visit.

    Parameters
    ----------
    key
        Unique; breaks ties.
    ra_deg, dec_deg
        ICRS.
    exposure_s
        Of one frame; ``count`` of them are taken.
    filter_name
        "" when none is asked for.
    windows
        The visit lies within one of them (those that touch count as one); none: any time.
    group
        All requests of a group or none of them; "": on its own.
    is_time_critical
        Must be made at its time: planned before what is not, whatever that is worth. A request of
        a group never is: the group is planned as one, by its value.
    """

    key: str
    ra_deg: float
    dec_deg: float
    exposure_s: float
    count: int = 1
    filter_name: str = ""
    priority: float = 0.0
    windows: tuple[Window, ...] = ()
    constraints: Constraints = field(default_factory=Constraints)
    group: str = ""
    is_time_critical: bool = False


def as_columns(
    requests: Sequence[PlanRequest], readout_s: float, filter_names: Sequence[str]
) -> dict[str, Any]:
    """Return what ``RequestTable.from_arrays`` takes, by its names.

    Parameters
    ----------
    readout_s
        After each frame.
    filter_names
        In the order of their codes; empty: those of the requests.

    Raises
    ------
    BadOrder
        A count below 1 or a filter that is not known.
    """
    codes, names = _codes([one.filter_name for one in requests], filter_names)
    groups, _ = _codes([one.group for one in requests], ())
    frames = np.array([one.count for one in requests], dtype=np.float64)
    exposure_s = np.array([one.exposure_s for one in requests], dtype=np.float64)
    key = [one.key for one in requests]
    refuse_bad_rows(
        key,
        [
            Column("count", frames, at_least=1.0),
            Column("exposure_s", exposure_s, at_least=0.0),
        ],
    )
    strange = [one for one, code in zip(requests, codes, strict=True) if code == len(names)]
    if strange:
        raise BadOrder(
            [f"{one.key}: filter came {one.filter_name!r}, expected {names}" for one in strange]
        )
    windows = [
        (row, window.start_utc_s, window.end_utc_s)
        for row, one in enumerate(requests)
        for window in one.windows
    ]
    wants = [one.constraints for one in requests]
    return {
        "key": key,
        "ra_deg": [one.ra_deg for one in requests],
        "dec_deg": [one.dec_deg for one in requests],
        "exposure_s": exposure_s * frames,
        "duration_s": (exposure_s + readout_s) * frames,
        "priority": [one.priority for one in requests],
        "filter_code": codes,
        "filter_names": names,
        "windows": WindowRows.of(windows),
        "min_altitude_deg": [_or(one.min_altitude_deg, -90.0) for one in wants],
        "max_airmass": [_or(one.max_airmass, np.inf) for one in wants],
        "min_hour_angle_h": [_or(one.min_hour_angle_h, -12.0) for one in wants],
        "max_hour_angle_h": [_or(one.max_hour_angle_h, 12.0) for one in wants],
        "max_moon_altitude_deg": [_or(one.max_moon_altitude_deg, 90.0) for one in wants],
        "max_moon_illumination": [_or(one.max_moon_illumination, 1.0) for one in wants],
        "min_moon_separation_deg": [_or(one.min_moon_separation_deg, 0.0) for one in wants],
        "max_sun_altitude_deg": [_or(one.max_sun_altitude_deg, 90.0) for one in wants],
        "group": groups,
        "is_time_critical": [one.is_time_critical for one in requests],
    }


def _codes(names: Sequence[str], known: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """Number names ("" is -1), in the order of the known ones or else sorted."""
    all_names = tuple(known) or tuple(sorted(set(names) - {""}))
    numbers = {name: number for number, name in enumerate(all_names)} | {"": -1}
    return [numbers.get(name, len(all_names)) for name in names], all_names


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
