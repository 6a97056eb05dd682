"""What was told to move and has not answered yet counts as moving.

Between a command and the driver's first word the device still reads as before: a telescope told to
unpark reads "parked", and a shutter might be told to close over it. So from the moment of sending
until the driver next says something of that part, the part counts as the table of
:mod:`~ctmo_indi.devices.arrangement` has it, for however long the driver is silent.

Covers the commands of this process only. Another process (safety beside the telescope) sees what
the driver says, some milliseconds later; the closing asks once more when the shutter is at rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ctmo_indi.devices.arrangement import ARRANGEMENTS, Begun
from ctmo_indi.devices.motion_kinds import (
    DomePlace,
    MotionRequest,
    MountPlace,
    ShutterState,
)


class Part(StrEnum):
    """What a command may set moving."""

    MOUNT = "mount"
    SHUTTER = "shutter"
    DOME = "dome"
    AIM = "aim"
    SLIT = "slit"


Place = MountPlace | ShutterState | DomePlace | Literal["unknown"]


@dataclass(frozen=True, slots=True)
class _Told:
    place: Place
    # Part -> number of its driver's last word when the command was sent.
    words: Mapping[Part, int | None]


class Unanswered:
    """Thread-safe; never blocks.

    Parameters
    ----------
    last_word
        For each part: the number of the newest thing its driver said of it, None when it is away.
    """

    def __init__(self, last_word: Callable[[Part], int | None]) -> None:
        self._last_word = last_word
        self._lock = threading.Lock()
        self._told: dict[Part, _Told] = {}

    def note(self, request: MotionRequest) -> None:
        """Take down that a motion is sent now."""
        row = ARRANGEMENTS.get(request.motion)
        if row is None:
            return
        places = _places(row.begins)
        # A dome may or may not move its shutter when it parks: a word of either is an answer.
        words = {part: self._last_word(part) for part in places}
        with self._lock:
            self._told.update({part: _Told(place, words) for part, place in places.items()})

    def place(self, part: Part) -> Place | None:
        """Return how a part counts as long as its driver is silent; None: as the driver says."""
        with self._lock:
            told = self._told.get(part)
        # The link is asked outside our lock: it asks us under its own while it sends.
        if told is None or any(self._last_word(one) != word for one, word in told.words.items()):
            return None
        return told.place


def _places(begun: Begun) -> dict[Part, Place]:
    named: dict[Part, Place | None] = {
        Part.MOUNT: begun.mount,
        Part.SHUTTER: begun.shutter,
        Part.DOME: begun.dome,
        Part.AIM: "unknown" if begun.aim else None,
        Part.SLIT: "unknown" if begun.slit else None,
    }
    return {part: place for part, place in named.items() if place is not None}
