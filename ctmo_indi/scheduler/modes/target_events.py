"""Targets on the wire: keys of the events "target", "timeToNextTarget" and "predictedSchedule"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.lookahead import PlannedTarget
from ctmo_indi.scheduling.target import DriverTarget, NextTarget

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0


def target_event(target: DriverTarget, snapshot: str = "") -> dict[str, object]:
    """Keys of the event "target".

    Parameters
    ----------
    snapshot
        Address of the driver's state that it was chosen from; "" when none was saved.
    """
    request = target.request
    wire: dict[str, object] = {
        "Parent": target.receipt,
        "Target": target.target_id,
        "Object": request.object_name,
        "Frame Type": request.frame_type.value,
        "Filter": request.filter_name or "",
        "Exposure Time": request.exposure_s,
        "Number of Exposures": target.count,
        "Duration": target.duration_s,
        "Slew Time": target.slew_time_s,
        "Priority": target.priority,
        "Requested": target.obs_time.isoformat(),
        "Note": target.note,
    }
    if target.airmass is not None:
        wire["Airmass"] = target.airmass
    if snapshot:
        wire["Snapshot"] = snapshot
    return wire | _place(target.place_deg)


def next_event(upcoming: NextTarget, conditions: Conditions) -> dict[str, object]:
    """Keys of "timeToNextTarget" while there is no target."""
    wire: dict[str, object] = {
        "Current": conditions.utc.isoformat(),
        "UTC": upcoming.utc.isoformat() if upcoming.utc is not None else "",
        "Parent": upcoming.receipt,
        "Looked Until": upcoming.until_utc.isoformat(),
    }
    if upcoming.utc is not None:
        wire["Wait"] = max(0.0, (upcoming.utc - conditions.utc).total_seconds())
    order = next((one for one in conditions.pending if one.receipt == upcoming.receipt), None)
    return wire | (_place(order.request.fixed_place_deg) if order is not None else {})


def planned_event(planned: PlannedTarget, now: datetime) -> dict[str, object]:
    """Keys of "timeToNextTarget" when a target was queued."""
    begin_utc_s = planned.visit.start_utc_s - planned.visit.slew_s
    return {
        "Current": now.isoformat(),
        "UTC": datetime.fromtimestamp(begin_utc_s, UTC).isoformat(),
        "Parent": planned.target.receipt,
        "Wait": max(0.0, begin_utc_s - now.timestamp()),
        **_place(planned.target.place_deg),
    }


def schedule_event(
    planned: Sequence[PlannedTarget], conditions: Conditions, until: datetime
) -> dict[str, object]:
    """Keys of "predictedSchedule": arrays of one length; no place is None."""
    requests = [one.target.request for one in planned]
    places = [one.target.place_deg or (None, None) for one in planned]
    return {
        "UTC": conditions.utc.isoformat(),
        "Until": until.isoformat(),
        "Number of Targets": len(planned),
        "Target": [request.object_name or one.target.target_id for request, one in _pairs(planned)],
        "RA": [ra_deg for ra_deg, _ in places],
        "Dec": [dec_deg for _, dec_deg in places],
        "Filter": [request.filter_name or "" for request in requests],
        "Exposure Time": [request.exposure_s for request in requests],
        "Number of Exposures": [one.target.count for one in planned],
        "MJD": [one.visit.start_utc_s / _DAY_S + _UNIX_EPOCH_MJD for one in planned],
        "End": [one.visit.end_utc_s / _DAY_S + _UNIX_EPOCH_MJD for one in planned],
        "Slew Time": [one.visit.slew_s for one in planned],
    }


def _pairs(planned: Sequence[PlannedTarget]) -> list[tuple[ObservationRequest, PlannedTarget]]:
    return [(one.target.request, one) for one in planned]


def _place(place_deg: tuple[float, float] | None) -> dict[str, object]:
    return {} if place_deg is None else {"RA": place_deg[0], "Dec": place_deg[1]}
