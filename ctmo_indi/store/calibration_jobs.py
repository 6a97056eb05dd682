"""Exposure Calibration orders and how far they are: stored before they are answered.

A job that was under way when the service ended goes back to the line: what it had made is found
again by product id, so that only the rest is done. One that ended the service several times is
given up with the reason, else it would do so for ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from ctmo_indi.errors import ConflictingOrder, UnknownOrder
from ctmo_indi.models.states import AttemptState
from ctmo_indi.state_machine import TransitionTable
from ctmo_indi.store.preprocessor_tables import calibration_job

_S = AttemptState

JOB_TABLE: TransitionTable[AttemptState] = TransitionTable(
    "calibration job",
    {
        _S.PENDING: (_S.IN_PROGRESS, _S.CANCELED),
        _S.IN_PROGRESS: (_S.PENDING, _S.COMPLETED, _S.FAILED, _S.CANCELED),  # PENDING: a restart
        _S.COMPLETED: (),
        _S.FAILED: (),
        _S.CANCELED: (),
    },
)
MOST_STARTS = 3


@dataclass(frozen=True, slots=True)
class CalibrationJob:
    """One order to calibrate a night bundle.

    Parameters
    ----------
    wire
        The order as it came, normalised; JSON values only.
    starts
        How often it was begun.
    stage
        What is being done, in a word; "" before.
    done, total
        Products; 0 and 0 until there is a plan.
    reasons
        What an observer should know: rejected files, marked lights, the error of a failure.
    created_utc_s, updated_utc_s
        Sky time, Unix seconds.
    """

    receipt: str
    user: str
    order_id: str
    content_hash: str
    wire: Mapping[str, object]
    folder: Path
    created_utc_s: float
    updated_utc_s: float
    state: AttemptState = AttemptState.PENDING
    revision: int = 1
    starts: int = 0
    stage: str = ""
    done: int = 0
    total: int = 0
    reasons: tuple[str, ...] = ()


_NAMES = [field.name for field in dataclasses.fields(CalibrationJob)]


def insert(connection: Connection, job: CalibrationJob) -> CalibrationJob:
    """Store a job once; return it, or the one of the same user, ID and content that is there.

    Raises
    ------
    ConflictingOrder
        The same user sent that ID before with other content.
    """
    before = get_by_id(connection, job.user, job.order_id)
    if before is None:
        connection.execute(sa.insert(calibration_job).values(**_columns(job)))
        return job
    if before.content_hash == job.content_hash:
        return before
    raise ConflictingOrder(
        f"ID {job.order_id!r} of user {job.user!r} came before with other content (receipt "
        f"{before.receipt}); expected the same content or a new ID"
    )


def begin(connection: Connection, receipt: str, now_utc_s: float) -> CalibrationJob:
    """Set a waiting job IN_PROGRESS; errors as :func:`finish`."""
    job = _move(connection, receipt, AttemptState.IN_PROGRESS)
    return _write(
        connection,
        dataclasses.replace(job, starts=job.starts + 1, stage="", done=0, total=0),
        now_utc_s,
    )


def progress(
    connection: Connection, receipt: str, stage: str, done: int, total: int, now_utc_s: float
) -> CalibrationJob:
    """Write how far a job is.

    Raises
    ------
    UnknownOrder
        No job with that receipt.
    """
    job = dataclasses.replace(_known(connection, receipt), stage=stage, done=done, total=total)
    return _write(connection, job, now_utc_s)


def finish(
    connection: Connection,
    receipt: str,
    state: AttemptState,
    reasons: Sequence[str],
    now_utc_s: float,
) -> CalibrationJob:
    """Write how a job ended: COMPLETED, FAILED or CANCELED.

    Raises
    ------
    UnknownOrder
        No job with that receipt.
    WrongState
        Its state does not allow it; nothing was changed.
    """
    job = dataclasses.replace(_move(connection, receipt, state), reasons=tuple(reasons))
    return _write(connection, job, now_utc_s)


def put_back(connection: Connection, now_utc_s: float) -> list[CalibrationJob]:
    """Put what was under way when the service ended back to the line; call once at a start.

    Returns
    -------
    list
        The jobs that were under way, each PENDING again or FAILED after :data:`MOST_STARTS`.
    """
    changed = []
    for job in in_states(connection, _S.IN_PROGRESS):
        if job.starts < MOST_STARTS:
            back = dataclasses.replace(job, state=_S.PENDING, stage="")
        else:
            reason = (
                f"the service ended {job.starts} times while it was under way; expected it done"
            )
            back = dataclasses.replace(job, state=_S.FAILED, reasons=(*job.reasons, reason))
        changed.append(_write(connection, back, now_utc_s))
    return changed


def give_back(connection: Connection, receipt: str, now_utc_s: float) -> CalibrationJob:
    """Put a job back to the line that an orderly stop interrupts; it does not count as a start.

    Errors as :func:`finish`.
    """
    job = _move(connection, receipt, AttemptState.PENDING)
    back = dataclasses.replace(job, starts=max(0, job.starts - 1), stage="")
    return _write(connection, back, now_utc_s)


def get(connection: Connection, receipt: str) -> CalibrationJob | None:
    """Return the job with that receipt; None when there is none."""
    return _first(connection, calibration_job.c.receipt == receipt)


def get_by_id(connection: Connection, user: str, order_id: str) -> CalibrationJob | None:
    """Return the job of that user with that ID; None when there is none."""
    return _first(
        connection, calibration_job.c.user == user, calibration_job.c.order_id == order_id
    )


def in_states(connection: Connection, *states: AttemptState) -> list[CalibrationJob]:
    """Return the jobs in any of these states, oldest first: receipts are sorted by birth."""
    query = (
        sa.select(calibration_job)
        .where(calibration_job.c.state.in_([state.value for state in states]))
        .order_by(calibration_job.c.receipt)
    )
    return [_job(row) for row in connection.execute(query).mappings()]


def count_by_state(connection: Connection) -> dict[str, int]:
    """Return how many orders are in each state; states that none is in are left out."""
    state = calibration_job.c.state
    query = sa.select(state, sa.func.count()).group_by(state)
    return {str(found): int(count) for found, count in connection.execute(query)}


def recent(connection: Connection, limit: int) -> list[CalibrationJob]:
    """Return the jobs that changed last, newest change first."""
    query = (
        sa.select(calibration_job)
        .order_by(calibration_job.c.updated_utc_s.desc(), calibration_job.c.receipt.desc())
        .limit(limit)
    )
    return [_job(row) for row in connection.execute(query).mappings()]


def _known(connection: Connection, receipt: str) -> CalibrationJob:
    job = get(connection, receipt)
    if job is None:
        raise UnknownOrder(f"no calibration job with receipt {receipt!r}")
    return job


def _move(connection: Connection, receipt: str, after: AttemptState) -> CalibrationJob:
    job = _known(connection, receipt)
    JOB_TABLE.check(job.state, after)
    return dataclasses.replace(job, state=after)


def _write(connection: Connection, job: CalibrationJob, now_utc_s: float) -> CalibrationJob:
    job = dataclasses.replace(job, revision=job.revision + 1, updated_utc_s=now_utc_s)
    connection.execute(
        sa.update(calibration_job)
        .where(calibration_job.c.receipt == job.receipt)
        .values(**_columns(job))
    )
    return job


def _columns(job: CalibrationJob) -> dict[str, object]:
    return {
        **{name: getattr(job, name) for name in _NAMES},
        "wire": dict(job.wire),
        "folder": str(job.folder),
        "state": job.state.value,
        "reasons": list(job.reasons),
    }


def _first(connection: Connection, *where: sa.ColumnElement[bool]) -> CalibrationJob | None:
    row = connection.execute(sa.select(calibration_job).where(*where)).mappings().first()
    return None if row is None else _job(row)


def _job(row: RowMapping) -> CalibrationJob:
    return CalibrationJob(
        **{
            **{name: row[name] for name in _NAMES},
            "folder": Path(row["folder"]),
            "state": AttemptState(row["state"]),
            "reasons": tuple(row["reasons"]),
        }
    )
