"""A data folder belongs to one ``up`` or ``demo`` at a time, or to the services of the system.

What is made in it may be read by its group and by no others: frames, orders and logs are the
site's. A folder that was there before keeps its mode, since the site chose it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctmo_indi.errors import ConfigError

LOCK_FILE = Path("run") / "up.lock"
_DATABASE_LOCK = ".sqlite3.lock"
_UMASK = 0o027


@contextmanager
def owned(folder: Path, command: str) -> Iterator[None]:
    """Own the folder inside; the lock ends with the process, so that a kill leaves nothing behind.

    Inside, the umask of this process and of those that it starts is 0027, or stricter.

    Parameters
    ----------
    command
        What runs here, for the message that somebody else gets.

    Raises
    ------
    ConfigError
        Something runs there already, which the message names, or the folder cannot be written;
        nothing in it was changed.
    """
    before = os.umask(_UMASK)
    os.umask(before | _UMASK)
    try:
        with _locked(folder, command):
            yield
    finally:
        os.umask(before)


@contextmanager
def _locked(folder: Path, command: str) -> Iterator[None]:
    path = folder / LOCK_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        if not _lock(handle):
            text = os.pread(handle, 200, 0).decode(errors="replace").strip()
            raise _occupied(folder, f"{text or 'another ctmo-indi'} runs here")
        services = _services(folder)
        if services:
            raise _occupied(folder, f"the services here run already: {', '.join(services)}")
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"ctmo-indi {command} (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _services(folder: Path) -> list[str]:
    """Return whose databases in the folder are open."""
    found = []
    for path in sorted(folder.glob(f"*{_DATABASE_LOCK}")):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # of another user: opening the database will say so
        try:
            if not _lock(handle):
                found.append(path.name.removesuffix(_DATABASE_LOCK))
        finally:
            os.close(handle)
    return found


def _lock(handle: int) -> bool:
    """Take the advisory lock of an open file; False when another process holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _occupied(folder: Path, what: str) -> ConfigError:
    return ConfigError(f"{folder}: {what}; end it first, or take another folder with --data")
