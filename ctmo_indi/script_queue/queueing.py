"""The script queue: what waits, what runs, what has ended.

One thread, the owner's engine thread, calls every method here; a script's own thread only posts
into the owner's inbox. A script that does not end in time is stopped; one that does not even end
then is given up, named, and its (daemon) thread is left behind, so that the queue never hangs.

The order of things at the end of a script is part of the contract:

* it ended DONE: the next script is started first, ``on_change`` is called then, since what the
  owner does about it (a commit to disk) must not keep the telescope waiting;
* it ended otherwise: ``on_change`` is called first, and the next script is started only then, so
  that the owner can withdraw what no longer makes sense.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, UnknownOrder, WrongState
from ctmo_indi.script_queue.ended import Ended, PausePolicy, UnmadeScript, pauses, with_end
from ctmo_indi.script_queue.running import (
    DEADLINE_FLOOR_MACHINE_S,
    STOP_GRACE_MACHINE_S,
    Post,
    Running,
    Stage,
    StartThread,
)
from ctmo_indi.script_queue.script import SCHEDULER, End, Script, ScriptRun, ScriptState
from ctmo_indi.script_queue.telling import Teller
from ctmo_indi.script_queue.waiting import (
    LAST,
    US,
    Entry,
    Place,
    Sender,
    WaitingLine,
    check_deadline,
    new_entry,
)

__all__ = ["LAST", "US", "PausePolicy", "Place", "ScriptQueue", "Sender"]

_log = logging.getLogger(__name__)

LONGEST_QUEUE = 500
LONGEST_FOR_OTHERS = 290
"""The rest is the scheduler's: two targets, with the longest blocks, and what leads toward safe."""


