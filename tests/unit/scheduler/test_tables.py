"""Commands by state as a matrix, and what is done while there is no target."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ctmo_indi.errors import WrongState
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState, SummaryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduler.idle import IdleAction, IdleFacts, idle_action
from ctmo_indi.scheduler.states import (
    COMMAND_RULES,
    SUMMARY_TABLE,
    Command,
    check_command,
)
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.target import NextTarget, PendingOrder
from ctmo_indi.testing.fake_clock import EVENING

S = SummaryState
ACCEPTED = {
    (S.STANDBY, False): {"start", "exit"},
    (S.DISABLED, False): {"enable", "standby"},
    (S.ENABLED, False): {"disable", "resume"},
    (S.ENABLED, True): {"disable", "stop"},
    (S.FAULT, False): {"standby", "exit"},
    (S.OFFLINE, False): set(),
}


@pytest.mark.parametrize("command", list(Command))
@pytest.mark.parametrize(("state", "running"), list(ACCEPTED))
def test_a_command_is_taken_in_its_states_only(
    command: Command, state: SummaryState, running: bool
) -> None:
    if command.value in ACCEPTED[state, running]:
        check_command(command, state, running=running, busy="")
    else:
        with pytest.raises(WrongState, match=command.value):
            check_command(command, state, running=running, busy="")


def test_no_command_is_taken_while_another_is_carried_out() -> None:
    with pytest.raises(WrongState, match="start is being carried out"):
        check_command(Command.START, S.STANDBY, running=False, busy="start")


def test_every_command_leads_along_the_table_of_states() -> None:
    for rule in COMMAND_RULES.values():
        for state in rule.needs:
            assert rule.leads_to is None or SUMMARY_TABLE.allows(state, rule.leads_to)


def test_every_state_but_offline_can_be_left() -> None:
    stuck = {state for state in SUMMARY_TABLE.states if SUMMARY_TABLE.is_terminal(state)}
    assert stuck == {S.OFFLINE}


SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
NIGHT = Night("20261121", EVENING - timedelta(hours=1), EVENING + timedelta(hours=9))
BIAS = PendingOrder("O-1", ObservationRequest("1", "u", FrameType.BIAS, 0.0, 1), 5.0, 0.0, 1)
IN_AN_HOUR = NextTarget(EVENING + timedelta(hours=1), NIGHT.morning, "O-2", {})
NOTHING_LEFT = NextTarget(None, NIGHT.morning, "", {})
CONDITIONS = Conditions(
    utc=EVENING,
    observatory=ObservatoryState.OPEN,
    verdict=SAFE,
    verdict_age_s=0.1,
    telescope_answers=True,
    pending=(),
)
FACTS = IdleFacts(CONDITIONS, NIGHT, IN_AN_HOUR, idle_s=0.0, is_tracking_stopped=False)


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        (FACTS, IdleAction.STOP_TRACKING),
        (replace(FACTS, is_tracking_stopped=True), IdleAction.NOTHING),
        (replace(FACTS, next_target=NOTHING_LEFT), IdleAction.STOP_TRACKING),
        (replace(FACTS, next_target=NOTHING_LEFT, idle_s=901.0), IdleAction.PARK),
        (replace(FACTS, conditions=replace(CONDITIONS, utc=NIGHT.morning)), IdleAction.PARK),
        (replace(FACTS, conditions=replace(CONDITIONS, pending=(BIAS,))), IdleAction.PARK),
        (
            replace(FACTS, conditions=replace(CONDITIONS, verdict=None, utc=NIGHT.morning)),
            IdleAction.NOTHING,
        ),
        *(
            (
                replace(FACTS, conditions=replace(CONDITIONS, observatory=state)),
                IdleAction.NOTHING,
            )
            for state in ObservatoryState
            if state is not ObservatoryState.OPEN
        ),
    ],
)
def test_idle_actions(facts: IdleFacts, action: IdleAction) -> None:
    assert idle_action(facts)[0] is action
