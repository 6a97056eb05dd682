"""Jobs for tests of executors: they answer, fail, hang, or kill the process they run in."""

from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

LONGEST_S = 60.0


def double(number: int) -> Mapping[str, object]:
    """Answer twice the number, from which process, and how nice that is."""
    return {"double": 2 * number, "pid": os.getpid(), "nice": os.nice(0)}


def environment(name: str) -> Mapping[str, object]:
    """Answer what the process has in its environment."""
    return {"value": os.environ.get(name, "")}


def fail(reason: str) -> Mapping[str, object]:
    """Raise what nobody foresaw."""
    raise ValueError(reason)


def full_disk(path: str) -> Mapping[str, object]:
    """Raise what a full disk raises."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def unsendable(_: object) -> Mapping[str, object]:
    """Answer what cannot be pickled."""
    return {"function": lambda: None}


def die(_: object) -> Mapping[str, object]:
    """End by a signal, as the kernel ends one when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("not reached")


def die_once(marker: str) -> Mapping[str, object]:
    """End by a signal unless the file is there, which is made before."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"pid": os.getpid()}


def stall(_: object) -> Mapping[str, object]:
    """Begin a message to the owner and stop, as a process is stopped by a signal."""
    os.write(int(sys.argv[1]), struct.pack("!i", 1 << 20) + b"begun")
    os.kill(os.getpid(), signal.SIGSTOP)
    raise AssertionError("not reached")


def hang(started: str) -> Mapping[str, object]:
    """Write the own process id and that of a child into the file, then hang.

    The child leads a group of its own, as a plate solver does.
    """
    code = f"import time; time.sleep({LONGEST_S})"
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    path = Path(started)
    path.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
    path.with_suffix(".new").replace(path)
    time.sleep(LONGEST_S)
    return {}
