"""Turn the keys of an order into a frozen request; find what a schema cannot see.

Every reader looks only at keys the schema found right, notes what is wrong in ``problems`` and goes
on, so that one answer names everything. What it returns is used only if nothing was wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import unquote, urlsplit

from ctmo_indi.models.orders import Constraints, ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.verdict import LockKind
from ctmo_indi.work_orders import model
from ctmo_indi.work_orders.draft import Draft
from ctmo_indi.work_orders.model import OrderKind
from ctmo_indi.work_orders.room import check_room
from ctmo_indi.work_orders.targets import read_target
from ctmo_indi.work_orders.times import (
    check_hour_angles,
    read_cadence,
    read_start,
    windows_in_phase,
)

LONGEST_TOTAL_EXPOSURE_S = 360_000.0  # 100 hours: a slip of the keyboard, not a programme

_YEARS = range(1900, 2100)  # in which it is known where the Sun is


def _observation(draft: Draft) -> ObservationRequest:
    good = draft.good
    exposure_s = draft.finite("Exposure Time") or 0.0
    count = int(good("Number of Exposures") or 1)
    if exposure_s * count > LONGEST_TOTAL_EXPOSURE_S:
        draft.problems.came(
            "Number of Exposures",
            count,
            f"expected Exposure Time x Number of Exposures <= {LONGEST_TOTAL_EXPOSURE_S:g} s,"
            f" this is {exposure_s * count:g} s",
        )
    limits: Mapping[str, Any] = good("Constraints") or {}  # Any: numbers, by the schema
    names = draft.profile.telescope_names
    frame_type = FrameType(good("Frame Type") or "Light")
    target = read_target(draft, frame_type)
    start = read_start(draft, exposure_s, count)
    check_hour_angles(draft)
    cadence = read_cadence(draft)
    visit_s = count * (exposure_s + draft.profile.kinematics.readout_s)
    windows = windows_in_phase(draft, cadence, start.windows or draft.windows(), visit_s)
    check_room(draft, windows, cadence, exposure_s, count)
    return ObservationRequest(
        order_id=draft.order_id,
        user=draft.user,
        frame_type=frame_type,
        exposure_s=exposure_s,
        count=count,
        ra_deg=target.ra_deg,
        dec_deg=target.dec_deg,
        object_name=target.name,
        filter_name=good("Filter"),
        binning=int(good("Binning") or 1),
        windows=windows,
        constraints=Constraints(
            max_airmass=_float(limits, "Max Airmass"),
            min_altitude_deg=_float(limits, "Min Altitude"),
            min_moon_separation_deg=_float(limits, "Min Moon Separation"),
            max_sun_altitude_deg=_float(limits, "Max Sun Altitude"),
            min_hour_angle_h=_float(limits, "Min Hour Angle"),
            max_hour_angle_h=_float(limits, "Max Hour Angle"),
            max_moon_illumination=_float(limits, "Max Moon Illumination"),
            max_moon_altitude_deg=_float(limits, "Max Moon Altitude"),
        ),
        telescope_name=str(good("Telescope Name") or (names[0] if names else "")),
        job_type=str(good("Type of job") or ""),
        object_type=str(good("Type of object") or ""),
        calibration_frames=good("Calibration Frames") in ("Yes", True),
        output=str(good("Output") or "Raw"),
        parent=str(good("Parent") or ""),
        parent_id=str(good("Parent ID") or ""),
        parent_user=str(good("Parent User") or ""),
        motion=target.motion,
        latest_start_utc_s=start.latest_utc_s,
        cadence=cadence,
        group=str(good("Group") or ""),
    )


def _float(table: Mapping[str, Any], key: str) -> float | None:  # Any: numbers, by the schema
    value = table.get(key)
    return None if value is None else float(value)


def _dome(draft: Draft) -> model.DomeRequest:
    wire = draft.wire
    switches = {key: draft.good(key) is True for key in draft.profile.switches if key in wire}
    actions = ("Shutter", "Azimuth", "Park", *draft.profile.switches)
    if not any(key in wire for key in actions):
        draft.problems.add("order", f"nothing to do, expected at least one of {', '.join(actions)}")
    shutter = draft.good("Shutter")
    return model.DomeRequest(
        order_id=draft.order_id,
        user=draft.user,
        switches=switches,
        shutter=None if shutter is None else model.ShutterWish(shutter),
        azimuth_deg=draft.finite("Azimuth"),
        park=draft.good("Park"),
    )


def _calibration(draft: Draft) -> model.CalibrationRequest:
    address, path = draft.good("File Location"), ""
    if address is not None:
        try:
            path = _path(address)
        except ValueError as error:
            draft.problems.came("File Location", address, str(error))
    return model.CalibrationRequest(draft.order_id, draft.user, path)


def _path(address: str) -> str:
    """Return the absolute path that a file URL names; ValueError with what was expected."""
    try:
        parts = urlsplit(address)
    except ValueError as error:  # brackets without an address in them, letters no host has
        raise ValueError(f"expected a file of this machine: file:///... ({error})") from error
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost"):
        raise ValueError("expected a file of this machine: file:///...")
    if not path.startswith("/") or parts.query or parts.fragment:
        raise ValueError("expected an absolute path: file:///...")
    if ".." in path.split("/") or any(ord(character) < 32 for character in path):
        raise ValueError("expected a path without .. and control characters")
    return path


def _control(draft: Draft) -> model.ControlRequest:
    good = draft.good
    ra_deg, dec_deg = draft.pointing()
    command = model.ControlCommand(good("Command") or "stop")
    kind = good("Kind") or ("observer" if command is model.ControlCommand.LOCK else None)
    return model.ControlRequest(
        order_id=draft.order_id,
        user=draft.user,
        command=command,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        filter_name=good("Filter"),
        position=draft.finite("Position"),
        lock_kind=None if kind is None else LockKind(kind),
        expires_utc_s=draft.instant("Expires"),
        reason=str(good("Reason") or ""),
    )


_ALIASES = {"exit": model.SchedulerCommand.EXIT_CONTROL}


def _scheduler(draft: Draft) -> model.SchedulerRequest:
    good = draft.good
    command = str(good("Command") or "stop")
    return model.SchedulerRequest(
        order_id=draft.order_id,
        user=draft.user,
        command=_ALIASES.get(command) or model.SchedulerCommand(command),
        abort=good("Abort") is True,
        reason=str(good("Reason") or ""),
        configuration=str(good("Configuration") or ""),
        uri=str(good("URI") or ""),
        block=str(good("Block") or ""),
        override=dict(good("Override") or {}),
        level=str(good("Level") or ""),
        status=tuple(good("Status") or ()),
        note=str(good("Note") or ""),
    )


def _script_queue(draft: Draft) -> model.ScriptQueueRequest:
    good = draft.good
    return model.ScriptQueueRequest(
        order_id=draft.order_id,
        user=draft.user,
        command=model.ScriptQueueCommand(good("Command") or "showQueue"),
        script=str(good("Script") or ""),
        parameters=dict(good("Parameters") or {}),
        location=model.QueueLocation(good("Location") or "last"),
        index=good("Index"),
        at_index=good("At Index"),
        indices=tuple(good("Indices") or ()),
        terminate=good("Terminate") is True,
        reason=str(good("Reason") or ""),
    )


def _status(draft: Draft) -> model.StatusRequest:
    since = draft.good("Since")
    return model.StatusRequest(
        name=draft.name(),
        since=None if since is None else int(since),
        wait_s=draft.finite("Wait") or 0.0,
        list_all=draft.good("All") is True,
        state=draft.good("State"),
        limit=int(draft.good("Limit") or 100),
        properties=tuple(draft.good("Properties") or ()),
        debt_night=str(draft.good("Debt") or ""),
    )


def _cancel(draft: Draft) -> model.CancelRequest:
    return model.CancelRequest(draft.name(), draft.user, str(draft.good("Reason") or ""))


def _explain(draft: Draft) -> model.ExplainRequest:
    return model.ExplainRequest(draft.name(), draft.instant("At"))


def _plan(draft: Draft) -> model.PlanRequest:
    return model.PlanRequest(str(draft.good("Night") or ""), int(draft.good("Limit") or 100))


def _frames(draft: Draft) -> model.FramesRequest:
    return model.FramesRequest(
        night=str(draft.good("Night") or ""),
        limit=int(draft.good("Limit") or 200),
        picture=str(draft.good("Picture") or ""),
    )


def _report(draft: Draft) -> model.ReportRequest:
    night = str(draft.good("Night") or "")
    if night and not _is_night(night):
        draft.problems.came(
            "Night",
            night,
            "expected a date of the calendar as YYYYMMDD, of the years"
            f" {_YEARS[0]} to {_YEARS[-1]}",
        )
    return model.ReportRequest(night)


def _is_night(night: str) -> bool:
    try:
        return date.fromisoformat(night).year in _YEARS
    except ValueError:
        return False


def _events(draft: Draft) -> model.EventsRequest:
    cursor = draft.good("Cursor")
    return model.EventsRequest(
        cursor=None if cursor is None else int(cursor),
        wait_s=draft.finite("Wait") or 0.0,
        kinds=frozenset(draft.good("Kinds") or ()),
        limit=int(draft.good("Limit") or 100),
    )


def _heartbeat(draft: Draft) -> model.HeartbeatRequest:
    return model.HeartbeatRequest(str(draft.good("Service") or ""), dict(draft.good("State") or {}))


READERS: Mapping[OrderKind, Callable[[Draft], model.Request]] = {
    OrderKind.OBSERVATION: _observation,
    OrderKind.DOME: _dome,
    OrderKind.CALIBRATION: _calibration,
    OrderKind.CONTROL: _control,
    OrderKind.SCHEDULER: _scheduler,
    OrderKind.SCRIPT_QUEUE: _script_queue,
    OrderKind.STATUS: _status,
    OrderKind.CANCEL: _cancel,
    OrderKind.EXPLAIN: _explain,
    OrderKind.PLAN: _plan,
    OrderKind.FRAMES: _frames,
    OrderKind.REPORT: _report,
    OrderKind.EVENTS: _events,
    OrderKind.HEARTBEAT: _heartbeat,
}
