"""Observing blocks carried out: for targets and alone, their statuses and counts."""

from __future__ import annotations

import logging
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.errors import BadOrder, UnknownOrder, WrongState
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, FrameType
from ctmo_indi.scheduler.blocks.book import BlockBook, Execution
from ctmo_indi.scheduler.blocks.record import BlockCounts, BlockStatus
from ctmo_indi.scheduler.blocks.targets import target_scripts, target_values
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.attempts import AttemptResult
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.kinds import AttemptBinding, ScriptParts
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.script_queue.script import ScriptState
from ctmo_indi.script_queue.substitution import TARGET_VALUES
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_desk import FakeTelescope
from ctmo_indi.testing.fake_script import QueueBench

BLOCKS = {
    "two.yaml": """
        name: two
        configuration_schema:
          properties:
            seconds: {type: number, minimum: 0, default: 0}
        scripts:
          - {name: sleep, parameters: {duration_s: $seconds}}
          - {name: control, parameters: {command: close}}
        """,
    "broken.yaml": """
        name: broken
        scripts:
          - {name: sleep, parameters: {duration_s: 1}}
          - {name: dance}
        """,
    "twice.yaml": """
        name: twice
        scripts: [{name: observe}, {name: observe}]
        """,
    "focus.yaml": """
        name: focus
        program: afterglows
        scripts:
          - {name: control, parameters: {command: focus, position: 100, reason: $name}}
          - {name: observe}
          - {name: sleep, parameters: {duration_s: 0}}
        """,
}

VALUES = dict(TARGET_VALUES)
BINDING = AttemptBinding("A-1", "O-1", {"WOType": "Observation"}, 60.0)


