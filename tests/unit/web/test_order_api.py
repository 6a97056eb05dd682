"""``POST /api/order`` over real sockets: replies, faults, other services; no door beside the desk.

Who may do what is looked at over every caller, order and origin once more for the page, by the
matrix of the XML-RPC door: :mod:`..front_desk.test_unauthorised`.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ctmo_indi import tokens
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.audit_log import AuditEntry
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import trusted
from ctmo_indi.errors import BadOrder, CtmoError, Interlocked
from ctmo_indi.front_desk.access import LoopbackAccess
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.front_desk.opening import open_front_desk
from ctmo_indi.front_desk.pages import Route, RouteTable
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk, serving, small_profile
from ctmo_indi.tokens import Token
from ctmo_indi.web.order_api import OrderApi, passing_desk
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder, OrderKind

from ...certificates import make_certificate
from ..front_desk.test_unauthorised import LOOPBACK, NETWORK, OPERATE, ORDERS, ORIGINS, Door, Who

PATIENCE_S = 20.0
CONTRACT = Contract.load(small_profile())
LIGHT = {"WOType": "Observation", "ID": "1", "User": "Ada", "RA": 23.1, "Dec": 13.2, "Filter": "I",
         "Exposure Time": 30.0}  # fmt: skip


def table(api: OrderApi) -> RouteTable:
    return RouteTable((Route("/api/order", api.answer, methods=frozenset({"POST"})),))


def refuse(_checked: CheckedOrder) -> Reply:
    raise Interlocked("the <b>Sun</b> is up\x00")


class Site:
    """A scheduler with the page's orders, and a telescope behind it."""

    def __init__(self, stack: ExitStack) -> None:
        self.telescope = FakeDesk("telescope", answer=refuse)
        (url,) = stack.enter_context(serving(self.telescope))
        client = stack.enter_context(DeskClient(url))
        gone = stack.enter_context(DeskClient(f"http://127.0.0.1:{free_port()}"))
        others = {
            "telescope": passing_desk("telescope", CONTRACT, client),
            "safety": passing_desk("safety", CONTRACT, gone),
        }
        self.scheduler = FakeDesk("scheduler")
        pages = {"scheduler": table(OrderApi(others))}
        (self.url,) = stack.enter_context(serving(self.scheduler, pages=pages))

    def send(self, body: bytes) -> tuple[int, dict[str, Any]]:  # Any: JSON
        connection = http.client.HTTPConnection(
            self.url.removeprefix("http://"), timeout=PATIENCE_S
        )
        connection.request("POST", "/api/order", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.headers["Cache-Control"] == "no-store"
        connection.close()
        return response.status, answer

    def order(self, service: str, **order: object) -> dict[str, Any]:  # Any: JSON
        status, answer = self.send(json.dumps({"service": service, "order": order}).encode())
        assert status == 200
        return answer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack)


def test_an_order_gets_the_desks_reply(site: Site) -> None:
    reply = site.order("scheduler", **LIGHT)["reply"]
    assert reply["Status"] == "PENDING"
    assert reply["RA"] == 23.1
    assert site.scheduler.orders[-1].user == "Ada"


def test_a_refusal_is_an_answer_and_names_every_wrong_key(site: Site) -> None:
    fault = site.order("scheduler", **LIGHT | {"Dec": 99.0, "Filter": "Q"})["fault"]
    assert fault["code"] == 400
    assert "Dec" in fault["text"]
    assert "Filter" in fault["text"]


def test_an_order_for_another_service_goes_there_and_its_refusal_comes_back(site: Site) -> None:
    fault = site.order("telescope", WOType="Control", Command="park", User="ada")["fault"]
    assert fault["code"] == Interlocked.fault_code
    assert "<b>Sun</b>" in fault["text"]  # as text: the page never takes it for HTML
    assert site.telescope.orders[-1].user == "ada"


def test_a_wrong_order_for_another_service_is_refused_before_it_goes_there(site: Site) -> None:
    before = len(site.telescope.orders)
    fault = site.order("telescope", WOType="Control", Command="jump")["fault"]
    assert fault["code"] == 400
    assert len(site.telescope.orders) == before


def test_a_service_that_is_down_is_said_to_be(site: Site) -> None:
    fault = site.order("safety", WOType="Status")["fault"]
    assert fault["code"] == 503
    assert "cannot be reached" in fault["text"]


class SilentDesk:
    """Takes orders and says nothing."""

    service = "scheduler"

    async def handle(self, _order: Mapping[str, object], _caller: Caller) -> Reply:
        await asyncio.Event().wait()
        return {}


