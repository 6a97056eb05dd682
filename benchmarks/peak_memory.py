"""The most memory this process has had, since its program began."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_mib() -> float:
    """Return the peak of the memory in use, MiB."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux: bytes there, kilobytes elsewhere
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return float(line.split()[1]) / 1024.0
