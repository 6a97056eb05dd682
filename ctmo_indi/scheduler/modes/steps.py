"""The steps of each operation mode, as a table: for the operator's guide, and for the tests.

A test lets each mode run and holds the detailed states it shows against this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduler.states import DetailedState

_D = DetailedState


@dataclass(frozen=True, slots=True)
class ModeStep:
    """One step.

    Parameters
    ----------
    detailed
        The detailed state meanwhile.
    then
        Names of the steps that may follow, with the reason for it.
    """

    does: str
    detailed: DetailedState
    then: Mapping[str, str]


Steps = Mapping[str, ModeStep]

_WAIT = "stop tracking once, close at the end of the night, say when a target is expected"

MODE_STEPS: Mapping[SchedulerModes, Steps] = {
    SchedulerModes.SIMPLE: {
        "choose": ModeStep(
            "gather telemetry, update the driver, ask for one target",
            _D.GENERATING_TARGET_QUEUE,
            {"queue": "target", "wait": "no target", "observe": "a script came in between"},
        ),
        "queue": ModeStep(
            "put it on the script queue", _D.QUEUEING_TARGET, {"observe": "", "choose": "refused"}
        ),
        "observe": ModeStep(
            "wait for the end of the script, register a success", _D.RUNNING, {"choose": "ended"}
        ),
        "wait": ModeStep(_WAIT, _D.WAITING_NEXT_TARGET_TIMER_TASK, {"choose": "time or news"}),
    },
    SchedulerModes.ADVANCE: {
        "plan": ModeStep(
            "gather telemetry, save a snapshot, simulate what is queued, choose and simulate"
            " n_targets, go back to the snapshot",
            _D.GENERATING_TARGET_QUEUE,
            {
                "queue": "targets",
                "observe": "none, or two are queued already",
                "predict": "none, while something executes",
                "wait": "none, and nothing executes",
            },
        ),
        "queue": ModeStep(
            "put the next target on the script queue",
            _D.QUEUEING_TARGET,
            {"queue": "fewer than two there", "predict": "two there", "observe": "two there"},
        ),
        "predict": ModeStep(
            "predict the coming hours, without disturbing the driver",
            _D.COMPUTING_PREDICTED_SCHEDULE,
            {"observe": "done", "queue": "room on the queue", "plan": "news", "wait": "done"},
        ),
        "observe": ModeStep(
            "one target executes, one waits; register each success",
            _D.RUNNING,
            {
                "queue": "one has ended",
                "plan": "all are queued, one has failed, news",
                "predict": "the schedule has changed",
            },
        ),
        "wait": ModeStep(
            _WAIT,
            _D.WAITING_NEXT_TARGET_TIMER_TASK,
            {"plan": "time or news", "predict": "the schedule has changed"},
        ),
    },
    SchedulerModes.DRY: {"run": ModeStep("nothing: no driver, no target", _D.RUNNING, {})},
}


def first_strange(steps: Steps, shown: Iterable[DetailedState]) -> int | None:
    """Return where a sequence of detailed states leaves the table; None when it does not.

    RUNNING between two steps is passed through.
    """
    may_be = {next(iter(steps))}
    for place, state in enumerate(shown):
        may_follow = may_be | {name for one in may_be for name in steps[one].then}
        here = {name for name in may_follow if steps[name].detailed is state}
        if state is DetailedState.RUNNING:
            may_be |= here
        elif here:
            may_be = here
        else:
            return place
    return None
