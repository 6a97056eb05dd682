"""ADVANCE mode: two on the queue, failures as if never asked, plans made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, ObservatoryState, OrderState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.states import DetailedState
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.warming_up import warm_up
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.testing.fake_desk import FakeTelescope
from ctmo_indi.work_orders.model import CheckedOrder

from .mode_rig import QUICK, FieldsDriver, Rig, World

Outcome = tuple[AttemptState, int] | None


def goes_on(_request: ObservationRequest) -> Outcome:
    """Attempts go on until the test ends them."""
    return None


@pytest.fixture
def world(tmp_path: Path, profile: Profile) -> World:
    return World(tmp_path, profile)


@pytest.fixture(params=[SequentialScheduler, PlanScheduler], ids=lambda driver: driver.name)
def rig(world: World, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """One with each driver: what waits for the same place, they take in the same order."""
    if request.param is PlanScheduler:
        warm_up()
    world.telescope.outcome = goes_on
    made = Rig(world, make_driver=request.param)
    yield made
    made.end()


def executing(rig: Rig, count: int) -> str:
    """Wait until that many attempts reached the telescope; return the last one's id."""
    rig.run_until(lambda: len(rig.world.telescope.attempts) >= count)
    return list(rig.world.telescope.attempts)[count - 1]


def finish(rig: Rig, attempt_id: str, state: AttemptState = AttemptState.COMPLETED) -> None:
    """End an attempt at the telescope, and wait until the book knows."""
    rig.world.telescope.finish(attempt_id, state, 2 if state is AttemptState.COMPLETED else 0)
    rig.run_until(lambda: all(one.row.attempt_id != attempt_id for one in rig.book.open_attempts()))


def test_one_executes_one_waits_and_all_are_registered_in_order(rig: Rig) -> None:
    for number in range(5):
        rig.order(f"t{number}", priority=9.0 - number)
    rig.mode.resume()
    for number in range(5):
        attempt_id = executing(rig, number + 1)
        if number < 4:
            rig.run_until(lambda number=number: rig.waiting() == [f"t{number + 1}"])
        finish(rig, attempt_id)
    assert rig.world.names == [f"t{number}" for number in range(5)]
    assert [made.number for made in rig.stored()] == [1, 2, 3, 4, 5]
    rig.run_until(lambda: rig.driver.observation_number == 5)
    assert rig.fault is None


def test_the_detailed_states_come_in_the_documented_order(rig: Rig) -> None:
    for name in ("a", "b", "c"):
        rig.order(name)
    rig.mode.resume()
    rig.run_until(lambda: bool(rig.published("predictedSchedule")))
    rig.run_until(lambda: rig.detailed[-1] is DetailedState.RUNNING)
    running, generating = DetailedState.RUNNING, DetailedState.GENERATING_TARGET_QUEUE
    queueing, computing = (
        DetailedState.QUEUEING_TARGET,
        DetailedState.COMPUTING_PREDICTED_SCHEDULE,
    )
    states = [state for state in rig.detailed if state is not DetailedState.IDLE]
    assert states == [generating, running, queueing, running, queueing, running, computing, running]


def test_the_next_plan_is_made_while_the_last_targets_execute(rig: Rig) -> None:
    for number in range(7):
        rig.order(f"t{number}", priority=9.0 - number)
    rig.mode.resume()
    finish(rig, executing(rig, 1))  # t2, the last of the plan, goes on the queue
    executing(rig, 2)
    rig.run_until(lambda: len(rig.mode.report()["Plan"]) == 3)  # type: ignore[arg-type]
    assert rig.waiting() == ["t2"]
    assert [one["Object"] for one in rig.mode.report()["Plan"]] == ["t3", "t4", "t5"]  # type: ignore[attr-defined]


