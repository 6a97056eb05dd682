"""The stream over a running observatory: how late it is, a stop, a scheduler that comes back."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ...running_fleet import RunningFleet, until

pytestmark = pytest.mark.indi

LATE_S = 1.0
"""Machine seconds that the page may be behind the INDI event."""

PATIENCE_S = 20.0
PANEL = "Light Panel Simulator.FLAT_LIGHT_CONTROL"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """All services and simulators; nobody observes."""
    made = RunningFleet(tmp_path_factory.mktemp("stream"), speed=10.0, resume=False)
    with made.running() as running:
        yield running


class Viewer:
    """Reads the stream; a context manager."""

    def __init__(self, fleet: RunningFleet) -> None:
        host = fleet.desk("scheduler").url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
        self._connection.request("GET", "/api/stream")
        self._response = self._connection.getresponse()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._connection.close()

    def until(self, wanted: Callable[[str, dict[str, Any]], object]) -> dict[str, Any]:  # Any: JSON
        """Return the first message that is wanted."""
        end_s = time.monotonic() + PATIENCE_S
        name = ""
        while line := self._response.readline().decode():
            assert time.monotonic() < end_s, f"last message: {name}"
            if line.startswith("event: "):
                name = line.removeprefix("event: ").strip()
            elif line.startswith("data: "):
                data: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if wanted(name, data):
                    return data
        raise AssertionError("the stream ended")

    def ended(self) -> bool:
        """Read on; True when the other end has closed."""
        try:
            while self._response.readline():
                pass
        except (OSError, http.client.HTTPException):
            return True
        return True


def page_order(fleet: RunningFleet, service: str, **order: object) -> dict[str, Any]:  # Any: JSON
    """Send an order as the page does."""
    host = fleet.desk("scheduler").url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    body = json.dumps({"service": service, "order": {"User": "ada", **order}})
    connection.request("POST", "/api/order", body, {"Content-Type": "application/json"})
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def is_panel(is_on: bool) -> Callable[[str, dict[str, Any]], bool]:
    """Whether a message tells that the panel shines, or does not."""

    def wanted(name: str, data: dict[str, Any]) -> bool:
        return (
            name == "happened"
            and (data["Kind"], data["Subject"]) == ("telemetry", "light_panel")
            and data["Data"].get("On") is is_on
        )

    return wanted


def test_what_another_client_does_is_told_within_a_second(fleet: RunningFleet) -> None:
    late_s = []
    with Viewer(fleet) as viewer:
        viewer.until(is_panel(False))
        for is_on in (True, False, True, False):
            fleet.indi_set(f"{PANEL}.FLAT_LIGHT_{'ON' if is_on else 'OFF'}=On")
            set_s = time.monotonic()  # it was sent before
            viewer.until(is_panel(is_on))
            late_s.append(time.monotonic() - set_s)
    assert max(late_s) <= LATE_S


def test_every_service_is_told_of(fleet: RunningFleet) -> None:
    for service in ("scheduler", "telescope", "safety", "preprocessor"):
        with Viewer(fleet) as viewer:
            told = viewer.until(
                lambda name, data, service=service: (
                    name == "service" and data["service"] == service and data["reply"]
                )
            )
        assert told["error"] == ""
        assert told["age_s"] < 10.0


def test_a_stop_by_the_page_latches_and_is_told_at_once(fleet: RunningFleet) -> None:
    def is_latched(name: str, data: dict[str, Any]) -> bool:
        return (
            name == "service"
            and data["service"] == "safety"
            and bool((data["reply"] or {}).get("Verdict", {}).get("Latch"))
        )

    with Viewer(fleet) as viewer:
        began_s = time.monotonic()
        answer = page_order(fleet, "scheduler", WOType="Control", Command="stop", Reason="test")
        assert answer["reply"]["Status"] == "COMPLETED", answer
        assert time.monotonic() - began_s < 3.0
        assert viewer.until(is_latched)["reply"]["Verdict"]["Latch"]["Owner"] == "ada"
        assert time.monotonic() - began_s < 4.0
    assert "reply" in page_order(fleet, "scheduler", WOType="Control", Command="release")


def test_orders_for_other_services_get_there_and_their_refusals_come_back(
    fleet: RunningFleet,
) -> None:
    assert page_order(fleet, "telescope", WOType="Status")["reply"]["Link"] == "UP"
    assert page_order(fleet, "safety", WOType="Status")["reply"]["Service"] == "safety"
    fault = page_order(fleet, "dome", WOType="Dome", Azimuth=400.0)["fault"]
    assert fault["code"] == 400
    assert "Azimuth" in fault["text"]


def test_a_scheduler_that_dies_ends_the_stream_and_the_next_one_knows_what_happened(
    fleet: RunningFleet,
) -> None:
    receipt = fleet.observe()
    with Viewer(fleet) as viewer:
        first = viewer.until(lambda name, _: name == "hello")
        viewer.until(lambda name, data: name == "happened" and data["Subject"] == receipt)
        fleet.let_sky_pass(10.0)  # a machine second: an event is durable soon, not at once
        old = fleet.kill("scheduler")
        assert viewer.ended()
    fleet.wait_for_restart("scheduler", old)
    until(lambda: fleet.answers("scheduler"), "it answers")
    with Viewer(fleet) as viewer:
        second = viewer.until(lambda name, _: name == "hello")
        assert second["started"] > first["started"]
        viewer.until(lambda name, data: name == "happened" and data["Subject"] == receipt)
