"""The component's states and commands, as tables; words and rules of the Rubin developer guide.

STANDBY: alive, no driver. DISABLED: driver and queue configured. ENABLED: does nothing until
``resume``; then RUNNING until ``stop``. FAULT is for faults only: no target, dawn, weather and a
silent telescope are normal. Orders are taken in every state but OFFLINE.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ctmo_indi.errors import WrongState
from ctmo_indi.models.states import SummaryState
from ctmo_indi.state_machine import TransitionTable

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
    QUEUEING_TARGET = "QUEUEING_TARGET"


class Command(StrEnum):
    """Commands of a Scheduler order."""

    START = "start"
    ENABLE = "enable"
    DISABLE = "disable"
    STANDBY = "standby"
    RESUME = "resume"
    STOP = "stop"
    EXIT = "exit"


class ErrorCode(StrEnum):
    """Why the component is in FAULT; numbers as upstream's."""

    NONE = "0"
    SIMPLE_LOOP = "400"


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
    """

    needs: tuple[SummaryState, ...]
    running: bool | None = None
    leads_to: SummaryState | None = None


COMMAND_RULES: dict[Command, CommandRule] = {
    Command.START: CommandRule((SummaryState.STANDBY,), leads_to=SummaryState.DISABLED),
    Command.ENABLE: CommandRule((SummaryState.DISABLED,), leads_to=SummaryState.ENABLED),
    Command.DISABLE: CommandRule((SummaryState.ENABLED,), leads_to=SummaryState.DISABLED),
    Command.STANDBY: CommandRule(
        (SummaryState.DISABLED, SummaryState.FAULT), leads_to=SummaryState.STANDBY
    ),
    Command.RESUME: CommandRule((SummaryState.ENABLED,), running=False),
    Command.STOP: CommandRule((SummaryState.ENABLED,), running=True),
    Command.EXIT: CommandRule(
        (SummaryState.STANDBY, SummaryState.FAULT), leads_to=SummaryState.OFFLINE
    ),
}


def check_command(command: Command, state: SummaryState, *, running: bool, busy: str) -> None:
    """Raise WrongState, saying why, when ``command`` is not taken now.

    Parameters
    ----------
    busy
        Command that is being carried out, "" when none is.
    """
    if busy:
        raise WrongState(f"{command}: refused, {busy} is being carried out")
    rule = COMMAND_RULES[command]
    if state not in rule.needs:
        expected = " or ".join(rule.needs)
        raise WrongState(f"{command}: refused in {state}, expected {expected}")
    if rule.running is not None and rule.running != running:
        now = "already running" if running else "not running"
        raise WrongState(f"{command}: refused, the production loop is {now}")
