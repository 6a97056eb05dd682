"""Orders to the scheduler's component and its script queue: which keys belong to which command."""

from __future__ import annotations

from typing import Any

import pytest

from ctmo_indi.errors import BadOrder
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.model import (
    QueueLocation,
    SchedulerCommand,
    SchedulerRequest,
    ScriptQueueCommand,
    ScriptQueueRequest,
)

# Every key of a command's own, each with a right value.
SCHEDULER_KEYS: dict[str, object] = {
    "Configuration": "survey",
    "Abort": True,
    "URI": "file:///srv/list.yaml",
    "Block": "flats",
    "Override": {"exposure_s": 2.0},
    "Level": "DEBUG",
    "Status": ["DOWNTIME", "DAYTIME"],
    "Note": "washing the mirror",
}
# Command -> keys it needs, keys it may have; written down from the developer guide's table.
SCHEDULER_TABLE: dict[str, tuple[set[str], set[str]]] = {
    "start": (set(), {"Configuration"}),
    "enable": (set(), set()),
    "disable": (set(), set()),
    "standby": (set(), set()),
    "exitControl": (set(), set()),
    "exit": (set(), set()),
    "resume": (set(), set()),
    "stop": (set(), {"Abort"}),
    "load": ({"URI"}, set()),
    "computePredictedSchedule": (set(), set()),
    "addBlock": ({"Block"}, {"Override"}),
    "getBlockStatus": ({"Block"}, set()),
    "removeBlock": ({"Block"}, set()),
    "validateBlock": ({"Block"}, set()),
    "flush": (set(), set()),
    "reschedule": (set(), set()),
    "setLogLevel": ({"Level"}, set()),
    "updateObservatoryStatus": ({"Status"}, {"Note"}),
}
QUEUE_KEYS: dict[str, object] = {
    "Script": "sleep",
    "Parameters": {"duration_s": 60.0},
    "Location": "before",
    "At Index": 4,
    "Index": 7,
    "Indices": [3, 4],
    "Terminate": True,
}
QUEUE_TABLE: dict[str, tuple[set[str], set[str]]] = {
    "add": ({"Script"}, {"Parameters", "Location", "At Index"}),
    "move": ({"Index", "Location"}, {"At Index"}),
    "requeue": ({"Index"}, {"Location", "At Index"}),
    "stopScripts": ({"Indices"}, {"Terminate"}),
    "pause": (set(), set()),
    "resume": (set(), set()),
    "showQueue": (set(), set()),
    "showSchema": ({"Script"}, set()),
    "showAvailableScripts": (set(), set()),
    "showScript": ({"Index"}, set()),
}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.load(small_profile(), FakeClock())


def problems(contract: Contract, order: dict[str, Any]) -> dict[str, str]:
    """Return what the refusal of ``order`` says, by key."""
    with pytest.raises(BadOrder) as refused:
        contract.check(order)
    return dict(line.split(": ", 1) for line in refused.value.problems)


def scheduler(contract: Contract, **keys: object) -> SchedulerRequest:
    request = contract.check({"WOType": "Scheduler", "User": "Ada", **keys}).request
    assert isinstance(request, SchedulerRequest)
    return request


def queue(contract: Contract, **keys: object) -> ScriptQueueRequest:
    order = {"WOType": "Script Queue", "User": "Ada", **keys}
    order = {key.replace("_", " "): value for key, value in order.items()}
    request = contract.check(order).request
    assert isinstance(request, ScriptQueueRequest)
    return request


def test_the_tables_name_every_command() -> None:
    assert set(SCHEDULER_TABLE) == set(SchedulerCommand) | {"exit"}
    assert set(QUEUE_TABLE) == set(ScriptQueueCommand)


@pytest.mark.parametrize("wo_type", ["Scheduler", "Script Queue"])
@pytest.mark.parametrize("which", ["needed", "foreign", "all"])
def test_each_command_has_its_keys_and_no_other(
    contract: Contract, wo_type: str, which: str
) -> None:
    is_component = wo_type == "Scheduler"
    table, keys = (SCHEDULER_TABLE, SCHEDULER_KEYS) if is_component else (QUEUE_TABLE, QUEUE_KEYS)
    for command, (needed, allowed) in table.items():
        order: dict[str, object] = {"WOType": wo_type, "Command": command}
        own = {key: keys[key] for key in needed | allowed}
        if which == "needed":
            missing = problems(contract, order) if needed else {}
            assert set(missing) == needed, command
            assert all(text.startswith("missing") and "(" in text for text in missing.values())
        elif which == "all":
            assert contract.check(order | own).wire["Command"] == command
        else:
            foreign = {key: value for key, value in keys.items() if key not in own}
            wrong = problems(contract, order | own | foreign)
            assert set(wrong) == set(foreign), command
            assert all("not used here (only " in text for text in wrong.values()), wrong


def test_every_key_reaches_the_request(contract: Contract) -> None:
    assert scheduler(contract, Command="start", Configuration="survey").configuration == "survey"
    assert scheduler(contract, Command="stop", Abort=True).abort
    assert scheduler(contract, Command="load", URI="file:///a").uri == "file:///a"
    added = scheduler(contract, Command="addBlock", Block="b", Override={"n": 1}, Reason="r")
    assert (added.block, added.override, added.reason) == ("b", {"n": 1}, "r")
    assert scheduler(contract, Command="setLogLevel", Level="ERROR").level == "ERROR"
    told = scheduler(contract, Command="updateObservatoryStatus", Status=["IDLE"], Note="n")
    assert (told.status, told.note) == (("IDLE",), "n")


