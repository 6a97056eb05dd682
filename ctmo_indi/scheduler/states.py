"""The component's states and commands, as tables; words and rules of the Rubin developer guide.

STANDBY: alive, no driver. DISABLED: driver and queue configured. ENABLED: does nothing until
``resume``; then RUNNING until ``stop``. FAULT is for faults only: no target, dawn, weather and a
silent telescope are normal. Orders are taken in every state but OFFLINE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ctmo_indi.errors import WrongState
from ctmo_indi.models.states import SummaryState
from ctmo_indi.state_machine import TransitionTable
from ctmo_indi.work_orders.model import SchedulerCommand

SUMMARY_TABLE = TransitionTable(
    "component",
    {
        SummaryState.STANDBY: (SummaryState.DISABLED, SummaryState.OFFLINE, SummaryState.FAULT),
        SummaryState.DISABLED: (SummaryState.ENABLED, SummaryState.STANDBY, SummaryState.FAULT),
        SummaryState.ENABLED: (SummaryState.DISABLED, SummaryState.FAULT),
        SummaryState.FAULT: (SummaryState.STANDBY, SummaryState.OFFLINE),
        SummaryState.OFFLINE: (),
    },
)


class DetailedState(StrEnum):
    """What an ENABLED component is doing; IDLE in every other summary state."""

    IDLE = "IDLE"
    RUNNING = "RUNNING"
    WAITING_NEXT_TARGET_TIMER_TASK = "WAITING_NEXT_TARGET_TIMER_TASK"
    GENERATING_TARGET_QUEUE = "GENERATING_TARGET_QUEUE"
    COMPUTING_PREDICTED_SCHEDULE = "COMPUTING_PREDICTED_SCHEDULE"
    QUEUEING_TARGET = "QUEUEING_TARGET"


_D = DetailedState
_SUB_OPERATIONS = (
    _D.WAITING_NEXT_TARGET_TIMER_TASK,
    _D.GENERATING_TARGET_QUEUE,
    _D.COMPUTING_PREDICTED_SCHEDULE,
    _D.QUEUEING_TARGET,
)
DETAILED_TABLE = TransitionTable(
    "detailed state",
    {
        _D.IDLE: (_D.RUNNING,),
        _D.RUNNING: (*_SUB_OPERATIONS, _D.IDLE),
        **dict.fromkeys(_SUB_OPERATIONS, (_D.RUNNING, _D.IDLE)),
    },
)
"""One sub-operation at a time: each begins from RUNNING and goes back there."""


Command = SchedulerCommand
"""Commands of a Scheduler order."""


class ErrorCode(IntEnum):
    """Why the component is in FAULT; the Rubin Scheduler's numbers where it has one.

    Its 402 (no target) and 500 (the telescope is silent) are never raised: both are normal here.
    """

    NONE = 0
    TARGET_NOT_QUEUED = 301
    TELEMETRY = 302
    SIMPLE_LOOP = 400
    ADVANCE_LOOP = 401
    DRIVER_BLOCKED = 410
    STATE_CHANGED = 411
    UNOBSERVABLE_TARGET = 412
    REGISTRATION = 413
    SNAPSHOT = 414


ERROR_MEANINGS: Mapping[ErrorCode, str] = {
    ErrorCode.NONE: "no error",
    ErrorCode.TARGET_NOT_QUEUED: "a target could not be put on the script queue",
    ErrorCode.TELEMETRY: "telemetry could not be handed to the scheduling driver",
    ErrorCode.SIMPLE_LOOP: "the loop of SIMPLE mode broke",
    ErrorCode.ADVANCE_LOOP: "the loop of ADVANCE mode broke",
    ErrorCode.DRIVER_BLOCKED: "the scheduling driver did not answer in time",
    ErrorCode.STATE_CHANGED: "the scheduling driver changed its state in select_next_target",
    ErrorCode.UNOBSERVABLE_TARGET: "the scheduling driver chose an unobservable target",
    ErrorCode.REGISTRATION: "an observation could not be registered with the scheduling driver",
    ErrorCode.SNAPSHOT: "a snapshot of the scheduling driver could not be saved or read back",
}


@dataclass(frozen=True, slots=True)
class CommandRule:
    """When a command is taken.

    Parameters
    ----------
    needs
        Summary states it is taken in.
    running
        True, False: whether the production loop must run; None: either.
    leads_to
        Summary state after it; None: the same.
    needs_driver
        Refused in DRY mode, which has no scheduling driver.
    is_beside
        Also taken while another command is being carried out; done at once.
    interrupts
        Commands under way that it ends; they fail.
    """

    needs: tuple[SummaryState, ...]
    running: bool | None = None
    leads_to: SummaryState | None = None
    needs_driver: bool = False
    is_beside: bool = False
    interrupts: tuple[Command, ...] = ()


_S = SummaryState
_ALIVE = (_S.STANDBY, _S.DISABLED, _S.ENABLED, _S.FAULT)
_ENABLED = (_S.ENABLED,)
COMMAND_RULES: Mapping[Command, CommandRule] = {
    Command.START: CommandRule((_S.STANDBY,), leads_to=_S.DISABLED),
    Command.ENABLE: CommandRule((_S.DISABLED,), leads_to=_S.ENABLED),
    Command.DISABLE: CommandRule(
        _ENABLED, leads_to=_S.DISABLED, interrupts=(Command.COMPUTE_PREDICTED_SCHEDULE,)
    ),
    Command.STANDBY: CommandRule((_S.DISABLED, _S.FAULT), leads_to=_S.STANDBY),
    Command.EXIT_CONTROL: CommandRule(
        (_S.STANDBY, _S.FAULT), leads_to=_S.OFFLINE, interrupts=(Command.START,)
    ),
    Command.RESUME: CommandRule(_ENABLED, running=False),
    Command.STOP: CommandRule(_ENABLED, running=True),
    Command.LOAD: CommandRule(_ENABLED, running=False, needs_driver=True),
    Command.COMPUTE_PREDICTED_SCHEDULE: CommandRule(_ENABLED, running=False, needs_driver=True),
    Command.ADD_BLOCK: CommandRule(_ENABLED),
    Command.GET_BLOCK_STATUS: CommandRule(_ENABLED, is_beside=True),
    Command.REMOVE_BLOCK: CommandRule(_ENABLED),
    Command.VALIDATE_BLOCK: CommandRule(_ENABLED, is_beside=True),
    Command.FLUSH: CommandRule(_ENABLED),
    Command.RESCHEDULE: CommandRule(_ENABLED, running=True, needs_driver=True),
    Command.SET_LOG_LEVEL: CommandRule(_ALIVE, is_beside=True),
    Command.UPDATE_OBSERVATORY_STATUS: CommandRule(_ENABLED, is_beside=True),
}


def check_command(
    command: Command,
    state: SummaryState,
    *,
    running: bool,
    busy: Command | None = None,
    has_driver: bool = True,
) -> None:
    """Raise WrongState, saying why, when ``command`` is not taken now.

    Parameters
    ----------
    busy
        Command that is being carried out.
    """
    rule = COMMAND_RULES[command]
    if busy is not None and not rule.is_beside and busy not in rule.interrupts:
        raise WrongState(f"{command}: refused, {busy} is being carried out")
    if state not in rule.needs:
        expected = " or ".join(rule.needs)
        raise WrongState(f"{command}: refused in {state}, expected {expected}")
    if rule.running is not None and rule.running != running:
        now = "already running" if running else "not running"
        raise WrongState(f"{command}: refused, the production loop is {now}")
    if rule.needs_driver and not has_driver:
        raise WrongState(f"{command}: refused, DRY mode has no scheduling driver")
