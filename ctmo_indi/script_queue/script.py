"""What a script is: something the observatory does from start to end, with a deadline.

A script runs in a thread of its own. It waits only through its :class:`Slot`, so that it ends soon
after it is stopped, and it tells what it achieved in a frozen result. Where a script stands in the
queue is in ``script_run.py``.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable
from typing import Protocol, Self

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.script_queue.script_run import (
    FINAL_STATES,
    SCHEDULER,
    End,
    Outcome,
    ScriptMetadata,
    ScriptRun,
    ScriptState,
)

__all__ = [
    "FINAL_STATES",
    "SCHEDULER",
    "End",
    "Outcome",
    "PlainScript",
    "Script",
    "ScriptFailed",
    "ScriptMetadata",
    "ScriptRun",
    "ScriptState",
    "ScriptStopped",
    "ScriptTerminated",
    "Slot",
]

_log = logging.getLogger(__name__)


class ScriptStopped(Exception):
    """Raised inside a script's thread by its slot once the script is to end.

    A script may raise it itself when nobody failed: it was refused for weather, a lock, a latch.
    """


class ScriptTerminated(ScriptStopped):
    """Raised by every call of a slot that was cut off: nobody listens to the script any more."""


class ScriptFailed(Exception):
    """Raised by a script that could not do its work; the text says why."""


class Slot:
    """What a running script may use: time, waiting, reporting. Script thread only.

    Parameters
    ----------
    report
        Takes a frozen value about progress; called in the script's thread, must not block.
    """

    def __init__(self, clock: Clock, deadline: Deadline, report: Callable[[object], None]) -> None:
        self.clock = clock
        self.deadline = deadline
        self.stop_reason = ""
        self._report = report
        self._stop = threading.Event()
        self._leave = threading.Event()
        self._cut = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """True once the script is to end."""
        return self._stop.is_set()

    @property
    def is_leaving(self) -> bool:
        """True once the service stops: end waiting, cancel nothing; what goes on is found later."""
        return self._leave.is_set()

    @property
    def is_cut(self) -> bool:
        """True once the script was terminated."""
        return self._cut.is_set()

    def stop(self, reason: str) -> None:
        """Ask the script to end; any thread."""
        self.stop_reason = self.stop_reason or reason
        self._stop.set()

    def leave(self) -> None:
        """Ask the script to end without cancelling anything; any thread."""
        self._leave.set()
        self.stop("the service stops")

    def cut(self, reason: str) -> None:
        """Refuse every further call of the script; those that wait return at once. Any thread."""
        self.stop_reason = self.stop_reason or reason
        self._cut.set()
        self._leave.set()
        self._stop.set()

    def report(self, progress: object) -> None:
        """Tell the queue's owner something; ScriptTerminated when nobody listens any more."""
        self._refuse_when_cut()
        self._report(progress)

    def wait(self, machine_s: float) -> None:
        """Wait that long, or raise ScriptStopped as soon as the script is to end."""
        self._stop.wait(machine_s)
        self.check()

    def pause(self, machine_s: float) -> None:
        """Wait that long even while stopping, but not while leaving."""
        self._leave.wait(machine_s)
        self._refuse_when_cut()

    def check(self) -> None:
        """Raise ScriptStopped when the script is to end."""
        self._refuse_when_cut()
        if self._stop.is_set():
            raise ScriptStopped(self.stop_reason)

    def _refuse_when_cut(self) -> None:
        if self._cut.is_set():
            raise ScriptTerminated(self.stop_reason)


class Script(Protocol):
    """One thing to do; :class:`PlainScript` has what most scripts need besides ``run``.

    ``run`` blocks until the work is done and returns its result, an
    :class:`~ctmo_indi.script_queue.script_run.Outcome` when returning does not mean success. It
    raises ScriptStopped when it was stopped before anything was achieved, ScriptFailed or a
    CtmoError when it cannot be done. ``stop`` is called in another thread when the script is to
    end; it may talk to peers, and ``run`` is expected to return or raise soon after. A script that
    is terminated is stopped in the same way, but its slot is cut off first.
    """

    @property
    def name(self) -> str:
        """Name of the script."""
        ...

    @property
    def subject(self) -> str:
        """What it is about."""
        ...

    @property
    def timeout_s(self) -> float:
        """Sky seconds after which it is stopped; finite and positive."""
        ...

    @property
    def metadata(self) -> ScriptMetadata:
        """What is known beforehand about what it will do."""
        ...

    def run(self, slot: Slot) -> object:
        """Do the work."""
        ...

    def stop(self, reason: str) -> None:
        """Make ``run`` end."""
        ...

    def withdrawn(self, reason: str, is_failure: bool) -> object:
        """Return the result of a script that leaves the queue before it began.

        ``is_failure`` is True when an earlier script of its block failed. Owner's thread; quick.
        """
        ...

    def copy(self) -> Script:
        """Return a new script that does the same; WrongState when there is no doing it twice."""
        ...


class PlainScript:
    """What most scripts have in common; a script of your own adds ``run``.

    Parameters
    ----------
    timeout_s
        Sky seconds after which it is stopped.
    """

    def __init__(
        self,
        name: str,
        *,
        timeout_s: float,
        subject: str = "",
        metadata: ScriptMetadata | None = None,
    ) -> None:
        self.name = name
        self.subject = subject
        self.timeout_s = timeout_s
        self.metadata = metadata or ScriptMetadata()

    def stop(self, reason: str) -> None:
        """Cancel nothing: the slot ends the script's waiting."""
        _log.info("script stops waiting name=%s reason=%r", self.name, reason)

    def withdrawn(self, _reason: str, _is_failure: bool) -> object:
        """Return no result."""
        return None

    def copy(self) -> Self:
        """Return a shallow copy: for scripts that keep nothing between runs."""
        return copy.copy(self)
