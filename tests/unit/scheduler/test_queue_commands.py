"""Requests to the script queue, from the request to the reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ctmo_indi import profiles
from ctmo_indi.errors import BadOrder, CtmoError, UnknownOrder, WrongState
from ctmo_indi.scheduler.queue_commands import QueueCommands
from ctmo_indi.script_queue.kinds import ScriptKind, ScriptParts, object_schema
from ctmo_indi.script_queue.queueing import LAST, Sender
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.script_queue.script import ScriptFailed
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_desk import FakeTelescope
from ctmo_indi.testing.fake_script import QueueBench
from ctmo_indi.work_orders.model import QueueLocation, ScriptQueueCommand, ScriptQueueRequest


class Bench(QueueBench):
    """Commands to a queue."""

    is_emptying = False

    def __init__(self) -> None:
        super().__init__()
        telescope = FakeTelescope(profiles.load("simulators"), FakeClock())

        def broken(parts: object, parameters: object) -> Any:
            raise WrongState("no light panel")

        ours = ScriptRegistry.load()
        registry = ScriptRegistry(
            ours.standard,
            {"panel": ScriptKind("panel", "Light.", object_schema({}), broken)},
            {"gone": "package:gone is no ScriptKind"},
        )
        self.commands = QueueCommands(
            self.queue,
            registry,
            lambda attempt: ScriptParts(telescope, telescope, attempt),
            lambda: self.is_emptying,
        )

    def ask(self, command: ScriptQueueCommand, **more: Any) -> dict[str, Any]:
        return self.commands.handle(ScriptQueueRequest("w-1", "ada", command, **more))


@pytest.fixture
def bench() -> Bench:
    """Script 1 runs; 2 and 3 wait."""
    made = Bench()
    for name in ("now", "a", "b"):
        made.add(name)
    return made


C = ScriptQueueCommand


def test_who_calls_himself_scheduler_is_told_from_the_scheduler(bench: Bench) -> None:
    request = ScriptQueueRequest(
        "w-1", "scheduler", C.ADD, script="sleep", parameters={"duration_s": 1}
    )
    index = bench.commands.handle(request)["Index"]
    again = ScriptQueueRequest("w-2", "scheduler", C.REQUEUE, index=int(str(index)))
    bench.commands.handle(again)
    assert [run.user for run in bench.queue.waiting[-2:]] == ["scheduler (by hand)"] * 2


def test_a_queue_that_is_being_emptied_takes_nothing(bench: Bench) -> None:
    bench.is_emptying = True
    with pytest.raises(WrongState, match="ends every script"):
        bench.ask(C.ADD, script="sleep", parameters={"duration_s": 1})
    with pytest.raises(WrongState, match="ends every script"):
        bench.ask(C.REQUEUE, index=2)
    assert bench.ask(C.STOP_SCRIPTS, indices=(2,))["Stopped"] == [2]


def test_every_command_is_carried_out(bench: Bench) -> None:
    needed: Mapping[C, dict[str, Any]] = {
        C.ADD: {"script": "sleep", "parameters": {"duration_s": 1}},
        C.MOVE: {"index": 2},
        C.REQUEUE: {"index": 2},
        C.STOP_SCRIPTS: {"indices": (2,)},
        C.SHOW_SCHEMA: {"script": "sleep"},
        C.SHOW_SCRIPT: {"index": 1},
    }
    for command in C:
        assert bench.ask(command, **needed.get(command, {}))["Kind"] == "Script Queue"


def test_add_puts_a_checked_script_where_it_is_wanted(bench: Bench) -> None:
    reply = bench.ask(
        C.ADD,
        script="sleep",
        parameters={"duration_s": 60},
        location=QueueLocation.BEFORE,
        at_index=3,
    )
    assert reply["Index"] == 4
    assert [run["Script"] for run in reply["Queue"]] == ["a", "sleep", "b"]
    added = reply["Queue"][1]
    assert (added["User"], added["Duration"], added["State"]) == ("ada", 60.0, "CONFIGURED")


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ({"script": "slep"}, BadOrder, "did you mean 'sleep'"),
        ({"script": "sleep"}, BadOrder, "'duration_s' is missing"),
        ({"script": "observe"}, WrongState, "hand in an Observation"),
        ({"script": "panel"}, WrongState, "no light panel"),
        (
            {"script": "park", "location": QueueLocation.AFTER, "at_index": 1},
            UnknownOrder,
            "script 1: does not wait",
        ),
    ],
)
def test_a_refused_add_leaves_the_queue_alone(
    bench: Bench, more: dict[str, Any], error: type[CtmoError], says: str
) -> None:
    with pytest.raises(error, match=says):
        bench.ask(C.ADD, **more)
    assert bench.waiting() == ["a", "b"]


def test_a_script_that_cannot_be_made_is_seen_in_the_history(bench: Bench) -> None:
    with pytest.raises(WrongState):
        bench.ask(C.ADD, script="panel")
    (ended,) = bench.ask(C.SHOW_QUEUE)["History"]
    assert (ended["State"], ended["Reason"]) == ("CONFIGURE_FAILED", "no light panel")


def test_move_and_requeue(bench: Bench) -> None:
    reply = bench.ask(C.MOVE, index=3, location=QueueLocation.FIRST)
    assert [run["Index"] for run in reply["Queue"]] == [3, 2]
    reply = bench.ask(C.REQUEUE, index=1, location=QueueLocation.AFTER, at_index=3)
    assert [run["Index"] for run in reply["Queue"]] == [3, 4, 2]
    assert reply["Index"] == 4
    with pytest.raises(UnknownOrder):
        bench.ask(C.MOVE, index=1)


def test_a_move_is_told_with_the_order_that_it_made(bench: Bench) -> None:
    told: list[dict[str, object]] = []
    bench.commands.on_move = told.append
    bench.ask(C.MOVE, index=3, location=QueueLocation.FIRST)
    moved = {"Paused": False, "Reason": "script 3 moved by ada", "Order": [3, 2]}
    assert told == [moved]
    bench.ask(C.MOVE, index=3, location=QueueLocation.FIRST)  # where it is
    with pytest.raises(UnknownOrder):
        bench.ask(C.MOVE, index=1)
    bench.add_group("g", "focus", "observe")
    with pytest.raises(WrongState, match="between the scripts of block"):
        bench.ask(C.MOVE, index=3, location=QueueLocation.AFTER, at_index=4)
    assert told == [moved]


def test_stop_says_what_it_stopped_and_why(bench: Bench) -> None:
    reply = bench.ask(C.STOP_SCRIPTS, indices=(1, 2, 44), terminate=True)
    assert sorted(reply["Stopped"]) == [1, 2]
    assert reply["Current"]["Script"] == "b"
    reasons = {run["Index"]: run["Reason"] for run in reply["History"]}
    assert reasons == {1: "stopped by ada; terminated", 2: "stopped by ada"}
    with pytest.raises(UnknownOrder, match="44"):
        bench.ask(C.STOP_SCRIPTS, indices=(44,))


def test_pause_and_resume_are_seen(bench: Bench) -> None:
    reply = bench.ask(C.PAUSE, reason="lunch")
    assert (reply["Paused"], reply["Message"]) == (True, "paused: lunch")
    reply = bench.ask(C.RESUME)
    assert (reply["Paused"], reply["Message"]) == (False, "now RUNNING, 2 waiting")


def test_a_failed_script_of_a_person_is_shown_until_resume(bench: Bench) -> None:
    def fail(slot: object) -> object:
        raise ScriptFailed("broken")

    bench.add("mine", LAST, Sender(user="ada"))
    bench.queue.stop([2, 3], "")
    bench.end()
    bench.end(fail)
    reply = bench.ask(C.SHOW_QUEUE)
    assert (reply["Current"]["Script"], reply["Current"]["State"]) == ("mine", "FAILED")
    assert reply["Message"] == "paused: script 4 mine failed: broken"
    assert bench.ask(C.RESUME)["Current"] == {}


def test_available_scripts_and_their_schemas(bench: Bench) -> None:
    reply = bench.ask(C.SHOW_AVAILABLE_SCRIPTS)
    scripts = {entry["Script"]: entry for entry in reply["Scripts"]}
    assert scripts["sleep"] == {
        "Script": "sleep",
        "About": "Wait.",
        "Standard": True,
        "Needs Target": False,
    }
    assert scripts["observe"]["Needs Target"] is True
    assert scripts["panel"]["Standard"] is False
    assert reply["Broken"] == {"gone": "package:gone is no ScriptKind"}
    schema = bench.ask(C.SHOW_SCHEMA, script="sleep")["Schema"]
    assert schema["required"] == ["duration_s"]
    schema["properties"].clear()
    assert bench.ask(C.SHOW_SCHEMA, script="sleep")["Schema"]["properties"]
    with pytest.raises(BadOrder):
        bench.ask(C.SHOW_SCHEMA, script="dance")


def test_a_script_is_shown_with_its_parameters(bench: Bench) -> None:
    bench.ask(C.ADD, script="sleep", parameters={"duration_s": 60})
    shown = bench.ask(C.SHOW_SCRIPT, index=4)["Script"]
    assert (shown["Script"], shown["Parameters"]) == ("sleep", {"duration_s": 60.0})
    with pytest.raises(UnknownOrder, match="script 9"):
        bench.ask(C.SHOW_SCRIPT, index=9)


@pytest.mark.parametrize("command", [C.SHOW_QUEUE, C.SHOW_AVAILABLE_SCRIPTS, C.PAUSE])
def test_replies_can_be_sent(bench: Bench, command: C) -> None:
    import xmlrpc.client

    xmlrpc.client.dumps((bench.ask(command),), methodresponse=True)


@pytest.mark.parametrize("script", ["control", "dome", "sleep", "observe", "park"])
def test_schemas_can_be_sent(bench: Bench, script: str) -> None:
    import xmlrpc.client

    xmlrpc.client.dumps((bench.ask(C.SHOW_SCHEMA, script=script),), methodresponse=True)
