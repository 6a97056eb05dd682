"""Lock and latch as the telescope last knew them, for a restart while safety is dead.

A telescope without a verdict closes after 30 s. Were safety dead when it starts, it would close on
people who work in the dome under a maintenance lock. So what safety said last is kept in a small
file and honoured until safety says otherwise, or the lock expires. What cannot be read counts as a
maintenance lock by "unknown", as with safety itself.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.kept_value import KeptValue
from ctmo_indi.models.verdict import (
    Latch,
    Lock,
    LockKind,
    Verdict,
    VerdictLevel,
    latch_from_wire,
    latch_to_wire,
    lock_from_wire,
    lock_to_wire,
)

_log = logging.getLogger(__name__)


class HoldMemory:
    """Reads once and writes what changes; only the reading blocks. One thread at a time."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = KeptValue(path)
        self._clock = clock
        self._known: tuple[Lock | None, Latch | None] | None = None  # as it is in the file
        self._lock_ends_elapsed_s: float | None = None

    def recall(self) -> Verdict | None:
        """Return a HOLD with the remembered lock and latch; None when there was neither.

        Blocks some seconds at most, when the disk hangs.
        """
        lock, latch = self._read()
        self._take(lock, latch)
        if lock is None and latch is None:
            return None
        _log.warning("holds_recalled lock=%s latch=%s", lock, latch)
        return Verdict(
            VerdictLevel.HOLD,
            ("lock or latch remembered, no verdict of safety since the restart",),
            cycle=-1,
            utc=self._clock.utc().isoformat(timespec="milliseconds"),
            machine_s=self._clock.machine_s(),
            lock=lock,
            latch=latch,
        )

    def note(self, verdict: Verdict) -> None:
        """Remember what safety says."""
        if (verdict.lock, verdict.latch) == self._known:
            return
        self._take(verdict.lock, verdict.latch)
        self._file.write(
            {"lock": lock_to_wire(verdict.lock), "latch": latch_to_wire(verdict.latch)}
        )

    @property
    def is_lock_over(self) -> bool:
        """Whether the lock has expired, by the monotonic clock: safety need not say so."""
        end_s = self._lock_ends_elapsed_s
        return end_s is not None and self._clock.elapsed_s() >= end_s

    def close(self, timeout_s: float) -> None:
        """End the writing within ``timeout_s`` machine seconds."""
        self._file.close(timeout_s)

    def _take(self, lock: Lock | None, latch: Latch | None) -> None:
        self._known = (lock, latch)
        self._lock_ends_elapsed_s = None
        if lock is not None and lock.expires_utc is not None:
            left = datetime.fromisoformat(lock.expires_utc) - self._clock.utc()
            self._lock_ends_elapsed_s = self._clock.elapsed_s() + left.total_seconds()

    def _read(self) -> tuple[Lock | None, Latch | None]:
        try:
            data = self._file.read()
            if not isinstance(data, dict):
                raise TypeError(f"came {type(data).__name__}, expected an object")  # noqa: TRY301 - handled like the others below
            return lock_from_wire(data["lock"]), latch_from_wire(data["latch"])
        except FileNotFoundError:
            return None, None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("holds_unreadable path=%s error=%r", self._file.path, error)
            why = f"{self._file.path} cannot be read: {error}"
            since = self._clock.utc().isoformat(timespec="seconds")
            return Lock(LockKind.MAINTENANCE, "unknown", why, since, None), None
