"""The script queue: what waits, what runs, what has ended.

One thread, the owner's engine thread, calls every method here; a script's own thread only posts
into the owner's inbox. A script that does not end in time is stopped; one that does not even end
then is given up, named, and its (daemon) thread is left behind, so that the queue never hangs.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import CtmoError, UnknownOrder
from ctmo_indi.script_queue.script import (
    Script,
    ScriptFailed,
    ScriptRun,
    ScriptState,
    ScriptStopped,
    Slot,
)

_log = logging.getLogger(__name__)

HISTORY_LENGTH = 200
DEADLINE_FLOOR_MACHINE_S = 60.0
STOP_GRACE_MACHINE_S = 45.0


@dataclass(slots=True)
class _Current:
    script: Script
    run: ScriptRun
    slot: Slot
    thread: threading.Thread
    stop_deadline: Deadline | None = None


class ScriptQueue:
    """Runs one script at a time, in order.

    Parameters
    ----------
    post
        Runs a call later in the owner's thread: ``Inbox.post``.
    on_change
        Called in the owner's thread with every new ScriptRun.
    on_report
        Called in the owner's thread with what a running script reports.
    """

    def __init__(
        self,
        clock: Clock,
        post: Callable[[Callable[[], object]], None],
        *,
        on_change: Callable[[ScriptRun], None],
        on_report: Callable[[ScriptRun, object], None],
        deadline_floor_machine_s: float = DEADLINE_FLOOR_MACHINE_S,
        stop_grace_machine_s: float = STOP_GRACE_MACHINE_S,
    ) -> None:
        self._clock = clock
        self._post = post
        self._on_change = on_change
        self._on_report = on_report
        self._floor_s = deadline_floor_machine_s
        self._grace_s = stop_grace_machine_s
        self._last_index = 0
        self._waiting: deque[tuple[Script, ScriptRun]] = deque()
        self._current: _Current | None = None
        self._history: deque[ScriptRun] = deque(maxlen=HISTORY_LENGTH)
        self.is_paused = False

    @property
    def waiting(self) -> tuple[ScriptRun, ...]:
        """Scripts not yet started, in order."""
        return tuple(run for _, run in self._waiting)

    @property
    def current(self) -> ScriptRun | None:
        """The script that runs, None when none does."""
        return self._current.run if self._current else None

    @property
    def history(self) -> tuple[ScriptRun, ...]:
        """Scripts that have ended, oldest first; the last ones only."""
        return tuple(self._history)

    @property
    def is_idle(self) -> bool:
        """True when nothing runs and nothing waits."""
        return self._current is None and not self._waiting

    def add(self, script: Script, *, first: bool = False) -> ScriptRun:
        """Queue ``script``; it starts at once when nothing else runs or waits, unless paused."""
        self._last_index += 1
        run = ScriptRun(
            index=self._last_index,
            name=script.name,
            subject=script.subject,
            state=ScriptState.CONFIGURED,
            queued_utc=self._clock.utc(),
        )
        entry = (script, run)
        if first:
            self._waiting.appendleft(entry)
        else:
            self._waiting.append(entry)
        self._on_change(run)
        self._start_next()
        return run

    def remove(self, index: int, reason: str) -> ScriptRun:
        """Take a waiting script out; it ends STOPPED. UnknownOrder when it does not wait."""
        for entry in self._waiting:
            if entry[1].index == index:
                self._waiting.remove(entry)
                return self._finish(entry[1], ScriptState.STOPPED, reason, None)
        raise UnknownOrder(f"script {index}: does not wait in the queue")

    def pause(self) -> None:
        """Start no further script; the current one goes on."""
        self.is_paused = True

    def resume(self) -> None:
        """Start scripts again."""
        self.is_paused = False
        self._start_next()

    def stop_current(self, reason: str) -> bool:
        """Ask the current script to end; False when there is none. Completion by on_change."""
        current = self._current
        if current is None:
            return False
        if current.stop_deadline is None:
            current.stop_deadline = Deadline(
                self._clock, self._grace_s * self._clock.speed, self._grace_s
            )
            current.run = replace(current.run, state=ScriptState.STOPPING, reason=reason)
            current.slot.stop(reason)
            threading.Thread(
                target=_stop_script,
                args=(current.script, reason),
                name=f"stop-{current.run.name}-{current.run.index}",
                daemon=True,
            ).start()
            self._on_change(current.run)
        return True

    def stop_all(self, reason: str) -> None:
        """Take every waiting script out and stop the current one."""
        for run in self.waiting:
            self.remove(run.index, reason)
        self.stop_current(reason)

    def leave(self) -> threading.Thread | None:
        """Start nothing more, let the current script end without cancelling; its thread, if any."""
        self.is_paused = True
        if self._current is None:
            return None
        self._current.slot.leave()
        return self._current.thread

    def tick(self) -> None:
        """Enforce deadlines; the owner calls it about once a machine second."""
        current = self._current
        if current is None:
            self._start_next()
            return
        if current.stop_deadline is None:
            if current.slot.deadline.expired:
                current.run = replace(current.run, is_overrun=True)
                timeout_s = current.slot.deadline.timeout_s
                self.stop_current(f"{current.run.name} did not end within {timeout_s:.0f} s")
        elif current.stop_deadline.expired:
            reason = f"{current.run.reason}; it did not stop either and was given up"
            _log.error("script given up index=%d name=%s", current.run.index, current.run.name)
            self._current = None
            self._finish(current.run, ScriptState.FAILED, reason, None)
            self._start_next()

    def _start_next(self) -> None:
        if self._current is not None or self.is_paused or not self._waiting:
            return
        script, run = self._waiting.popleft()
        run = replace(run, state=ScriptState.RUNNING, started_utc=self._clock.utc())
        index = run.index

        def report(progress: object) -> None:
            self._post(lambda: self._reported(index, progress))

        deadline = Deadline(self._clock, script.timeout_s, self._floor_s)
        slot = Slot(self._clock, deadline, report)
        thread = threading.Thread(
            target=self._run_script,
            args=(script, slot, index),
            name=f"script-{run.name}-{index}",
            daemon=True,
        )
        self._current = _Current(script, run, slot, thread)
        self._on_change(run)
        thread.start()

    def _run_script(self, script: Script, slot: Slot, index: int) -> None:
        """Body of a script's thread: whatever happens, one message goes to the owner."""
        result: object = None
        try:
            result = script.run(slot)
            state, reason = ScriptState.DONE, ""
        except ScriptStopped as stopped:
            state, reason = ScriptState.STOPPED, str(stopped)
        except (ScriptFailed, CtmoError) as error:
            state, reason = ScriptState.FAILED, str(error)
        except Exception as error:  # noqa: BLE001 - outermost loop of the thread: logged, FAILED
            _log.exception("script broke index=%d name=%s", index, script.name)
            state, reason = ScriptState.FAILED, f"internal error: {error!r}"
        self._post(lambda: self._ended(index, state, reason, result))

    def _reported(self, index: int, progress: object) -> None:
        if self._current is not None and self._current.run.index == index:
            self._on_report(self._current.run, progress)

    def _ended(self, index: int, state: ScriptState, reason: str, result: object) -> None:
        current = self._current
        if current is None or current.run.index != index:
            _log.warning("script ended after it was given up index=%d state=%s", index, state)
            return
        self._current = None
        if current.run.is_overrun and state is not ScriptState.DONE:
            state = ScriptState.FAILED
        self._finish(current.run, state, reason or current.run.reason, result)
        self._start_next()

    def _finish(self, run: ScriptRun, state: ScriptState, reason: str, result: object) -> ScriptRun:
        run = replace(run, state=state, reason=reason, result=result, ended_utc=self._clock.utc())
        self._history.append(run)
        _log.info(
            "script ended index=%d name=%s state=%s reason=%r", run.index, run.name, state, reason
        )
        self._on_change(run)
        return run


def _stop_script(script: Script, reason: str) -> None:
    try:
        script.stop(reason)
    except CtmoError as error:
        _log.warning("script stop failed name=%s error=%s", script.name, error)
    except Exception:  # noqa: BLE001 - outermost loop of the thread; the stop deadline goes on
        _log.exception("script stop broke name=%s", script.name)
