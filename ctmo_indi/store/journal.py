"""The telescope's journal: what it is about to do to the world, and what became of it.

INTENT is written and durable before a command goes out, DONE after its end. An intent without an
end, found at a start, was cut off by a crash: whether it happened is asked of the world (device,
frame file), never guessed. Blind repetition would expose twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.errors import UnknownOrder, WrongState
from ctmo_indi.store.telescope_tables import effects


class Outcome(StrEnum):
    """What became of an intent."""

    DONE = "DONE"
    FAILED = "FAILED"
    ABORTED = "ABORTED"  # by stop, safety or a newer command
    FOUND_DONE = "FOUND_DONE"  # after a restart: the world shows that it happened
    NOT_DONE = "NOT_DONE"  # after a restart: the world shows that it did not happen
    UNKNOWN = "UNKNOWN"  # after a restart: the world could not be asked in time


@dataclass(frozen=True, slots=True)
class Effect:
    """One command to the world.

    Parameters
    ----------
    attempt_id
        The attempt it belongs to; "" for one of no attempt (park at the end of the night).
    kind
        What is done: slew, open_shutter, expose ...
    target
        With what; JSON values only. For an exposure its frame key and its file.
    intent_utc_s, done_utc_s
        Sky time, Unix seconds; ``done_utc_s`` and ``outcome`` are None while it is open.
    """

    effect_id: int
    attempt_id: str
    kind: str
    target: Mapping[str, object]
    intent_utc_s: float
    done_utc_s: float | None
    outcome: Outcome | None
    detail: str


_FIELDS = [effects.c[field.name] for field in dataclasses.fields(Effect)]


def intend(
    connection: Connection,
    attempt_id: str,
    kind: str,
    target: Mapping[str, object],
    now_utc_s: float,
) -> int:
    """Write an intent and return its effect id; act only when it is durable."""
    inserted = connection.execute(
        sa.insert(effects)
        .values(
            attempt_id=attempt_id,
            kind=kind,
            target=dict(target),
            intent_utc_s=now_utc_s,
            detail="",
        )
        .returning(effects.c.effect_id)
    )
    return int(inserted.scalar_one())


def settle(
    connection: Connection, effect_id: int, outcome: Outcome, now_utc_s: float, detail: str = ""
) -> Effect:
    """Write how an intent ended.

    Raises
    ------
    UnknownOrder
        No effect of that id.
    WrongState
        Its end is written already; nothing was changed.
    """
    changed = connection.execute(
        sa.update(effects)
        .where(effects.c.effect_id == effect_id, effects.c.done_utc_s.is_(None))
        .values(done_utc_s=now_utc_s, outcome=outcome.value, detail=detail)
    )
    found = _select(connection, effects.c.effect_id == effect_id)
    if not found:
        raise UnknownOrder(f"no effect {effect_id} in the journal")
    if changed.rowcount != 1:
        raise WrongState(f"effect {effect_id} ended as {found[0].outcome}, cannot end again")
    return found[0]


def open_intents(connection: Connection) -> list[Effect]:
    """Intents without an end, oldest first: what a restart must reconcile with the world."""
    return _select(connection, effects.c.done_utc_s.is_(None))


def of_attempt(connection: Connection, attempt_id: str) -> list[Effect]:
    """Everything that was done for one attempt, oldest first."""
    return _select(connection, effects.c.attempt_id == attempt_id)


def _select(connection: Connection, where: sa.ColumnElement[bool]) -> list[Effect]:
    query = sa.select(*_FIELDS).where(where).order_by(effects.c.effect_id)
    return [
        Effect(**{**row, "outcome": None if row["outcome"] is None else Outcome(row["outcome"])})
        for row in connection.execute(query).mappings()
    ]
