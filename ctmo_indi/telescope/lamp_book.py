"""The journal of the flat-field panel: one INTENT for as long as the panel is lit by us.

What a kill leaves lit is an open intent. It is settled by putting the panel out, never by guessing.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.store import journal
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.journal import Effect, Outcome
from ctmo_indi.telescope.late_writes import LateWrites

LAMP = "lamp"


class LampBook(Protocol):
    """What the engine needs of it."""

    def intend(self, attempt_id: str) -> Future[int]:
        """Journal that the panel is about to be lit; done when that is durable."""
        ...

    def settle(self, outcome: Outcome, detail: str = "") -> None:
        """Journal that no panel is lit by us any longer; does not block."""
        ...


class JournaledLamp:
    """The :class:`LampBook` of the service; any thread."""

    def __init__(self, database: Database, writer: Writer, clock: Clock, late: LateWrites) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._late = late

    def still_lit(self) -> tuple[str, ...]:
        """Attempts that lit the panel and have not put it out; at a start, before any other."""
        with self._database.read() as connection:
            return tuple(effect.attempt_id for effect in _open(connection))

    def intend(self, attempt_id: str) -> Future[int]:
        """Journal that the panel is about to be lit; StoreUnavailable when nothing is taken."""
        now_utc_s = self._clock.utc().timestamp()
        return self._writer.submit(
            lambda connection: journal.intend(connection, attempt_id, LAMP, {}, now_utc_s)
        )

    def settle(self, outcome: Outcome, detail: str = "") -> None:
        """End every open intent, as soon as there is room on the disk."""
        now_utc_s = self._clock.utc().timestamp()

        def write(connection: Connection) -> None:
            for effect in _open(connection):
                # Written late, it must not end the intent of a flat that has begun meanwhile.
                if effect.intent_utc_s <= now_utc_s:
                    journal.settle(connection, effect.effect_id, outcome, now_utc_s, detail)

        self._late.submit("end of the panel's light", write)


def _open(connection: Connection) -> list[Effect]:
    return [one for one in journal.open_intents(connection) if one.kind == LAMP]