class ScriptQueue:
    """Runs one script at a time, in order.

    Parameters
    ----------
    post
        Runs a call later in the owner's thread: ``Inbox.post``.
    on_change
        Called in the owner's thread with every new ScriptRun; see the module for when. It may call
        the queue.
    on_report
        Called in the owner's thread with what a running script reports.
    on_pause
        Called when the queue was paused (True and why) or resumed (False).
    """

    def __init__(
        self,
        clock: Clock,
        post: Post,
        *,
        on_change: Callable[[ScriptRun], None],
        on_report: Callable[[ScriptRun, object], None],
        on_pause: Callable[[bool, str], None] = lambda _paused, _reason: None,
        pause_policy: PausePolicy = PausePolicy.OTHERS,
        deadline_floor_machine_s: float = DEADLINE_FLOOR_MACHINE_S,
        stop_grace_machine_s: float = STOP_GRACE_MACHINE_S,
        start_thread: StartThread = threading.Thread.start,
    ) -> None:
        self._clock = clock
        self._on_report = on_report
        self._on_pause = on_pause
        self._stage = Stage(
            clock,
            post,
            self._reported,
            self._ended,
            deadline_floor_machine_s,
            stop_grace_machine_s,
            start_thread,
        )
        self._teller = Teller(on_change, self._launch)
        self._last_index = 0
        self._waiting = WaitingLine()
        self._running: Running | None = None
        self._ended_ones = Ended()
        self._is_leaving = False
        self.pause_policy = pause_policy
        self.is_paused = False
        self.pause_reason = ""

    @property
    def waiting(self) -> tuple[ScriptRun, ...]:
        """Scripts not yet started, in order."""
        return tuple(entry.run for entry in self._waiting)

    @property
    def current(self) -> ScriptRun | None:
        """The script that runs, or the failed one that paused the queue; else None."""
        if self._running is not None:
            return self._running.run
        held = self._ended_ones.held
        return None if held is None else held.run

    @property
    def history(self) -> tuple[ScriptRun, ...]:
        """Scripts that have ended, oldest first; the last ones only."""
        return self._ended_ones.runs

    @property
    def is_idle(self) -> bool:
        """True when nothing runs, nothing waits and no failed script is shown."""
        return self.current is None and not len(self._waiting)

    def find(self, index: int) -> ScriptRun:
        """Return the script of that index wherever it stands; UnknownOrder when it is not known."""
        return self._entry(index).run

    def add(self, script: Script, place: Place = LAST, sender: Sender = US) -> ScriptRun:
        """Queue ``script``; it starts at once when nothing else runs or waits, unless paused.

        Raises
        ------
        BadOrder, UnknownOrder, WrongState
            As :meth:`add_all`.
        """
        (run,) = self.add_all([script], place, sender)
        return run

    def add_all(
        self, scripts: Sequence[Script], place: Place = LAST, sender: Sender = US
    ) -> tuple[ScriptRun, ...]:
        """Queue several scripts, one after the other, with consecutive indices: all or none.

        When a script of a group ends otherwise than DONE, those of it that still wait are taken
        out.

        Raises
        ------
        BadOrder
            A script has no finite deadline, or ``place`` lacks an index.
        UnknownOrder
            The script of ``place`` does not wait.
        WrongState
            The queue is full.
        """
        for script in scripts:
            check_deadline(script)
        longest = LONGEST_QUEUE if sender.user == SCHEDULER else LONGEST_FOR_OTHERS
        if len(self._waiting) + len(scripts) > longest:
            raise WrongState(f"the queue is full: it takes {longest} waiting scripts")
        position = self._waiting.position(place)
        entries = [self._new_entry(script, sender) for script in scripts]
        self._waiting.insert(entries, position)
        runs = tuple(entry.run for entry in entries)
        self._teller.tell(*runs, *self._launch())
        return runs

    def add_made(
        self, name: str, make: Callable[[], Script], place: Place = LAST, sender: Sender = US
    ) -> ScriptRun:
        """Make a script and queue it; when making fails, it ends CONFIGURE_FAILED in the history.

        Raises
        ------
        CtmoError
            What ``make`` raised; and as :meth:`add`. WrongState also: ``place`` is between the
            scripts of one block.
        """
        self._waiting.check_insert(self._waiting.position(place), self._begun_groups())
        try:
            script = make()
        except CtmoError as error:
            entry = self._new_entry(UnmadeScript(name), sender)
            self._bury(entry, End(ScriptState.CONFIGURE_FAILED, str(error)))
            raise
        return self.add(script, place, sender)

    def move(self, index: int, place: Place) -> ScriptRun:
        """Put a waiting script elsewhere; an error leaves all as it was.

        Raises
        ------
        BadOrder, UnknownOrder
            As :meth:`add_all`; the script itself does not wait.
        WrongState
            It would stand between the scripts of one block, or is one of several of a block.
        """
        self._waiting.check_move(index, place, self._begun_groups())
        return self._waiting.move(index, place).run

    def requeue(self, index: int, place: Place = LAST, *, user: str = SCHEDULER) -> ScriptRun:
        """Queue a copy of a script, wherever it stands, under a new index and in no group.

        Raises
        ------
        UnknownOrder
            It is not known (any more).
        WrongState
            There is no doing it twice: an attempt at an order is unique. Or ``place`` is between
            the scripts of one block.
        """
        entry = self._entry(index)
        self._waiting.check_insert(self._waiting.position(place), self._begun_groups())
        sender = Sender(user=user, pause_on_failure=entry.pause_on_failure)
        return self.add(entry.script.copy(), place, sender)

    def remove(self, index: int, reason: str) -> ScriptRun:
        """Take a waiting script out; it ends STOPPED. UnknownOrder when it does not wait.

        What still waits of its group goes as well.
        """
        entry = self._waiting.find(index)
        if entry is None:
            raise UnknownOrder(f"script {index}: does not wait in the queue")
        self._waiting.take(entry)
        result = entry.script.withdrawn(reason, False)
        return self._bury(entry, End(ScriptState.STOPPED, reason, result))

    def stop(
        self, indices: Sequence[int], reason: str, *, terminate: bool = False
    ) -> tuple[ScriptRun, ...]:
        """Stop scripts: those that wait are taken out, the running one is asked to end.

        Parameters
        ----------
        terminate
            Do not wait for the running one: it is cut off and ends STOPPED at once.

        Returns
        -------
        tuple of ScriptRun
            Those concerned; others of ``indices`` had ended before, or never were.

        Raises
        ------
        UnknownOrder
            None of them waits or runs.
        """
        wanted = set(indices)
        found = [entry.index for entry in self._waiting if entry.index in wanted]
        running = self._running
        if running is not None and running.run.index in wanted:
            found.insert(0, running.run.index)
        else:
            running = None
        if not found:
            named = ", ".join(str(index) for index in sorted(wanted))
            raise UnknownOrder(f"scripts {named}: none of them waits or runs")
        for index in found:
            # Removing one takes out what waits of its group: the others may be gone by then.
            if self._waiting.find(index) is not None:
                self.remove(index, reason)
        if running is not None and self._running is running:
            if terminate:
                self.terminate_current(reason)
            else:
                self.stop_current(reason)
        return tuple(self.find(index) for index in found)

    def stop_group(self, group: str, reason: str) -> bool:
        """Stop every script of one carrying out of a block; False when none waits or runs."""
        indices = [entry.index for entry in self._waiting if entry.run.group == group]
        if self._running is not None and self._running.run.group == group:
            indices.append(self._running.run.index)
        if indices:
            self.stop(indices, reason)
        return bool(indices)

    def stop_current(self, reason: str) -> bool:
        """Ask the current script to end; False when none runs. Completion by on_change."""
        running = self._running
        if running is None:
            return False
        if running.stop(reason):
            self._teller.tell(running.run)
        return True

    def terminate_current(self, reason: str) -> bool:
        """Give the current script up at once; False when none runs.

        It is a thread and cannot be killed: it is cut off from the queue, every call of its slot
        raises from now on, and its ``stop`` goes on telling the telescope.
        """
        running = self._running
        if running is None:
            return False
        _log.warning("script terminated index=%d name=%s", running.run.index, running.run.name)
        running.cut(reason)
        self._close(running, End(ScriptState.STOPPED, f"{reason}; terminated"))
        return True

    def stop_all(self, reason: str) -> None:
        """Take every waiting script out and stop the current one; a shown failed one is let go."""
        self._ended_ones.release()
        for entry in self._waiting:
            if self._waiting.find(entry.index) is not None:
                self.remove(entry.index, reason)
        self.stop_current(reason)

    def pause(self, reason: str = "") -> None:
        """Start no further script; the current one goes on."""
        if not self.is_paused:
            self.is_paused, self.pause_reason = True, reason
            _log.info("script queue paused reason=%r", reason)
            self._on_pause(True, reason)

    def resume(self) -> None:
        """Start scripts again; a failed one that is shown goes to the history."""
        self._ended_ones.release()
        if self.is_paused:
            self.is_paused, self.pause_reason = False, ""
            _log.info("script queue resumed")
            self._on_pause(False, "")
        self._teller.tell(*self._launch())

    def leave(self) -> threading.Thread | None:
        """Start nothing more, let the current script end without cancelling; its thread, if any."""
        self._is_leaving = True
        if self._running is None:
            return None
        self._running.slot.leave()
        return self._running.thread

    def tick(self) -> None:
        """Enforce deadlines; the owner calls it about once a machine second."""
        running = self._running
        if running is None:
            self._teller.tell(*self._launch())
        elif running.stop_deadline is None:
            if running.slot.deadline.expired:
                running.run = replace(running.run, is_overrun=True)
                timeout_s = running.slot.deadline.timeout_s
                reason = f"{running.run.name} did not end within {timeout_s:.0f} s"
                running.stop(reason, ScriptState.FAILING)
                self._teller.tell(running.run)
        elif running.stop_deadline.expired:
            reason = f"{running.run.reason}; it did not stop either and was given up"
            _log.error("script given up index=%d name=%s", running.run.index, running.run.name)
            running.cut(reason)
            self._close(running, End(ScriptState.FAILED, reason))

    def _new_entry(self, script: Script, sender: Sender) -> Entry:
        self._last_index += 1
        return new_entry(self._last_index, script, sender, self._clock.utc())

    def _begun_groups(self) -> frozenset[str]:
        """Return the groups of which a script runs or has ended; without that of no group."""
        runs = self.history if self.current is None else (*self.history, self.current)
        return frozenset(run.group for run in runs if run.group)

    def _entry(self, index: int) -> Entry:
        running = self._running
        if running is not None and running.run.index == index:
            return replace(running.entry, run=running.run)
        entry = self._waiting.find(index) or self._ended_ones.find(index)
        if entry is None:
            raise UnknownOrder(f"script {index}: not in the queue, and not among the last ended")
        return entry

    def _launch(self) -> tuple[ScriptRun, ...]:
        """Start the next script if there is one; its new value, which is to be told."""
        if self._running is not None or self._teller.is_telling or self._is_leaving:
            return ()
        entry = self._waiting.next(urgent_only=self.is_paused)
        if entry is None:
            return ()
        self._ended_ones.release()
        self._waiting.take(entry)
        self._running = Running(self._stage, entry)
        self._running.start()
        return (self._running.run,)

    def _reported(self, running: Running, progress: object) -> None:
        if self._running is running:
            self._on_report(running.run, progress)

    def _ended(self, running: Running, end: End) -> None:
        if self._running is not running:
            _log.warning(
                "script ended after it was given up index=%d state=%s",
                running.run.index,
                end.state,
            )
            return
        if running.run.is_overrun and end.state is not ScriptState.DONE:
            end = replace(end, state=ScriptState.FAILED)
        self._close(running, replace(end, reason=end.reason or running.run.reason))

    def _close(self, running: Running, end: End) -> None:
        """The current script has ended: keep it, tell it, go on, in the order of the module."""
        self._running = None
        entry = with_end(replace(running.entry, run=running.run), end, self._clock.utc())
        run = entry.run
        if run.state is ScriptState.DONE:
            self._ended_ones.add(entry)
            self._teller.tell(run, *self._launch())
            return
        if pauses(self.pause_policy, entry):
            self._ended_ones.held = entry
            self.pause(f"script {run.index} {run.name} failed: {run.reason}")
        else:
            self._ended_ones.add(entry)
        self._teller.tell(run, *self._withdraw_rest(run))

    def _bury(self, entry: Entry, end: End) -> ScriptRun:
        """Keep and tell a script that ends without having run."""
        entry = with_end(entry, end, self._clock.utc())
        self._ended_ones.add(entry)
        self._teller.tell(entry.run, *self._withdraw_rest(entry.run))
        return entry.run

    def _withdraw_rest(self, ended: ScriptRun) -> tuple[ScriptRun, ...]:
        """Take out what waits of the group of a script that ended otherwise than DONE."""
        if not ended.group:
            return ()
        reason = (
            f"script {ended.index} {ended.name} of the same block: {ended.state}: {ended.reason}"
        )
        is_failure = ended.state is ScriptState.FAILED
        runs = []
        for entry in self._waiting:
            if entry.run.group == ended.group:
                self._waiting.take(entry)
                result = entry.script.withdrawn(reason, is_failure)
                end = End(ScriptState.STOPPED, reason, result)
                withdrawn = with_end(entry, end, self._clock.utc())
                self._ended_ones.add(withdrawn)
                runs.append(withdrawn.run)
        return tuple(runs)
