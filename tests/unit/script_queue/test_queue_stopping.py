"""Stop, terminate, deadlines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ctmo_indi.errors import UnknownOrder
from ctmo_indi.script_queue.queueing import PausePolicy
from ctmo_indi.script_queue.script import ScriptFailed, ScriptState, ScriptTerminated, Slot
from ctmo_indi.testing.fake_script import FakeScript, QueueBench


def test_stopping_several_scripts_at_once() -> None:
    bench = QueueBench()
    for name in ("now", "a", "b", "c"):
        bench.add(name)
    runs = bench.queue.stop([3, 1, 99, 4], "clouds")
    assert {run.index: run.state for run in runs} == {
        1: ScriptState.STOPPING,
        3: ScriptState.STOPPED,
        4: ScriptState.STOPPED,
    }
    assert bench.waiting() == ["a"]
    bench.end(lambda slot: slot.check())
    assert bench.queue.find(1).state is ScriptState.STOPPED
    assert bench.queue.find(1).reason == "clouds"


def test_stopping_what_has_ended_or_never_was_is_refused() -> None:
    bench = QueueBench()
    bench.add("a")
    bench.end()
    with pytest.raises(UnknownOrder, match="1, 5"):
        bench.queue.stop([5, 1], "")


def test_a_group_is_stopped_as_a_whole() -> None:
    bench = QueueBench()
    focus, _ = bench.add_group("g", "focus", "observe")
    bench.add("other")
    assert bench.queue.stop_group("g", "not wanted")
    assert bench.waiting() == ["other"]
    assert focus.slot is None
    assert not bench.queue.stop_group("unknown", "")


def test_a_terminated_script_is_given_up_at_once_and_the_next_one_runs() -> None:
    bench = QueueBench(held=False)
    stuck, after = FakeScript("stuck", heeds_stop=False), FakeScript("after")
    bench.add(stuck)
    bench.add(after)
    assert stuck.started.wait(5.0)
    (run,) = bench.queue.stop([1], "it hangs", terminate=True)
    assert (run.state, run.reason) == (ScriptState.STOPPED, "it hangs; terminated")
    assert bench.queue.current is not None
    assert bench.queue.current.name == "after"
    bench.run_until(lambda: stuck.stopped == ["it hangs"])
    stuck.go.set()
    after.go.set()
    bench.run_until(lambda: bench.queue.is_idle)
    assert len(bench.queue.history) == 2


CALLS: list[Callable[[Slot], object]] = [
    lambda slot: slot.report("news"),
    lambda slot: slot.wait(0.0),
    lambda slot: slot.pause(0.0),
    lambda slot: slot.check(),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_terminated_script_can_do_nothing_with_its_slot(call: Callable[[Slot], object]) -> None:
    bench = QueueBench()
    script = FakeScript("a")
    bench.add(script)
    (thread,) = bench.threads.scripts

    def work(slot: Slot) -> object:
        slot.report("before")
        bench.handle()
        bench.queue.terminate_current("it hangs")
        try:
            call(slot)
        except ScriptTerminated as error:
            refused.append(str(error))
        return "late"

    refused: list[str] = []
    script.work = work
    script.go.set()
    bench.threads.run(thread)
    bench.handle()
    assert refused == ["it hangs"]
    assert bench.reports == ["before"]
    (run,) = bench.queue.history
    assert (run.state, run.result) == (ScriptState.STOPPED, None)


def test_a_script_that_is_stopping_can_still_be_terminated_and_is_told_to_stop_once() -> None:
    bench = QueueBench()
    script = FakeScript("a")
    bench.add(script)
    bench.queue.stop([1], "slow end")
    bench.queue.stop([1], "enough", terminate=True)
    for thread in list(bench.threads.stops):
        bench.threads.run(thread)
    assert script.stopped == ["slow end"]
    assert bench.queue.is_idle


def test_past_its_deadline_a_script_is_failing_until_it_has_ended() -> None:
    bench = QueueBench()
    bench.add(FakeScript("slow", timeout_s=100.0))
    bench.clock.advance(101.0)
    bench.queue.tick()
    current = bench.queue.current
    assert current is not None
    assert (current.state, current.is_overrun) == (ScriptState.FAILING, True)
    bench.end(lambda slot: slot.check())
    assert bench.ended() == [("slow", ScriptState.FAILED)]


def test_a_script_that_never_ends_is_given_up_and_its_slot_is_cut() -> None:
    bench = QueueBench()
    script = FakeScript("stuck", timeout_s=100.0)
    bench.add(script)
    bench.add("after")
    bench.clock.advance(101.0)
    bench.queue.tick()
    bench.clock.advance(11.0)
    bench.queue.tick()
    assert bench.ended() == [("stuck", ScriptState.FAILED)]
    assert "given up" in bench.queue.find(1).reason
    assert bench.queue.current is not None
    assert bench.queue.current.name == "after"
    late = bench.threads.scripts[0]
    script.go.set()
    script.work = lambda slot: slot.report("late")
    bench.threads.run(late)
    bench.handle()
    assert bench.reports == []
    assert len(bench.queue.history) == 1


def test_one_that_ends_well_just_after_its_deadline_is_done() -> None:
    bench = QueueBench()
    bench.add(FakeScript("slow", timeout_s=100.0))
    bench.clock.advance(101.0)
    bench.queue.tick()
    bench.end()
    assert bench.ended() == [("slow", ScriptState.DONE)]


def test_leaving_starts_nothing_more_and_cancels_nothing() -> None:
    bench = QueueBench(held=False)
    script = FakeScript("a", heeds_stop=False)
    bench.add(script)
    bench.add("b")
    thread = bench.queue.leave()
    assert thread is not None
    script.go.set()
    thread.join(5.0)
    bench.handle()
    bench.queue.tick()
    assert bench.waiting() == ["b"]
    assert script.stopped == []


def test_stopping_all_lets_a_failed_one_that_is_shown_go() -> None:
    def fail(slot: Slot) -> object:
        raise ScriptFailed("broken")

    bench = QueueBench()
    bench.add(FakeScript("a"))
    bench.queue.pause_policy = PausePolicy.ALWAYS
    bench.end(fail)
    bench.add("b")
    bench.queue.stop_all("standby")
    assert bench.queue.is_idle
    assert bench.ended() == [("a", ScriptState.FAILED), ("b", ScriptState.STOPPED)]
