"""Scripts that do what a test says, and a script queue whose threads run when the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ctmo_indi.inbox import Inbox
from ctmo_indi.script_queue.queueing import LAST, US, PausePolicy, Place, ScriptQueue, Sender
from ctmo_indi.script_queue.script import ScriptMetadata, ScriptRun, ScriptState, Slot
from ctmo_indi.testing.fake_clock import FakeClock


@dataclass(eq=False)
class FakeScript:
    """Waits for ``go`` unless it is set, then does ``work``."""

    name: str
    subject: str = ""
    timeout_s: float = 100.0
    go: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    work: Callable[[Slot], object] = lambda slot: None
    heeds_stop: bool = True
    stopped: list[str] = field(default_factory=list)
    metadata: ScriptMetadata = field(default_factory=ScriptMetadata)
    slot: Slot | None = None
    runs: int = 0

    def run(self, slot: Slot) -> object:
        """Do as the test says."""
        self.slot = slot
        self.runs += 1
        self.started.set()
        while not self.go.wait(0.005):
            if self.heeds_stop:
                slot.check()
        return self.work(slot)

    def stop(self, reason: str) -> None:
        """Note the reason."""
        self.stopped.append(reason)

    def withdrawn(self, _reason: str, is_failure: bool) -> object:
        """Return what was told."""
        return ("withdrawn", is_failure)

    def copy(self) -> FakeScript:
        """Return another one of the same name."""
        return FakeScript(self.name, self.subject, self.timeout_s, work=self.work)


class HeldThreads:
    """Starts no thread: each runs in the test's own when :meth:`run` is called."""

    def __init__(self) -> None:
        self.scripts: list[threading.Thread] = []
        self.stops: list[threading.Thread] = []

    def start(self, thread: threading.Thread) -> None:
        """Keep a thread instead of starting it."""
        (self.stops if thread.name.startswith("stop-") else self.scripts).append(thread)

    def run(self, thread: threading.Thread) -> None:
        """Do a thread's work here and now."""
        for held in (self.scripts, self.stops):
            if thread in held:
                held.remove(thread)
        thread.run()


class QueueBench:
    """A script queue and its owner.

    Parameters
    ----------
    held
        True: no threads; :meth:`end` lets the current script end.
    on_change
        Called after a change was noted.
    """

    def __init__(
        self,
        *,
        held: bool = True,
        policy: PausePolicy = PausePolicy.OTHERS,
        on_change: Callable[[ScriptRun], None] = lambda run: None,
    ) -> None:
        self.clock = FakeClock()
        self.inbox = Inbox("owner")
        self.changes: list[ScriptRun] = []
        self.reports: list[object] = []
        self.pauses: list[tuple[bool, str]] = []
        self.scripts: list[FakeScript] = []
        self.threads = HeldThreads()
        self.on_change = on_change
        self.queue = ScriptQueue(
            self.clock,
            self.inbox.post,
            on_change=self._changed,
            on_report=lambda _run, report: self.reports.append(report),
            on_pause=lambda paused, reason: self.pauses.append((paused, reason)),
            pause_policy=policy,
            deadline_floor_machine_s=1.0,
            stop_grace_machine_s=10.0,
            start_thread=self.threads.start if held else threading.Thread.start,
        )

    def _changed(self, run: ScriptRun) -> None:
        self.changes.append(run)
        self.on_change(run)

    def add(self, script: FakeScript | str, place: Place = LAST, sender: Sender = US) -> ScriptRun:
        """Queue a script; a name makes one."""
        if isinstance(script, str):
            script = FakeScript(script)
        self.scripts.append(script)
        return self.queue.add(script, place, sender)

    def add_group(self, group: str, *names: str, sender: Sender | None = None) -> list[FakeScript]:
        """Queue scripts that stand and fall together."""
        made = [FakeScript(name) for name in names]
        self.scripts += made
        self.queue.add_all(made, LAST, sender or Sender(block="block", group=group))
        return made

    def end(self, work: Callable[[Slot], object] = lambda slot: None) -> None:
        """Let the current script do ``work`` and end; without threads only."""
        running = self.queue._running  # noqa: SLF001 - only its thread can end it
        assert running is not None
        script, thread = running.entry.script, running.thread
        assert isinstance(script, FakeScript)
        script.go.set()
        script.work = work
        self.threads.run(thread)
        self.handle()

    def handle(self) -> None:
        """Run what was posted to the owner."""
        done = threading.Event()
        self.inbox.post(done.set)
        while not done.is_set():
            self.inbox.run_pending(1.0)

    def run_until(self, is_true: Callable[[], bool]) -> None:
        """Run what is posted until something is true; AssertionError after 10 s."""
        for _ in range(1000):
            if is_true():
                return
            self.inbox.run_pending(0.01)
        raise AssertionError("it did not become true within 10 s")

    def told(self, index: int) -> ScriptRun:
        """Return the last that was told of a script."""
        return next(run for run in reversed(self.changes) if run.index == index)

    def waiting(self) -> list[str]:
        """Names of what waits."""
        return [run.name for run in self.queue.waiting]

    def ended(self) -> list[tuple[str, ScriptState]]:
        """Name and state of what has ended."""
        return [(run.name, run.state) for run in self.queue.history]
