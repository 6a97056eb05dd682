"""The telescope's rows of attempts: durable before the receipt, settled after a restart."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store import attempts, exposures
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.telescope.attempt import Attempt, exposure_to_wire
from ctmo_indi.work_orders.lifecycle import ATTEMPT_TABLE
from ctmo_indi.work_orders.model import CheckedOrder

_log = logging.getLogger(__name__)

RESTART = "restart of the telescope service"


class AttemptBook:
    """Stores attempts; any thread."""

    def __init__(self, database: Database, writer: Writer, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock

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
        return self._writer.submit(lambda connection: attempts.insert_attempt(connection, row))

    def on_state(self, attempt: Attempt) -> None:
        """Store the state it is in now; does not block, a failure is logged."""
        attempt_id, state, reason = attempt.attempt_id, attempt.state, attempt.reason
        if state is AttemptState.PENDING:
            return
        now_utc_s = self._clock.utc().timestamp()
        allowed = ATTEMPT_TABLE.predecessors(state)
        try:
            future = self._writer.submit(
                lambda connection: attempts.transition(
                    connection, attempt_id, allowed, state, reason, now_utc_s
                )
            )
        except CtmoError as error:
            _log.error("attempt_not_stored attempt=%s error=%s", attempt_id, error)
            return
        future.add_done_callback(lambda done: _log_failure(attempt_id, done))

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

    def settle_open(self) -> list[str]:
        """After a restart: end every attempt that had not ended; return their ids.

        Frames found by :meth:`JournaledFrames.reconcile` stay theirs; one that has them all is
        COMPLETED, only the word of it was missing. Nothing is done again: the scheduler knows
        whether it still wants it.
        """
        return self._writer.run(self._settle)

    def _settle(self, connection: Connection) -> list[str]:
        now_utc_s = self._clock.utc().timestamp()
        settled = []
        for row in attempts.open_attempts(connection):
            to = _end_of(row, len(exposures.of_attempt(connection, row.attempt_id)))
            reason = "" if to is AttemptState.COMPLETED else RESTART
            attempts.transition(connection, row.attempt_id, {row.state}, to, reason, now_utc_s)
            _log.warning("attempt_settled attempt=%s state=%s", row.attempt_id, to)
            settled.append(row.attempt_id)
        return settled


def _end_of(row: AttemptRow, frames: int) -> AttemptState:
    """State of an attempt that was open when the service died."""
    if row.state is AttemptState.PENDING:
        return AttemptState.NOT_ATTEMPTED
    wanted = row.wire.get("Number of Exposures", 1)
    is_whole = isinstance(wanted, int) and frames >= wanted
    return AttemptState.COMPLETED if is_whole else AttemptState.INTERRUPTED


def _log_failure(attempt_id: str, done: Future[AttemptRow]) -> None:
    error = done.exception()
    if error is not None:
        _log.error("attempt_not_stored attempt=%s error=%s", attempt_id, error)
