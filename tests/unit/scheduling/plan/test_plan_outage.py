"""What a plan that cannot be made costs: its night is gone through one order at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ctmo_indi.models.orders import Cadence, Window
from ctmo_indi.scheduler.modes.replay import simulation
from ctmo_indi.scheduling.lookahead import LookAhead
from ctmo_indi.scheduling.plan.planning import NightPlanning
from ctmo_indi.scheduling.sequential import SequentialScheduler

from .plan_world import DUSK, MODELS, NIGHT, SKY, conditions, drawn, driver_of


class Broken(NightPlanning):
    """Raises once told so."""

    is_broken = True

    def plan(self, *arguments, **more):  # type: ignore[no-untyped-def]  # as the real one
        if self.is_broken:
            raise ZeroDivisionError("nobody thought of that")
        return super().plan(*arguments, **more)


def test_a_planner_that_raises_costs_no_night(caplog: pytest.LogCaptureFixture) -> None:
    planning = Broken(MODELS, SKY)
    driver, sequential = driver_of(planning), SequentialScheduler(MODELS)
    sequential.configure_scheduler({})
    orders = drawn(30)
    for one in (driver, sequential):
        one.update_conditions(conditions(orders))
    chosen, expected = driver.select_next_target(), sequential.select_next_target()
    assert chosen is not None
    assert expected is not None
    assert chosen.receipt == expected.receipt
    assert "nobody thought of that" in str(driver.plan_view())
    assert "nobody thought of that" in caplog.text
    state = driver.get_state()
    planning.is_broken = False
    driver.update_conditions(conditions(orders, DUSK + timedelta(minutes=20)))
    assert "Refused" in (driver.plan_view() or {})
    driver.update_conditions(conditions(orders, DUSK + timedelta(minutes=40)))
    assert "Refused" not in (driver.plan_view() or {})  # it is tried again by itself
    driver.set_state(state)
    driver.update_conditions(conditions(drawn(31)))  # news: it is tried again
    assert "Refused" not in (driver.plan_view() or {})


class Cramped(NightPlanning):
    """As on a machine with too little memory."""

    def plan(self, *_arguments, **_more):  # type: ignore[no-untyped-def]  # as the real one
        raise MemoryError


def test_too_little_memory_is_said_with_the_number_of_requests() -> None:
    driver = driver_of(Cramped(MODELS, SKY))
    driver.update_conditions(conditions(drawn(30)))
    assert driver.select_next_target() is not None
    refused = str((driver.plan_view() or {})["Refused"])
    assert "30 requests do not fit into memory" in refused


def test_windows_of_a_series_that_drift_are_planned() -> None:
    (one,) = drawn(1)
    begin_s = float(SKY.spans([one.request], NIGHT).start_utc_s[0]) + 600.0
    length_s = one.request.count * (one.request.exposure_s + 1.0) + 1.0
    drift_s = 899.9995
    windows = tuple(
        Window(begin_s + number * drift_s, begin_s + number * drift_s + length_s)
        for number in range(8)
    )
    request = replace(one.request, windows=windows, cadence=Cadence(900.0, 0.0, 8))
    driver = driver_of()
    driver.update_conditions(conditions([replace(one, request=request, visits_left=8)]))
    assert "Refused" not in (driver.plan_view() or {"Refused": "no plan"})


def test_a_look_ahead_leaves_nothing_behind() -> None:
    driver, now = driver_of(), conditions(drawn(60))
    driver.update_conditions(now)
    before = driver.plan_view(), driver.expected_utc(), driver.estimate_next_target()
    state = driver.get_state()
    with simulation(driver):
        made = list(LookAhead(driver, MODELS).targets(now, until=now.utc + timedelta(hours=2)))
    driver.set_state(state)
    assert len(made) > 5
    assert (driver.plan_view(), driver.expected_utc(), driver.estimate_next_target()) == before


def test_of_orders_that_ask_for_the_same_the_older_is_first() -> None:
    (one,) = drawn(1)
    twins = [
        replace(one, receipt=f"O-{name}", created_utc_s=number)
        for number, name in enumerate(("c", "a", "d", "b"))
    ]
    driver = driver_of()
    driver.update_conditions(conditions(twins))
    view = driver.plan_view()
    assert view is not None
    visits = view["Visits"]
    assert isinstance(visits, list)
    assert [visit["Receipt"] for visit in visits] == ["O-c", "O-a", "O-d", "O-b"]
