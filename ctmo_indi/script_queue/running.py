"""One script in the current slot, in its thread, with its deadline."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import CtmoError
from ctmo_indi.script_queue.script import (
    End,
    Outcome,
    Script,
    ScriptFailed,
    ScriptRun,
    ScriptState,
    ScriptStopped,
    Slot,
)
from ctmo_indi.script_queue.waiting import Entry

_log = logging.getLogger(__name__)

DEADLINE_FLOOR_MACHINE_S = 60.0
STOP_GRACE_MACHINE_S = 45.0

Post = Callable[[Callable[[], object]], None]
StartThread = Callable[[threading.Thread], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """What every running script shares.

    Parameters
    ----------
    post
        Runs a call later in the owner's thread.
    on_report, on_end
        Called in the owner's thread.
    deadline_floor_machine_s
        No deadline is shorter, however fast the clock.
    stop_grace_machine_s
        Time a script has to end after it was told to.
    start_thread
        Starts a thread; RuntimeError when the machine has none left.
    """

    clock: Clock
    post: Post
    on_report: Callable[[Running, object], None]
    on_end: Callable[[Running, End], None]
    deadline_floor_machine_s: float = DEADLINE_FLOOR_MACHINE_S
    stop_grace_machine_s: float = STOP_GRACE_MACHINE_S
    start_thread: StartThread = threading.Thread.start


class Running:
    """A started script. Owner's thread only, but for the thread it starts."""

    def __init__(self, stage: Stage, entry: Entry) -> None:
        self._stage = stage
        self.entry = entry
        self.run: ScriptRun = replace(
            entry.run, state=ScriptState.RUNNING, started_utc=stage.clock.utc()
        )
        deadline = Deadline(stage.clock, entry.script.timeout_s, stage.deadline_floor_machine_s)
        self.slot = Slot(
            stage.clock, deadline, lambda value: stage.post(lambda: stage.on_report(self, value))
        )
        self.stop_deadline: Deadline | None = None
        self.thread = threading.Thread(
            target=self._work, name=f"script-{self.run.name}-{self.run.index}", daemon=True
        )

    def start(self) -> None:
        """Begin; a machine without threads makes it end FAILED."""
        try:
            self._stage.start_thread(self.thread)
        except RuntimeError as error:
            _log.error("script not started index=%d error=%s", self.run.index, error)
            end = End(ScriptState.FAILED, f"no thread for it: {error}")
            self._stage.post(lambda: self._stage.on_end(self, end))

    def stop(self, reason: str, state: ScriptState = ScriptState.STOPPING) -> bool:
        """Ask it to end; False when it was asked before."""
        if self.stop_deadline is not None:
            return False
        grace_s = self._stage.stop_grace_machine_s
        clock = self._stage.clock
        self.stop_deadline = Deadline(clock, grace_s * clock.speed, grace_s)
        self.run = replace(self.run, state=state, reason=reason)
        self.slot.stop(reason)
        self._call_stop(reason)
        return True

    def cut(self, reason: str) -> None:
        """Listen to it no more: its slot refuses all work; what it controls is told to stop."""
        was_stopping = self.stop_deadline is not None
        self.slot.cut(reason)
        if not was_stopping:
            self._call_stop(reason)

    def _call_stop(self, reason: str) -> None:
        thread = threading.Thread(
            target=_stop_script,
            args=(self.entry.script, reason),
            name=f"stop-{self.run.name}-{self.run.index}",
            daemon=True,
        )
        try:
            self._stage.start_thread(thread)
        except RuntimeError as error:
            _log.error("script stop not called index=%d error=%s", self.run.index, error)

    def _work(self) -> None:
        """Body of the script's thread: whatever happens, one message goes to the owner."""
        end = _run_script(self.entry.script, self.slot, self.run.index)
        self._stage.post(lambda: self._stage.on_end(self, end))


def _run_script(script: Script, slot: Slot, index: int) -> End:
    try:
        result = script.run(slot)
    except ScriptStopped as stopped:
        return End(ScriptState.STOPPED, str(stopped))
    except (ScriptFailed, CtmoError) as error:
        return End(ScriptState.FAILED, str(error))
    except BaseException as error:  # noqa: BLE001 - outermost loop of the thread: logged, FAILED
        _log.exception("script broke index=%d name=%s", index, script.name)
        return End(ScriptState.FAILED, f"internal error: {error!r}")
    if isinstance(result, Outcome):
        return End(result.script_state, result.script_reason, result)
    return End(ScriptState.DONE, "", result)


def _stop_script(script: Script, reason: str) -> None:
    try:
        script.stop(reason)
    except CtmoError as error:
        _log.warning("script stop failed name=%s error=%s", script.name, error)
    except Exception:  # noqa: BLE001 - outermost loop of the thread; the stop deadline goes on
        _log.exception("script stop broke name=%s", script.name)
