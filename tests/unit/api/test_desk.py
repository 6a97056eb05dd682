"""FrontDesk against a desk that records: what is sent, what comes back, how waits end."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import ctmo_indi
from ctmo_indi import FrontDesk
from ctmo_indi.desk_client import DeskClient, DeskFault, StillWaiting
from ctmo_indi.errors import ConfigError, NeverObservable, ServiceUnreachable
from ctmo_indi.front_desk.server import FrontDeskServer
from ctmo_indi.testing.desks import FakeDesk, accept, serving
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder


def answering(**extra: Any) -> Any:
    return lambda checked: accept(checked) | extra


def test_an_order_and_its_receipt() -> None:
    fake = FakeDesk("scheduler", answer=answering(Priority=5.0, RA=1.0, Dec=2.0))
    with serving(fake) as (url,), FrontDesk(url, user="ada") as desk:
        receipt = desk.observe((1.0, 2.0), exposure_s=60, filter="V")
        canceled = desk.cancel(receipt, reason="clouds")

    assert str(receipt) == receipt.receipt == "O-00000000000000000000000001"
    assert (receipt.priority, receipt.ra_deg, receipt.dec_deg) == (5.0, 1.0, 2.0)
    assert receipt.raw["Message"] == receipt.message == "Work order received."
    assert fake.orders[0].user == "ada"
    assert fake.orders[1].wire["Receipt"] == str(receipt)
    assert fake.orders[1].wire["Reason"] == "clouds"
    assert not canceled.is_settled


def test_what_the_desk_refuses_is_its_fault() -> None:
    def refuse(_checked: CheckedOrder) -> Reply:
        raise NeverObservable("never rises here")

    with serving(FakeDesk("scheduler", answer=refuse)) as (url,), FrontDesk(url) as desk:
        with pytest.raises(DeskFault, match="never rises here") as refused:
            desk.observe((1.0, -89.0), exposure_s=60, filter="V")
    assert (refused.value.code, refused.value.is_senders) == (422, True)


def test_replies_are_read_in_types_and_units() -> None:
    reply = {
        "At": "2026-11-23T08:33:41Z", "Can Start": False, "Words": ["no", "never"],
        "First Failing": "altitude", "Next Start": "2026-11-24T01:00:00Z",
    }  # fmt: skip
    fake = FakeDesk("scheduler", answer=answering(**reply))
    with serving(fake) as (url,), FrontDesk(url) as desk:
        told = desk.explain("O-1", at=datetime(2026, 11, 23, 8, 33, 41, tzinfo=UTC))
    assert fake.orders[0].wire["At"] == "2026-11-23T08:33:41.000000Z"
    assert told.at_utc == datetime(2026, 11, 23, 8, 33, 41, tzinfo=UTC)
    assert told.next_start_utc == datetime(2026, 11, 24, 1, tzinfo=UTC)
    assert (str(told), told.first_failing, told.can_start) == ("no\nnever", "altitude", False)


def test_the_plan_of_a_night() -> None:
    visit = {"Receipt": "O-1", "Filter": "V", "Start": "2026-11-23T01:00:00.5Z", "Altitude": 41.5,
             "Count": 2, "Exposure Time": 60.0}  # fmt: skip
    fake = FakeDesk("scheduler", answer=answering(Night="20261122", Gap=0.01, Visits=[visit]))
    with serving(fake) as (url,), FrontDesk(url) as desk:
        plan = desk.plan("20261122", limit=7)
    assert (fake.orders[0].wire["Night"], fake.orders[0].wire["Limit"]) == ("20261122", 7)
    assert (plan.night, plan.gap, plan.value, plan.preview) == ("20261122", 0.01, None, "")
    assert plan.visits[0].start_utc == datetime(2026, 11, 23, 1, 0, 0, 500000, tzinfo=UTC)
    assert (plan.visits[0].altitude_deg, plan.visits[0].count) == (41.5, 2)


def test_a_wait_ends_at_its_deadline() -> None:
    with serving(FakeDesk("scheduler")) as (url,), FrontDesk(url) as desk:
        with pytest.raises(StillWaiting) as still:
            desk.wait("O-1", timeout_s=0.05)
        with pytest.raises(StillWaiting):
            desk.wait("O-1", timeout_s=0)
    assert still.value.last["Status"] == "PENDING"


def test_events_are_read_to_the_end_or_followed_to_the_deadline() -> None:
    def page(checked: CheckedOrder) -> Reply:
        after = checked.request.cursor or 0  # type: ignore[union-attr] # Events only
        events = [
            {"Revision": number, "Kind": "target", "Subject": "O-1", "UTC": "", "Data": {"N": 1}}
            for number in range(after + 1, min(after + 3, 6))
        ]
        return accept(checked) | {"Events": events, "Cursor": max(after, min(after + 2, 5))}

    fake = FakeDesk("scheduler", answer=page)
    with serving(fake) as (url,), FrontDesk(url) as desk:
        told = list(desk.events("target"))
        followed = list(desk.events(since=3, follow=True, timeout_s=0.2))
    assert [one.revision for one in told] == [1, 2, 3, 4, 5]
    assert [one.revision for one in followed] == [4, 5]
    assert (told[0].kind, told[0].data["N"]) == ("target", 1)
    assert fake.orders[0].request.kinds == {"target"}  # type: ignore[union-attr]
    waits = [order.request.wait_s for order in fake.orders]  # type: ignore[union-attr]
    assert waits[0] == 0.0
    assert max(waits) > 0.1, "the desk is asked to wait, not asked again and again"


def test_following_outlives_a_desk_that_is_away() -> None:
    found: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]

        def follow() -> None:
            with FrontDesk(f"http://127.0.0.1:{port}") as desk:
                for one in desk.events(follow=True, timeout_s=20.0):
                    found.append(one.revision)
                    return

        thread = threading.Thread(target=follow)
        thread.start()
        closing.settimeout(10.0)
        closing.accept()[0].close()  # it asked, and was hung up on
    fake = FakeDesk("scheduler", answer=answering(Events=[{"Revision": 1}], Cursor=1))
    server = FrontDeskServer([(fake, "127.0.0.1", port)])
    server.start()
    thread.join(20.0)
    server.stop()
    assert found == [1]


def test_nobody_there_is_told() -> None:
    with serving(FakeDesk("scheduler")) as (url,):
        pass
    with FrontDesk(url) as desk, pytest.raises(ServiceUnreachable, match="cannot be reached"):
        list(desk.events(follow=True, timeout_s=0.1))


def test_a_token_never_goes_over_the_network_in_clear(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unencrypted"):
        FrontDesk("http://observatory.example:8000", token="secret")
    with pytest.raises(ConfigError, match="none"):
        FrontDesk("http://localhost:8000", token_file=tmp_path / "none")


def test_the_token_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    real = DeskClient.__init__

    def note(self: DeskClient, url: str, **options: Any) -> None:
        sent.append((options["token"](), options["user"]))
        real(self, url, **options)

    monkeypatch.setattr(DeskClient, "__init__", note)
    monkeypatch.setenv("CTMO_TOKEN", "of the environment")
    FrontDesk("http://localhost:8000", token="given").close()
    FrontDesk("http://localhost:8000").close()
    assert sent == [("given", None), ("of the environment", None)]


def test_the_package_has_two_names_and_no_others() -> None:
    assert isinstance(ctmo_indi.Observatory, type)
    assert set(ctmo_indi.__all__) == {"FrontDesk", "Observatory", "__version__"}
    with pytest.raises(AttributeError, match="Telescope"):
        ctmo_indi.Telescope  # noqa: B018 - it is the asking that fails
