"""What a supervised child writes to its standard streams: a file that does not grow for ever.

The child has it open for appending and knows nothing of this: what is too long is copied to a
second file and cut to nothing, as logrotate's ``copytruncate`` does; lines that come between the
two are lost.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

_log = logging.getLogger(__name__)

MAX_BYTES = 10_000_000
_TAIL_BYTES = 8192


def keep_short(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Move what is longer to ``NAME.1``, over what is there; told in the log where that fails."""
    try:
        if path.stat().st_size <= max_bytes:
            return
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)
    except FileNotFoundError:
        return  # nothing was written yet
    except OSError as error:
        _log.warning("child_output_not_cut path=%s error=%s", path, error)


def last_line(path: Path) -> str:
    """Return the last line of what a service wrote, and where that is; "" for nothing."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f"{lines[-1]} (log: {path})" if lines else ""