class Bench(QueueBench):
    """A block book with its queue, over a fake telescope."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        site = folder / "blocks"
        site.mkdir(parents=True, exist_ok=True)
        for name, text in BLOCKS.items():
            (site / name).write_text(textwrap.dedent(text))
        self.published: list[tuple[str, str, dict[str, object]]] = []
        self.telescope = FakeTelescope(profiles.load("simulators"), FakeClock())
        self.book = BlockBook(
            self.queue,
            self.clock,
            folder / "scheduler" / "blocks.json",
            lambda kind, subject, data: self.published.append((kind, subject, data)),
            lambda attempt: ScriptParts(self.telescope, self.telescope, attempt),
        )
        self.on_change = self.book.script_changed
        self.book.use(BlockLibrary.load(site, ScriptRegistry.load()))

    def run_next(self) -> None:
        """Run the script that was started last."""
        (thread,) = self.threads.scripts
        self.threads.run(thread)
        self.handle()

    def statuses(self, block: str) -> list[str]:
        """What was published of a block, one after the other."""
        return [
            str(data["Status"])
            for kind, subject, data in self.published
            if (kind, subject) == ("blockStatus", block)
        ]

    def counts(self, block: str) -> tuple[object, object]:
        wire = self.book.status_wire(block)
        return wire["Executions Completed"], wire["Executions Total"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_inventory_is_published_with_valid_and_invalid_blocks(bench: Bench) -> None:
    ((kind, _, data),) = bench.published
    assert kind == "blockInventory"
    assert isinstance(data["Blocks"], list)
    assert isinstance(data["Statuses"], list)
    assert dict(zip(data["Blocks"], data["Statuses"], strict=True)) == {
        "broken": "INVALID",
        "calibrations": "AVAILABLE",
        "focus": "AVAILABLE",
        "focus-observe": "AVAILABLE",
        "observe": "AVAILABLE",
        "twice": "AVAILABLE",
        "two": "AVAILABLE",
    }


def test_an_added_block_runs_its_scripts_in_order_and_is_counted(bench: Bench) -> None:
    ended: list[tuple[BlockStatus, str]] = []
    execution = bench.book.add(
        "two", {"seconds": 0}, user="ada", on_end=lambda status, why: ended.append((status, why))
    )
    assert bench.book.status("two") is BlockStatus.EXECUTING
    assert execution.progress == "block two: 0 of 2 scripts ended"
    assert [run.user for run in bench.queue.waiting] == ["ada"]
    bench.run_next()
    assert execution.progress == "block two: 1 of 2 scripts ended"
    assert ended == []
    bench.run_next()
    assert ended == [(BlockStatus.COMPLETED, "")]
    assert bench.statuses("two") == ["STARTED", "EXECUTING", "COMPLETED"]
    assert bench.counts("two") == (1, 1)
    assert bench.telescope.controls() == ["close"]


def test_a_block_that_waits_is_started_and_not_yet_executing(bench: Bench) -> None:
    bench.add("other")
    bench.book.add("two", {}, user="ada")
    assert bench.book.status("two") is BlockStatus.STARTED
    bench.end()
    assert bench.book.status("two") is BlockStatus.EXECUTING


def test_a_block_is_not_carried_out_twice_at_once(bench: Bench) -> None:
    bench.book.add("two", {}, user="ada")
    with pytest.raises(WrongState, match="being carried out already"):
        bench.book.add("two", {}, user="ada")
    bench.run_next()
    bench.run_next()
    bench.book.add("two", {}, user="ada")
    assert bench.counts("two") == (1, 2)


@pytest.mark.parametrize(
    ("name", "override", "error", "says"),
    [
        ("tow", {}, UnknownOrder, "did you mean 'two'"),
        ("broken", {}, WrongState, "2 dance: 'dance' is no standard script.*valid are calib"),
        ("observe", {}, WrongState, "hand in an Observation"),
        ("two", {"seconds": -1}, BadOrder, "came -1"),
        ("two", {"second": 1}, BadOrder, "did you mean 'seconds'"),
    ],
)
def test_what_cannot_be_added_is_refused_and_leaves_nothing(
    bench: Bench, name: str, override: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        bench.book.add(name, override, user="ada")
    assert bench.queue.is_idle
    bench.book.add("two", {}, user="ada")


def test_a_full_queue_leaves_no_execution_behind(bench: Bench) -> None:
    bench.queue.pause()
    for number in range(499):
        bench.add(f"s{number}")
    with pytest.raises(WrongState, match="full"):
        bench.book.add("two", {}, user="ada")
    assert bench.book.status("two") is BlockStatus.AVAILABLE


def test_a_failed_step_ends_the_block_in_error_and_takes_the_rest(bench: Bench) -> None:
    ended: list[tuple[BlockStatus, str]] = []
    bench.book.add("two", {}, user="ada", on_end=lambda *end: ended.append(end))
    (thread,) = bench.threads.scripts
    bench.queue.stop([1], "", terminate=False)
    bench.threads.run(thread)
    bench.handle()
    ((status, report),) = ended
    assert status is BlockStatus.INTERRUPTED
    assert "script 1 sleep: STOPPED" in report
    assert bench.book.status("two") is BlockStatus.INTERRUPTED
    assert bench.counts("two") == (0, 1)
    assert bench.book.status_wire("two")["Executions Interrupted"] == 1


def test_a_failing_script_makes_the_block_an_error(bench: Bench) -> None:
    bench.book.queue_target("focus", BINDING, VALUES)
    bench.telescope.faults.append(BadOrder("no focuser"))
    bench.run_next()
    assert bench.statuses("focus")[-1] == "ERROR"
    assert bench.book.status_wire("focus")["Executions Failed"] == 1


def test_removing_takes_out_what_has_not_begun_and_stops_what_has(bench: Bench) -> None:
    bench.add("other")
    bench.book.add("two", {}, user="ada")
    bench.book.remove("two", "not wanted")
    assert bench.waiting() == []
    assert bench.book.status("two") is BlockStatus.INTERRUPTED
    bench.end()
    execution = bench.book.add("two", {}, user="ada")
    bench.book.remove("two", "not wanted")
    assert bench.queue.current is not None
    assert bench.queue.current.state is ScriptState.STOPPING
    bench.run_next()
    assert execution.status is BlockStatus.INTERRUPTED
    with pytest.raises(WrongState, match="nothing to remove"):
        bench.book.remove("two", "")


def test_blocks_of_targets_are_not_removed_by_hand(bench: Bench) -> None:
    bench.book.queue_target("observe", BINDING, VALUES)
    with pytest.raises(WrongState, match="nothing to remove"):
        bench.book.remove("observe", "")


def test_several_targets_may_have_the_same_block_in_the_queue(bench: Bench) -> None:
    run = bench.book.queue_target("observe", BINDING, VALUES)
    other = bench.book.queue_target("observe", AttemptBinding("A-2", "O-2", {}, 60.0), VALUES)
    assert (run.subject, other.subject) == ("A-1", "A-2")
    assert (run.block, run.group) == ("observe", "A-1")
    assert bench.counts("observe") == (0, 2)


def test_a_targets_block_runs_in_order_around_its_attempt(bench: Bench) -> None:
    run = bench.book.queue_target("focus", BINDING, VALUES)
    assert (run.name, run.index, run.subject) == ("observe", 2, "A-1")
    first = bench.queue.current
    assert first is not None
    assert (first.name, first.subject, first.group) == ("control", "", "A-1")
    assert [one.index for one in bench.queue.waiting] == [2, 3]


@pytest.mark.parametrize(
    ("fault", "state"),
    [(BadOrder("no focuser"), AttemptState.FAILED), (None, AttemptState.NOT_ATTEMPTED)],
)
def test_an_attempt_whose_block_failed_before_it_ends_with_the_reason(
    bench: Bench, fault: BadOrder | None, state: AttemptState
) -> None:
    run = bench.book.queue_target("focus", BINDING, VALUES)
    if fault is not None:
        bench.telescope.faults.append(fault)
    else:
        bench.queue.stop([1], "clouds")
    bench.run_next()
    result = bench.told(run.index).result
    assert isinstance(result, AttemptResult)
    assert (result.attempt_id, result.state) == ("A-1", state)
    assert "script 1 control of the same block" in result.failure
    assert bench.queue.is_idle


@pytest.mark.parametrize(
    ("name", "values", "state", "says"),
    [
        ("focus-observe", {"alt": 12.0}, AttemptState.NOT_ATTEMPTED, "expected >= 30 deg"),
        ("focus-observe", {"filter_name": None}, AttemptState.FAILED, "no value now"),
        ("two", {}, AttemptState.FAILED, "not for targets"),
        ("broken", {}, AttemptState.FAILED, "dance"),
        ("nowhere", {}, AttemptState.FAILED, "no observing block 'nowhere'"),
    ],
)
def test_a_block_that_does_not_suit_is_the_end_of_that_attempt_only(
    bench: Bench, name: str, values: dict[str, object], state: AttemptState, says: str
) -> None:
    run = bench.book.queue_target(name, BINDING, {**VALUES, **values})
    bench.book.queue_target("observe", AttemptBinding("A-2", "O-2", {}, 60.0), VALUES)
    bench.run_next()
    result = bench.told(run.index).result
    assert isinstance(result, AttemptResult)
    assert (result.attempt_id, result.state) == ("A-1", state)
    assert says in result.failure
    current = bench.queue.current
    assert current is not None
    assert current.subject == "A-2"
    with pytest.raises(WrongState, match="made once"):
        bench.queue.requeue(run.index)


def test_the_block_of_a_program_is_found_and_a_missing_one_is_told_once_a_start(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    found = {"": "", "focus": "focus", "afterglows": "focus", "planets": ""}
    for _ in range(3):
        assert {name: bench.book.of_program(name) for name in found} == found
    assert [one.message for one in caplog.records if "planets" in one.message] == [
        "no block of that program, the usual one is taken program='planets'"
    ]
    bench.book.use(bench.book.library)
    bench.book.of_program("planets")
    assert caplog.text.count("planets") == 2


@pytest.mark.parametrize("name", ["two", "twice"])
def test_a_targets_block_has_exactly_one_observing_script(bench: Bench, name: str) -> None:
    parts = ScriptParts(bench.telescope, bench.telescope, BINDING)
    with pytest.raises(BadOrder, match="expected 1"):
        target_scripts(bench.book.library, name, parts, VALUES)


def test_values_of_a_target_fill_every_name_of_the_table() -> None:
    request = ObservationRequest(
        "w-1", "ada", FrameType.LIGHT, 30.0, 3, 83.8, -5.4, "M 42", "V", job_type="survey"
    )
    utc = datetime(2026, 11, 22, 1, tzinfo=UTC)
    target = DriverTarget(request, utc, 90.0, count=3, altitude_deg=50.0, azimuth_deg=1.0)
    values = target_values(target, attempt_id="A-1", receipt="O-1", block="observe")
    assert values.keys() == TARGET_VALUES.keys()
    assert values["exp_times"] == [30.0, 30.0, 30.0]
    assert (values["ra"], values["dec"], values["name"]) == (83.8, -5.4, "M 42")
    assert values["obs_time"] == "2026-11-22T01:00:00Z"
    assert (values["alt"], values["az"]) == (50.0, 1.0)
    assert values["program"] == "observe"
    listed = replace(target, program="asteroids")
    values = target_values(listed, attempt_id="A-1", receipt="O-1", block="observe")
    assert values["program"] == "asteroids"
    kinds = {name: type(value) for name, value in values.items()}
    assert kinds == {name: type(value) for name, value in TARGET_VALUES.items()}


def test_validation_says_step_by_step_what_is_wrong(bench: Bench) -> None:
    answer = bench.book.validate("two", {"seconds": "x"})
    assert answer["Valid"] is False
    assert isinstance(answer["Problems"], dict)
    assert set(answer["Problems"]) == {"configuration", "1 sleep"}
    assert bench.book.validate("two", {}) == {
        "Block": "two",
        "Valid": True,
        "Needs Target": False,
        "Problems": {},
    }
    assert bench.book.validate("observe", {})["Needs Target"] is True
    assert bench.queue.is_idle


def test_counts_survive_a_restart_and_statuses_do_not(bench: Bench) -> None:
    bench.book.add("two", {}, user="ada")
    bench.run_next()
    bench.run_next()
    again = Bench(bench.folder)
    assert again.counts("two") == (1, 1)
    assert again.book.status("two") is BlockStatus.AVAILABLE


def test_standby_forgets_the_blocks_and_what_still_ends_is_counted(bench: Bench) -> None:
    bench.book.add("two", {}, user="ada")
    bench.queue.stop_all("standby")
    bench.book.drop()
    with pytest.raises(WrongState, match="has not been started"):
        bench.book.add("two", {}, user="ada")
    bench.run_next()
    again = Bench(bench.folder)
    assert again.book.status_wire("two")["Executions Interrupted"] == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2, "blocks": {}}', '{"format": 1, "blocks": {"a": 3}}']
)
def test_unreadable_counts_are_put_aside_and_counting_goes_on(tmp_path: Path, text: str) -> None:
    path = tmp_path / "blocks.json"
    path.write_text(text)
    counts = BlockCounts(path)
    assert path.with_suffix(".unreadable").read_text() == text
    counts.count("a", BlockStatus.COMPLETED)
    assert BlockCounts(path).completed("a") == 1


def test_counts_that_cannot_be_written_are_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "scheduler").write_text("a file where the folder should be")
    counts = BlockCounts(tmp_path / "scheduler" / "blocks.json")
    counts.count("a", BlockStatus.ERROR)
    assert counts.ended("a") == 1


def test_status_of_a_block_names_its_definition(bench: Bench) -> None:
    wire = bench.book.status_wire("broken")
    assert (wire["Status"], wire["Status ID"]) == ("INVALID", 1)
    assert isinstance(wire["Problems"], dict)
    assert list(wire["Problems"]) == ["2 dance"]
    assert '"dance"' in str(wire["Definition"])
    assert len(str(wire["Hash"])) == 16


def test_progress_counts_ended_scripts() -> None:
    assert Execution("u", "b", is_added=True, total=3, open={2}).progress.startswith("block b: 2")