def test_a_desk_that_does_not_answer_is_a_fault_too() -> None:
    limits = Limits(answer_s=0.1, sweep_s=0.05)
    pages = {"scheduler": table(OrderApi({}))}
    with serving(SilentDesk(), limits=limits, pages=pages) as (url,):
        body = json.dumps({"service": "scheduler", "order": {"WOType": "Status"}})
        headers = {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)
        connection.request("POST", "/api/order", body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
    assert response.status == 200
    assert answer["fault"]["code"] == 503
    assert "scheduler did not answer" in answer["fault"]["text"]


def test_services_cannot_be_spoken_for(site: Site) -> None:
    fault = site.order("telescope", WOType="Heartbeat", Service="scheduler", State={})["fault"]
    assert fault["code"] == 405


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 60_000, 400),
        (b'{"service": "scheduler", "order": {"a": NaN}, "order": {}}', 400),
        (b"\x00" * 100, 400),
    ],
)
def test_what_is_no_order_is_a_bad_request(site: Site, body: bytes, code: int) -> None:
    status, answer = site.send(body)
    assert status == answer["fault"]["code"] == code
    assert site.order("scheduler", **LIGHT)["reply"]["Status"] == "PENDING"


def test_an_unknown_service_is_a_fault(site: Site) -> None:
    fault = site.order("kitchen", WOType="Status")["fault"]
    assert "expected one of safety, scheduler, telescope" in fault["text"]


def test_what_is_refused_on_the_way_is_in_the_audit_log_and_nothing_else() -> None:
    """What arrives is in the log of the service that answers."""
    with ExitStack() as stack:
        telescope = FakeDesk("telescope", answer=refuse)
        (url,) = stack.enter_context(serving(telescope))
        here: list[AuditEntry] = []
        desks = {
            name: passing_desk(name, CONTRACT, stack.enter_context(DeskClient(at)), here.append)
            for name, at in (("telescope", url), ("safety", f"http://127.0.0.1:{free_port()}"))
        }
        reader, operator = (Caller("eve", role, "192.0.2.7") for role in (Role.READ, Role.OPERATE))
        park = {"WOType": "Control", "Command": "park", "User": "eve"}
        for name, caller in (("telescope", reader), ("telescope", operator), ("safety", operator)):
            with pytest.raises(CtmoError):
                asyncio.run(desks[name].handle(park, caller))
        with pytest.raises(BadOrder):
            asyncio.run(desks["telescope"].handle(park | {"Speed": 9}, operator))
        with pytest.raises(CtmoError):
            asyncio.run(desks["safety"].handle({"WOType": "Status"}, operator))

    told = [(one.service, one.outcome, one.role, one.command, one.fault) for one in here]
    assert told == [
        ("telescope", "refused", "read", "park", 403),
        ("safety", "failed", "operate", "park", 503),
        ("telescope", "refused", "operate", "park", 400),
    ]


def test_who_may_only_read_moves_nothing_by_another_service_either() -> None:
    with ExitStack() as stack:
        telescope = FakeDesk("telescope")
        (url,) = stack.enter_context(serving(telescope))
        client = stack.enter_context(DeskClient(url))
        api = OrderApi({"telescope": passing_desk("telescope", CONTRACT, client)})
        access = LoopbackAccess(anonymous_may_operate=False)
        pages = {"scheduler": table(api)}
        scheduler = FakeDesk("scheduler")
        (url,) = stack.enter_context(serving(scheduler, access=access, pages=pages))
        line = JsonLine(http.client.HTTPConnection(url.removeprefix("http://")), {}, "telescope")
        assert line.send({"WOType": "Control", "Command": "park", "User": "ada"}) == 403
        assert telescope.orders == []
        line.connection.close()


class Hearing(FakeDesk):
    """Remembers who ordered last."""

    caller: Caller | None = None

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        self.caller = caller
        return await super().handle(order, caller)


class JsonLine:
    """A kept connection of one caller."""

    def __init__(
        self, connection: http.client.HTTPConnection, headers: Mapping[str, str], service: str
    ) -> None:
        self.headers = {"Content-Type": "application/json", **headers}
        self.connection = connection
        self._service = service

    def send(self, order: Mapping[str, object]) -> int:
        """Return 200 when it was accepted, else the HTTP status or the code of the fault."""
        body = json.dumps({"service": self._service, "order": dict(order)}).encode()
        self.connection.request("POST", "/api/order", body, self.headers)
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != 200:
            return response.status
        fault = json.loads(answer).get("fault")
        return 200 if fault is None else int(fault["code"])


