"""What is known of one night that is over, and what comes next for it. Pure, a table.

A night is handed to the preprocessor as a whole. What its lights lack then is ordered, and when
that was taken the night has more frames than were handed over: it is handed over again. So do
frames that come late by any other way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

MOST_ROUNDS = 8
"""How often one night is handed over; each round needs frames that the one before did not have."""


class Step(StrEnum):
    """What is to be done for a night now."""

    NOTHING = "NOTHING"
    WATCH = "WATCH"  # ask how the order under way is
    WAIT_FOR_FRAMES = "WAIT_FOR_FRAMES"
    CALIBRATE = "CALIBRATE"  # hand it to the preprocessor
    ASK_DEBT = "ASK_DEBT"  # ask what its lights lack, and order that
    DONE = "DONE"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class NightRecord:
    """One night, as it is remembered over restarts.

    Parameters
    ----------
    folder
        Absolute path.
    frames
        How many it had when it was handed over last.
    offered
        How many it had when the order under way was first sent, until its receipt is known; 0
        else. What came between a lost answer and the next try was not handed over.
    rounds
        How often it was handed over.
    receipt
        Of the preprocessor's order under way; "" when none is.
    is_debt_told
        Whether the preprocessor has said since then what is lacking, and that was ordered.
    ordered
        IDs of the orders for what was lacking, of all rounds.
    given_up
        Why nothing is tried any more; "" while it is.
    message
        How it went, in words.
    """

    night: str
    folder: str = ""
    frames: int = 0
    offered: int = 0
    rounds: int = 0
    receipt: str = ""
    is_debt_told: bool = False
    ordered: tuple[str, ...] = ()
    given_up: str = ""
    message: str = ""

    @property
    def next_id(self) -> str:
        """ID of the order that hands it over next: the same until that was taken."""
        return f"night-{self.night}-{self.rounds + 1}"

    def to_json(self) -> dict[str, object]:
        """Return it as it is kept in the file."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, object]) -> NightRecord:
        """Read what :meth:`to_json` gave; ValueError, TypeError or KeyError when it is no such."""
        ordered = kept["ordered"]
        if not isinstance(ordered, list | tuple):
            raise TypeError(f"ordered: came {ordered!r}, expected an array")
        record = cls(**{**kept, "ordered": tuple(map(str, ordered))})  # type: ignore[arg-type]  # checked below
        if not all(
            isinstance(getattr(record, one.name), type(getattr(_EMPTY, one.name)))
            for one in dataclasses.fields(cls)
        ):
            raise ValueError(f"came {kept!r:.200}, expected a night")
        return record


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides, beside the record.

    Parameters
    ----------
    frames
        On disk now.
    is_over
        Whether no frame of its sky can come any more.
    is_noon_past
        Whether the next night has begun: frames that are taken now are not this one's.
    are_ordered_settled
        Whether every order for what was lacking has ended.
    takes_frames
        Whether what is lacking shall be ordered; asked after the first round only.
    """

    frames: int
    is_over: bool
    is_noon_past: bool
    are_ordered_settled: bool
    takes_frames: bool


_EMPTY = NightRecord("")

_Rule = Callable[[NightRecord, Facts], bool]
RULES: tuple[tuple[Step, _Rule], ...] = (
    (Step.GIVEN_UP, lambda record, _: bool(record.given_up)),
    (Step.NOTHING, lambda _, facts: not facts.is_over or not facts.frames),
    (Step.WATCH, lambda record, _: bool(record.receipt)),
    (
        Step.WAIT_FOR_FRAMES,
        lambda _, facts: not facts.are_ordered_settled and not facts.is_noon_past,
    ),
    (
        Step.CALIBRATE,
        lambda record, facts: facts.frames > record.frames and record.rounds < MOST_ROUNDS,
    ),
    (
        Step.ASK_DEBT,
        lambda record, facts: (
            facts.takes_frames and not record.is_debt_told and not facts.is_noon_past
        ),
    ),
)
"""The first that holds; else it is DONE."""


def next_step(record: NightRecord, facts: Facts) -> Step:
    """Return what is to be done now."""
    return next((step for step, holds in RULES if holds(record, facts)), Step.DONE)
