"""Commands by state as a matrix, and what is done while there is no target."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ctmo_indi.errors import WrongState
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.models.states import FrameType, ObservatoryState, SummaryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduler.modes.idle import IdleAction, IdleFacts, idle_action
from ctmo_indi.scheduler.states import (
    COMMAND_RULES,
    DETAILED_TABLE,
    ERROR_MEANINGS,
    SUMMARY_TABLE,
    Command,
    DetailedState,
    ErrorCode,
    check_command,
)
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.target import NextTarget, PendingOrder
from ctmo_indi.testing.fake_clock import EVENING

S = SummaryState
BLOCKS = {"addBlock", "getBlockStatus", "removeBlock", "validateBlock"}
ENABLED = BLOCKS | {"disable", "flush", "setLogLevel", "updateObservatoryStatus"}
ACCEPTED = {
    (S.STANDBY, False): {"start", "exitControl", "setLogLevel"},
    (S.DISABLED, False): {"enable", "standby", "setLogLevel"},
    (S.ENABLED, False): ENABLED | {"resume", "load", "computePredictedSchedule"},
    (S.ENABLED, True): ENABLED | {"stop", "reschedule"},
    (S.FAULT, False): {"standby", "exitControl", "setLogLevel"},
    (S.OFFLINE, False): set(),
}
NEED_A_DRIVER = {"load", "computePredictedSchedule", "reschedule"}
BESIDE = {"getBlockStatus", "validateBlock", "setLogLevel", "updateObservatoryStatus"}


def is_taken(command: Command, state: SummaryState, **facts: Any) -> bool:
    try:
        check_command(command, state, **facts)
    except WrongState:
        return False
    return True


@pytest.mark.parametrize("command", list(Command))
@pytest.mark.parametrize(("state", "running"), list(ACCEPTED))
def test_a_command_is_taken_in_its_states_only(
    command: Command, state: SummaryState, running: bool
) -> None:
    accepted = command.value in ACCEPTED[state, running]
    assert is_taken(command, state, running=running) is accepted
    in_dry = accepted and command.value not in NEED_A_DRIVER
    assert is_taken(command, state, running=running, has_driver=False) is in_dry


@pytest.mark.parametrize("command", list(Command))
@pytest.mark.parametrize("busy", list(Command))
def test_one_command_at_a_time_but_for_those_done_at_once(command: Command, busy: Command) -> None:
    """And but for the two that end one: disable a prediction, exitControl a start."""
    (state, running), *_ = (key for key, words in ACCEPTED.items() if command.value in words)
    ends = {("disable", "computePredictedSchedule"), ("exitControl", "start")}
    expected = command.value in BESIDE or (command.value, busy.value) in ends
    assert is_taken(command, state, running=running, busy=busy) is expected


def test_the_refusal_names_what_is_being_carried_out() -> None:
    with pytest.raises(WrongState, match="start is being carried out"):
        check_command(Command.START, S.STANDBY, running=False, busy=Command.START)


def test_every_error_code_has_a_meaning() -> None:
    assert set(ERROR_MEANINGS) == set(ErrorCode)


D = DetailedState
UNDER = set(D) - {D.IDLE, D.RUNNING}


@pytest.mark.parametrize("before", list(D))
@pytest.mark.parametrize("after", list(D))
def test_a_sub_operation_begins_from_running_and_goes_back_there(
    before: DetailedState, after: DetailedState
) -> None:
    expected = {D.IDLE: {D.RUNNING}, D.RUNNING: UNDER | {D.IDLE}}
    assert DETAILED_TABLE.allows(before, after) is (
        after in expected.get(before, {D.RUNNING, D.IDLE})
    )


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


NOW_S = EVENING.timestamp()


def calibration(*windows: tuple[float, float], **more: object) -> IdleFacts:
    """Make the facts with darks of a minute wanted in windows, seconds from now."""
    spans = tuple(Window(NOW_S + start_s, NOW_S + end_s) for start_s, end_s in windows)
    request = replace(BIAS.request, exposure_s=60.0, windows=spans, **more)  # type: ignore[arg-type]  # fields by name
    order = replace(BIAS, request=request)
    return replace(FACTS, conditions=replace(CONDITIONS, pending=(order,)))


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        (FACTS, IdleAction.STOP_TRACKING),
        (replace(FACTS, is_tracking_stopped=True), IdleAction.NOTHING),
        (replace(FACTS, next_target=NOTHING_LEFT), IdleAction.STOP_TRACKING),
        (replace(FACTS, next_target=NOTHING_LEFT, idle_s=901.0), IdleAction.PARK),
        (replace(FACTS, conditions=replace(CONDITIONS, utc=NIGHT.morning)), IdleAction.PARK),
        (replace(FACTS, conditions=replace(CONDITIONS, pending=(BIAS,))), IdleAction.PARK),
        (calibration(), IdleAction.PARK),
        (calibration((-10.0, 60.0)), IdleAction.PARK),
        (calibration((1e8, 2e8), (0.0, 100.0)), IdleAction.PARK),
        (calibration((1e8, 2e8)), IdleAction.STOP_TRACKING),
        (calibration((-10.0, 59.0)), IdleAction.STOP_TRACKING),  # less than one exposure is left
        (calibration((-100.0, 1e4), latest_start_utc_s=NOW_S - 1.0), IdleAction.STOP_TRACKING),
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
