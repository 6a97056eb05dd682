"""In which order scripts start and the owner is told: what the telescope waits for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ctmo_indi.script_queue.queueing import LAST, Sender
from ctmo_indi.script_queue.script import (
    Outcome,
    ScriptFailed,
    ScriptRun,
    ScriptState,
    ScriptStopped,
    Slot,
)
from ctmo_indi.testing.fake_script import FakeScript, HeldThreads, QueueBench


class Short(Outcome):
    """A result that is no success."""

    @property
    def script_state(self) -> ScriptState:
        return ScriptState.STOPPED

    @property
    def script_reason(self) -> str:
        return "clouds"


def fail(slot: Slot) -> object:
    raise ScriptFailed("broken")


def stopped(slot: Slot) -> object:
    raise ScriptStopped("clouds")


def short(slot: Slot) -> object:
    return Short()


def names(changes: list[ScriptRun]) -> list[tuple[str, ScriptState]]:
    return [(run.name, run.state) for run in changes]


def test_after_done_the_next_script_is_started_before_the_owner_is_told() -> None:
    threads: list[int] = []
    bench = QueueBench(on_change=lambda run: threads.append(len(bench.threads.scripts)))
    bench.add("a")
    bench.add("b")
    bench.changes.clear()
    threads.clear()
    bench.end()
    assert names(bench.changes) == [("a", ScriptState.DONE), ("b", ScriptState.RUNNING)]
    assert threads[0] == 1, "b has begun when the end of a is told"


@pytest.mark.parametrize("work", [fail, stopped, short])
def test_otherwise_the_owner_is_told_first_and_can_withdraw_the_next(
    work: Callable[[Slot], object],
) -> None:
    def withdraw(run: ScriptRun) -> None:
        if run.name == "a" and run.is_final:
            bench.add("d")
            started.append(len(bench.threads.scripts))
            bench.queue.remove(2, "no longer wanted")

    started: list[int] = []
    bench = QueueBench(on_change=withdraw)
    bench.add("a")
    bench.add("b")
    bench.add("c")
    bench.changes.clear()
    bench.end(work)
    assert started == [0], "nothing else has begun when the end of a is told"
    assert names(bench.changes)[1:] == [
        ("d", ScriptState.CONFIGURED),
        ("b", ScriptState.STOPPED),
        ("c", ScriptState.RUNNING),
    ]


def test_a_result_that_is_no_success_keeps_its_value_and_gives_its_reason() -> None:
    bench = QueueBench()
    bench.add("a")
    bench.end(short)
    run = bench.changes[-1]
    assert (run.state, run.reason) == (ScriptState.STOPPED, "clouds")
    assert isinstance(run.result, Short)


def test_what_the_owner_causes_is_told_after_what_was_to_be_told() -> None:
    def on_change(run: ScriptRun) -> None:
        assert not telling, "told of one change while it deals with another"
        telling.append(run)
        if run.name == "a" and run.is_final:
            bench.add("urgent")
        telling.clear()

    telling: list[ScriptRun] = []
    bench = QueueBench(on_change=on_change)
    bench.add("a")
    bench.add("b")
    bench.changes.clear()
    bench.end()
    assert bench.inbox.failures == 0
    assert names(bench.changes) == [
        ("a", ScriptState.DONE),
        ("b", ScriptState.RUNNING),
        ("urgent", ScriptState.CONFIGURED),
    ]


def test_an_owner_that_raises_is_told_the_rest_at_the_next_tick() -> None:
    def on_change(run: ScriptRun) -> None:
        if run.name == "a" and run.is_final and not raised:
            raised.append(run)
            raise RuntimeError("the disk is full")

    raised: list[ScriptRun] = []
    bench = QueueBench(on_change=on_change)
    bench.add("a")
    bench.add("b")
    bench.changes.clear()
    bench.end(fail)
    assert bench.inbox.failures == 1
    bench.queue.tick()
    assert names(bench.changes) == [("a", ScriptState.FAILED), ("b", ScriptState.RUNNING)]


def test_scripts_of_a_group_have_consecutive_indices_and_run_in_order() -> None:
    bench = QueueBench()
    bench.add("before")
    bench.add_group("g", "focus", "observe")
    assert [run.index for run in bench.queue.waiting] == [2, 3]
    for _ in range(3):
        bench.end()
    assert [name for name, _ in bench.ended()] == ["before", "focus", "observe"]


def test_a_failed_step_takes_the_rest_of_its_group_and_nothing_else() -> None:
    bench = QueueBench()
    bench.add_group("g", "focus", "observe")
    bench.add_group("other", "observe-2")
    bench.changes.clear()
    bench.end(fail)
    assert names(bench.changes) == [
        ("focus", ScriptState.FAILED),
        ("observe", ScriptState.STOPPED),
        ("observe-2", ScriptState.RUNNING),
    ]
    observe = bench.told(2)
    assert observe.result == ("withdrawn", True)
    assert observe.reason == "script 1 focus of the same block: FAILED: broken"


def test_a_stopped_step_withdraws_the_rest_without_calling_it_a_failure() -> None:
    bench = QueueBench()
    bench.add_group("g", "focus", "observe")
    bench.end(stopped)
    assert bench.told(2).result == ("withdrawn", False)


def test_a_machine_without_threads_fails_the_script_and_says_so() -> None:
    class Exhausted(HeldThreads):
        def start(self, thread: object) -> None:
            raise RuntimeError("can't start new thread")

    bench = QueueBench()
    bench.queue._stage = bench.queue._stage.__class__(
        bench.clock,
        bench.inbox.post,
        bench.queue._reported,
        bench.queue._ended,
        start_thread=Exhausted().start,
    )
    bench.add("a")
    bench.handle()
    (run,) = bench.queue.history
    assert run.state is ScriptState.FAILED
    assert "can't start new thread" in run.reason


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_a_script_that_wants_to_end_the_process_just_fails(error: BaseException) -> None:
    def leave(slot: Slot) -> object:
        raise error

    bench = QueueBench()
    bench.add("a")
    bench.add("b")
    bench.end(leave)
    assert bench.ended() == [("a", ScriptState.FAILED)]
    assert bench.queue.current is not None
    assert bench.queue.current.name == "b"


def test_metadata_and_sender_are_visible_while_a_script_waits() -> None:
    bench = QueueBench()
    bench.add("a")
    bench.add(FakeScript("b"), LAST, Sender(user="ada", block="focus", group="B-1"))
    (waiting,) = bench.queue.waiting
    assert (waiting.user, waiting.block, waiting.group) == ("ada", "focus", "B-1")
    wire = waiting.to_wire()
    assert (wire["User"], wire["Block"], wire["Duration"]) == ("ada", "focus", 0.0)
