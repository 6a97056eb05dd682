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
