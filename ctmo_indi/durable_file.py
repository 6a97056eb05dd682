"""Write a small file so that it is either the old one or the new one, whatever happens."""

from __future__ import annotations

import json
import os
from pathlib import Path

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
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    passing(f"{point}.after")