def test_a_snapshot_is_announced_and_the_driver_is_as_before(world: World) -> None:
    world.telescope.outcome = goes_on
    rig = Rig(world, make_driver=FieldsDriver)
    before = rig.driver.get_state()
    rig.mode.resume()
    executing(rig, 1)
    (announced,) = rig.published("largeFileObjectAvailable")
    path = Path(str(announced["Path"]))
    assert path.stat().st_size == announced["Size"]
    assert rig.driver_state()["memory"] == before["memory"] == ""
    targets = rig.published("target")
    assert {one["Snapshot"] for one in targets} == {announced["URL"]}
    rig.end()


@pytest.mark.parametrize("ended", [AttemptState.FAILED, AttemptState.INTERRUPTED])
def test_after_a_failure_what_waits_is_withdrawn_and_waits_again_at_once(
    rig: Rig, ended: AttemptState
) -> None:
    first, second = rig.order("first", 9.0), rig.order("second", 8.0)
    rig.mode.resume()
    attempt_id = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["second"])
    finish(rig, attempt_id, ended)
    executing(rig, 2)
    assert rig.world.names == ["first", "second"]  # first rests after its failure
    withdrawn = [row for row in rig.attempt_rows() if row[1] == "CANCELED"]
    assert [row[0] for row in withdrawn] == [second]
    assert "replanned" in withdrawn[0][2]
    assert rig.order_state(first) in (OrderState.PENDING, OrderState.SCHEDULED)
    assert rig.stored() == []


def test_an_urgent_order_replaces_what_waits_and_not_what_executes(rig: Rig) -> None:
    rig.order("first", 5.0)
    second = rig.order("second", 4.0)
    rig.mode.resume()
    attempt_id = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["second"])
    rig.order("urgent", 9.0)
    rig.run_until(lambda: rig.waiting() == ["urgent"])
    assert rig.order_state(second) is OrderState.PENDING
    finish(rig, attempt_id)
    executing(rig, 2)
    assert rig.world.names == ["first", "urgent"]


def test_an_order_that_changes_nothing_leaves_what_waits_where_it_is(rig: Rig) -> None:
    rig.order("first", 5.0)
    rig.order("second", 4.0)
    rig.mode.resume()
    executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["second"])
    (waiting,) = rig.queue.waiting
    rig.order("third", 1.0)
    rig.run_until(lambda: "third" in str(rig.mode.report()["Plan"]))
    assert rig.queue.waiting == (waiting,)
    assert not [row for row in rig.attempt_rows() if row[1] == "CANCELED"]


def test_a_canceled_order_leaves_the_queue_at_once(rig: Rig) -> None:
    rig.order("first", 5.0)
    second, third = rig.order("second", 4.0), rig.order("third", 3.0)
    rig.mode.resume()
    executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["second"])
    assert rig.runner.cancel(second, "not needed")
    rig.mode.poke()
    assert rig.order_state(second) is OrderState.CANCELED
    rig.run_until(lambda: rig.waiting() == ["third"])
    assert rig.order_state(third) is OrderState.SCHEDULED


def test_stop_lets_both_queued_ones_go_on_and_registers_them(rig: Rig) -> None:
    for number in range(4):
        rig.order(f"t{number}", priority=9.0 - number)
    rig.mode.resume()
    attempt_id = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["t1"])
    rig.mode.stop()
    finish(rig, attempt_id)
    finish(rig, executing(rig, 2))
    rig.run_until(lambda: rig.driver.observation_number == 2)
    for _ in range(3):
        rig.tick()
        rig.pump()
    assert rig.world.names == ["t0", "t1"]


def test_stop_with_abort_withdraws_and_the_orders_wait_without_penalty(rig: Rig) -> None:
    receipts = [rig.order("a", 9.0), rig.order("b", 8.0)]
    rig.mode.resume()
    executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["b"])
    rig.mode.stop()
    rig.runner.stop_all("stop by ana")
    rig.run_until(lambda: rig.runner.is_idle)
    assert [rig.order_state(receipt) for receipt in receipts] == [OrderState.PENDING] * 2
    states = {row[0]: row[1] for row in rig.attempt_rows()}
    assert states == {receipts[0]: "INTERRUPTED", receipts[1]: "NOT_ATTEMPTED"}
    (second,) = (one for one in rig.book.pending() if one.receipt == receipts[1])
    assert second.not_before_utc_s == 0.0