@pytest.fixture(scope="module")
def doors(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[list[Who], list[tuple[Door, FakeDesk]]]]:
    """Callers; on loopback and on the network a scheduler's door with a telescope behind it."""
    folder = tmp_path_factory.mktemp("site")
    path, now = folder / "tokens.json", SystemClock().utc()
    secrets = {name: tokens.new_secret() for name in (*tokens.ROLES, "expired")}
    known = [Token(name, name, tokens.digest(secrets[name]), now) for name in tokens.ROLES]
    late = Token("expired", "admin", tokens.digest(secrets["expired"]), now, now - timedelta(1))
    tokens.write_tokens(path, (*known, late))
    callers = [
        Who("none", OPERATE, None),
        Who("wrong", 0, f"Bearer {tokens.new_secret()}"),
        Who("expired", 0, f"Bearer {secrets['expired']}"),
        *(Who(name, role, f"Bearer {secrets[name]}") for role, name in enumerate(tokens.ROLES, 1)),
    ]
    pair = make_certificate(folder)
    access = AccessSettings(tokens=path, certificate=pair.certificate, key=pair.key)
    config = replace(Config(), data_dir=folder, access=access)
    with ExitStack() as stack:
        telescope = Hearing("telescope", kinds=list(OrderKind))
        server = open_front_desk([(telescope, Address("http://localhost", LOOPBACK, 0))], config)
        (behind,) = server.start()
        stack.callback(server.stop)
        url = f"http://{LOOPBACK}:{behind}"
        client = stack.enter_context(DeskClient(url, token=secrets["admin"]))  # the services' own
        found = []
        for ip in (LOOPBACK, NETWORK):
            desk = FakeDesk("scheduler", kinds=list(OrderKind))
            address = Address(f"https://{ip}:0", ip, 0)
            others = {"telescope": passing_desk("telescope", CONTRACT, client)}
            server = open_front_desk(
                [(desk, address)],
                config,
                is_local=lambda ip: ip == LOOPBACK,
                pages={"scheduler": table(OrderApi(others))},
            )
            (port,) = server.start()
            stack.callback(server.stop)
            certificate = None if ip == LOOPBACK else pair.certificate
            found.append((Door(desk, ip, port, certificate), telescope))
        yield callers, found


def connect(door: Door) -> http.client.HTTPConnection:
    source = (door.ip, 0)
    if door.certificate is None:
        return http.client.HTTPConnection(
            door.ip, door.port, timeout=PATIENCE_S, source_address=source
        )
    return http.client.HTTPSConnection(
        door.ip, door.port, timeout=PATIENCE_S, source_address=source,
        context=trusted(door.certificate),
    )  # fmt: skip


@pytest.mark.parametrize("service", ["scheduler", "telescope"])
def test_nobody_gets_more_by_the_page_than_the_table_allows(
    doors: tuple[list[Who], list[tuple[Door, FakeDesk]]],
    service: str,
) -> None:
    callers, found = doors
    asked = allowed = 0
    wrong: list[str] = []
    for origin, (place, headers) in ORIGINS.items():
        door, telescope = found[place]
        desk = door.desk if service == "scheduler" else telescope
        for who in callers:
            sent = headers | ({} if who.header is None else {"Authorization": who.header})
            line = JsonLine(connect(door), sent, service)
            none_may = who.role == 0 or origin.startswith("foreign")
            for order, needed in ORDERS[::7] if none_may else ORDERS:
                if service == "telescope" and order.get("WOType") == "Heartbeat":
                    continue  # refused to everybody, see above
                named = {"User": "ada", **order} if who.header is None else order
                before = len(desk.orders)
                code = line.send(named)
                effects = len(desk.orders) - before
                may = who.may(needed, origin)
                asked += 1
                allowed += may
                expected = {200} if may else {401, 403, 421, 429}
                if effects != may or code not in expected:
                    wrong.append(f"{origin}, {who.name}, {order}: {code}, {effects} effects")
            line.connection.close()
    assert wrong == []
    assert 0 < allowed < asked


def test_what_is_handed_on_is_handed_on_in_the_callers_name(
    doors: tuple[list[Who], list[tuple[Door, FakeDesk]]],
) -> None:
    callers, found = doors
    door, telescope = found[1]
    assert isinstance(telescope, Hearing)
    who = next(one for one in callers if one.name == "operate")
    line = JsonLine(connect(door), {"Authorization": str(who.header)}, "telescope")
    assert line.send({"WOType": "Control", "Command": "park"}) == 200
    line.connection.close()
    caller = telescope.caller
    assert caller is not None
    assert (caller.name, caller.role, caller.via) == ("operate", Role.OPERATE, "admin")
    assert caller.is_known
    assert telescope.orders[-1].user == "operate"
