"""The component end to end: starts, refusals, slow commands, blocks, faults and recoveries."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import ConfigError
from ctmo_indi.models.states import AttemptState, ObservatoryState
from ctmo_indi.scheduler.modes.dry_mode import DryMode
from ctmo_indi.scheduler.modes.simple_mode import SimpleMode
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import DriverTarget, Observation, SurveyTopology

if TYPE_CHECKING:
    from ctmo_indi.scheduling.conditions import Conditions
    from tests.unit.scheduler.conftest import Stack

LATE_S = 20.0


@dataclass
class Hand:
    """The test's hand on every driver: where it waits, what it was told and was given to load."""

    gates: dict[str, threading.Event] = field(default_factory=dict)
    entered: dict[str, threading.Event] = field(default_factory=dict)
    registered: list[str] = field(default_factory=list)
    loaded: list[Path] = field(default_factory=list)
    made: int = 0

    def hold(self, call: str) -> threading.Event:
        """Let ``call`` of the driver wait until the returned event is set."""
        self.gates[call] = threading.Event()
        self.entered[call] = threading.Event()
        return self.gates[call]

    def passes(self, call: str) -> None:
        """In the driver: wait if the test says so."""
        gate = self.gates.get(call)
        if gate is not None:
            self.entered[call].set()
            gate.wait(LATE_S)

    def driver_class(self, _name: str) -> type[Driver]:
        """Return a sequential driver under this hand."""
        hand = self

        class Held(SequentialScheduler):
            def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
                hand.made += 1
                hand.passes("configure")
                return super().configure_scheduler(configuration)

            def update_conditions(self, conditions: Conditions) -> None:
                hand.passes("update")
                super().update_conditions(conditions)

            def select_next_target(self) -> DriverTarget | None:
                hand.passes("select")
                return super().select_next_target()

            def register_observation(self, observation: Observation) -> None:
                super().register_observation(observation)
                if observation.number:
                    hand.registered.append(observation.target_name)

            def load(self, path: Path) -> None:
                hand.passes("load")
                if path.read_text() != "good":
                    raise ConfigError(f"{path}: expected good")
                hand.loaded.append(path)

        return Held


@pytest.fixture
def hand(stack: Stack) -> Iterator[Hand]:
    made = Hand()
    stack.driver_class = made.driver_class
    yield made
    for gate in made.gates.values():
        gate.set()


def send(stack: Stack, command: str, **keys: object) -> dict[str, Any]:
    order = {"WOType": "Scheduler", "User": "ana", "Command": command, **keys}
    return stack.desk.front_desk(order)


def ended(stack: Stack, reply: Mapping[str, Any]) -> dict[str, Any]:
    receipt = str(reply["Receipt"])
    return stack.desk.wait_for(receipt, LATE_S, until=("COMPLETED", "FAILED"))


def refused(stack: Stack, command: str, **keys: object) -> str:
    with pytest.raises(DeskFault) as caught:
        send(stack, command, **keys)
    return caught.value.text


def summary(stack: Stack) -> str:
    return str(stack.desk.status()["Summary State"])


def told(stack: Stack, kind: str, key: str) -> list[Any]:
    order = {"WOType": "Events", "Cursor": 0, "Kinds": [kind], "Limit": 500}
    found = stack.desk.front_desk(order)["Events"]
    assert isinstance(found, list)
    return [event["Data"][key] for event in found]


def enabled(stack: Stack) -> None:
    stack.start_scheduler()
    assert stack.command("start", "enable") == "COMPLETED"


def test_a_wrong_configuration_refuses_the_start_which_can_be_repeated(stack: Stack) -> None:
    path = stack.configure("mode: SIMPLE\nn_target: 3\n")
    stack.start_scheduler()
    failed = ended(stack, send(stack, "start"))
    assert failed["Status"] == "FAILED"
    assert f"{path}, line 2, n_target: unknown key" in failed["Failure"]
    assert summary(stack) == "STANDBY"
    stack.configure("mode: SIMPLE\ndriver_configuration: {nonsense: 1}\n")
    failed = ended(stack, send(stack, "start"))
    assert "line 2, driver_configuration" in failed["Failure"]
    assert summary(stack) == "STANDBY"
    stack.configure("mode: SIMPLE\n")
    assert ended(stack, send(stack, "start"))["Status"] == "COMPLETED"


