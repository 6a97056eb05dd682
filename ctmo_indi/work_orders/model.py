"""What each kind of Work Order asks for, frozen and in units. Observations are in models/orders.py.

``requests.py`` builds these from checked wire keys; handlers of the services receive them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.verdict import LockKind


class OrderKind(StrEnum):
    """Kind of an order: its WOType, or its Request where there is no WOType (TOROS)."""

    OBSERVATION = "Observation"
    DOME = "Dome"
    CALIBRATION = "Exposure Calibration"
    CONTROL = "Control"
    SCHEDULER = "Scheduler"
    SCRIPT_QUEUE = "Script Queue"
    STATUS = "Status"
    CANCEL = "Cancel"
    EXPLAIN = "Explain"
    PLAN = "Plan"
    FRAMES = "Frames"
    REPORT = "Report"
    EVENTS = "Events"
    HEARTBEAT = "Heartbeat"


class ControlCommand(StrEnum):
    """A human's or another control system's hand."""

    SLEW = "slew"
    TRACK = "track"
    PARK = "park"
    UNPARK = "unpark"
    OPEN = "open"
    CLOSE = "close"
    FILTER = "filter"
    FOCUS = "focus"
    ABORT = "abort"
    STOP = "stop"
    RELEASE = "release"
    LOCK = "lock"
    UNLOCK = "unlock"


class SchedulerCommand(StrEnum):
    """Commands of the CSC, named as the Rubin Scheduler's; "exit" on the wire is exitControl."""

    START = "start"
    ENABLE = "enable"
    DISABLE = "disable"
    STANDBY = "standby"
    EXIT_CONTROL = "exitControl"
    RESUME = "resume"
    STOP = "stop"
    LOAD = "load"
    COMPUTE_PREDICTED_SCHEDULE = "computePredictedSchedule"
    ADD_BLOCK = "addBlock"
    GET_BLOCK_STATUS = "getBlockStatus"
    REMOVE_BLOCK = "removeBlock"
    VALIDATE_BLOCK = "validateBlock"
    FLUSH = "flush"
    RESCHEDULE = "reschedule"
    SET_LOG_LEVEL = "setLogLevel"
    UPDATE_OBSERVATORY_STATUS = "updateObservatoryStatus"


class ScriptQueueCommand(StrEnum):
    """What can be asked of the script queue."""

    ADD = "add"
    MOVE = "move"
    REQUEUE = "requeue"
    STOP_SCRIPTS = "stopScripts"
    PAUSE = "pause"
    RESUME = "resume"
    SHOW_QUEUE = "showQueue"
    SHOW_SCHEMA = "showSchema"
    SHOW_AVAILABLE_SCRIPTS = "showAvailableScripts"
    SHOW_SCRIPT = "showScript"


class QueueLocation(StrEnum):
    """Where among the waiting scripts."""

    FIRST = "first"
    LAST = "last"
    BEFORE = "before"
    AFTER = "after"


