"""Whatever is done to the queue: no script is lost, none runs twice, one runs at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ctmo_indi.errors import BadOrder, UnknownOrder, WrongState
from ctmo_indi.script_queue.queueing import PausePolicy, Place, Sender
from ctmo_indi.script_queue.script import FINAL_STATES, ScriptFailed, ScriptStopped, Slot
from ctmo_indi.testing.fake_script import FakeScript, QueueBench
from ctmo_indi.work_orders.model import QueueLocation

INDICES = st.integers(0, 25)
PLACES = st.builds(Place, st.sampled_from(QueueLocation), st.none() | INDICES)
SENDERS = st.builds(
    Sender,
    user=st.sampled_from(["scheduler", "ada"]),
    group=st.sampled_from(["", "g", "h"]),
    pause_on_failure=st.sampled_from([None, True, False]),
    is_urgent=st.booleans(),
)


class CopyCounted(FakeScript):
    """A script whose copies are known to the test."""

    made: list[FakeScript]

    def copy(self) -> FakeScript:
        copied = CopyCounted(self.name, timeout_s=self.timeout_s)
        copied.made = self.made
        self.made.append(copied)
        return copied


class Queue(RuleBasedStateMachine):
    """Random commands, endings and deadlines."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = QueueBench()
        self.made: list[FakeScript] = []
        self.accepted = 0

    def _new(self) -> FakeScript:
        script = CopyCounted(f"s{len(self.made)}", timeout_s=50.0)
        script.made = self.made
        script.go.set()
        self.made.append(script)
        return script

    @rule(count=st.integers(1, 3), place=PLACES, sender=SENDERS)
    def add(self, count: int, place: Place, sender: Sender) -> None:
        try:
            runs = self.bench.queue.add_all([self._new() for _ in range(count)], place, sender)
        except (UnknownOrder, BadOrder):
            return
        self.accepted += count
        first = runs[0].index
        assert [run.index for run in runs] == list(range(first, first + count))

    @rule(index=INDICES, place=PLACES)
    def move(self, index: int, place: Place) -> None:
        before = sorted(run.index for run in self.bench.queue.waiting)
        try:
            self.bench.queue.move(index, place)
        except (UnknownOrder, BadOrder, WrongState):
            assert before == sorted(run.index for run in self.bench.queue.waiting)
        after = sorted(run.index for run in self.bench.queue.waiting)
        assert set(after) <= set(before)

    @rule(index=INDICES, place=PLACES)
    def requeue(self, index: int, place: Place) -> None:
        try:
            self.bench.queue.requeue(index, place)
        except (UnknownOrder, BadOrder, WrongState):
            return
        self.accepted += 1

    @rule(indices=st.lists(INDICES, min_size=1, max_size=5), terminate=st.booleans())
    def stop(self, indices: list[int], terminate: bool) -> None:
        try:
            self.bench.queue.stop(indices, "by hand", terminate=terminate)
        except UnknownOrder:
            live = {run.index for run in self.bench.queue.waiting}
            current = self.bench.queue.current
            if current is not None and not current.is_final:
                live.add(current.index)
            assert not live & set(indices)

    @rule()
    def stop_all(self) -> None:
        self.bench.queue.stop_all("standby")
        assert not self.bench.queue.waiting

    @rule(group=st.sampled_from(["g", "h"]))
    def stop_group(self, group: str) -> None:
        self.bench.queue.stop_group(group, "not wanted")
        assert group not in {run.group for run in self.bench.queue.waiting}

    @rule()
    def pause(self) -> None:
        self.bench.queue.pause()

    @rule()
    def resume(self) -> None:
        self.bench.queue.resume()
        assert not self.bench.queue.is_paused

    @rule(policy=st.sampled_from(PausePolicy))
    def policy(self, policy: PausePolicy) -> None:
        self.bench.queue.pause_policy = policy

    @rule(machine_s=st.sampled_from([1.0, 11.0, 60.0]))
    def time_passes(self, machine_s: float) -> None:
        self.bench.clock.advance(machine_s)
        self.bench.queue.tick()

    @precondition(lambda self: self.bench.threads.scripts)
    @rule(number=INDICES, ending=st.sampled_from([None, ScriptFailed, ScriptStopped, ValueError]))
    def a_thread_ends(self, number: int, ending: type[Exception] | None) -> None:
        """Also threads that were given up or terminated long ago."""
        threads = self.bench.threads.scripts

        def work(slot: Slot) -> object:
            if ending is not None:
                raise ending("as drawn")
            return None

        for script in self.made:
            script.work = work
            script.go.set()
        self.bench.threads.run(threads[number % len(threads)])
        self.bench.handle()

    @invariant()
    def nothing_is_lost_and_nothing_stands_twice(self) -> None:
        queue = self.bench.queue
        current = [] if queue.current is None else [queue.current]
        known = [run.index for run in (*queue.waiting, *current, *queue.history)]
        assert Counter(known) == Counter(range(1, self.accepted + 1))

    @invariant()
    def no_script_runs_twice(self) -> None:
        assert max((script.runs for script in self.made), default=0) <= 1

    @invariant()
    def every_end_is_told_once_and_it_is_the_last_word(self) -> None:
        ends = Counter(run.index for run in self.bench.changes if run.state in FINAL_STATES)
        assert set(ends.values()) <= {1}
        last = {run.index: run for run in self.bench.changes}
        for run in self.bench.queue.history:
            assert replace(last[run.index], result=None) == replace(run, result=None)
            assert ends[run.index] == 1

    @invariant()
    def the_queue_goes_on_by_itself(self) -> None:
        queue = self.bench.queue
        if not queue.is_paused and queue.waiting:
            assert queue.current is not None
            assert not queue.current.is_final


Queue.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestQueue = Queue.TestCase