@pytest.mark.parametrize("kind", ["WARM", "HOT"])
def test_a_database_that_is_not_there_refuses_the_start_and_is_named(
    stack: Stack, kind: str
) -> None:
    stack.configure(f"mode: SIMPLE\nstartup_type: {kind}\nstartup_database: lost.json\n")
    stack.start_scheduler()
    failed = ended(stack, send(stack, "start"))
    assert (failed["Status"], summary(stack)) == ("FAILED", "STANDBY")
    assert "lost.json" in failed["Failure"]


def test_a_second_start_is_refused_while_one_runs_which_tells_its_progress(
    stack: Stack, hand: Hand
) -> None:
    gate = hand.hold("configure")
    stack.start_scheduler()
    reply = send(stack, "start")
    assert hand.entered["configure"].wait(LATE_S)
    assert "start is being carried out" in refused(stack, "start")
    ticket = stack.desk.status(str(reply["Receipt"]))
    assert (ticket["Status"], ticket["Progress"]) == ("IN_PROGRESS", "driver plan")
    beats = told(stack, "heartbeat", "Count")
    stack.wait_until(lambda: len(told(stack, "heartbeat", "Count")) > len(beats))
    gate.set()
    assert ended(stack, reply)["Status"] == "COMPLETED"
    assert hand.made == 1


def test_a_start_that_hangs_can_be_left_by_exit(stack: Stack, hand: Hand) -> None:
    hand.hold("configure")
    stack.start_scheduler()
    reply = send(stack, "start")
    assert hand.entered["configure"].wait(LATE_S)
    assert ended(stack, send(stack, "exitControl"))["Status"] == "COMPLETED"
    failed = ended(stack, reply)
    assert (failed["Status"], failed["Failure"]) == ("FAILED", "ended by exitControl")
    assert stack.offline.wait(LATE_S)


def test_dry_is_resumed_and_stopped_and_nothing_is_observed(stack: Stack) -> None:
    stack.start_scheduler()
    stack.submit("m31")
    assert ended(stack, send(stack, "start", Configuration="dry"))["Status"] == "COMPLETED"
    assert stack.command("enable", "resume") == "COMPLETED"
    assert stack.desk.status()["Detailed State"] == "RUNNING"
    assert "DRY" in refused(stack, "reschedule")
    assert stack.command("stop") == "COMPLETED"
    assert "DRY" in refused(stack, "computePredictedSchedule")
    assert not stack.telescope.attempts


def test_nothing_of_the_driver_survives_standby(stack: Stack, hand: Hand) -> None:
    enabled(stack)
    assert stack.command("disable", "standby") == "COMPLETED"
    assert stack.desk.status()["Configuration"] == ""
    assert stack.command("start") == "COMPLETED"
    assert hand.made == 2


def test_a_driver_that_blocks_is_a_fault_and_a_new_start_has_a_new_thread(
    stack: Stack, hand: Hand
) -> None:
    stack.configure("mode: SIMPLE\ndriver_timeout_s: 0.3\n")
    stack.telescope.observatory = ObservatoryState.OPEN
    gate = hand.hold("select")
    enabled(stack)
    receipt = stack.submit("m31")
    assert stack.command("resume") == "COMPLETED"
    stack.wait_until(lambda: summary(stack) == "FAULT")
    status = stack.desk.status()
    assert status["Error Code"] == 410
    assert "select_next_target" in status["Error Report"]
    assert status["Observatory Status"]["Words"] == ["FAULT"]
    assert stack.telescope.controls()[-1] == "close"  # before the state was told
    del hand.gates["select"]  # the thread of before is still stuck in its gate
    assert stack.command("standby") == "COMPLETED"
    assert stack.desk.status()["Error Code"] == 0
    assert stack.command("start", "enable", "resume") == "COMPLETED"
    assert stack.ended(receipt)["Status"] == "COMPLETED"
    assert not gate.is_set()


