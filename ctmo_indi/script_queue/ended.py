"""The scripts that have ended, and the failed one that is shown until the queue is resumed."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from ctmo_indi.errors import WrongState
from ctmo_indi.script_queue.script import (
    SCHEDULER,
    End,
    PlainScript,
    ScriptFailed,
    ScriptRun,
    ScriptState,
    Slot,
)
from ctmo_indi.script_queue.waiting import Entry

_log = logging.getLogger(__name__)

HISTORY_LENGTH = 600


class PausePolicy(StrEnum):
    """After which failed scripts the queue pauses; what a script itself says wins."""

    NEVER = "never"
    OTHERS = "others"  # after those that somebody else than the scheduler put in
    ALWAYS = "always"


def pauses(policy: PausePolicy, entry: Entry) -> bool:
    """Whether the queue pauses after ``entry``, which has ended."""
    if entry.run.state is not ScriptState.FAILED:
        return False
    if entry.pause_on_failure is not None:
        return entry.pause_on_failure
    if policy is PausePolicy.OTHERS:
        return entry.run.user != SCHEDULER
    return policy is PausePolicy.ALWAYS


def with_end(entry: Entry, end: End, now: datetime) -> Entry:
    """Return the entry as ended."""
    run = replace(entry.run, state=end.state, reason=end.reason, result=end.result, ended_utc=now)
    _log.info(
        "script ended index=%d name=%s state=%s reason=%r",
        run.index,
        run.name,
        run.state,
        run.reason,
    )
    return replace(entry, run=run)


class Ended:
    """Ended scripts, oldest first; the last ones only. Owner's thread only.

    Attributes
    ----------
    held
        The failed script that paused the queue; not among the others yet.
    """

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=HISTORY_LENGTH)
        self.held: Entry | None = None

    @property
    def runs(self) -> tuple[ScriptRun, ...]:
        """Those that are not held."""
        return tuple(entry.run for entry in self._entries)

    def add(self, entry: Entry) -> None:
        """Keep an ended script; its result, which may be large, is for whom its end is told."""
        self._entries.append(replace(entry, run=replace(entry.run, result=None)))

    def release(self) -> None:
        """Put the held one, if there is one, among the others."""
        if self.held is not None:
            self.add(self.held)
            self.held = None

    def find(self, index: int) -> Entry | None:
        """Return the entry of that index, None when it is not known (any more)."""
        if self.held is not None and self.held.index == index:
            return self.held
        return next((entry for entry in reversed(self._entries) if entry.index == index), None)


class UnmadeScript(PlainScript):
    """Stands in the history for a script that could not be made."""

    def __init__(self, name: str) -> None:
        super().__init__(name, timeout_s=1.0)

    def run(self, _slot: Slot) -> object:
        """Never called: it is not in the queue."""
        raise ScriptFailed(f"{self.name}: it could not be made")

    def copy(self) -> UnmadeScript:
        """Refuse: there is nothing to copy."""
        raise WrongState(f"script {self.name}: it could not be made, add it anew")
