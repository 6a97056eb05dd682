"""Have the planner compiled before a fast clock begins: half a minute would be hours of its night.

It is compiled in a process of its own, since nothing here is to import numba, and kept where the
services look for it. A scheduler compiles what it lacks at its start in any case.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable

_log = logging.getLogger(__name__)

PROGRAM = "ctmo_indi.scheduling.plan.warming_up"

TOLD_AFTER_S = 5.0
"""Machine seconds after which people are told what they wait for."""

TIMEOUT_S = 600.0


def make_planner_ready(notice: Callable[[str], None]) -> None:
    """Return when the planner is compiled; a second when it was before.

    Blocks; what goes wrong is logged only, since the scheduler says it as well.
    """
    command = [sys.executable, "-m", PROGRAM]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            _, told = _outcome(process, notice)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        _log.error("planner not compiled rc=%s why=%r", process.returncode, told[-500:])


def _outcome(
    process: subprocess.Popen[bytes], notice: Callable[[str], None]
) -> tuple[bytes, bytes]:
    try:
        return process.communicate(timeout=TOLD_AFTER_S)
    except subprocess.TimeoutExpired:
        notice("getting the planner ready: half a minute where it is compiled, once on a machine")
    try:
        return process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()