def test_fault_is_told_only_when_the_observatory_was_closed(stack: Stack) -> None:
    stack.telescope.observatory = ObservatoryState.OPEN
    enabled(stack)
    stack.sky.error = ValueError("no such matrix")
    stack.submit("m31")
    send(stack, "resume")
    stack.wait_until(lambda: summary(stack) == "FAULT")
    order = {"WOType": "Events", "Cursor": 0, "Kinds": ["script", "summaryState"], "Limit": 500}
    events = stack.desk.front_desk(order)["Events"]
    last = [(event["Kind"], event["Data"]) for event in events][-2:]
    assert (last[0][0], last[0][1]["Script"], last[0][1]["State"]) == ("script", "park", "DONE")
    assert last[1] == ("summaryState", {"Summary State": "FAULT"})


def test_stop_lets_the_queued_observation_end_and_it_is_registered(
    stack: Stack, hand: Hand
) -> None:
    stack.telescope.outcome = lambda request: None
    enabled(stack)
    receipt = stack.submit("m31")
    stack.command("resume")
    (attempt,) = stack.telescope.wait_for_attempts(1)
    assert stack.command("stop") == "COMPLETED"
    stack.telescope.finish(attempt.attempt_id, AttemptState.COMPLETED, 2)
    assert stack.ended(receipt)["Status"] == "COMPLETED"
    stack.wait_until(lambda: hand.registered == ["m31"])


def test_a_restart_in_the_night_goes_on_with_auto_and_the_driver_knows_all(
    stack: Stack, hand: Hand
) -> None:
    enabled(stack)
    first = stack.submit("first")
    stack.command("resume")
    stack.ended(first)
    stack.wait_until(lambda: hand.registered == ["first"])
    stack.stop_scheduler()
    stack.start_scheduler()
    stack.wait_until(lambda: stack.desk.status()["Running"] is True)
    assert hand.registered == ["first", "first"]  # once to each driver
    assert "1 observations since" in stack.desk.status()["Recalled"]
    assert stack.ended(stack.submit("second"))["Status"] == "COMPLETED"
    stack.wait_until(lambda: hand.registered[2:] == ["second"])


def test_a_restart_goes_on_with_the_configuration_that_start_was_given(stack: Stack) -> None:
    stack.start_scheduler()
    stack.submit("m31")
    ended(stack, send(stack, "start", Configuration="dry"))
    stack.command("enable", "resume")
    stack.stop_scheduler()
    stack.start_scheduler()
    stack.wait_until(lambda: stack.desk.status()["Running"] is True)
    status = stack.desk.status()
    assert (status["Mode"], status["Configuration"]) == ("DRY", "dry")
    assert not stack.telescope.attempts


def test_the_status_tells_of_cycles_telemetry_and_stored_events(stack: Stack) -> None:
    stack.start_scheduler()
    assert {"Cycles", "Telemetry", "Events"} <= stack.desk.status().keys()


def test_load_hands_a_file_of_ours_to_the_driver(stack: Stack, hand: Hand) -> None:
    enabled(stack)
    good = stack.folder / "lists" / "a b#1.yaml"
    good.parent.mkdir()
    good.write_text("good")
    assert ended(stack, send(stack, "load", URI=good.as_uri()))["Status"] == "COMPLETED"
    assert hand.loaded == [good]
    bad = stack.folder / "bad.yaml"
    bad.write_text("bad")
    failures = {
        bad.as_uri(): "expected good",
        (stack.folder / "lost.yaml").as_uri(): "no such file",
        "file:///etc/passwd": "expected a file in",
        (stack.folder / "x").as_uri() + "/../../../../../../etc/passwd": "expected a file in",
        (stack.folder / "loop").as_uri(): "ymlink loop",
        stack.folder.as_uri() + "/" + "x" * 300: "too long",
        stack.folder.as_uri() + "/%ff": "UTF-8",
    }
    (stack.folder / "loop").symlink_to(stack.folder / "loop")
    for uri, why in failures.items():
        failed = ended(stack, send(stack, "load", URI=uri))
        assert failed["Status"] == "FAILED"
        assert why in failed["Failure"]
    assert "URI" in refused(stack, "load", URI="http://example.org/list.yaml")
    stack.command("resume")
    assert "already running" in refused(stack, "load", URI=good.as_uri())


