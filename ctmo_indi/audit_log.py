"""The audit log: who ordered what, and what became of it. One line of JSON an order.

Lines are collected and written by a thread of its own a few times a second, so a full or hanging
disk never holds the front desk; what does not fit is counted and said with the next line. Several
services share one file, as the log does. JSON in ASCII: no order can forge a line or speak to a
terminal.

What moves something now, or was to, is synced to the disk with the write that holds it, some twenty
times a second at most; nobody waits for that. An order that a service keeps in its database is not:
it is durable there.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ctmo_indi.clock import SystemClock
from ctmo_indi.logs import KEEP_FILES, MAX_BYTES, SharedFileHandler

NAME = "audit.log"
LONGEST_TEXT = 300
_LONGEST_NAME = 40
_PACE_S = 0.05
_MOST_WAITING = 50_000
_BATCH = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One order, or one attempt to call without a right token.

    Parameters
    ----------
    utc
        Real time, also under a fast clock.
    caller, role, address, via
        As :class:`~ctmo_indi.work_orders.access.Caller` says; empty where nobody was told.
    user, kind, command, id
        As they came in the order.
    receipt, status
        As they stand in the reply; empty for a refused one.
    outcome
        "accepted", "refused", "failed" (a fault of ours or of a device) or "unidentified".
    fault
        Code of the fault, 0 for none.
    text
        Reason of a fault, reason in the order.
    is_synced
        Whether the line must outlast a loss of power; no part of it.
    """

    utc: datetime
    service: str
    outcome: str
    caller: str = ""
    role: str = ""
    address: str = ""
    via: str = ""
    user: str = ""
    kind: str = ""
    command: str = ""
    id: str = ""
    receipt: str = ""
    status: str = ""
    fault: int = 0
    text: str = ""
    is_synced: bool = False

    def line(self) -> str:
        """Return the entry as it stands in the file, without the end of the line."""
        return json.dumps(
            {
                "utc": self.utc.isoformat(timespec="milliseconds"),
                "service": self.service,
                "caller": self.caller,
                "role": self.role,
                "address": self.address,
                "via": self.via,
                "user": _cut(self.user),
                "kind": _cut(self.kind, _LONGEST_NAME),
                "command": _cut(self.command, _LONGEST_NAME),
                "id": _cut(self.id),
                "receipt": _cut(self.receipt, _LONGEST_NAME),
                "status": self.status,
                "outcome": self.outcome,
                "fault": self.fault,
                "text": _cut(self.text),
            }
        )


def _cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """Cut a text so that its JSON, where a character may become twelve, is not much longer."""
    text = text[:longest]
    while len(json.dumps(text)) > 2 * longest:
        text = text[: len(text) * 3 // 4]
    return text


def path_for(log_file: Path | None, data_dir: Path) -> Path:
    """Return where the audit log is: beside the log, or with the data where there is none."""
    folder = log_file.parent if log_file is not None else data_dir / "logs"
    return folder / NAME


class AuditLog:
    """Writes entries behind the caller's back. :meth:`record` from any thread, never blocks.

    Parameters
    ----------
    path
        Rotated by size as the log is.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, keep: int = KEEP_FILES) -> None:
        self._file = SharedFileHandler(path, SystemClock(), max_bytes=max_bytes, keep=keep)
        self._file.setFormatter(logging.Formatter("%(message)s"))
        self._waiting: deque[AuditEntry] = deque()
        self._has_news = threading.Event()
        self._is_ending = threading.Event()
        self.dropped = 0
        self._dropped_said = 0
        self._thread = threading.Thread(target=self._run, name="audit-log", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Lines and batches that could not be written."""
        return self.dropped + self._file.lost

    @property
    def unsynced(self) -> int:
        """How often the disk did not confirm what is to outlast a loss of power."""
        return self._file.unsynced

    def record(self, entry: AuditEntry) -> None:
        """Take an entry."""
        if len(self._waiting) >= _MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(entry)
        if not self._has_news.is_set():
            self._has_news.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, within ``timeout_s`` machine seconds."""
        self._is_ending.set()
        self._has_news.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._has_news.wait()
            is_last = self._is_ending.wait(_PACE_S)  # what comes meanwhile goes into one write
            self._has_news.clear()
            while self._waiting:
                count = min(len(self._waiting), _BATCH)
                batch = [self._waiting.popleft() for _ in range(count)]
                self._write([entry.line() for entry in batch])
                if any(entry.is_synced for entry in batch):
                    self._file.sync()
            self._say_dropped()
            if is_last:
                self._file.close()
                return

    def _say_dropped(self) -> None:
        dropped = self.dropped
        if dropped > self._dropped_said:
            now = SystemClock().utc().isoformat(timespec="milliseconds")
            self._write([f"{now} WARNING audit lines lost n={dropped - self._dropped_said}"])
            self._dropped_said = dropped

    def _write(self, lines: list[str]) -> None:
        text = "\n".join(lines)
        self._file.emit(logging.LogRecord("audit", logging.INFO, "", 0, text, None, None))


def read_audit(path: Path, since: datetime | None = None) -> Iterator[Mapping[str, object]]:
    """Yield the entries of the file and of the older ones beside it, oldest first.

    Lines that are no entries (torn by a power cut, remarks about lost lines) are left out.

    Parameters
    ----------
    since
        Only those at or after this instant.

    Raises
    ------
    OSError
        A file cannot be read; that there is none is no error.
    """
    files = [path.with_name(f"{path.name}.{number}") for number in range(KEEP_FILES, 0, -1)]
    for file in (*files, path):
        try:
            opened = file.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        with opened:
            if since is not None and os.fstat(opened.fileno()).st_mtime < since.timestamp():
                continue
            for line in opened:
                entry = _entry(line)
                if entry is not None and (since is None or _utc(entry) >= since):
                    yield entry


def _entry(line: str) -> Mapping[str, object] | None:
    try:
        entry = json.loads(line)
        _utc(entry)
    except (ValueError, TypeError, KeyError):
        return None
    return entry if isinstance(entry, dict) else None


def _utc(entry: Mapping[str, object]) -> datetime:
    utc = datetime.fromisoformat(str(entry["utc"]))
    return utc if utc.tzinfo is not None else utc.replace(tzinfo=UTC)
