"""Snapshots of the scheduling driver in a folder: saved, read back, announced, the oldest deleted.

A snapshot is data with a checksum (see :meth:`ctmo_indi.scheduling.driver.Driver.save_state`). One
is announced only after it was read back and says what the driver says. Their names grow with a
number, not with the time, so that a step of the clock does not change which one is the newest.

Driver's thread only: saving waits for the disk.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ctmo_indi.errors import CtmoError, InternalError
from ctmo_indi.scheduling.driver import Driver, read_snapshot, to_text

_log = logging.getLogger(__name__)

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})
_PREFIX = "snapshot-"
_SUFFIX = ".json"
_DIGITS = 8
_NUMBERED = re.compile(rf"{_PREFIX}([0-9]{{{_DIGITS},18}})-")


class SnapshotError(InternalError):
    """A snapshot could not be saved or read back; the text names the file."""


class NoRoomForSnapshot(SnapshotError):
    """The disk takes nothing now; it is tried again, the driver is not to blame."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that was read back.

    Parameters
    ----------
    sha256
        Of the file.
    observation_number
        The last observation the driver knew.
    """

    path: Path
    size: int
    sha256: str
    driver: str
    observation_number: int

    def to_wire(self) -> dict[str, object]:
        """Keys of the event that announces it."""
        return {
            "Path": str(self.path.absolute()),
            "URL": self.path.absolute().as_uri(),
            "Size": self.size,
            "SHA256": self.sha256,
            "Generator": f"scheduler:{self.driver}",
            "Observation Number": self.observation_number,
        }


class SnapshotFolder:
    """The snapshots of one scheduler.

    Parameters
    ----------
    kept
        How many are kept, the newest ones; at least 1.
    announce
        Told of each new one; may be called in the driver's thread, must not block.
    """

    def __init__(self, folder: Path, kept: int, announce: Callable[[Snapshot], object]) -> None:
        self._folder = folder
        self._kept = max(1, kept)
        self._announce = announce
        self._last: tuple[str, Snapshot] | None = None
        self._troubles: frozenset[str] = frozenset()

    def save(self, driver: Driver, utc: datetime) -> Snapshot:
        """Save the driver's state and read it back.

        A state that has not changed since the last one is not written again, nor announced.

        Raises
        ------
        SnapshotError
            It could not be written, or it is not what was written.
        """
        try:
            text = to_text(driver.get_state())
        except (TypeError, ValueError) as error:
            raise SnapshotError(f"driver {driver.name}: its state is no data: {error}") from error
        if self._last is not None and self._last[0] == text and self._last[1].path.exists():
            return self._last[1]
        path = self._folder / f"{_PREFIX}{self._next_number():0{_DIGITS}d}-{utc:%Y%m%dT%H%M%S}"
        path = path.with_name(f"{path.name}-{driver.name}{_SUFFIX}")
        snapshot = self._write(driver, path, text)
        self._last = (text, snapshot)
        self._announce(snapshot)
        self._delete_old()
        return snapshot

    def newest_first(self) -> list[Path]:
        """Return the files, the newest one first; whether they are valid is not looked at."""
        return newest_first(self._folder)

    def _write(self, driver: Driver, path: Path, text: str) -> Snapshot:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            written = driver.save_state(path)
            read = to_text(read_snapshot(written, driver.name))
            content = written.read_bytes()
        except (CtmoError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            is_full = isinstance(error, OSError) and error.errno in _NO_ROOM
            raise (NoRoomForSnapshot if is_full else SnapshotError)(
                f"driver {driver.name}: snapshot {path} could not be saved and read back: {error}"
            ) from error
        if read != text:
            raise SnapshotError(
                f"driver {driver.name}: snapshot {written} is not the driver's state,"
                " expected what get_state says"
            )
        digest = hashlib.sha256(content).hexdigest()
        return Snapshot(written, len(content), digest, driver.name, driver.observation_number)

    def _next_number(self) -> int:
        return max((_number(path) for path in self.newest_first()), default=0) + 1

    def _delete_old(self) -> None:
        """Delete what is too old; what stands against it is told once, until it is gone."""
        kept: dict[str, list[Path]] = {}
        for path in self.newest_first()[self._kept :]:
            if path.is_dir():
                continue  # none of ours
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                kept.setdefault(error.strerror or repr(error), []).append(path)
        for trouble, paths in kept.items():
            if trouble not in self._troubles:
                _log.warning(
                    "old snapshots not deleted folder=%s number=%d first=%s error=%s",
                    self._folder,
                    len(paths),
                    paths[0].name,
                    trouble,
                )
        self._troubles = frozenset(kept)


def newest_first(folder: Path) -> list[Path]:
    """Return the snapshot files of a folder, the newest one first; valid or not.

    A folder that is not there has none.
    """
    found = [path for path in folder.glob(f"{_PREFIX}*{_SUFFIX}") if _number(path) > 0]
    return sorted(found, key=_number, reverse=True)


def _number(path: Path) -> int:
    found = _NUMBERED.match(path.name)
    return int(found[1]) if found else 0
