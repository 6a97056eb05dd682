"""Commands by hand and the stop: what ends how, who is asked, and what silence means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from ctmo_indi import Observatory
from ctmo_indi.api import NotDone, stopping
from ctmo_indi.api.stopping import is_stopped, stop_by_all
from ctmo_indi.config import Config
from ctmo_indi.desk_client import DeskFault, StillWaiting
from ctmo_indi.errors import BadOrder, Locked, ServiceUnreachable
from ctmo_indi.fleet_ports import free_ports
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import Answer, FakeDesk, accept, serving
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind

SERVICES = ("scheduler", "telescope", "safety")


def ending(status: str, failure: str = "") -> Answer:
    return lambda checked: accept(checked) | {"Status": status, "Failure": failure}


@contextmanager
def site_of(**answers: Answer | None) -> Iterator[tuple[Config, dict[str, FakeDesk]]]:
    """Desks that answer so; a service without an answer is not there."""
    desks = {name: FakeDesk(name, answer=answer) for name, answer in answers.items()}
    config = Config()
    with ExitStack() as stack:
        for service in SERVICES:
            if service in desks:
                (url,) = stack.enter_context(serving(desks[service]))
            else:
                url = f"http://127.0.0.1:{free_ports(1)[0]}"
            config = replace(config, **{service: Address(url, "127.0.0.1", 1)})
        yield config, desks


def control_of(checked: CheckedOrder) -> str:
    return str(checked.wire.get("Command", checked.kind))


def test_a_command_that_ends_well() -> None:
    with site_of(telescope=ending("COMPLETED")) as (config, desks), Observatory(config) as site:
        command = site.slew((10.0, 20.0))
        assert command.wait(timeout_s=1.0).is_completed
        assert command.status().is_settled
    assert [control_of(order) for order in desks["telescope"].orders] == ["slew"]
    assert (desks["telescope"].orders[0].wire["RA"], command.name) == (10.0, "slew")
    assert "slew" in repr(command)


@pytest.mark.parametrize(
    ("status", "exit_code"), [("FAILED", 5), ("ABORTED", 5), ("INTERRUPTED", 4)]
)
def test_a_command_that_ends_otherwise_is_raised(status: str, exit_code: int) -> None:
    with site_of(telescope=ending(status, "the mount lost power")) as (config, _):
        with Observatory(config) as site:
            command = site.park()
            with pytest.raises(NotDone, match=f"park is {status}: the mount lost power") as failed:
                command.wait(timeout_s=1.0)
    assert failed.value.exit_code == exit_code
    assert failed.value.status.status == status


def test_a_command_is_not_waited_for_longer_than_told() -> None:
    with site_of(telescope=ending("IN_PROGRESS")) as (config, _), Observatory(config) as site:
        with pytest.raises(StillWaiting):
            site.open().wait(timeout_s=0.05)


def test_each_hand_sends_its_own_command() -> None:
    with site_of(telescope=ending("COMPLETED")) as (config, desks), Observatory(config) as site:
        for call in (site.open, site.close, site.park, site.unpark, site.abort):
            call().wait(1.0)
        site.select_filter("V").wait(1.0)
    sent = [control_of(order) for order in desks["telescope"].orders]
    assert sent == ["open", "close", "park", "unpark", "abort", "filter"]


def test_a_release_goes_to_safety_when_the_telescope_is_silent() -> None:
    with site_of(safety=None) as (config, desks), Observatory(config) as site:
        site.release()
    assert [control_of(order) for order in desks["safety"].orders] == ["release"]


def test_a_lock_that_is_refused_is_not_undone() -> None:
    def refuse(_checked: CheckedOrder) -> Reply:
        raise Locked("bob holds the observatory")

    with site_of(safety=refuse) as (config, desks), Observatory(config) as site:
        with pytest.raises(DeskFault, match="bob holds"), site.lock("mine"):
            pass
    assert [control_of(order) for order in desks["safety"].orders] == ["lock"]


def test_no_other_service_is_asked() -> None:
    with Observatory(Config()) as site, pytest.raises(BadOrder, match="expected one of scheduler"):
        site.ask("coffee")


def test_a_stop_asks_all_and_leaves_indi_alone() -> None:
    with site_of(scheduler=None, telescope=None, safety=None) as (config, desks):
        answers = stop_by_all(config, user="ada", reason="smoke")
    assert answers == dict.fromkeys(SERVICES, "stopped")
    for desk in desks.values():
        (order,) = desk.orders
        assert order.kind is OrderKind.CONTROL
        assert (order.wire["Command"], order.wire["Reason"], order.user) == ("stop", "smoke", "ada")


@pytest.mark.parametrize("there", [(), ("scheduler",)])
def test_indi_is_told_when_safety_and_telescope_are_silent(
    there: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def by_indi(config: Config, profile: str) -> str:
        asked.append(profile)
        return "stopped mount, dome"

    monkeypatch.setattr(stopping, "_stop_by_indi", by_indi)
    with site_of(**dict.fromkeys(there)) as (config, _):
        answers = stop_by_all(config, user="ada", reason="smoke")
    assert asked == [config.profile]
    assert answers["INDI"] == "stopped mount, dome"
    assert answers["safety"] == "does not answer"
    assert is_stopped(answers)


def test_a_stop_that_nobody_confirmed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_stop_by_indi", lambda *_: "failed: no link")
    with site_of() as (config, _), Observatory(config) as site:
        with pytest.raises(ServiceUnreachable, match=r"nobody confirmed.*INDI: failed: no link"):
            site.stop()