def test_a_driver_that_blocks_in_load_is_a_fault(stack: Stack, hand: Hand) -> None:
    stack.configure("mode: SIMPLE\ndriver_timeout_s: 0.3\n")
    enabled(stack)
    path = stack.folder / "list.yaml"
    path.write_text("good")
    hand.hold("load")
    assert ended(stack, send(stack, "load", URI=path.as_uri()))["Status"] == "FAILED"
    stack.wait_until(lambda: summary(stack) == "FAULT")
    assert stack.desk.status()["Error Code"] == 410


def test_a_predicted_schedule_goes_through_the_states_and_back(stack: Stack, hand: Hand) -> None:
    enabled(stack)
    stack.submit("m31")
    assert ended(stack, send(stack, "computePredictedSchedule"))["Status"] == "COMPLETED"
    states = told(stack, "detailedState", "Detailed State")
    assert states[-4:] == ["RUNNING", "COMPUTING_PREDICTED_SCHEDULE", "RUNNING", "IDLE"]
    assert len(told(stack, "predictedSchedule", "Number of Targets")) == 1
    assert not stack.telescope.attempts


def test_disable_ends_a_prediction_and_the_command_fails(stack: Stack, hand: Hand) -> None:
    gate = hand.hold("select")
    enabled(stack)
    stack.submit("m31")
    reply = send(stack, "computePredictedSchedule")
    assert hand.entered["select"].wait(LATE_S)
    assert "computePredictedSchedule is being carried out" in refused(stack, "resume")
    assert stack.command("disable") == "COMPLETED"
    failed = ended(stack, reply)
    assert (failed["Status"], failed["Failure"]) == ("FAILED", "ended by disable")
    assert summary(stack) == "DISABLED"
    gate.set()
    assert stack.command("enable") == "COMPLETED"
    assert stack.desk.status()["Detailed State"] == "IDLE"


SLEEP = "name: nap\nscripts:\n  - name: sleep\n    parameters: {duration_s: 3}\n"


def test_a_block_is_carried_out_alone_and_its_ticket_ends_with_it(stack: Stack) -> None:
    blocks = stack.folder / "profiles" / "blocks"
    stack.configure("mode: SIMPLE\npath_observing_blocks: blocks\n")
    blocks.mkdir()
    (blocks / "nap.yaml").write_text(SLEEP)
    enabled(stack)
    known = send(stack, "validateBlock", Block="nap")["Result"]
    assert (known["Block"], known["Valid"]) == ("nap", True)
    done = ended(stack, send(stack, "addBlock", Block="nap"))
    assert done["Status"] == "COMPLETED"
    assert told(stack, "detailedState", "Detailed State")[-2:] == ["RUNNING", "IDLE"]
    assert send(stack, "getBlockStatus", Block="nap")["Result"]["Executions Completed"] == 1
    (blocks / "nap.yaml").write_text(SLEEP.replace("3", "3600"))
    assert stack.command("disable", "standby", "start", "enable") == "COMPLETED"
    adding = send(stack, "addBlock", Block="nap")
    assert "0 of 1 scripts ended" in stack.desk.status(str(adding["Receipt"]))["Progress"]
    assert send(stack, "removeBlock", Block="nap")["Status"] == "COMPLETED"
    assert ended(stack, adding)["Status"] == "FAILED"
    assert "nap" in refused(stack, "removeBlock", Block="nap")
    assert "nap" in refused(stack, "addBlock", Block="nip")


def test_a_block_file_that_is_none_refuses_the_start_and_is_named(stack: Stack) -> None:
    stack.configure("mode: SIMPLE\npath_observing_blocks: blocks\n")
    (stack.folder / "profiles" / "blocks").mkdir()
    (stack.folder / "profiles" / "blocks" / "odd.yaml").write_text("name: [")
    stack.start_scheduler()
    failed = ended(stack, send(stack, "start"))
    assert (failed["Status"], summary(stack)) == ("FAILED", "STANDBY")
    assert "odd.yaml" in failed["Failure"]


