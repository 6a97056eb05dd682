"""Whether what an order asks for fits into the times that it allows, whatever the sky does.

What cannot be is refused with the order: its field, what came, what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ctmo_indi.models.orders import ROUNDED_S, Cadence, ObservationRequest, Window
from ctmo_indi.profiles import NightPolicy
from ctmo_indi.work_orders.draft import Draft

_ROUNDING = 1e-9


def enough_frames(count: int, visits: int, night: NightPolicy) -> int:
    """Return how many frames complete an order; of many visits only the last may lack some."""
    lacking = (1.0 - night.acceptable_fraction) * count
    return max(math.ceil(count * visits - lacking - _ROUNDING), 1)


def least_visit_s(request: ObservationRequest, readout_s: float, night: NightPolicy) -> float:
    """Return how long the frames take that complete an order of one visit, to the last shutter."""
    frames = enough_frames(request.count, 1, night)
    return frames * (request.exposure_s + readout_s) - readout_s


def check_room(
    draft: Draft,
    windows: Sequence[Window],
    cadence: Cadence | None,
    exposure_s: float,
    count: int,
) -> None:
    """Note what cannot be: frames or visits that Windows have no room for, a period too short.

    Parameters
    ----------
    windows
        Of the order, or of its cadence in phase.
    count
        Frames of a visit.
    """
    readout_s, visits = draft.profile.kinematics.readout_s, 1
    if cadence is not None:
        visits = cadence.visits
        _check_cadence(draft, windows, cadence, count * (exposure_s + readout_s))
    if not windows:
        return
    frames = enough_frames(count, visits, draft.profile.night)
    takes_s = frames * (exposure_s + readout_s) - readout_s
    room_s = _together_s(windows)
    if exposure_s <= room_s < takes_s - ROUNDED_S:
        draft.problems.came(
            "Number of Exposures",
            count,
            f"expected what fits into Windows: {frames} frames take {takes_s:.0f} s, Windows are"
            f" {room_s:.0f} s together",
        )


def _check_cadence(
    draft: Draft, windows: Sequence[Window], cadence: Cadence, visit_s: float
) -> None:
    if cadence.visits < 2:
        return
    if cadence.period_s < visit_s:
        draft.problems.came(
            "Cadence.Period",
            cadence.period_s,
            f"expected at least the {visit_s:g} s that a visit takes",
        )
        return
    if cadence.epoch_utc_s is not None:
        if 0 < len(windows) < cadence.visits:
            draft.problems.came(
                "Cadence.Visits",
                cadence.visits,
                f"expected at most {len(windows)}: so many visits in phase are in Windows",
            )
        return
    if not windows:
        return
    gap_s = cadence.period_s - cadence.tolerance_s
    span_s = max(one.end_utc_s for one in windows) - min(one.start_utc_s for one in windows)
    if (cadence.visits - 1) * gap_s > span_s:
        draft.problems.came(
            "Cadence.Visits",
            cadence.visits,
            f"expected at most {int(span_s // gap_s) + 1}: begins are at least {gap_s:g} s apart,"
            f" Windows span {span_s:.0f} s",
        )


def _together_s(windows: Sequence[Window]) -> float:
    """Return the seconds that are in any of the windows."""
    total_s, until_s = 0.0, -math.inf
    for one in sorted(windows, key=lambda one: one.start_utc_s):
        total_s += max(one.end_utc_s - max(one.start_utc_s, until_s), 0.0)
        until_s = max(until_s, one.end_utc_s)
    return total_s