def test_what_is_left_out_is_empty(contract: Contract) -> None:
    request = scheduler(contract, Command="enable")
    empty = SchedulerRequest(request.order_id, "Ada", SchedulerCommand.ENABLE)
    assert request == empty
    assert not any((empty.configuration, empty.override, empty.status, empty.abort))


def test_exit_is_exit_control(contract: Contract) -> None:
    assert scheduler(contract, Command="exit").command is SchedulerCommand.EXIT_CONTROL
    assert scheduler(contract, Command="exitControl").command is SchedulerCommand.EXIT_CONTROL


def test_queue_keys_reach_the_request(contract: Contract) -> None:
    request = queue(
        contract, Command="add", Script="sleep", Parameters={"s": 1}, Location="after", At_Index=3
    )
    assert (request.script, request.parameters) == ("sleep", {"s": 1})
    assert (request.location, request.at_index, request.index) == (QueueLocation.AFTER, 3, None)
    stopped = queue(contract, Command="stopScripts", Indices=[2, 1], Terminate=True, Reason="r")
    assert (stopped.indices, stopped.terminate, stopped.reason) == ((2, 1), True, "r")
    assert queue(contract, Command="add", Script="park").location is QueueLocation.LAST
    assert queue(contract, Command="showScript", Index=9).index == 9


@pytest.mark.parametrize("location", ["before", "after"])
def test_beside_a_script_needs_which_one(contract: Contract, location: str) -> None:
    order = {"WOType": "Script Queue", "Command": "move", "Index": 1, "Location": location}
    assert set(problems(contract, order)) == {"At Index"}


@pytest.mark.parametrize("location", ["first", "last", None])
def test_an_end_of_the_queue_is_at_no_index(contract: Contract, location: str | None) -> None:
    order = {"WOType": "Script Queue", "Command": "requeue", "Index": 1, "At Index": 2}
    order |= {"Location": location} if location else {}
    assert set(problems(contract, order)) == {"At Index"}


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"Command": "start", "Configuration": "../../etc/passwd"}, "Configuration"),
        ({"Command": "start", "Configuration": "survey.scheduler.yaml"}, "Configuration"),
        ({"Command": "start", "Configuration": ""}, "Configuration"),
        ({"Command": "load", "URI": "/srv/list.yaml"}, "URI"),
        ({"Command": "load", "URI": "http://elsewhere/list.yaml"}, "URI"),
        ({"Command": "load", "URI": "file://elsewhere/list.yaml"}, "URI"),
        ({"Command": "load", "URI": "file:///a\nb"}, "URI"),
        ({"Command": "addBlock", "Block": "a b"}, "Block"),
        ({"Command": "addBlock", "Block": "b", "Override": "exposure_s: 3"}, "Override"),
        ({"Command": "addBlock", "Block": "b", "Override": [1]}, "Override"),
        ({"Command": "setLogLevel", "Level": "LOUD"}, "Level"),
        ({"Command": "setLogLevel", "Level": 10}, "Level"),
        ({"Command": "updateObservatoryStatus", "Status": "IDLE"}, "Status"),
        ({"Command": "updateObservatoryStatus", "Status": []}, "Status"),
        ({"Command": "updateObservatoryStatus", "Status": ["IDLE", "IDLE"]}, "Status"),
        ({"Command": "updateObservatoryStatus", "Status": ["IDLE", "BORED"]}, "Status[1]"),
        ({"Command": "updateObservatoryStatus", "Status": ["IDLE"], "Note": 3}, "Note"),
        ({"Command": "resume", "Reason": 501 * "x"}, "Reason"),
        ({"Command": "fly"}, "Command"),
    ],
)
def test_wrong_values_of_the_component_are_named(
    contract: Contract, keys: dict[str, object], wrong: str
) -> None:
    assert set(problems(contract, {"WOType": "Scheduler", **keys})) == {wrong}


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"Command": "add", "Script": "../park"}, "Script"),
        ({"Command": "add", "Script": "park", "Parameters": [1]}, "Parameters"),
        ({"Command": "add", "Script": "park", "Location": "middle"}, "Location"),
        ({"Command": "showScript", "Index": 0}, "Index"),
        ({"Command": "showScript", "Index": 1.5}, "Index"),
        ({"Command": "showScript", "Index": True}, "Index"),
        ({"Command": "stopScripts", "Indices": []}, "Indices"),
        ({"Command": "stopScripts", "Indices": [1, 1]}, "Indices"),
        ({"Command": "stopScripts", "Indices": [1, -1]}, "Indices[1]"),
        ({"Command": "stopScripts", "Indices": [1], "Terminate": 1}, "Terminate"),
        ({"Command": "dance"}, "Command"),
    ],
)
def test_wrong_values_of_the_queue_are_named(
    contract: Contract, keys: dict[str, object], wrong: str
) -> None:
    assert set(problems(contract, {"WOType": "Script Queue", **keys})) == {wrong}
