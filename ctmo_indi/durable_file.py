"""Write a file so that it is either the old one or the new one, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ctmo_indi.clock import Deadline, SystemClock
from ctmo_indi.kill_points import passing

_LOCK_POLL_S = 0.05
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})


def write_json(path: Path, data: object) -> None:
    """Write ``data`` to ``path`` through a synced temporary file beside it; blocks for a disk sync.

    Raises
    ------
    OSError
        It could not be written; the old file stands.
    """
    point = f"file.{path.stem.partition('-')[0]}"
    passing(f"{point}.before")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with temporary.open("w") as file:
        json.dump(data, file)
        file.flush()
        passing(f"{point}.written")
        os.fsync(file.fileno())
    passing(f"{point}.synced")
    temporary.replace(path)
    _sync_folder(path.parent)
    passing(f"{point}.after")


@contextlib.contextmanager
def replacing(path: Path, *, alone_within_s: float = 120.0) -> Iterator[BinaryIO]:
    """Give a new file to write to, which takes the place of ``path`` once it is whole on the disk.

    It is beside ``path`` as ``.NAME.part`` until then, and gone after any exception. Leaving the
    context blocks for a disk sync. While another process writes a file of that name, it is waited
    for, and the later one stays; what a killed one left is taken over.

    Raises
    ------
    OSError
        It could not be written, or is still being written elsewhere after ``alone_within_s``; the
        old file stands.
    """
    temporary = path.with_name(f".{path.name}.part")
    with _opened_alone(temporary, alone_within_s) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def _opened_alone(path: Path, within_s: float) -> BinaryIO:
    """Open an empty file for writing that nobody else has open so; the lock ends with the file."""
    deadline, pause = Deadline(SystemClock(), within_s), threading.Event()
    while True:
        file = open(path, "wb", opener=_without_truncating)
        try:
            if _is_locked(file) and _is_still(file, path):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()
        if deadline.expired:
            raise BlockingIOError(
                errno.EWOULDBLOCK, f"another process writes it for {within_s:g} s", str(path)
            )
        pause.wait(_LOCK_POLL_S)


def _without_truncating(name: str, flags: int) -> int:
    return os.open(name, flags & ~os.O_TRUNC, 0o666)


def _is_locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # of a network disk; the writers there must not meet
            raise
    return True


def _is_still(file: BinaryIO, path: Path) -> bool:
    """Whether the file has its name yet: who wrote it before may have renamed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
