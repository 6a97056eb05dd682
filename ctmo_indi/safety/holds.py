"""Lock and latch: what a human said, kept across restarts.

They are a small JSON file written atomically. When it cannot be written (full disk) they hold in
memory all the same and the failure is reported; when it cannot be read, the observatory counts as
locked for maintenance by "unknown", since a human may be inside the dome.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.durable_file import write_json
from ctmo_indi.errors import Locked
from ctmo_indi.models.verdict import Latch, Lock, LockKind

_log = logging.getLogger(__name__)


class Holds:
    """The lock and the latch of one observatory. Thread-safe."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._mutex = threading.Lock()
        self._lock: Lock | None = None
        self._latch: Latch | None = None
        self.write_failure: str | None = None
        self._read()

    @property
    def lock(self) -> Lock | None:
        """The human's lock; one that expired is gone."""
        with self._mutex:
            lock = self._lock
            if lock is None or lock.expires_utc is None:
                return lock
            if self._clock.utc() < datetime.fromisoformat(lock.expires_utc):
                return lock
            self._lock = None
            self._write()
        _log.info("lock_expired owner=%s kind=%s", lock.owner, lock.kind)
        return None

    @property
    def latch(self) -> Latch | None:
        """The stop latch."""
        with self._mutex:
            return self._latch

    def take_lock(
        self, kind: LockKind, owner: str, reason: str, expires_utc: datetime | None
    ) -> Lock:
        """Lock the observatory for ``owner``.

        Raises
        ------
        Locked
            Somebody else holds it.
        """
        held = self.lock
        with self._mutex:
            if held is not None and held.owner != owner:
                raise Locked(f"locked ({held.kind}) by {held.owner} since {held.since_utc}")
            self._lock = Lock(
                kind,
                owner,
                reason,
                self._clock.utc().isoformat(timespec="seconds"),
                expires_utc.isoformat(timespec="seconds") if expires_utc else None,
            )
            self._write()
            lock = self._lock
        _log.warning("lock_taken kind=%s owner=%s reason=%r", kind, owner, reason)
        return lock

    def drop_lock(self, owner: str) -> None:
        """Unlock; anybody who may operate can, and the log says who did."""
        with self._mutex:
            self._lock = None
            self._write()
        _log.warning("lock_dropped by=%s", owner)

    def set_latch(self, owner: str, reason: str) -> Latch:
        """Set the stop latch; setting it again keeps the first one."""
        with self._mutex:
            if self._latch is None:
                self._latch = Latch(owner, reason, self._clock.utc().isoformat(timespec="seconds"))
                self._write()
            latch = self._latch
        _log.warning("latch_set owner=%s reason=%r", latch.owner, latch.reason)
        return latch

    def release(self, owner: str) -> None:
        """Release the stop latch."""
        with self._mutex:
            self._latch = None
            self._write()
        _log.warning("latch_released by=%s", owner)

    def _read(self) -> None:
        try:
            data = json.loads(self._path.read_text())
            if data["lock"] is not None:
                fields = {**data["lock"], "kind": LockKind(data["lock"]["kind"])}
                self._lock = Lock(**fields)
            if data["latch"] is not None:
                self._latch = Latch(**data["latch"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("holds_unreadable path=%s error=%r", self._path, error)
            self._lock = Lock(
                LockKind.MAINTENANCE,
                "unknown",
                f"{self._path} cannot be read: {error}",
                self._clock.utc().isoformat(timespec="seconds"),
                None,
            )

    def _write(self) -> None:
        data = {
            "lock": None if self._lock is None else asdict(self._lock),
            "latch": None if self._latch is None else asdict(self._latch),
        }
        try:
            write_json(self._path, data)
        except OSError as error:
            self.write_failure = f"{self._path}: {error}"
            _log.error("holds_not_written path=%s error=%r", self._path, error)
        else:
            self.write_failure = None
