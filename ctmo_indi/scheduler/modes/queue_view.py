"""What stands on the script queue, as a plan has to take it into account.

A script of the scheduler's is an attempt at a target; of any other script its metadata tell how
long it takes and where the telescope will point. A view is frozen; it is made in the engine thread.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ctmo_indi.scheduler.orders.attempt_runner import AttemptRunner
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.script_queue.queueing import ScriptQueue
from ctmo_indi.script_queue.script import SCHEDULER, ScriptMetadata, ScriptRun


@dataclass(frozen=True, slots=True)
class QueuedScript:
    """One script that waits or runs.

    Parameters
    ----------
    attempt_id
        "" when it is no attempt.
    target
        What it observes; None when it is no attempt.
    begun_utc_s
        Unix seconds; None while it waits.
    is_withdrawable
        An attempt of which nothing has begun.
    is_ours
        The scheduler put it in.
    is_unknown
        Nobody knows how long it takes.
    """

    index: int
    attempt_id: str
    target: DriverTarget | None
    metadata: ScriptMetadata
    begun_utc_s: float | None
    is_withdrawable: bool
    is_ours: bool
    is_unknown: bool


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue at one instant, in order, what runs first."""

    scripts: tuple[QueuedScript, ...] = ()

    @classmethod
    def look(cls, queue: ScriptQueue, runner: AttemptRunner) -> QueueView:
        """Look at the queue now; engine thread."""
        current = queue.current
        if current is not None and current.is_final:  # a failed one that is only shown
            current = None
        runs = (*((current,) if current is not None else ()), *queue.waiting)
        return cls(tuple(_script(run, runner) for run in runs))

    @property
    def attempts(self) -> tuple[QueuedScript, ...]:
        """The scheduler's attempts, begun or not."""
        return tuple(one for one in self.scripts if one.attempt_id)

    @property
    def withdrawable(self) -> tuple[QueuedScript, ...]:
        """Attempts of which nothing has begun."""
        return tuple(one for one in self.scripts if one.is_withdrawable)

    @property
    def names(self) -> frozenset[str]:
        """Receipts of the orders on it, and the driver's names of its own targets."""
        targets = [one.target for one in self.scripts if one.target is not None]
        return frozenset(one.receipt or one.target_id for one in targets)

    @property
    def has_unknown(self) -> bool:
        """True while there is a script of which nobody knows how long it takes."""
        return any(one.is_unknown for one in self.scripts)

    @property
    def of_others(self) -> frozenset[int]:
        """Indices of the scripts that others put in."""
        return frozenset(one.index for one in self.scripts if not one.is_ours)

    def without(self, withdrawn: Collection[QueuedScript]) -> QueueView:
        """Return the queue as it is when those are taken out."""
        return QueueView(tuple(one for one in self.scripts if one not in withdrawn))


def _script(run: ScriptRun, runner: AttemptRunner) -> QueuedScript:
    is_ours = run.user == SCHEDULER
    is_step = is_ours and bool(run.block)  # of a target's block: the attempt's estimate stands
    begun = run.started_utc
    return QueuedScript(
        index=run.index,
        attempt_id=run.subject,
        target=runner.target_of(run),
        metadata=run.metadata,
        begun_utc_s=begun.timestamp() if begun is not None else None,
        is_withdrawable=runner.is_withdrawable(run),
        is_ours=is_ours,
        is_unknown=not run.subject and not is_step and run.metadata.duration_s <= 0.0,
    )
