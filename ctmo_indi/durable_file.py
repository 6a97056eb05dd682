"""Write a file so that it is either the old one or the new one, whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ctmo_indi.kill_points import passing


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
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a new file to write to, which takes the place of ``path`` once it is whole on the disk.

    It is beside ``path`` as ``.NAME.part`` until then, and gone after any exception. Leaving the
    context blocks for a disk sync.

    Raises
    ------
    OSError
        It could not be written; the old file stands.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
