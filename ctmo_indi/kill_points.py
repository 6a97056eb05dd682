"""Places where a test may have a service kill itself, to show that nothing is lost there.

``CTMO_KILL_AT=NAME`` or ``NAME:3`` kills the process, as ``kill -9`` does, at the first or third
passage of that point in this process. ``CTMO_KILL_AT=@FOLDER`` arms points while services run: a
file ``FOLDER/NAME``, whose text is the number of passages still to come (1 when it is empty), kills
the first process that uses it up. The file is removed before: one that is gone was reached, and the
process that follows lives. Without the variable a passage costs one comparison.

:data:`POINTS` is the list of all names. A test compares it with the source and reaches every one.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

__all__ = ["POINTS", "VARIABLE", "passing"]

VARIABLE = "CTMO_KILL_AT"

_WRITES: Mapping[str, str] = {
    "telescope.attempt.commit": "an attempt is taken",
    "telescope.attempt.state": "a new state of an attempt",
    "telescope.expose.intent": "the INTENT of an exposure",
    "telescope.frame.done": "row and DONE of a frame that is on the disk",
    "telescope.expose.forget": "the end of an exposure without a frame",
    "telescope.hand.intent": "a Dome or Control order with its INTENT",
    "telescope.hand.done": "the end of a Dome or Control order",
    "telescope.recovery.exposure": "what became of an exposure cut off by a crash",
    "telescope.recovery.attempt": "the end of an attempt cut off by a crash",
    "telescope.recovery.hand": "what became of a Dome or Control order cut off by a crash",
    "scheduler.order.commit": "an order is taken",
    "scheduler.order.change": "a new state of a waiting order: cancel, expiry, restart",
    "scheduler.cancel.request": "the cancel of an order whose attempt has to end first",
    "scheduler.attempt.begin": "an attempt, its order SCHEDULED",
    "scheduler.attempt.progress": "the begin or new frames of an attempt",
    "scheduler.attempt.settle": "the end of an attempt and what it means for its order",
}
"""Transactions; each has three points: before it, inside it (written, not committed), after it."""

_MOMENTS: Mapping[str, str] = {
    "telescope.attempt.enqueued": "the engine has the attempt, nobody was answered yet",
    "telescope.expose.sent": "the camera was told to expose",
    "telescope.expose.begun": "the camera exposes",
    "telescope.frame.received": "the frame is in memory only",
    "telescope.frame.part.written": "the temporary file is written, not synced",
    "telescope.frame.part.synced": "the temporary file is on the disk",
    "telescope.frame.renamed": "the frame has its name, its folder is not synced",
    "telescope.frame.stored": "the frame is durable, its row is not written",
    "telescope.hand.sent": "the devices have the first command of a Dome or Control order",
    "telescope.hand.reply": "a Dome or Control order is about to be answered",
    "telescope.recovery.begun": "what is open was read after a crash, nothing is settled yet",
    "telescope.recovery.adopted": "a whole temporary file was given its name after a crash",
    "scheduler.attempt.queued": "the script of an attempt is in the queue",
    "scheduler.attempt.handing": "the attempt is about to be sent to the telescope",
    "scheduler.attempt.handed": "the telescope has taken the attempt",
    "scheduler.recovery.loaded": "the open orders were read at a start",
}

_FILES: Mapping[str, str] = {
    "holds": "lock and latch",
    "comeback": "whether to observe after a restart",
    "blocks": "the script queue's blocks under way",
    "snapshot": "what the scheduling driver knows",
}
"""Files of :mod:`ctmo_indi.durable_file`, by the first word of their names."""

_STAGES: Mapping[str, str] = {
    "before": "nothing is written",
    "written": "the new file is there, not synced",
    "synced": "the new file is on the disk beside the old one",
    "after": "the new file has replaced the old one",
}

POINTS: Mapping[str, str] = {
    **{
        f"{name}.{when}": f"{when}: {what}"
        for name, what in _WRITES.items()
        for when in ("before", "inside", "after")
    },
    **_MOMENTS,
    **{
        f"file.{name}.{stage}": f"{what}: {how}"
        for name, what in _FILES.items()
        for stage, how in _STAGES.items()
    },
}
"""Name of each point -> what has happened there."""


class _Trap:
    """What is armed in this process; any thread."""

    def __init__(self, wanted: str) -> None:
        self._lock = threading.Lock()
        self._folder = Path(wanted[1:]) if wanted.startswith("@") else None
        name, _, count = wanted.partition(":")
        self._name, self._left = name, int(count or 1)

    def passed(self, name: str) -> None:
        with self._lock:
            if self._folder is not None:
                is_over = self._use_up(self._folder / name)
            elif name == self._name:
                self._left -= 1
                is_over = self._left == 0
            else:
                is_over = False
            if is_over:
                os.write(2, f"kill_point_reached name={name}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def _use_up(file: Path) -> bool:
        try:
            left = int(file.read_text() or 1) - 1
            if left > 0:
                file.write_text(str(left))
                return False
            file.unlink()
        except (OSError, ValueError):
            return False
        return True


# Read once, at import: a passage must cost nothing in an observatory, where it is never set.
_TRAP = _Trap(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def passing(name: str) -> None:
    """Pass the point of that name; returns unless a test has armed it. Any thread."""
    if _TRAP is not None:
        _TRAP.passed(name)