def test_the_log_level_is_set_in_any_state(stack: Stack) -> None:
    before = logging.getLogger().level
    try:
        stack.start_scheduler()
        assert send(stack, "setLogLevel", Level="DEBUG")["Status"] == "COMPLETED"
        assert logging.getLogger().level == logging.DEBUG
        assert told(stack, "logLevel", "Level")[-1] == "DEBUG"
    finally:
        logging.getLogger().setLevel(before)


def test_an_operator_says_how_the_observatory_is(stack: Stack) -> None:
    enabled(stack)
    reply = send(stack, "updateObservatoryStatus", Status=["DOWNTIME"], Note="mirror")
    assert reply["Result"]["Labels"] == "DOWNTIME"
    assert stack.desk.status()["Observatory Status"]["Note"] == "mirror"
    stack.command("disable", "standby")
    assert told(stack, "observatoryStatus", "Labels")[-1] == "UNKNOWN"
    stack.command("start", "enable")
    assert stack.desk.status()["Observatory Status"]["Labels"] == "DOWNTIME"


def test_resume_is_refused_while_the_observatory_is_in_alarm(stack: Stack) -> None:
    from ctmo_indi.models.verdict import VerdictLevel

    stack.safety.level = VerdictLevel.UNSAFE
    stack.safety.reasons = ("ALARM: the shutter is open",)
    enabled(stack)
    stack.wait_until(lambda: "FAULT" in stack.desk.status()["Observatory Status"]["Words"])
    assert refused(stack, "resume") == "resume: refused, in fault: observatory"
    stack.safety.level, stack.safety.reasons = VerdictLevel.SAFE, ()
    stack.wait_until(
        lambda: "were in fault: observatory" in stack.desk.status()["Observatory Status"]["Note"]
    )
    assert stack.command("resume") == "COMPLETED"


def test_a_paused_queue_is_no_fault(stack: Stack) -> None:
    enabled(stack)
    stack.desk.front_desk({"WOType": "Script Queue", "User": "ana", "Command": "pause"})
    receipt = stack.submit("m31")
    assert stack.command("resume") == "COMPLETED"
    stack.wait_until(lambda: stack.desk.status()["Paused"] is True)
    assert summary(stack) == "ENABLED"
    stack.desk.front_desk({"WOType": "Script Queue", "User": "ana", "Command": "resume"})
    assert stack.ended(receipt)["Status"] == "COMPLETED"


def test_a_move_in_the_queue_is_told_and_the_plan_is_made_anew(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.configure("mode: DRY\n")
    enabled(stack)
    queue = {"WOType": "Script Queue", "User": "ana"}
    stack.desk.front_desk({**queue, "Command": "pause"})
    for _ in range(2):
        add = {"Command": "add", "Script": "sleep", "Parameters": {"duration_s": 1.0}}
        index = stack.desk.front_desk({**queue, **add})["Index"]
    poked = threading.Event()
    monkeypatch.setattr(DryMode, "poke", lambda _mode: poked.set())
    stack.desk.front_desk({**queue, "Command": "move", "Index": index, "Location": "first"})
    assert poked.wait(LATE_S)
    assert told(stack, "scriptQueue", "Reason")[-1] == f"script {index} moved by ana"
    assert len(told(stack, "scriptQueue", "Paused")) == 2


def test_an_error_of_our_own_in_the_loop_ends_in_fault_and_all_is_closed(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_args: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(SimpleMode, "take", breaks)
    stack.configure("mode: SIMPLE\n")
    stack.telescope.observatory = ObservatoryState.OPEN
    enabled(stack)
    stack.submit("m31")
    stack.command("resume")
    stack.wait_until(lambda: summary(stack) == "FAULT")
    status = stack.desk.status()
    assert status["Error Code"] == 400
    assert "ZeroDivisionError('ours') in test_component.py" in str(status["Error Report"])
    assert stack.telescope.observatory is ObservatoryState.CLOSED
    assert status["Engine"] == {"Failures": 0}


def test_errors_of_the_engine_are_counted_in_the_status(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    enabled(stack)

    def breaks(*_args: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(DryMode, "tick", breaks)
    stack.configure("mode: DRY\n")
    stack.command("disable", "standby", "start")
    stack.wait_until(lambda: dict(stack.desk.status()["Engine"])["Failures"] > 0)
