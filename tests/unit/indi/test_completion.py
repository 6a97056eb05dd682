"""The rules by which a command is done or refused, each after something a real driver did."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.indi.completion import CompletionRule, CompletionWatch, Judgement
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState, PropertyType, Value

IDLE, OK = PropertyState.IDLE, PropertyState.OK
BUSY, ALERT = PropertyState.BUSY, PropertyState.ALERT


def prop(state: PropertyState, name: str = "P", /, **values: Value) -> PropertySnapshot:
    return PropertySnapshot(
        "D", name, PropertyType.NUMBER, state, values=MappingProxyType(dict(values))
    )


def watch(before: PropertySnapshot, sent: dict[str, Value], **rule: object) -> CompletionWatch:
    return CompletionWatch(CompletionRule(**rule), sent, before)  # type: ignore[arg-type]


def test_ok_at_the_target_is_done() -> None:
    judge = watch(prop(OK, AZ=0.0), {"AZ": 90.0})
    assert judge.observe(prop(BUSY, AZ=40.0)) is Judgement.PENDING
    assert judge.observe(prop(OK, AZ=90.0)) is Judgement.DONE


def test_ok_in_flight_far_from_the_target_is_not_done() -> None:
    judge = watch(prop(OK, AZ=0.0), {"AZ": 180.0})
    assert judge.observe(prop(OK, AZ=0.0)) is Judgement.PENDING
    assert judge.observe(prop(BUSY, AZ=10.0)) is Judgement.PENDING
    assert judge.observe(prop(OK, AZ=180.0)) is Judgement.DONE


def test_false_ok_is_rejected_at_the_acknowledgement_deadline() -> None:
    judge = watch(prop(IDLE, AZ=0.0), {"AZ": 180.0})
    assert judge.observe(prop(OK, AZ=0.0)) is Judgement.PENDING
    assert judge.on_ack_deadline() is Judgement.REJECTED
    assert "AZ is 0.0, wanted 180.0" in judge.reason


def test_slew_that_ends_ok_half_way_settles_and_is_rejected() -> None:
    judge = watch(prop(OK, RA=0.0), {"RA": 5.0}, tolerances={"RA": 0.01})
    judge.observe(prop(BUSY, RA=1.0))
    assert judge.observe(prop(OK, RA=2.5)) is Judgement.SETTLING
    assert judge.on_ack_deadline() is Judgement.PENDING
    assert judge.on_settle_deadline() is Judgement.REJECTED


def test_value_that_arrives_while_settling_is_done() -> None:
    judge = watch(prop(OK, RA=0.0), {"RA": 5.0}, tolerances={"RA": 0.01})
    judge.observe(prop(BUSY, RA=1.0))
    judge.observe(prop(OK, RA=4.9))
    assert judge.observe(prop(OK, RA=5.001)) is Judgement.DONE


def test_busy_again_ends_settling() -> None:
    judge = watch(prop(OK, RA=0.0), {"RA": 5.0})
    judge.observe(prop(BUSY, RA=1.0))
    judge.observe(prop(OK, RA=2.0))
    judge.observe(prop(BUSY, RA=3.0))
    assert judge.on_settle_deadline() is Judgement.PENDING


def test_alert_then_ok_at_once_is_rejected() -> None:
    judge = watch(prop(OK, V=128.0), {"V": 300.0})
    assert judge.observe(prop(ALERT, V=128.0)) is Judgement.REJECTED
    assert "went Alert" in judge.reason


def test_alert_from_before_the_command_is_no_refusal() -> None:
    judge = watch(prop(ALERT, RA=0.0), {"RA": 5.0})
    assert judge.observe(prop(ALERT, RA=0.0)) is Judgement.PENDING
    judge.observe(prop(BUSY, RA=2.0))
    assert judge.observe(prop(OK, RA=5.0)) is Judgement.DONE


def test_alert_that_stays_is_rejected_at_the_acknowledgement_deadline() -> None:
    judge = watch(prop(ALERT, RA=0.0), {"RA": 5.0})
    judge.observe(prop(ALERT, RA=0.0))
    assert judge.on_ack_deadline() is Judgement.REJECTED


def test_idle_instead_of_busy_rejects_a_motion() -> None:
    judge = watch(prop(OK, RA=0.0), {"RA": 5.0})
    assert judge.observe(prop(IDLE, RA=0.0)) is Judgement.REJECTED


def test_idle_in_flight_is_no_refusal_but_staying_idle_is() -> None:
    judge = watch(prop(IDLE, RA=0.0), {"RA": 5.0})
    assert judge.observe(prop(IDLE, RA=0.001)) is Judgement.PENDING
    assert judge.on_ack_deadline() is Judgement.REJECTED


def test_drift_is_no_acknowledgement_but_approach_is() -> None:
    drifting = watch(prop(IDLE, RA=0.0), {"RA": 5.0})
    drifting.observe(prop(IDLE, RA=0.01))
    assert not drifting.acknowledged
    moving = watch(prop(IDLE, RA=0.0), {"RA": 5.0})
    moving.observe(prop(IDLE, RA=1.0))
    assert moving.acknowledged


def test_idle_after_busy_rejects_a_motion() -> None:
    judge = watch(prop(OK, RA=0.0), {"RA": 5.0})
    judge.observe(prop(BUSY, RA=1.0))
    assert judge.observe(prop(IDLE, RA=2.0)) is Judgement.REJECTED


def test_unpark_of_an_unparked_mount_is_done_when_idle_is_allowed() -> None:
    before = prop(IDLE, PARK=False, UNPARK=True)
    judge = watch(before, {"UNPARK": True}, states=frozenset({OK, IDLE}))
    assert judge.observe(before) is Judgement.DONE


def test_tracking_is_done_while_busy() -> None:
    judge = watch(prop(IDLE, TRACK_ON=False), {"TRACK_ON": True}, states=frozenset({OK, BUSY}))
    assert judge.observe(prop(BUSY, TRACK_ON=True)) is Judgement.DONE


def test_no_answer_is_silent() -> None:
    judge = watch(prop(IDLE, AZ=0.0), {"AZ": 90.0})
    assert judge.on_ack_deadline() is Judgement.SILENT


def test_no_answer_to_a_value_already_reached_is_done() -> None:
    judge = watch(prop(OK, AZ=90.0), {"AZ": 90.0})
    assert judge.on_ack_deadline() is Judgement.DONE


def test_must_leave_makes_a_value_already_reached_no_excuse() -> None:
    judge = watch(prop(OK, AZ=90.0), {"AZ": 90.0}, must_leave=True)
    assert judge.observe(prop(OK, AZ=90.0)) is Judgement.PENDING
    assert judge.on_ack_deadline() is Judgement.REJECTED


def test_exposure_is_done_only_after_busy() -> None:
    judge = watch(prop(OK, T=0.0), {"T": 5.0}, targets={}, must_leave=True)
    assert judge.observe(prop(OK, T=0.0)) is Judgement.PENDING
    assert judge.observe(prop(BUSY, T=4.0)) is Judgement.PENDING
    assert judge.observe(prop(OK, T=0.0)) is Judgement.DONE


@pytest.mark.parametrize(("value", "expected"), [(359.5, Judgement.DONE), (1.5, Judgement.PENDING)])
def test_wrap_joins_the_ends_of_the_circle(value: float, expected: Judgement) -> None:
    judge = watch(prop(OK, AZ=180.0), {"AZ": 0.2}, tolerances={"AZ": 1.0}, wrap={"AZ": 360.0})
    assert judge.observe(prop(OK, AZ=value)) is expected


def test_nan_never_reaches_a_target() -> None:
    judge = watch(prop(OK, AZ=0.0), {"AZ": 1.0}, tolerances={"AZ": 1000.0})
    assert judge.observe(prop(OK, AZ=float("nan"))) is Judgement.PENDING


def watching(*states: PropertyState) -> CompletionWatch:
    rule = CompletionRule(states=frozenset(states), watch=("D", "EQ"))
    return CompletionWatch(rule, {"ABORT": True}, prop(IDLE, ABORT=False), prop(BUSY, "EQ", RA=1.0))


def test_watched_property_decides_after_the_answer() -> None:
    judge = watching(OK, IDLE)
    assert judge.observe(prop(OK, ABORT=False)) is Judgement.PENDING
    assert judge.observe(prop(BUSY, "EQ", RA=1.1)) is Judgement.PENDING
    assert judge.observe(prop(IDLE, "EQ", RA=1.2)) is Judgement.DONE


def test_watched_property_at_rest_needs_only_the_answer() -> None:
    rule = CompletionRule(states=frozenset({OK, IDLE}), watch=("D", "EQ"))
    judge = CompletionWatch(rule, {"ABORT": True}, prop(IDLE, ABORT=False), prop(OK, "EQ", RA=1.0))
    assert judge.observe(prop(OK, "EQ", RA=1.0)) is Judgement.PENDING
    assert judge.observe(prop(OK, ABORT=False)) is Judgement.DONE


def test_alert_of_the_commanded_property_rejects_a_watch() -> None:
    assert watching(OK, IDLE).observe(prop(ALERT, ABORT=False)) is Judgement.REJECTED


def test_watched_property_that_is_busy_as_before_is_no_answer() -> None:
    judge = watching(OK, IDLE)
    judge.observe(prop(BUSY, "EQ", RA=1.1))
    assert not judge.acknowledged


def test_watch_without_any_answer_is_silent() -> None:
    assert watching(OK).on_ack_deadline() is Judgement.SILENT


STATES = st.sampled_from([IDLE, OK, BUSY, ALERT])
NEWS = st.lists(st.tuples(STATES, st.sampled_from([0.0, 45.0, 89.95, 90.0, 90.05, 180.0])))


@given(before=STATES, news=NEWS, must_leave=st.booleans(), ends=st.integers(0, 3))
def test_no_sequence_of_news_is_a_false_success(
    before: PropertyState, news: list[tuple[PropertyState, float]], must_leave: bool, ends: int
) -> None:
    judge = watch(prop(before, AZ=0.0), {"AZ": 90.0}, tolerances={"AZ": 0.1}, must_leave=must_leave)
    for number, (state, value) in enumerate(news):
        judgement = judge.observe(prop(state, AZ=value))
        if number == ends and judgement is Judgement.PENDING:
            judgement = judge.on_ack_deadline()
        if judgement is Judgement.DONE:
            assert state is OK
            assert abs(value - 90.0) <= 0.1
            return
        if judgement is Judgement.REJECTED:
            return
        assert not (state is OK and abs(value - 90.0) <= 0.1), "a true success was missed"
