"""What a script is: something the observatory does from start to end, with a deadline.

A script runs in a thread of its own. It waits only through its :class:`Slot`, so that it ends soon
after it is stopped, and it tells what it achieved in a frozen result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ctmo_indi.clock import Clock, Deadline


class ScriptState(StrEnum):
    """Rubin's script states, those that a script without a process of its own can have."""

    CONFIGURED = "CONFIGURED"  # waits in the queue
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    DONE = "DONE"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


FINAL_STATES = frozenset({ScriptState.DONE, ScriptState.STOPPED, ScriptState.FAILED})


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """Where one script stands; a new value at every change.

    Parameters
    ----------
    index
        Unique within the queue's life, growing.
    subject
        What the script is about: an attempt's id, or "".
    reason
        Why it stopped or failed; "" otherwise.
    result
        What the script handed back; None before its end and for scripts that have none.
    is_overrun
        True when it was stopped because its deadline had passed.
    """

    index: int
    name: str
    subject: str
    state: ScriptState
    queued_utc: datetime
    started_utc: datetime | None = None
    ended_utc: datetime | None = None
    reason: str = ""
    result: object = None
    is_overrun: bool = False

    @property
    def is_final(self) -> bool:
        """True when the script has ended."""
        return self.state in FINAL_STATES

    def to_wire(self) -> dict[str, object]:
        """Keys as they stand in a Status reply."""
        return {
            "Index": self.index,
            "Script": self.name,
            "Subject": self.subject,
            "State": self.state.value,
            "Started": _iso(self.started_utc),
            "Ended": _iso(self.ended_utc),
            "Reason": self.reason,
        }


class ScriptStopped(Exception):
    """Raised inside a script's thread by its slot once the script is to end."""


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
        self.report = report
        self.stop_reason = ""
        self._stop = threading.Event()
        self._leave = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """True once the script is to end."""
        return self._stop.is_set()

    @property
    def is_leaving(self) -> bool:
        """True once the service stops: end waiting, cancel nothing; what goes on is found later."""
        return self._leave.is_set()

    def stop(self, reason: str) -> None:
        """Ask the script to end; any thread."""
        self.stop_reason = self.stop_reason or reason
        self._stop.set()

    def leave(self) -> None:
        """Ask the script to end without cancelling anything; any thread."""
        self._leave.set()
        self.stop("the service stops")

    def wait(self, machine_s: float) -> None:
        """Wait that long, or raise ScriptStopped as soon as the script is to end."""
        if self._stop.wait(machine_s):
            raise ScriptStopped(self.stop_reason)

    def pause(self, machine_s: float) -> None:
        """Wait that long even while stopping, but not while leaving."""
        self._leave.wait(machine_s)

    def check(self) -> None:
        """Raise ScriptStopped when the script is to end."""
        if self._stop.is_set():
            raise ScriptStopped(self.stop_reason)


class Script(Protocol):
    """One thing to do.

    ``run`` blocks until the work is done and returns its result; it raises ScriptStopped when it
    was stopped before anything was achieved, ScriptFailed or a CtmoError when it cannot be done.
    ``stop`` is called in another thread when the script is to end; it may talk to peers, and
    ``run`` is expected to return or raise soon after.
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
        """Sky seconds after which it is stopped."""
        ...

    def run(self, slot: Slot) -> object:
        """Do the work."""
        ...

    def stop(self, reason: str) -> None:
        """Make ``run`` end."""
        ...


def _iso(utc: datetime | None) -> str:
    return "" if utc is None else utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
