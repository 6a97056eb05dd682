"""The preprocessor's orders as they are stored: written before they are answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from concurrent.futures import Future

from ctmo_indi.clock import Clock
from ctmo_indi.errors import UnknownOrder, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store import calibration_jobs
from ctmo_indi.store.calibration_jobs import CalibrationJob
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS
from ctmo_indi.work_orders.model import OrderKind, OrderName

MOST_REASONS = 100
"""Kept of an order; a night of a thousand bad frames needs no more to be understood."""


class OrderBook:
    """Reads and writes orders; any thread. StoreUnavailable when the database cannot do it now."""

    def __init__(self, database: Database, writer: Writer, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock

    def insert(self, job: CalibrationJob) -> Future[CalibrationJob]:
        """Begin to store an order; does not block. The future may have ConflictingOrder."""
        return self._writer.submit(lambda c: calibration_jobs.insert(c, job))

    def put_back(self) -> list[CalibrationJob]:
        """Put what was under way at the last end back to the line; once at a start."""
        now_utc_s = self._now_utc_s()
        return self._writer.run(lambda c: calibration_jobs.put_back(c, now_utc_s))

    def begin_next(self) -> CalibrationJob | None:
        """Begin the oldest order that waits; None when none does."""
        with self._database.read() as connection:
            waiting = calibration_jobs.in_states(connection, AttemptState.PENDING)
        if not waiting:
            return None
        receipt, now_utc_s = waiting[0].receipt, self._now_utc_s()

        def begin(connection: Connection) -> CalibrationJob | None:
            job = calibration_jobs.get(connection, receipt)
            if job is None or job.state is not AttemptState.PENDING:
                return None  # canceled a moment ago
            return calibration_jobs.begin(connection, receipt, now_utc_s)

        return self._writer.run(begin)

    def progress(self, receipt: str, stage: str, done: int, total: int) -> None:
        """Have it written how far an order is; does not block."""
        now_utc_s = self._now_utc_s()
        self._writer.submit(
            lambda c: calibration_jobs.progress(c, receipt, stage, done, total, now_utc_s)
        )

    def finish(self, receipt: str, state: AttemptState, reasons: tuple[str, ...]) -> CalibrationJob:
        """Write how an order ended; WrongState when it has ended before."""
        kept = reasons[:MOST_REASONS]
        if len(reasons) > len(kept):
            kept = (*kept, f"and {len(reasons) - len(kept)} more")
        now_utc_s = self._now_utc_s()
        return self._writer.run(
            lambda c: calibration_jobs.finish(c, receipt, state, kept, now_utc_s)
        )

    def give_back(self, receipt: str) -> None:
        """Put an order back to the line that an orderly stop interrupts."""
        now_utc_s = self._now_utc_s()
        self._writer.run(lambda c: calibration_jobs.give_back(c, receipt, now_utc_s))

    def cancel_waiting(self, receipt: str, reason: str) -> CalibrationJob:
        """Cancel an order that waits; any other is returned as it is."""
        now_utc_s = self._now_utc_s()

        def cancel(connection: Connection) -> CalibrationJob:
            job = calibration_jobs.get(connection, receipt)
            if job is None:
                raise UnknownOrder(f"{receipt}: no such order here")
            if job.state is not AttemptState.PENDING:
                return job
            return calibration_jobs.finish(
                connection, receipt, AttemptState.CANCELED, (reason,), now_utc_s
            )

        return self._writer.run(cancel)

    def require(self, name: OrderName) -> CalibrationJob:
        """Return the order that is meant; UnknownOrder when there is none. Blocks for a query."""
        with self._database.read() as connection:
            job = (
                calibration_jobs.get(connection, name.receipt)
                if name.receipt
                else calibration_jobs.get_by_id(connection, name.user, name.order_id)
            )
        if job is None:
            which = name.receipt or f"User {name.user!r}, ID {name.order_id!r}"
            raise UnknownOrder(f"{which}: no such order here")
        return job

    def recent(self, state: str | None, limit: int) -> list[CalibrationJob]:
        """Return the orders that changed last, newest first."""
        with self._database.read() as connection:
            if state is None:
                return calibration_jobs.recent(connection, limit)
            known = {one.value for one in AttemptState}
            if state not in known:
                return []
            return calibration_jobs.in_states(connection, AttemptState(state))[-limit:][::-1]

    def counts(self) -> dict[str, int]:
        """Return how many orders there are in each state that any is in."""
        with self._database.read() as connection:
            return calibration_jobs.count_by_state(connection)

    def _now_utc_s(self) -> float:
        return self._clock.utc().timestamp()


def to_wire(job: CalibrationJob) -> dict[str, object]:
    """Return the keys of a Status reply about an order."""
    is_settled = job.state in SETTLED_ATTEMPTS
    progress = f"{job.stage}: {job.done} of {job.total}" if job.total else job.stage
    return {
        "ID": job.order_id,
        "Receipt": job.receipt,
        "Kind": OrderKind.CALIBRATION.value,
        "Status": job.state.value,
        "Message": _message(job),
        "Progress": "" if is_settled else progress,
        "Folder": str(job.folder),
        "Reasons": list(job.reasons),
        "Failure": "; ".join(job.reasons) if job.state is AttemptState.FAILED else "",
        "Revision": job.revision,
    }


def _message(job: CalibrationJob) -> str:
    made = f"{job.done} of {job.total} products" if job.total else ""
    return ", ".join(filter(None, (job.state.value.lower().replace("_", " "), made)))


def as_read(job: CalibrationJob, progress: Mapping[str, tuple[str, int, int]]) -> CalibrationJob:
    """Return an order with the newest progress, which is written a moment later."""
    newest = progress.get(job.receipt)
    if newest is None or job.state is not AttemptState.IN_PROGRESS:
        return job
    stage, done, total = newest
    return dataclasses.replace(job, stage=stage, done=done, total=total)


__all__ = ["OrderBook", "WrongState", "as_read", "to_wire"]
