"""How often each observing block was carried out, and how it stands. Engine thread only.

The counts survive restarts in a small file; a count that cannot be written is logged, never in the
way of observing.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from enum import StrEnum
from pathlib import Path

from ctmo_indi.durable_file import write_json

_log = logging.getLogger(__name__)


class BlockStatus(StrEnum):
    """How a block stands; words of the Rubin Scheduler."""

    INVALID = "INVALID"  # one of its scripts is not valid
    AVAILABLE = "AVAILABLE"
    STARTED = "STARTED"  # its scripts wait in the queue
    EXECUTING = "EXECUTING"  # the first of them has begun
    COMPLETED = "COMPLETED"  # all of them ended DONE
    ERROR = "ERROR"  # one of them failed
    INTERRUPTED = "INTERRUPTED"  # one of them was stopped


STATUS_IDS = {status: number for number, status in enumerate(BlockStatus, 1)}

ENDINGS = (BlockStatus.COMPLETED, BlockStatus.ERROR, BlockStatus.INTERRUPTED)
_FORMAT = 1


class BlockCounts:
    """Executions of every block by how they ended.

    Parameters
    ----------
    path
        Where they are kept; an unreadable file is put aside and counting begins anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[str, Counter[BlockStatus]] = {}
        try:
            self._counts = _read(path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("block counts unreadable path=%s error=%r", path, error)
            self._put_aside()

    def count(self, block: str, ending: BlockStatus) -> None:
        """Count one more; durable when this returns, unless the disk refuses."""
        self._counts.setdefault(block, Counter())[ending] += 1
        data = {
            "format": _FORMAT,
            "blocks": {
                name: {ending.value: counts[ending] for ending in ENDINGS}
                for name, counts in self._counts.items()
            },
        }
        try:
            write_json(self._path, data)
        except OSError as error:
            _log.error("block counts not written path=%s error=%s", self._path, error)

    def completed(self, block: str) -> int:
        """Return how many ended well."""
        return self.ended(block, BlockStatus.COMPLETED)

    def ended(self, block: str, *endings: BlockStatus) -> int:
        """Return how many ended in one of ``endings``; in any of them when none is given."""
        counts = self._counts.get(block, Counter())
        return sum(counts[ending] for ending in endings or ENDINGS)

    def _put_aside(self) -> None:
        try:
            self._path.replace(self._path.with_suffix(".unreadable"))
        except OSError as error:
            _log.error("block counts not put aside path=%s error=%s", self._path, error)


def _read(path: Path) -> dict[str, Counter[BlockStatus]]:
    data = json.loads(path.read_text())
    if data["format"] != _FORMAT:
        raise ValueError(f"format {data['format']!r}, expected {_FORMAT}")
    return {
        str(name): Counter({ending: int(counts[ending.value]) for ending in ENDINGS})
        for name, counts in data["blocks"].items()
    }
