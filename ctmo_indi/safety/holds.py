"""Lock and latch: what a human said, kept across restarts.

They count from the moment they are said and are written by a thread of its own, so no disk ever
holds up the loop. :meth:`Holds.trouble` tells a human whether they are durable. When they cannot be
written (full disk) they hold in memory all the same and are tried again; when they cannot be read,
the observatory counts as locked for maintenance by "unknown", since a human may be inside the dome.

A lock's expiry counts on the monotonic clock from the moment it is taken or read: a step of the
computer's clock must not unlock a dome with people in it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.errors import Locked
from ctmo_indi.kept_value import KeptValue
from ctmo_indi.models.verdict import Hand, Latch, Lock, LockKind

_log = logging.getLogger(__name__)

DURABLE_TIMEOUT_S = 5.0  # machine seconds a human waits for the disk


class Holds:
    """The lock and the latch of one observatory. Thread-safe; only :meth:`trouble` blocks."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._file = KeptValue(path)
        self._mutex = threading.Lock()
        self._lock: Lock | None = None
        self._lock_ends_elapsed_s: float | None = None
        self._latch: Latch | None = None
        self._read()

    @property
    def lock(self) -> Lock | None:
        """The human's lock; one that expired is gone."""
        with self._mutex:
            expired = self._end_expired()
            lock = self._lock
        _tell_expired(expired)
        return lock

    @property
    def latch(self) -> Latch | None:
        """The stop latch."""
        with self._mutex:
            return self._latch

    @property
    def write_failure(self) -> str:
        """Why lock and latch are not durable; empty while they are."""
        return self._file.failure

    def trouble(self, timeout_s: float = DURABLE_TIMEOUT_S) -> str:
        """Wait for what was said last to be durable; why it is not, empty when it is."""
        return self._file.trouble(timeout_s)

    def close(self, timeout_s: float) -> None:
        """End the writing, at most ``timeout_s`` machine seconds later."""
        self._file.close(timeout_s)

    def take_lock(
        self,
        kind: LockKind,
        owner: str,
        reason: str,
        expires_utc: datetime | None,
        *,
        is_proved: bool = False,
    ) -> Lock:
        """Lock the observatory for ``owner``.

        Parameters
        ----------
        is_proved
            Whether a token says that it is the owner.

        Raises
        ------
        Locked
            Somebody else holds it, or the same name with a token and this one comes without.
        """
        lock = Lock(
            kind,
            owner,
            reason,
            self._clock.utc().isoformat(timespec="seconds"),
            expires_utc.isoformat(timespec="seconds") if expires_utc else None,
            is_proved,
        )
        with self._mutex:
            expired = self._end_expired()
            held = self._lock
            is_free = held is None or held.belongs_to(Hand(owner, is_proved))
            if is_free:
                self._hold(lock)
        _tell_expired(expired)
        if held is not None and not is_free:
            by = held.owner + (", with a token," if held.is_proved else "")
            raise Locked(f"locked ({held.kind}) by {by} since {held.since_utc}")
        _log.warning("lock_taken kind=%s owner=%s reason=%r", kind, owner, reason)
        return lock

    def drop_lock(self, owner: str, require: Callable[[Lock], None] = lambda _lock: None) -> None:
        """Unlock; the log says who did. Nothing happens when there is no lock.

        Parameters
        ----------
        require
            Raises what forbids ``owner`` to undo the lock that is held. It is asked in the same
            breath, so that a lock somebody takes meanwhile is not undone by a right to the former
            one; it must not block.
        """
        with self._mutex:
            expired = self._end_expired()
            if self._lock is not None:
                require(self._lock)
            self._hold(None)
        _tell_expired(expired)
        _log.warning("lock_dropped by=%s", owner)

    def set_latch(self, owner: str, reason: str) -> Latch:
        """Set the stop latch, or set it anew: who presses again stops what has begun since."""
        latch = Latch(owner, reason, self._clock.utc().isoformat(timespec="milliseconds"))
        with self._mutex:
            self._latch = latch
            self._write()
        _log.warning("latch_set owner=%s reason=%r", latch.owner, latch.reason)
        return latch

    def release(self, owner: str) -> None:
        """Release the stop latch."""
        with self._mutex:
            self._latch = None
            self._write()
        _log.warning("latch_released by=%s", owner)

    def _end_expired(self) -> Lock | None:
        """End a lock whose time is over and return it; the mutex is held."""
        lock, end_s = self._lock, self._lock_ends_elapsed_s
        if lock is None or end_s is None or self._clock.elapsed_s() < end_s:
            return None
        self._hold(None)
        return lock

    def _hold(self, lock: Lock | None) -> None:
        self._lock = lock
        self._lock_ends_elapsed_s = self._end_s(lock)
        self._write()

    def _end_s(self, lock: Lock | None) -> float | None:
        if lock is None or lock.expires_utc is None:
            return None
        left = datetime.fromisoformat(lock.expires_utc) - self._clock.utc()
        return self._clock.elapsed_s() + left.total_seconds()

    def _read(self) -> None:
        try:
            data = self._file.read()
            lock, latch = _parsed(data)
            self._lock, self._latch = lock, latch
            self._lock_ends_elapsed_s = self._end_s(lock)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("holds_unreadable path=%s error=%r", self._file.path, error)
            self._lock = Lock(
                LockKind.MAINTENANCE,
                "unknown",
                f"{self._file.path} cannot be read: {error}",
                self._clock.utc().isoformat(timespec="seconds"),
                None,
            )

    def _write(self) -> None:
        self._file.write(
            {
                "lock": None if self._lock is None else asdict(self._lock),
                "latch": None if self._latch is None else asdict(self._latch),
            }
        )


def _tell_expired(lock: Lock | None) -> None:
    if lock is not None:
        _log.info("lock_expired owner=%s kind=%s", lock.owner, lock.kind)


def _parsed(data: object) -> tuple[Lock | None, Latch | None]:
    if not isinstance(data, dict):
        raise TypeError(f"came {type(data).__name__}, expected an object")
    lock, latch = data["lock"], data["latch"]
    return (
        None if lock is None else Lock(**{**lock, "kind": LockKind(lock["kind"])}),
        None if latch is None else Latch(**latch),
    )
