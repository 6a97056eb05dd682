"""Whether the disk has room for more orders: they must never be what makes safety close.

Anybody who may submit can send orders as fast as they are stored. So orders stop being taken while
there is still more room than safety's rule ``disk`` asks for; what was taken goes on.
"""

from __future__ import annotations

import os
from pathlib import Path

MORE_THAN_SAFETY = 1.25


def no_room(folder: Path, safety_min_mb: float) -> str:
    """Return why no order is to be stored, "" when there is room; asks the disk, microseconds.

    Parameters
    ----------
    safety_min_mb
        With less than this safety closes, 10^6 bytes.
    """
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    free_mb = found.f_bavail * found.f_frsize / 1e6
    least_mb = MORE_THAN_SAFETY * safety_min_mb
    if free_mb >= least_mb:
        return ""
    return f"{free_mb:.0f} MB free in {folder}, expected at least {least_mb:g} MB for new orders"
