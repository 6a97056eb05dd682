"""The page's table: every caller x every route x every origin, on real servers."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ctmo_indi import tokens
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.credentials import open_desk, trusted
from ctmo_indi.front_desk.opening import open_front_desk
from ctmo_indi.front_desk.pages import PublicRoute, Route, RouteTable
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk, serving, small_profile
from ctmo_indi.tokens import Token
from ctmo_indi.web.routes import routes_for
from ctmo_indi.work_orders.access import Role

from ...certificates import make_certificate

LOOPBACK, NETWORK = "127.0.0.1", "127.0.0.2"
PUBLIC = {"/", "/static/"}
FOREIGN: Mapping[str, Mapping[str, str]] = {
    "page": {"Origin": "https://evil.example"},
    "page without Origin": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "host": {"Host": "evil.example"},
}
Doors = tuple[list[Route | PublicRoute], list[str], dict[str, str], dict[str, int], Path]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """The table; which routes ran; secrets; ports by address; certificate.

    Each route answers with its own path instead of what it does, behind all that guards it.
    """
    folder = tmp_path_factory.mktemp("site")
    path, now = folder / "tokens.json", SystemClock().utc()
    secrets = {name: tokens.new_secret() for name in (*tokens.ROLES, "expired", "nobody's")}
    known = [Token(name, name, tokens.digest(secrets[name]), now) for name in tokens.ROLES]
    late = Token("expired", "admin", tokens.digest(secrets["expired"]), now, now - timedelta(1))
    tokens.write_tokens(path, (*known, late))
    pair = make_certificate(folder)
    access = AccessSettings(tokens=path, certificate=pair.certificate, key=pair.key)
    config = replace(Config(), data_dir=folder, access=access)
    ran: list[str] = []
    with ExitStack() as stack:
        rows = list(routes_for(config, small_profile(), SystemClock(), stack))
        watched = [_noting(row, ran) for row in rows]
        ports = {}
        for ip in (LOOPBACK, NETWORK):
            server = open_front_desk(
                [(FakeDesk("scheduler"), Address(f"https://{ip}:0", ip, 0))],
                config,
                is_local=lambda ip: ip == LOOPBACK,
                pages={"scheduler": RouteTable(watched)},
            )
            (ports[ip],) = server.start()
            stack.callback(server.stop)
        yield rows, ran, secrets, ports, pair.certificate


def _noting(row: Route | PublicRoute, ran: list[str]) -> Route | PublicRoute:
    from aiohttp import web

    async def note(*_: object) -> web.StreamResponse:
        ran.append(row.path)
        return web.Response(text=row.path)

    return replace(row, answer=note)


def ask(
    doors: Doors, ip: str, row: Route | PublicRoute, method: str, **headers: str
) -> tuple[int, bool]:
    """Return the status, and whether the route ran."""
    _, ran, _, ports, certificate = doors
    source = (ip, 0)
    connection = (
        http.client.HTTPConnection(ip, ports[ip], timeout=10.0, source_address=source)
        if ip == LOOPBACK
        else http.client.HTTPSConnection(
            ip, ports[ip], timeout=10.0, source_address=source, context=trusted(certificate)
        )
    )
    ran.clear()
    body = b"{}" if method == "POST" else None
    more = {"Content-Type": "application/json"} if body else {}
    connection.request(method, row.path, body, {**more, **headers})
    status = connection.getresponse().status
    connection.close()
    return status, bool(ran)


def _method(row: Route | PublicRoute) -> str:
    return "GET" if "GET" in row.methods else "POST"


def test_nothing_but_files_is_public(doors: Doors) -> None:
    rows = doors[0]
    assert {row.path for row in rows if isinstance(row, PublicRoute)} == PUBLIC
    assert all(row.role >= Role.READ for row in rows if isinstance(row, Route))
    assert {"/api/order", "/api/stream", "/api/night", "/api/sky", "/api/picture"} <= {
        row.path for row in rows
    }


@pytest.mark.parametrize("name", ["none", "nobody's", "expired", *tokens.ROLES])
def test_each_route_runs_for_those_who_may_and_nobody_else(doors: Doors, name: str) -> None:
    rows, _, secrets, _, _ = doors
    sent = {} if name == "none" else {"Authorization": f"Bearer {secrets[name]}"}
    for ip in (LOOPBACK, NETWORK):
        for row in rows:
            is_public = isinstance(row, PublicRoute)
            may = is_public or name in tokens.ROLES or (name == "none" and ip == LOOPBACK)
            found = ask(doors, ip, row, _method(row), **sent)
            assert found == ((200, True) if may else (401, False)), (ip, row.path)


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_pages_reach_nothing_whatever_they_send(doors: Doors, origin: str) -> None:
    rows, _, secrets, _, _ = doors
    for sent in ({}, {"Authorization": f"Bearer {secrets['admin']}"}):
        for ip in (LOOPBACK, NETWORK):
            for row in rows:
                status, has_run = ask(doors, ip, row, _method(row), **FOREIGN[origin], **sent)
                assert status in (403, 421), (ip, row.path)
                assert not has_run


def test_other_methods_reach_nothing(doors: Doors) -> None:
    for row in doors[0]:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "GET"):
            if method not in row.methods:
                status, has_run = ask(doors, LOOPBACK, row, method)
                assert status in (405, 400, 404, 415), (row.path, method)
                assert not has_run


def test_clients_of_other_services_are_closed_with_the_port(tmp_path: Path) -> None:
    desk = FakeDesk("telescope")
    with serving(desk) as (url,):
        config = replace(Config(), data_dir=tmp_path, telescope=Address(url, LOOPBACK, 0))
        with ExitStack() as opened:
            made = []
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(
                    "ctmo_indi.web.routes.open_desk",
                    lambda *given, **keys: made.append(open_desk(*given, **keys)) or made[-1],
                )
                routes_for(config, small_profile(), SystemClock(), opened)
            assert len(made) > 3
            asked = [one for one in made if one.url == url]
            for one in asked:
                one.front_desk({"WOType": "Status", "User": "page"})
            assert all(one._connections._kept for one in asked)
        assert not any(one._connections._kept for one in made)