def test_unsafe_drains_the_queue_and_is_no_fault(rig: Rig) -> None:
    rig.order("first", 9.0)
    second = rig.order("second", 8.0)
    rig.mode.resume()
    attempt_id = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["second"])
    rig.verdict(is_safe=False)
    rig.run_until(lambda: rig.waiting() == [])
    assert rig.order_state(second) is OrderState.PENDING
    finish(rig, attempt_id, AttemptState.INTERRUPTED)
    rig.run_idle()
    assert rig.fault is None
    rig.verdict(is_safe=True)
    executing(rig, 2)


def test_dawn_closes_and_is_no_fault(rig: Rig) -> None:
    rig.world.telescope.observatory = ObservatoryState.OPEN
    rig.world.sky.morning = rig.clock.utc()
    rig.order("late")
    rig.mode.resume()
    rig.run_until(lambda: rig.world.telescope.controls() == ["close"])
    assert rig.fault is None
    assert rig.world.names == []


def test_flush_withdraws_and_reschedule_keeps_what_is_chosen_again(rig: Rig) -> None:
    for number in range(4):
        rig.order(f"t{number}", priority=9.0 - number)
    rig.mode.resume()
    executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["t1"])
    (waiting,) = rig.queue.waiting
    rig.mode.reschedule()
    rig.run_until(lambda: rig.detailed[-1] is not DetailedState.GENERATING_TARGET_QUEUE)
    assert rig.queue.waiting == (waiting,)
    assert rig.mode.flush() >= 1
    rig.run_until(lambda: rig.waiting() == ["t1"] and rig.queue.waiting != (waiting,))


def test_a_restart_adopts_what_is_open_and_registers_it_once(world: World) -> None:
    world.telescope.outcome = goes_on
    parameters = replace(QUICK, n_targets=2)
    rig = Rig(world, parameters)
    receipts = [rig.order(f"t{number}", priority=9.0 - number) for number in range(3)]
    rig.mode.resume()
    attempt_id = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["t1"])
    rig.end()

    again = Rig(world, parameters, is_auto=True)
    again.mode.resume()
    world.telescope.finish(attempt_id, AttemptState.COMPLETED, 2)
    again.run_until(lambda: again.order_state(receipts[0]) is OrderState.COMPLETED)
    assert [made.attempt_id for made in again.stored()] == [attempt_id]
    world.telescope.outcome = lambda request: (AttemptState.COMPLETED, request.count)
    again.run_until(
        lambda: all(again.order_state(one) is OrderState.COMPLETED for one in receipts), 20.0
    )
    assert len(again.stored()) == 3
    again.run_until(lambda: again.driver.observation_number == 3)
    again.end()


def rests(rig: Rig) -> dict[str, float]:
    """Of the orders that wait, in Unix seconds; 0 where none is left alone."""
    return {one.receipt: one.not_before_utc_s for one in rig.book.pending()}


def test_what_had_only_waited_at_a_restart_is_as_if_it_had_never_been_chosen(world: World) -> None:
    world.telescope.outcome = goes_on
    rig = Rig(world)
    rig.order("first", 9.0)
    second = rig.order("second", 8.0)
    rig.mode.resume()
    attempt_id = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["second"])
    rig.end()

    again = Rig(world, is_auto=True)  # and not resumed yet
    world.telescope.finish(attempt_id, AttemptState.COMPLETED, 2)
    again.run_until(lambda: again.runner.is_idle)
    (state, reason) = next(row[1:] for row in again.attempt_rows() if row[0] == second)
    assert (state, reason.split(":")[0]) == ("NOT_ATTEMPTED", "restart")
    assert rests(again) == {second: 0.0}
    again.end()


