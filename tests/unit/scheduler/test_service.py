"""The scheduler service end to end, with a fake telescope and fake safety on real front desks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctmo_indi.models.states import AttemptState
from ctmo_indi.testing.fake_clock import EVENING

if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack


def names(stack: Stack) -> list[str]:
    return [attempt.request.object_name for attempt in stack.telescope.attempts.values()]


def test_orders_are_completed_by_priority_through_a_silent_telescope_and_a_restart(
    stack: Stack,
) -> None:
    stack.stop_peers()  # the telescope's desk is down at first
    stack.start_scheduler()
    first = stack.submit("first")
    second = stack.submit("second")
    urgent = stack.submit("urgent", Type_of_job="Research")
    assert stack.command("start", "enable", "resume") == "COMPLETED"
    stack.wait_until(
        lambda: "telescope does not answer" in " ".join(stack.desk.status()["Reasons"])
    )
    assert stack.desk.status(first)["Status"] == "PENDING"

    stack.telescope.outcome = lambda request: (
        None if request.object_name == "second" else (AttemptState.COMPLETED, request.count)
    )
    stack.start_peers()
    assert stack.ended(urgent)["Status"] == "COMPLETED"
    assert stack.ended(first)["Status"] == "COMPLETED"
    attempt = stack.telescope.wait_for_attempts(3)[-1]
    stack.stop_scheduler()  # in the middle of the last one

    stack.start_scheduler()
    stack.telescope.finish(attempt.attempt_id, AttemptState.COMPLETED, 2)
    status = stack.ended(second)
    assert status["Status"] == "COMPLETED"
    assert len(status["Exposures"]) == 2  # type: ignore[arg-type]  # of the wire
    assert names(stack) == ["urgent", "first", "second"]
    assert stack.desk.status()["Order Counts"]["COMPLETED"] == 3


def test_a_takeover_holds_the_scheduler_and_costs_no_order_anything(stack: Stack) -> None:
    took_over = "another INDI client took over (mount slews)"
    stack.telescope.held = stack.safety.takeover = took_over
    stack.start_scheduler()
    order = stack.submit("first")
    stack.command("start", "enable", "resume")
    stack.wait_until(lambda: stack.desk.status()["Held"] == took_over)
    stack.wait_until(lambda: f"held: {took_over}" in list(stack.desk.status()["Reasons"]))
    stack.wait_until(lambda: f"held: {took_over}" in str(stack.desk.status()["Observatory Status"]))
    before = list(stack.telescope.attempts)

    stack.telescope.held = stack.safety.takeover = ""
    ended = stack.ended(order)

    assert before == []
    assert ended["Status"] == "COMPLETED"
    stack.wait_until(lambda: stack.desk.status()["Held"] == "")


def test_what_a_human_interrupted_goes_on_at_once_when_he_is_done(stack: Stack) -> None:
    stack.telescope.outcome = lambda request: None
    stack.start_scheduler()
    order = stack.submit("first")
    stack.command("start", "enable", "resume")
    attempt = stack.telescope.wait_for_attempts(1)[0]
    stack.telescope.held = stack.safety.takeover = "another INDI client took over (mount slews)"
    stack.telescope.finish(attempt.attempt_id, AttemptState.INTERRUPTED, 0, "foreign motion")
    stack.wait_until(lambda: stack.desk.status()["Held"] != "")
    stack.wait_until(lambda: "held" in " ".join(stack.desk.status()["Reasons"]))
    held = stack.desk.status(order)
    stack.telescope.outcome = lambda request: (AttemptState.COMPLETED, request.count)
    stack.telescope.held = stack.safety.takeover = ""
    begun_s = stack.clock.elapsed_s()
    ended = stack.ended(order)

    assert held["Status"] == "PENDING"
    assert ended["Status"] == "COMPLETED"
    assert stack.clock.elapsed_s() - begun_s < 30.0 * stack.clock.speed
    assert [one["Status"] for one in ended["Attempts"]] == ["INTERRUPTED", "COMPLETED"]  # type: ignore[attr-defined]  # of the wire


def test_with_the_real_sky_the_order_that_is_up_goes_before_the_one_that_rises_later(
    stack: Stack,
) -> None:
    stack.set_clock(EVENING + timedelta(hours=1))  # local sidereal time about 23 h
    stack.make_models = None
    stack.start_scheduler()
    later = stack.submit("later", RA=130.0, Type_of_job="Research")
    up = stack.submit("up", RA=350.0)
    stack.command("start", "enable", "resume")
    assert stack.ended(up)["Status"] == "COMPLETED"
    stack.wait_until(
        lambda: (
            dict(stack.desk.status()["Next Target"]).get("Parent") == later
            and not stack.desk.status()["Current"]
        )
    )
    assert any("altitude" in reason for reason in stack.desk.status()["Reasons"])
    assert names(stack) == ["up"]
