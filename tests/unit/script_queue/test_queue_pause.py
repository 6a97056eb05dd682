"""Pause, resume, and what a failed script does to the queue."""

from __future__ import annotations

import pytest

from ctmo_indi.script_queue.queueing import LAST, PausePolicy, Sender
from ctmo_indi.script_queue.script import ScriptFailed, ScriptState, ScriptStopped, Slot
from ctmo_indi.testing.fake_script import QueueBench

ADA = Sender(user="ada")
URGENT = Sender(is_urgent=True)


def fail(slot: Slot) -> object:
    raise ScriptFailed("broken")


def refuse(slot: Slot) -> object:
    raise ScriptStopped("clouds")


@pytest.mark.parametrize(
    ("policy", "sender", "pauses"),
    [
        (PausePolicy.NEVER, ADA, False),
        (PausePolicy.NEVER, Sender(), False),
        (PausePolicy.NEVER, Sender(pause_on_failure=True), True),
        (PausePolicy.OTHERS, ADA, True),
        (PausePolicy.OTHERS, Sender(), False),
        (PausePolicy.OTHERS, Sender(user="ada", pause_on_failure=False), False),
        (PausePolicy.ALWAYS, ADA, True),
        (PausePolicy.ALWAYS, Sender(), True),
        (PausePolicy.ALWAYS, Sender(pause_on_failure=False), False),
    ],
)
def test_a_failure_pauses_as_policy_and_script_say(
    policy: PausePolicy, sender: Sender, pauses: bool
) -> None:
    bench = QueueBench(policy=policy)
    bench.add("a", LAST, sender)
    bench.add("b")
    bench.end(fail)
    assert bench.queue.is_paused is pauses
    current = bench.queue.current
    assert current is not None
    assert current.name == ("a" if pauses else "b")


def test_the_failed_script_is_shown_until_resume() -> None:
    bench = QueueBench()
    bench.add("a", LAST, ADA)
    bench.add("b")
    bench.end(fail)
    bench.queue.tick()
    current = bench.queue.current
    assert current is not None
    assert (current.name, current.state) == ("a", ScriptState.FAILED)
    assert bench.queue.history == ()
    assert not bench.queue.is_idle
    assert bench.queue.find(1) is current
    assert bench.pauses == [(True, "script 1 a failed: broken")]
    bench.queue.resume()
    assert bench.pauses[-1] == (False, "")
    assert bench.ended() == [("a", ScriptState.FAILED)]
    assert bench.queue.current is not None
    assert bench.queue.current.name == "b"


def test_what_was_stopped_terminated_or_refused_for_weather_does_not_pause() -> None:
    bench = QueueBench(policy=PausePolicy.ALWAYS)
    bench.add("stopped", LAST, ADA)
    bench.add("terminated", LAST, ADA)
    bench.add("refused", LAST, ADA)
    bench.queue.stop([1], "")
    bench.end(lambda slot: slot.check())
    bench.queue.stop([2], "", terminate=True)
    bench.end(refuse)
    assert not bench.queue.is_paused
    assert [state for _, state in bench.ended()] == [ScriptState.STOPPED] * 3


def test_a_paused_queue_lets_the_current_script_go_on() -> None:
    bench = QueueBench()
    bench.add("a")
    bench.add("b")
    bench.queue.pause("lunch")
    bench.queue.pause("again")
    bench.end()
    assert bench.ended() == [("a", ScriptState.DONE)]
    assert bench.queue.current is None
    assert bench.queue.pause_reason == "lunch"
    bench.queue.resume()
    assert bench.queue.current is not None


def test_an_urgent_script_runs_in_a_paused_queue_and_the_others_still_wait() -> None:
    bench = QueueBench()
    bench.add("a", LAST, ADA)
    bench.add("b")
    bench.end(fail)
    bench.add("park", LAST, URGENT)
    assert bench.queue.current is not None
    assert bench.queue.current.name == "park"
    assert bench.ended() == [("a", ScriptState.FAILED)]
    bench.end()
    assert bench.queue.is_paused
    assert bench.waiting() == ["b"]
    assert bench.queue.current is None