def test_what_was_handed_over_before_a_restart_goes_on_though_the_answer_was_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.telescope.outcome = goes_on
    rig = Rig(world)
    handed_over = world.telescope._observe

    def loses_the_answer(checked: CheckedOrder, request: ObservationRequest) -> object:
        handed_over(checked, request)
        raise ServiceUnreachable("connection reset")

    with monkeypatch.context() as patched:
        patched.setattr(FakeTelescope, "_observe", lambda _, *given: loses_the_answer(*given))
        receipt = rig.order("first")
        rig.mode.resume()
        attempt_id = executing(rig, 1)
        assert [row[1] for row in rig.attempt_rows()] == ["PENDING"]
        rig.end()

    again = Rig(world, is_auto=True)
    again.mode.resume()
    again.run_until(lambda: [row[1] for row in again.attempt_rows()] == ["IN_PROGRESS"])
    finish(again, attempt_id)
    assert list(world.telescope.attempts) == [attempt_id]
    assert again.order_state(receipt) is OrderState.COMPLETED
    again.end()


def test_what_had_begun_before_a_restart_and_was_forgotten_was_interrupted(world: World) -> None:
    world.telescope.outcome = goes_on
    rig = Rig(world)
    receipt = rig.order("first")
    rig.mode.resume()
    rig.run_until(lambda: [row[1] for row in rig.attempt_rows()] == ["IN_PROGRESS"])
    rig.end()
    world.telescope.attempts.clear()

    again = Rig(world, is_auto=True)
    again.run_until(lambda: again.runner.is_idle)
    assert [row[1] for row in again.attempt_rows()] == ["INTERRUPTED"]
    assert rests(again)[receipt] > again.clock.utc().timestamp()
    again.end()


def test_news_without_end_does_not_keep_the_queue_empty(world: World) -> None:
    rig = Rig(world)
    receipts = [rig.order(f"t{number}") for number in range(3)]
    rig.mode.resume()

    def poked_and_done() -> bool:
        rig.mode.poke()
        return all(rig.order_state(receipt) is OrderState.COMPLETED for receipt in receipts)

    rig.run_until(poked_and_done)
    rig.end()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_by_an_hour_stops_nothing(rig: Rig, step_s: float) -> None:
    for number in range(5):
        rig.order(f"t{number}", priority=9.0 - number, RA=330.0)  # high, and an hour ago as well
    rig.mode.resume()
    attempt_id = executing(rig, 1)
    rig.run_until(lambda: rig.waiting() == ["t1"])
    rig.clock.set_s += step_s
    begun_s = rig.clock.machine_s()
    for number in range(2, 5):
        finish(rig, attempt_id)
        attempt_id = executing(rig, number)
    rig.run_until(lambda: rig.driver.observation_number == 3)
    assert rig.clock.machine_s() - begun_s < 5.0
    assert rig.fault is None
    requested = str(rig.published("target")[-1]["Requested"])
    late_s = (datetime.fromisoformat(requested) - rig.clock.utc()).total_seconds()
    assert abs(late_s) < 1800.0


@pytest.mark.parametrize("step_s", [7200.0, -3600.0])
def test_an_idle_mode_asks_again_at_once_when_the_clock_was_set(
    world: World, step_s: float
) -> None:
    world = World(world.folder, world.profile, speed=1.0)  # a wait of a minute is one
    world.telescope.outcome = goes_on
    rig = Rig(world)
    world.sky.rises["later"] = rig.clock.utc() + timedelta(hours=2)
    rig.order("later")
    rig.mode.resume()
    rig.run_idle()
    rig.clock.set_s += step_s
    told = len(rig.detailed)
    rig.run_until(lambda: len(rig.detailed) > told + 2)
    assert len(world.telescope.attempts) == (1 if step_s > 0.0 else 0)
    rig.end()
