"""The script queue: one at a time, in order, with deadlines, and it never hangs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctmo_indi.errors import UnknownOrder
from ctmo_indi.script_queue.queueing import Place
from ctmo_indi.script_queue.script import ScriptFailed, ScriptState, Slot
from ctmo_indi.testing.fake_script import FakeScript, QueueBench
from ctmo_indi.work_orders.model import QueueLocation

FIRST = Place(QueueLocation.FIRST)


@pytest.fixture
def owner() -> Iterator[QueueBench]:
    made = QueueBench(held=False)
    yield made
    for script in made.scripts:
        script.go.set()


def test_scripts_run_one_after_the_other_in_order(owner: QueueBench) -> None:
    first, second, urgent = FakeScript("a"), FakeScript("b"), FakeScript("urgent")
    owner.add(first)
    owner.add(second)
    owner.add(urgent, FIRST)
    assert [run.name for run in owner.queue.waiting] == ["urgent", "b"]
    assert not second.started.is_set()
    for script in (first, second, urgent):
        script.go.set()
    owner.run_until(lambda: owner.queue.is_idle)
    assert owner.ended() == [(name, ScriptState.DONE) for name in ("a", "urgent", "b")]


def test_result_and_progress_reach_the_owner(owner: QueueBench) -> None:
    def work(slot: Slot) -> object:
        slot.report("half")
        return "whole"

    script = FakeScript("a", work=work)
    script.go.set()
    owner.add(script)
    owner.run_until(lambda: owner.queue.is_idle)
    assert owner.reports == ["half"]
    assert [run.result for run in owner.changes if run.state is ScriptState.DONE] == ["whole"]
    assert owner.queue.history[-1].result is None  # the history may be long, a result large


@pytest.mark.parametrize("error", [ScriptFailed("no light"), ValueError("no light")])
def test_a_failed_script_is_named_and_the_next_one_runs(
    owner: QueueBench, error: Exception
) -> None:
    def fail(slot: Slot) -> object:
        raise error

    bad, good = FakeScript("bad", work=fail), FakeScript("good")
    bad.go.set()
    good.go.set()
    owner.add(bad)
    owner.add(good)
    owner.run_until(lambda: owner.queue.is_idle)
    assert owner.ended() == [("bad", ScriptState.FAILED), ("good", ScriptState.DONE)]
    assert "no light" in owner.queue.history[0].reason


def test_a_script_past_its_deadline_is_stopped_and_failed(owner: QueueBench) -> None:
    script = FakeScript("slow", timeout_s=100.0)
    owner.add(script)
    owner.clock.advance(99.0)
    owner.queue.tick()
    assert owner.queue.current is not None
    assert owner.queue.current.state is ScriptState.RUNNING
    owner.clock.advance(2.0)
    owner.queue.tick()
    owner.run_until(lambda: owner.queue.is_idle)
    run = owner.queue.history[-1]
    assert (run.state, run.is_overrun) == (ScriptState.FAILED, True)
    assert "100 s" in run.reason
    owner.run_until(lambda: len(script.stopped) == 1)


def test_a_script_that_does_not_even_stop_is_given_up(owner: QueueBench) -> None:
    stuck, after = FakeScript("stuck", heeds_stop=False), FakeScript("after")
    after.go.set()
    owner.add(stuck)
    owner.add(after)
    owner.queue.stop_current("abort")
    owner.clock.advance(11.0)
    owner.queue.tick()
    owner.run_until(lambda: owner.queue.is_idle)
    assert owner.ended() == [("stuck", ScriptState.FAILED), ("after", ScriptState.DONE)]
    stuck.go.set()  # its late message is ignored
    owner.inbox.run_pending(0.05)
    assert len(owner.queue.history) == 2


def test_a_paused_queue_starts_nothing_and_goes_on_when_resumed(owner: QueueBench) -> None:
    script = FakeScript("a")
    script.go.set()
    owner.queue.pause()
    owner.add(script)
    owner.queue.tick()
    assert not script.started.is_set()
    owner.queue.resume()
    owner.run_until(lambda: owner.queue.is_idle)
    assert owner.ended() == [("a", ScriptState.DONE)]


def test_stop_all_ends_what_waits_and_what_runs(owner: QueueBench) -> None:
    owner.add(FakeScript("a"))
    owner.add(FakeScript("b"))
    owner.queue.stop_all("standby")
    owner.run_until(lambda: owner.queue.is_idle)
    assert dict(owner.ended()) == {"a": ScriptState.STOPPED, "b": ScriptState.STOPPED}


def test_only_a_waiting_script_can_be_removed(owner: QueueBench) -> None:
    running = owner.add(FakeScript("a"))
    waiting = owner.add(FakeScript("b"))
    assert owner.queue.remove(waiting.index, "not wanted").state is ScriptState.STOPPED
    with pytest.raises(UnknownOrder):
        owner.queue.remove(running.index, "not wanted")
