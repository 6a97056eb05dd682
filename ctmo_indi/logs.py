"""Where log lines go: one line per event, to stderr and to a rotating file, and never in the way.

A line is ``2026-11-22T00:30:05.123Z INFO telescope ctmo_indi.devices.dome slewing az_deg=9``.
Its first time is the machine's; under a scaled clock ``sky=...`` follows, the time of the night.
Whatever would break the line or the terminal is escaped, so that no order can forge an entry. With
``Format: json`` each line but journald's is a JSON object of the same parts, for log collectors. A
full disk loses lines (counted, and said as soon as there is room), never a call.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from ctmo_indi.background_log import BackgroundHandler
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.logging_settings import LoggingSettings

MAX_BYTES = 10_000_000
KEEP_FILES = 9
REOPEN_PERIOD_S = 10.0

# Their INFO is our DEBUG: one line for every job run, request, migration step
_QUIET = ("aiohttp.access", "alembic", "apscheduler", "asyncio", "sqlalchemy")
_PRIORITIES = (  # syslog(3), as journald reads them at the beginning of a line
    (logging.CRITICAL, "<2>"),
    (logging.ERROR, "<3>"),
    (logging.WARNING, "<4>"),
    (logging.INFO, "<6>"),
)
# C0 and C1 controls, DEL, the Unicode line separators and bidirectional overrides
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def set_up(
    service: str,
    settings: LoggingSettings,
    clock: Clock,
    *,
    stream: TextIO | None = None,
    in_background: bool = False,
) -> Callable[[], None]:
    """Send all logging of this process to stderr and, when there is one, to the file.

    A file that cannot be opened is complained about and tried again later: a safety service must
    not stay down because of its log. Several services may share one file.

    Parameters
    ----------
    service
        Named in every line.
    stream
        Instead of stderr.
    in_background
        Write in threads of its own, so that a log that hangs holds up nobody.

    Returns
    -------
    callable
        Undoes everything and closes the file.
    """
    target = sys.stderr if stream is None else stream
    to_journal = is_journal(target)
    targets: list[logging.Handler] = [StreamHandler(target)]
    if settings.file is not None:
        targets.append(SharedFileHandler(settings.file, clock))
    handlers = [BackgroundHandler(each) for each in targets] if in_background else targets
    for handler, is_journals in zip(handlers, (to_journal, False), strict=False):
        is_json = settings.format == "json" and not is_journals
        made = JsonFormatter if is_json else LineFormatter
        handler.setFormatter(made(service, clock, to_journal=is_journals))
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    root.handlers[:] = handlers
    root.setLevel(settings.level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)

    def undo() -> None:
        logging.captureWarnings(False)
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.NOTSET)
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        for handler in handlers:
            handler.close()

    return undo


def quiet_log(name: str, data_dir: Path) -> None:
    """Log this process to ``data_dir/logs/NAME.log`` alone: the terminal belongs to the people."""
    folder = data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    nowhere = Path(os.devnull).open("w")
    set_up(name, LoggingSettings(folder / f"{name}.log"), SystemClock(), stream=nowhere)


def flush() -> None:
    """Wait for the lines that are still to be written, a few seconds at most."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def is_journal(stream: TextIO) -> bool:
    """Whether ``stream`` is journald's, as systemd.exec(5) says to find out."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def escape(text: str) -> str:
    r"""Make one harmless line of ``text``: a newline becomes ``\n``, an ESC ``\x1b``."""
    return _UNSAFE.sub(lambda found: repr(found.group())[1:-1], text)


class LineFormatter(logging.Formatter):
    """One event, one line; a traceback is in it, escaped. Never raises.

    Parameters
    ----------
    to_journal
        Begin with the priority and leave the machine's time to journald.
    """

    def __init__(self, service: str, clock: Clock, *, to_journal: bool) -> None:
        super().__init__()
        self._service = service
        self._clock = clock
        self._to_journal = to_journal
        offset_s = abs((clock.utc() - datetime.now(UTC)).total_seconds())
        self._has_sky_time = clock.speed != 1.0 or offset_s > 1.0

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        words = [record.levelname, self._service, record.name, self._message(record)]
        if self._has_sky_time:
            words.insert(0, f"sky={_iso(self._clock.utc())}")
        if not self._to_journal:
            words.insert(0, _iso(datetime.fromtimestamp(record.created, UTC)))
        if record.exc_info and record.exc_info[0] is not None:
            words.append("traceback=" + self.formatException(record.exc_info))
        prefix = _priority(record.levelno) if self._to_journal else ""
        return prefix + escape(" ".join(words))

    @staticmethod
    def _message(record: logging.LogRecord) -> str:
        try:
            return record.getMessage()
        except Exception as error:  # noqa: BLE001 - a wrong log call must not fail its caller
            return f"unprintable log call msg={record.msg!r} args={record.args!r} error={error}"


class JsonFormatter(LineFormatter):
    """One event, one line of JSON. Never raises.

    Its keys are utc, level, service, logger, message; under a scaled clock sky, after an exception
    traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end; JSON escapes what would break it."""
        told = {
            "utc": _iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": self._message(record),
        }
        if self._has_sky_time:
            told["sky"] = _iso(self._clock.utc())
        if record.exc_info and record.exc_info[0] is not None:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)  # ASCII: no control and no bidirectional override is left


def _priority(level: int) -> str:
    return next((prefix for least, prefix in _PRIORITIES if level >= least), "<7>")


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


class StreamHandler(logging.Handler):
    """Writes lines to a stream; a closed or full one loses them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; never raises."""
        try:
            line = self.format(record) + "\n"
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except Exception:  # noqa: BLE001 - there is no place left to complain to
            self.lost += 1


class SharedFileHandler(logging.Handler):
    """Appends lines to a file that several processes write, and rotates it by size.

    Each line is one ``write`` in append mode, so lines of different processes do not mix. Who finds
    the file full renames it under a lock; the others notice by the inode and open the new one.

    Parameters
    ----------
    max_bytes, keep
        Size of a file at most; how many old ones (``name.1`` is the youngest) are kept.
    """

    def __init__(
        self, path: Path, clock: Clock, *, max_bytes: int = MAX_BYTES, keep: int = KEEP_FILES
    ) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self._max_bytes = max_bytes
        self._keep = keep
        self._file: int | None = None
        self._retry_at_machine_s = 0.0
        self._is_line_broken = False
        self._is_name_synced = False
        self.lost = 0
        self.unsynced = 0
        self._unsaid = 0
        self._has_complained = False
        try:
            self._open()
        except OSError as error:
            self._complain(error)

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line; never raises."""
        try:
            line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
            if self._is_line_broken:
                line = b"\n" + line
            if self._unsaid:
                line += (
                    f"{_iso(datetime.now(UTC))} WARNING log lines lost n={self._unsaid}\n".encode()
                )
            self._append(line)
            self._unsaid = 0
            self._has_complained = False
        except OSError as error:
            self._count()
            self._complain(error)
        except Exception:  # noqa: BLE001 - a wrong log call must not fail its caller
            self._count()

    def sync(self) -> None:
        """Have the lines written so far outlast a loss of power; blocks for the disk.

        Never raises: the lines stand in the file all the same; ``unsynced`` counts the failures.
        """
        if self._file is None:
            return
        try:
            os.fsync(self._file)
            if not self._is_name_synced:
                folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
                self._is_name_synced = True
        except OSError as error:
            self.unsynced += 1
            self._complain(error, "the last lines may not outlast a loss of power")

    def close(self) -> None:
        """Close the file."""
        self._close_file()
        super().close()

    def _count(self) -> None:
        self.lost += 1
        self._unsaid += 1

    def _append(self, line: bytes) -> None:
        if self._file is None:
            if self._clock.machine_s() < self._retry_at_machine_s:
                raise FileNotFoundError(f"{self._path} could not be opened")
            self._open()
        elif not self._is_current():
            self._open()
        if self._file is not None and os.fstat(self._file).st_size + len(line) > self._max_bytes:
            self._rotate()
        if self._file is None:
            raise FileNotFoundError(f"{self._path} is closed")
        written = os.write(self._file, line)
        self._is_line_broken = written < len(line)  # a disk that fills up takes a part
        if self._is_line_broken:
            raise OSError(f"wrote {written} of {len(line)} bytes")

    def _open(self) -> None:
        self._close_file()
        self._retry_at_machine_s = self._clock.machine_s() + REOPEN_PERIOD_S
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o640)
        self._is_name_synced = False

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _is_current(self) -> bool:
        """Whether the open file still bears its name."""
        if self._file is None:
            return False
        try:
            named = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(self._file))

    def _rotate(self) -> None:
        lock = os.open(self._numbered("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_current():  # else another process was first
                for number in range(self._keep, 0, -1):
                    younger = self._numbered(number - 1) if number > 1 else self._path
                    if younger.exists():
                        younger.replace(self._numbered(number))
            self._open()
        except BlockingIOError:
            return  # another process is at it; this line still goes into the full file
        finally:
            os.close(lock)

    def _numbered(self, number: int | str) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _complain(self, error: OSError, what: str = "lines are lost") -> None:
        """Say once per spell of trouble, on stderr, what comes of it."""
        if self._has_complained:
            return
        self._has_complained = True
        text = escape(f"log file unusable file={self._path} error={error}; {what}")
        try:
            sys.stderr.write(f"{_iso(datetime.now(UTC))} ERROR {text}\n")
        except (OSError, ValueError):
            self.lost += 1
