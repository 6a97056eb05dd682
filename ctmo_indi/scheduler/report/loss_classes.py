"""What a second of the night can have been: the classes of the ledger, as a table.

Where several things went on at once, the first row that holds has the second. So a frame that was
exposed counts as exposed whatever else was wrong, bad weather comes before what a human or a device
did meanwhile (nothing else was lost by it), and what is known comes before the waiting around it.
While the scheduler itself kept no record, UNKNOWN hides the states that were known before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LossClass(StrEnum):
    """The class of a second."""

    EXPOSING = "exposing"
    CALIBRATION = "calibration"
    READOUT = "readout"
    UNKNOWN = "unknown"
    WEATHER = "weather"
    SAFETY = "safety"
    HELD = "held"
    DISABLED = "disabled"
    FAULT = "fault"
    MOVING_ROOF = "opening or closing"
    SLEWING = "slewing"
    DOME = "dome"
    FILTER = "filter"
    FOCUS = "focus"
    INTERRUPTED = "interrupted"
    HANDLING = "handling"
    NOTHING_VISIBLE = "nothing observable"
    NO_ORDERS = "no orders"
    OVERHEAD = "overhead"


class LossGroup(StrEnum):
    """What a class means to the owner."""

    SKY = "sky"  # the shutter was open on the sky
    WORK = "work"  # what observing needs besides
    LOST = "lost"  # it could have been sky, but for what stands there
    IDLE = "idle"  # nothing was asked for
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One row.

    Parameters
    ----------
    words
        For people.
    colour
        Of the bar, ``#rrggbb``.
    """

    loss: LossClass
    group: LossGroup
    words: str
    colour: str


CLASSES: tuple[ClassRow, ...] = (
    ClassRow(LossClass.EXPOSING, LossGroup.SKY, "exposing on the sky", "#2e7d32"),
    ClassRow(LossClass.CALIBRATION, LossGroup.WORK, "calibration frames", "#00897b"),
    ClassRow(LossClass.READOUT, LossGroup.WORK, "reading out", "#8bc34a"),
    ClassRow(LossClass.UNKNOWN, LossGroup.UNKNOWN, "no record", "#d81b60"),
    ClassRow(LossClass.WEATHER, LossGroup.LOST, "weather", "#1565c0"),
    ClassRow(LossClass.SAFETY, LossGroup.LOST, "safety, other than weather", "#e65100"),
    ClassRow(LossClass.HELD, LossGroup.LOST, "held by a human", "#6a1b9a"),
    ClassRow(LossClass.DISABLED, LossGroup.LOST, "scheduler not running", "#9c27b0"),
    ClassRow(LossClass.FAULT, LossGroup.LOST, "technical fault", "#c62828"),
    ClassRow(LossClass.MOVING_ROOF, LossGroup.WORK, "opening or closing", "#5d4037"),
    ClassRow(LossClass.SLEWING, LossGroup.WORK, "slewing and settling", "#f9a825"),
    ClassRow(LossClass.DOME, LossGroup.WORK, "waiting for the dome", "#a1887f"),
    ClassRow(LossClass.FILTER, LossGroup.WORK, "changing the filter", "#ffca28"),
    ClassRow(LossClass.FOCUS, LossGroup.WORK, "focusing", "#ffe082"),
    ClassRow(LossClass.INTERRUPTED, LossGroup.LOST, "work thrown away", "#ef6c00"),
    ClassRow(LossClass.HANDLING, LossGroup.WORK, "handling of attempts", "#c0ca33"),
    ClassRow(LossClass.NOTHING_VISIBLE, LossGroup.IDLE, "nothing observable", "#78909c"),
    ClassRow(LossClass.NO_ORDERS, LossGroup.IDLE, "no orders", "#b0bec5"),
    ClassRow(LossClass.OVERHEAD, LossGroup.LOST, "choosing and waiting", "#ff8a65"),
)
"""From what decides first to what decides last."""

ROW_OF = {row.loss: row for row in CLASSES}
PRECEDENCE = {row.loss: number for number, row in enumerate(CLASSES)}
