"""Tasks of a night that open no pixel: products are small texts, and trouble comes on demand.

Beside the raw frames, a file ``hold`` keeps every product from being made until it is removed,
``full`` makes the disk full, ``kill`` kills the worker once, and ``refuse-KIND`` has every master
of that kind refused.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from ctmo_indi.models.frames import Frame, Master
from ctmo_indi.preprocessor.jobs import LookJob, ProductJob
from ctmo_indi.preprocessor.night import hash_only

LONGEST_S = 30.0


def look(job: LookJob) -> Mapping[str, Any]:  # Any: as jobs.look_at
    """Hash the files; take any pixels but those of files named ``bad...``."""
    return {"seen": [(hash_only(frame).sha256, _bad(frame)) for frame in job.frames]}


def check(master: Master) -> Mapping[str, Any]:  # Any: as jobs.check
    """Take every file that begins with the id of its product."""
    path = master.path
    return {"is_whole": path is not None and path.read_text().startswith(master.product_id)}


def make(job: ProductJob) -> Mapping[str, Any]:  # Any: as jobs.make
    """Write the product's id and those of its inputs."""
    planned, switches = job.planned, job.planned.frames[0].path.parent
    end_s = time.monotonic() + LONGEST_S
    while (switches / "hold").exists() and time.monotonic() < end_s:
        time.sleep(0.01)
    path = job.folder / planned.name
    if (switches / "full").exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    if (switches / "kill").exists():
        (switches / "kill").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    missing = [str(file) for file in job.files.values() if not file.is_file()]
    if missing:
        raise FileNotFoundError(errno.ENOENT, "an input is missing", missing[0])
    text = "\n".join([planned.product_id, *sorted(job.files)])
    was_there = path.is_file() and path.read_text() == text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").replace(path)
    is_refused = (switches / f"refuse-{planned.kind}").exists()
    return {
        "path": str(path),
        "statistics": {"median": 1.0},
        "size_bytes": len(text),
        "was_there": was_there,
        "refused": "not good enough" if is_refused else "",
    }


def _bad(frame: Frame) -> str:
    return "constant: every pixel is 0 adu" if frame.path.name.startswith("bad") else ""
