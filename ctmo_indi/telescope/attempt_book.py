"""The telescope's rows of attempts: durable before the receipt, settled after a restart."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from ctmo_indi.clock import Clock
from ctmo_indi.kill_points import passing
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store import attempts, exposures
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.telescope.attempt import Attempt, exposure_to_wire
from ctmo_indi.telescope.late_writes import LateWrites
from ctmo_indi.work_orders.lifecycle import ATTEMPT_TABLE
from ctmo_indi.work_orders.model import CheckedOrder

_log = logging.getLogger(__name__)

RESTART = "restart of the telescope service"


class AttemptBook:
    """Stores attempts; any thread."""

    def __init__(self, database: Database, writer: Writer, clock: Clock, late: LateWrites) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._late = late

    def insert(self, attempt: Attempt, checked: CheckedOrder) -> Future[AttemptRow]:
        """Store a new attempt; the future has the row that stands there then.

        Another row's id in it means that the same order came before. ConflictingOrder when it came
        before with other content; StoreUnavailable when nothing can be written.
        """
        now_utc_s = self._clock.utc().timestamp()
        row = AttemptRow(
            attempt_id=attempt.attempt_id,
            parent=attempt.parent,
            user=attempt.user,
            order_id=attempt.order_id,
            state=AttemptState.PENDING,
            content_hash=checked.content_hash,
            wire=dict(checked.wire),
            created_utc_s=now_utc_s,
            updated_utc_s=now_utc_s,
        )

        def write(connection: Connection) -> AttemptRow:
            stored = attempts.insert_attempt(connection, row)
            passing("telescope.attempt.commit.inside")
            return stored

        return self._writer.submit(write)

    def cancel_unknown(self, user: str, order_id: str, reason: str) -> Future[AttemptRow]:
        """Keep an attempt that may still be on its way from being carried out when it comes.

        Written in turn with :meth:`insert`: whichever comes first, both callers learn of one row.
        The future has it; one that came before this is left as it is, and its caller goes on before
        ours. StoreUnavailable when nothing can be written.
        """
        now_utc_s = self._clock.utc().timestamp()

        def write(connection: Connection) -> AttemptRow:
            return attempts.cancel_unknown(connection, user, order_id, reason, now_utc_s)

        return self._writer.submit(write)

    def on_state(self, attempt: Attempt) -> None:
        """Store the state it is in now, as soon as there is room on the disk; does not block."""
        attempt_id, state, reason = attempt.attempt_id, attempt.state, attempt.reason
        if state is AttemptState.PENDING:
            return
        now_utc_s = self._clock.utc().timestamp()
        allowed = ATTEMPT_TABLE.predecessors(state)

        def write(connection: Connection) -> AttemptRow:
            row = attempts.transition(connection, attempt_id, allowed, state, reason, now_utc_s)
            passing("telescope.attempt.state.inside")
            return row

        def stored() -> None:
            passing("telescope.attempt.state.after")

        passing("telescope.attempt.state.before")
        self._late.submit(f"attempt {attempt_id} {state}", write, stored)

    def view(self, receipt: str, user: str = "", order_id: str = "") -> dict[str, object] | None:
        """Status of an attempt as stored, by receipt or by User and ID; None when unknown."""
        with self._database.read() as connection:
            row = (
                attempts.get(connection, receipt)
                if receipt
                else attempts.get_by_id(connection, user, order_id)
            )
            if row is None:
                return None
            records = exposures.of_attempt(connection, row.attempt_id)
        return {
            "ID": row.order_id,
            "Receipt": row.attempt_id,
            "Kind": "Observation",
            "Parent": row.parent,
            "Status": row.state.value,
            "Message": row.reason,
            "Failure": row.reason,
            "Revision": row.revision,
            "Good Exposures": len(records),
            "Exposures": [exposure_to_wire(record) for record in records],
        }

    def cut_off(self) -> list[str]:
        """Return the attempts that had begun when the service died; at a start, before any other.

        Those that had not are NOT_ATTEMPTED now, durably: nothing of them can have happened.
        """
        return self._writer.run(self._sort_out)

    def settle(self, attempt_id: str) -> AttemptState:
        """End an attempt cut off by a crash, once its exposures are reconciled; blocks.

        One that has all its frames is COMPLETED, only the word of it was missing. Nothing is done
        again: the scheduler knows whether it still wants it.
        """

        def write(connection: Connection) -> AttemptState:
            row = attempts.get(connection, attempt_id)
            if row is None or row.state is not AttemptState.IN_PROGRESS:
                return AttemptState.NOT_ATTEMPTED if row is None else row.state
            to = _end_of(row, len(exposures.of_attempt(connection, attempt_id)))
            self._end(connection, row, to)
            passing("telescope.recovery.attempt.inside")
            return to

        passing("telescope.recovery.attempt.before")
        state = self._writer.run(write)
        passing("telescope.recovery.attempt.after")
        return state

    def _sort_out(self, connection: Connection) -> list[str]:
        begun = []
        for row in attempts.open_attempts(connection):
            if row.state is AttemptState.PENDING:
                self._end(connection, row, AttemptState.NOT_ATTEMPTED)
            else:
                begun.append(row.attempt_id)
        return begun

    def _end(self, connection: Connection, row: AttemptRow, to: AttemptState) -> None:
        reason = "" if to is AttemptState.COMPLETED else RESTART
        now_utc_s = self._clock.utc().timestamp()
        attempts.transition(connection, row.attempt_id, {row.state}, to, reason, now_utc_s)
        _log.warning("attempt_settled attempt=%s state=%s", row.attempt_id, to)


def _end_of(row: AttemptRow, frames: int) -> AttemptState:
    """State of an attempt that had begun when the service died."""
    wanted = row.wire.get("Number of Exposures", 1)
    is_whole = isinstance(wanted, int) and frames >= wanted
    return AttemptState.COMPLETED if is_whole else AttemptState.INTERRUPTED
