"""The standard scripts, carried out by a fake telescope that checks every order's contract."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import Deadline
from ctmo_indi.errors import BadOrder, WrongState
from ctmo_indi.models.states import FrameType
from ctmo_indi.script_queue.controls import ControlScript
from ctmo_indi.script_queue.kinds import AttemptBinding, ScriptKind, ScriptParts, object_schema
from ctmo_indi.script_queue.registry import ScriptRegistry, completed
from ctmo_indi.script_queue.script import ScriptFailed, ScriptMetadata, ScriptStopped, Slot
from ctmo_indi.script_queue.scripts import STANDARD
from ctmo_indi.script_queue.scripts.control import COMMANDS
from ctmo_indi.script_queue.scripts.observing import CALIBRATIONS, OBSERVE, kind_for
from ctmo_indi.script_queue.scripts.sleep import SleepScript
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_desk import FakeTelescope
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.model import ControlRequest, DomeRequest

NEEDED = {
    "slew": {"ra_deg": 10.0, "dec_deg": -5.0},
    "filter": {"filter_name": "V"},
    "focus": {"position": 4000},
}


class NotedDesk:
    """Checks orders against the contract, notes them, answers as told."""

    def __init__(self, *replies: dict[str, object]) -> None:
        self.contract = Contract.load(profiles.load("simulators"), FakeClock())
        self.requests: list[object] = []
        self.orders: list[dict[str, object]] = []
        self.replies = list(replies)

    def front_desk(self, order: dict[str, object]) -> dict[str, object]:
        self.orders.append(order)
        self.requests.append(self.contract.check(order).request)
        return self.replies.pop(0) if self.replies else {"Status": "COMPLETED", "Receipt": "O-1"}


@pytest.fixture(scope="module")
def registry() -> ScriptRegistry:
    return ScriptRegistry.load()


@pytest.fixture
def desk() -> NotedDesk:
    return NotedDesk()


def slot(clock: FakeClock | None = None) -> Slot:
    clock = clock or FakeClock()
    return Slot(clock, Deadline(clock, 1e6), lambda report: None)


def test_there_are_the_scripts_an_operator_needs(registry: ScriptRegistry) -> None:
    assert {
        "observe",
        "calibrations",
        "park",
        "stop_tracking",
        "control",
        "dome",
        "sleep",
    } <= set(registry.names)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_control_command_becomes_an_order_that_keeps_the_contract(
    registry: ScriptRegistry, desk: NotedDesk, command: str
) -> None:
    parameters = {"command": command, "reason": "test", **NEEDED.get(command, {})}
    script = registry.configure("control", parameters).make(ScriptParts(desk, desk))
    script.run(slot())
    (request,) = desk.requests
    assert isinstance(request, ControlRequest)
    assert (request.command.value, request.reason) == (command, "test")
    if command == "slew":
        assert (request.ra_deg, request.dec_deg) == (10.0, -5.0)
        assert (script.metadata.ra_deg, script.metadata.dec_deg) == (10.0, -5.0)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"shutter": "open"}, "shutter"),
        ({"azimuth_deg": 123.0}, "azimuth_deg"),
        ({"park": True}, "park"),
    ],
)
def test_every_dome_parameter_becomes_an_order_that_keeps_the_contract(
    registry: ScriptRegistry, desk: NotedDesk, parameters: dict[str, object], expected: str
) -> None:
    telescope = NotedDesk()
    registry.configure("dome", parameters).make(ScriptParts(telescope, desk)).run(slot())
    (request,) = desk.requests
    assert isinstance(request, DomeRequest)
    assert getattr(request, expected) == parameters[expected]
    assert telescope.requests == []


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("control", {}, "'command' is missing"),
        ("control", {"command": "fly"}, "came 'fly', expected one of slew"),
        ("control", {"command": "slew", "ra_deg": 1.0}, "'dec_deg' is missing"),
        ("control", {"command": "track", "dec_deg": 1.0}, "'ra_deg' is missing"),
        ("control", {"command": "park", "position": 3}, "position: unknown key"),
        ("control", {"command": "slew", "ra_deg": 360.0, "dec_deg": 0.0}, "ra_deg: came 360"),
        ("dome", {}, "at least one of shutter"),
        ("dome", {"timeout_s": 3}, "at least one of shutter"),
        ("sleep", {}, "'duration_s' is missing"),
        ("sleep", {"duration_s": "long"}, "came 'long', expected a number"),
        ("sleep", {"duration_s": -1}, "came -1"),
        ("park", {"timeout": 3}, "did you mean 'timeout_s'"),
        ("observe", {"margin_factor": 0}, "came 0"),
        ("dance", {}, "'dance' is no script"),
        ("slep", {}, "did you mean 'sleep'"),
    ],
)
def test_wrong_parameters_are_named(
    registry: ScriptRegistry, name: str, parameters: Mapping[str, object], says: str
) -> None:
    with pytest.raises(BadOrder, match=says):
        registry.configure(name, parameters)


def test_all_that_is_wrong_is_said_at_once(registry: ScriptRegistry) -> None:
    with pytest.raises(BadOrder) as caught:
        registry.configure("control", {"command": "focus", "position": -1, "speed": 3})
    said = str(caught.value)
    assert "position: came -1" in said
    assert "speed: unknown key" in said


@pytest.mark.parametrize("kind", STANDARD, ids=lambda kind: kind.name)
def test_defaults_keep_the_schema(kind: ScriptKind) -> None:
    import jsonschema_rs

    jsonschema_rs.meta.validate(dict(kind.schema))
    optional = {**kind.schema, "required": [], "anyOf": [{}]}
    assert jsonschema_rs.is_valid(optional, completed(kind.schema, {}))


def test_sleep_waits_sky_time_and_ends_at_once_when_stopped() -> None:
    quick = slot(FakeClock(speed=1e6))
    SleepScript(3600.0).run(quick)
    long = slot()
    ended = threading.Event()

    def sleep() -> None:
        with pytest.raises(ScriptStopped, match="enough"):
            SleepScript(3600.0).run(long)
        ended.set()

    threading.Thread(target=sleep, daemon=True).start()
    long.stop("enough")
    assert ended.wait(5.0)


def test_an_observing_script_needs_an_attempt(registry: ScriptRegistry, desk: NotedDesk) -> None:
    configured = registry.configure("observe", {})
    with pytest.raises(WrongState, match="hand in an Observation"):
        configured.make(ScriptParts(desk, desk))


@pytest.mark.parametrize(
    ("kind", "timeout_s"), [(OBSERVE, 900.0 + 2 * 120.0), (CALIBRATIONS, 300.0 + 2 * 120.0)]
)
def test_observing_scripts_allow_for_preparation_and_twice_the_estimate(
    desk: NotedDesk, kind: ScriptKind, timeout_s: float
) -> None:
    metadata = ScriptMetadata(duration_s=120.0, ra_deg=1.0, dec_deg=2.0, filter_name="V")
    binding = AttemptBinding("A-1", "O-1", {"WOType": "Observation"}, 120.0, metadata)
    script = kind.make(ScriptParts(desk, desk, binding), completed(kind.schema, {}))
    assert (script.timeout_s, script.subject, script.metadata) == (timeout_s, "A-1", metadata)


def test_the_frame_says_which_script() -> None:
    assert kind_for(FrameType.LIGHT) is OBSERVE
    assert kind_for(FrameType.BIAS) is CALIBRATIONS


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        ("FAILED", ScriptFailed),
        ("REJECTED", ScriptFailed),
        ("INTERRUPTED", ScriptStopped),
        ("ABORTED", ScriptStopped),
        ("CANCELED", ScriptStopped),
    ],
)
def test_weather_and_people_are_no_failure_of_a_script(state: str, ending: type[Exception]) -> None:
    desk = NotedDesk(
        {"Status": "IN_PROGRESS", "Receipt": "O-1", "Revision": 1},
        {"Status": state, "Receipt": "O-1", "Revision": 2, "Failure": "rain"},
    )
    with pytest.raises(ending, match="rain"):
        ControlScript("c", desk, {"Command": "open"}, timeout_s=9.0).run(slot())


@pytest.mark.parametrize("cancels", [True, False])
def test_stopping_cancels_at_the_desk_unless_it_leads_toward_safe(cancels: bool) -> None:
    desk = NotedDesk({"Status": "IN_PROGRESS", "Receipt": "O-7", "Revision": 1})
    script = ControlScript("c", desk, {"Command": "open"}, timeout_s=9.0, cancels=cancels)
    stopping = slot()
    real = desk.front_desk

    def stop_after_the_order(order: dict[str, object]) -> dict[str, object]:
        reply = real(order)
        if order["WOType"] == "Control":
            stopping.stop("enough")
            script.stop("enough")  # before the script knows the receipt
        return reply

    desk.front_desk = stop_after_the_order  # type: ignore[method-assign]  # a desk of the test
    with pytest.raises(ScriptStopped, match="enough"):
        script.run(stopping)
    cancels_sent = [order["Receipt"] for order in desk.orders if order["WOType"] == "Cancel"]
    assert cancels_sent == (["O-7"] if cancels else [])


def test_a_copy_of_a_control_script_gives_the_same_order(desk: NotedDesk) -> None:
    script = ControlScript("c", desk, {"Command": "close"}, timeout_s=9.0)
    script.run(slot())
    script.copy().run(slot())
    assert desk.orders[0] == desk.orders[1]


def test_the_real_fake_telescope_closes(registry: ScriptRegistry) -> None:
    telescope = FakeTelescope(profiles.load("simulators"), FakeClock())
    registry.configure("park", {}).make(ScriptParts(telescope, telescope)).run(slot())
    assert telescope.controls() == ["close"]


class Point:
    """An entry point as importlib gives it."""

    def __init__(self, name: str, loaded: object) -> None:
        self.name = name
        self.value = f"package:{name}"
        self._loaded = loaded

    def load(self) -> object:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def test_scripts_of_other_packages_are_external_and_a_broken_one_is_left_out(
    monkeypatch: pytest.MonkeyPatch, desk: NotedDesk
) -> None:
    def broken_make(parts: object, parameters: object) -> SleepScript:
        raise ZeroDivisionError("their bug")

    dance = ScriptKind("dance", "Dance.", object_schema({}), broken_make)
    theirs = ScriptKind("sleep", "Theirs.", object_schema({}), lambda p, q: SleepScript(1.0))
    points = [
        Point("dance", dance),
        Point("sleep", theirs),
        Point("gone", ImportError("no module named gone")),
        Point("wrong", "text"),
    ]
    monkeypatch.setattr("ctmo_indi.script_queue.registry.entry_points", lambda group: points)
    registry = ScriptRegistry.load()
    assert set(registry.external) == {"dance", "sleep"}
    assert registry.kind("sleep") is not theirs, "ours wins"
    assert registry.kind("sleep", standard=False) is theirs
    assert set(registry.broken) == {"gone", "wrong"}
    with pytest.raises(BadOrder, match="no module named gone"):
        registry.kind("gone")
    with pytest.raises(BadOrder, match="'dance' is no standard script"):
        registry.kind("dance", standard=True)
    with pytest.raises(BadOrder, match="their bug"):
        registry.configure("dance", {}).make(ScriptParts(desk, desk))


def test_a_cancel_is_not_sent_for_an_order_nobody_took() -> None:
    desk = NotedDesk()
    script = ControlScript("c", desk, {"Command": "open"}, timeout_s=9.0, cancels=True)
    script.stop("before it began")
    assert desk.orders == []
