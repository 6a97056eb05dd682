"""A scrape over a real front desk, of a service that answers and of one that does not."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import BadOrder, StoreUnavailable, WrongState
from ctmo_indi.front_desk.pages import RouteTable
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.metrics import page as metrics_page
from ctmo_indi.metrics.counted_desk import CountedDesk
from ctmo_indi.metrics.page import MetricsPage
from ctmo_indi.service_health import Health
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply

STATUS: Reply = {"Running": True, "Summary State": "ENABLED", "Order Counts": {"PENDING": 3}}
PLAN: Reply = {"Value": 9.0, "Bound": 10.0, "Gap": 0.1, "Made": "2026-11-23T00:00:00Z"}


class Desk:
    """Answers what the test says; counts the plans it was asked for."""

    service = "scheduler"

    def __init__(self) -> None:
        self.answers: dict[str, Reply | Exception] = {"Status": STATUS, "Plan": PLAN}
        self.hangs = False
        self.asked: list[str] = []

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        kind = str(order["WOType"])
        self.asked.append(kind)
        if self.hangs:
            await asyncio.Event().wait()
        answer = self.answers.get(kind, BadOrder("no"))
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


class Stage:
    """A desk with its metrics, served."""

    def __init__(self, desk: Desk, is_alive: bool = True) -> None:
        self.desk = desk
        self.counted = CountedDesk(desk)
        profile = profiles.load("simulators")
        self.page = MetricsPage(
            "scheduler", [self.counted], profile, lambda: Health(is_alive, ""), SystemClock()
        )
        self.url = ""

    @contextmanager
    def served(self) -> Iterator[Stage]:
        pages = {"scheduler": RouteTable([self.page.route()])}
        server = FrontDeskServer([(self.counted, "127.0.0.1", 0)], pages=pages)
        self.page.gate = server.gate
        (port,) = server.start()
        self.url = f"http://127.0.0.1:{port}/metrics"
        try:
            yield self
        finally:
            server.stop()

    def scrape(self) -> dict[str, float]:
        """Return name{labels} -> value."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            text = answer.read().decode()
        found = {}
        for family in text_string_to_metric_families(text):
            assert family.documentation, family.name
            for sample in family.samples:
                labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
        return found


def test_a_scrape_tells_the_status_the_desk_and_the_process():
    with Stage(Desk()).served() as stage:
        stage.scrape()
        told = stage.scrape()
    assert told["ctmo_scheduler_running{}"] == 1.0
    assert told["ctmo_scheduler_component_state{state=ENABLED}"] == 1.0
    assert told["ctmo_scheduler_component_state{state=FAULT}"] == 0.0
    assert told["ctmo_scheduler_orders{state=PENDING}"] == 3.0
    assert told["ctmo_service_answers{}"] == told["ctmo_service_alive{}"] == 1.0
    assert told["ctmo_desk_connections{}"] >= 1.0
    assert told["ctmo_desk_orders_total{kind=Status,outcome=accepted}"] == 2.0
    assert told["process_resident_memory_bytes{}"] > 1e6
    assert told["ctmo_plan_gap_ratio{}"] == 0.1  # asked beside the scrape before


def test_the_plan_is_asked_for_now_and_then_not_at_each_scrape():
    desk = Desk()
    with Stage(desk).served() as stage:
        for _ in range(5):
            stage.scrape()
    assert desk.asked.count("Plan") == 1


def test_the_plan_of_before_is_not_told_when_nothing_is_observed_any_more():
    desk = Desk()
    with Stage(desk).served() as stage:
        stage.scrape()
        assert "ctmo_plan_value{}" in stage.scrape()
        desk.answers["Status"] = {**STATUS, "Running": False}
        stage.scrape()
        desk.answers["Status"] = STATUS
        assert "ctmo_plan_value{}" not in stage.scrape()


@pytest.mark.parametrize("why", ["not running", "no plan"])
def test_no_plan_is_told_where_none_stands(why):
    desk = Desk()
    if why == "not running":
        desk.answers["Status"] = {**STATUS, "Running": False}
    else:
        desk.answers["Plan"] = WrongState("there is no plan")
    with Stage(desk).served() as stage:
        stage.scrape()
        told = stage.scrape()
    assert not [name for name in told if name.startswith("ctmo_plan_")]
    assert ("Plan" in desk.asked) == (why == "no plan")


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
def test_a_service_that_does_not_answer_is_told_as_such(monkeypatch, trouble):
    monkeypatch.setattr(metrics_page, "STATUS_S", 0.05)
    desk = Desk()
    desk.hangs = trouble == "hangs"
    desk.answers["Status"] = StoreUnavailable("full")
    with Stage(desk, is_alive=False).served() as stage:
        told = stage.scrape()
    assert told["ctmo_service_answers{}"] == told["ctmo_service_alive{}"] == 0.0
    assert told["process_open_fds{}"] > 0
    assert not [name for name in told if name.startswith("ctmo_scheduler_")]


def test_one_wrong_key_hides_no_other_number():
    desk = Desk()
    desk.answers["Plan"] = {**PLAN, "Made": "yesterday"}
    with Stage(desk).served() as stage:
        stage.scrape()
        stage.scrape()
        told = stage.scrape()
    assert told["ctmo_plan_value{}"] == 9.0
    assert "ctmo_plan_age_seconds{}" not in told
    assert told["ctmo_metrics_unread_total{metric=ctmo_plan_age_seconds}"] >= 1.0


async def test_orders_are_counted_by_kind_and_outcome():
    desk, caller = Desk(), Caller("ada", 4, "127.0.0.1")
    desk.answers["Cancel"] = WrongState("settled")
    counted = CountedDesk(desk)
    for kind in ("Status", "Cancel", "Observation", "<b>"):
        try:
            await counted.handle({"WOType": kind}, caller)
        except (BadOrder, WrongState):
            pass
    desk.answers["Status"] = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await counted.handle({"WOType": "Status"}, caller)
    assert counted.orders == {
        ("Status", "accepted"): 1,
        ("Cancel", "refused"): 1,
        ("Observation", "refused"): 1,
        ("other", "refused"): 1,
        ("Status", "failed"): 1,
    }