class ShutterWish(StrEnum):
    """Where a Dome order wants the shutter."""

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class DomeRequest:
    """Set the dome to a state; repeating it is harmless.

    Parameters
    ----------
    switches
        Key of the order ("Blink01") -> on; the profile binds each to an INDI switch.
    azimuth_deg
        From north through east, [0, 360); None leaves it.
    park
        True parks, False unparks, None leaves it.
    """

    order_id: str
    user: str
    switches: Mapping[str, bool]
    shutter: ShutterWish | None = None
    azimuth_deg: float | None = None
    park: bool | None = None


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """Calibrate one night bundle.

    Parameters
    ----------
    location
        Absolute path of the bundle, without "..", taken from the ``file://`` address. Whether it
        lies under the shared data root is for the preprocessor to say.
    """

    order_id: str
    user: str
    location: str


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """One command by hand.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS; of slew, and of track when it shall slew first.
    position
        Of focus: absolute position in the focuser's steps.
    expires_utc_s
        Of lock: Unix seconds; None is until unlocked.
    """

    order_id: str
    user: str
    command: ControlCommand
    ra_deg: float | None = None
    dec_deg: float | None = None
    filter_name: str | None = None
    position: float | None = None
    lock_kind: LockKind | None = None
    expires_utc_s: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SchedulerRequest:
    """One command to the CSC; what belongs to other commands is empty.

    Parameters
    ----------
    abort
        Of stop: also end what is being observed.
    configuration
        Of start: bare name; "" for the one of the configuration file.
    uri
        Of load: address of what the scheduling driver shall read.
    block
        Of the block commands: name of the observing block.
    override
        Of addBlock: values of parameters of the block, by name.
    level
        Of setLogLevel: DEBUG, INFO, WARNING or ERROR.
    status, note
        Of updateObservatoryStatus: the words that shall hold, the operator's remark.
    """

    order_id: str
    user: str
    command: SchedulerCommand
    abort: bool = False
    reason: str = ""
    configuration: str = ""
    uri: str = ""
    block: str = ""
    override: Mapping[str, object] = field(default_factory=dict)
    level: str = ""
    status: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ScriptQueueRequest:
    """One request to the script queue; what belongs to other commands is empty.

    Parameters
    ----------
    script
        Of add, showSchema: name of the script.
    parameters
        Of add: as the script's schema says.
    location
        Of add, move, requeue: where among the waiting scripts.
    index
        Of move, requeue, showScript: which script.
    at_index
        With ``location`` before or after: the script that is meant.
    indices, terminate
        Of stopScripts: which ones, and whether without waiting for their own way to end.
    """

    order_id: str
    user: str
    command: ScriptQueueCommand
    script: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    location: QueueLocation = QueueLocation.LAST
    index: int | None = None
    at_index: int | None = None
    indices: tuple[int, ...] = ()
    terminate: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderName:
    """Which order is meant: by ``receipt``, else by ``user`` and ``order_id``; all empty: none."""

    receipt: str = ""
    user: str = ""
    order_id: str = ""

    @property
    def is_given(self) -> bool:
        """False when the request is about the service itself."""
        return bool(self.receipt or self.order_id)


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Say how it is with an order, with all orders, or with the service.

    Parameters
    ----------
    since
        Answer when the revision is above this; None answers at once.
    wait_s
        Machine seconds to wait for that, 0..60.
    state
        With ``list_all``: only orders in this state.
    properties
        INDI elements to answer with, each "device.PROPERTY.ELEMENT"; the telescope's status only.
    debt_night
        Evening date YYYYMMDD: which calibration frames are lacking, as orders for that night; the
        preprocessor's status only.
    """

    name: OrderName = OrderName()
    since: int | None = None
    wait_s: float = 0.0
    list_all: bool = False
    state: str | None = None
    limit: int = 100
    properties: tuple[str, ...] = ()
    debt_night: str = ""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Give up an order."""

    name: OrderName
    user: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """Say why the order is where it is; ``at_utc_s`` Unix seconds, None for now."""

    name: OrderName
    at_utc_s: float | None = None


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Say what is planned; ``night`` is YYYYMMDD, empty for the coming or present one."""

    night: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class FramesRequest:
    """Say what the raw frames of a night look like.

    Parameters
    ----------
    night
        Evening date YYYYMMDD; empty for the last night with frames.
    picture
        Name of a file of that night, no path, to answer with a picture of; empty for none.
    """

    night: str = ""
    limit: int = 200
    picture: str = ""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Say how a night was; ``night`` is YYYYMMDD, empty for the last one that is over."""

    night: str = ""


@dataclass(frozen=True, slots=True)
class EventsRequest:
    """Say what happened since ``cursor``.

    Parameters
    ----------
    cursor
        As the last reply gave it; 0 for the oldest kept, None for only what comes now.
    kinds
        Only these kinds; empty for all.
    wait_s
        Machine seconds to wait when there is nothing yet, 0..60.
    """

    cursor: int | None = None
    wait_s: float = 0.0
    kinds: frozenset[str] = frozenset()
    limit: int = 100


@dataclass(frozen=True, slots=True)
class HeartbeatRequest:
    """A service tells safety that it lives; ``state`` is its own words about itself."""

    service: str
    state: Mapping[str, object]


Request: TypeAlias = (
    ObservationRequest
    | DomeRequest
    | CalibrationRequest
    | ControlRequest
    | SchedulerRequest
    | ScriptQueueRequest
    | StatusRequest
    | CancelRequest
    | ExplainRequest
    | PlanRequest
    | FramesRequest
    | ReportRequest
    | EventsRequest
    | HeartbeatRequest
)


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that keeps the contract.

    Parameters
    ----------
    id
        The sender's, or the one given when there was none.
    user
        The order's ``User``; "anonymous" where the order may leave it out and does.
    wire
        Normalised so that it can be sent on and checked again with the same result: ID present, RA
        and Dec as numbers in ICRS degrees with ``RA Unit: deg``, no ``Priority: None``.
    content_hash
        SHA-256 of ``wire`` without Datetime and Priority; empty for orders that only ask.
    wish_priority
        The Priority that came along; the scheduler assigns its own.
    made_utc_s
        ``Datetime``, Unix seconds: when the order was made; None when it did not say.
    """

    kind: OrderKind
    id: str
    user: str
    wire: Mapping[str, object]
    content_hash: str
    wish_priority: float | None
    made_utc_s: float | None
    request: Request
