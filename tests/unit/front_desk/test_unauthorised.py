"""The promise "unauthorised": every caller x every order x every origin, on real servers.

What is allowed is written down here once more, apart from the table of the program. A desk that
only records stands behind the server that :func:`open_front_desk` opens, on a loopback address and,
with TLS, on one that counts as the network's.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import xmlrpc.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ctmo_indi import tokens
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.credentials import trusted
from ctmo_indi.front_desk.opening import open_front_desk
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk
from ctmo_indi.tokens import Token
from ctmo_indi.work_orders.model import (
    ControlCommand,
    OrderKind,
    SchedulerCommand,
    ScriptQueueCommand,
)

from ... import promises
from ...certificates import make_certificate

LOOPBACK, NETWORK = "127.0.0.1", "127.0.0.2"
READ, SUBMIT, OPERATE, ADMIN = range(1, 5)
NOBODY = 0
PLACE = {"RA": 10.0, "Dec": 20.0}

# Order -> least role that may send it.
CONTROL = {
    command: {} for command in ("track", "park", "unpark", "open", "close", "abort", "stop",
                                "release", "lock", "unlock")
} | {"slew": PLACE, "filter": {"Filter": "V"}, "focus": {"Position": 5.0}}  # fmt: skip
SCHEDULER = {
    **{
        command: {}
        for command in ("start", "enable", "disable", "standby", "exitControl", "resume", "stop",
                        "computePredictedSchedule", "flush", "reschedule")
    },
    "load": {"URI": "file:///srv/list.yaml"},
    "addBlock": {"Block": "observe"},
    "removeBlock": {"Block": "observe"},
    "setLogLevel": {"Level": "DEBUG"},
    "updateObservatoryStatus": {"Status": ["IDLE"]},
}  # fmt: skip
SCHEDULER_LOOKS = {"getBlockStatus": {"Block": "observe"}, "validateBlock": {"Block": "observe"}}
QUEUE = {
    "add": {"Script": "sleep"},
    "move": {"Index": 1, "Location": "first"},
    "requeue": {"Index": 1},
    "stopScripts": {"Indices": [1]},
    "pause": {},
    "resume": {},
}
QUEUE_LOOKS = {
    "showQueue": {},
    "showSchema": {"Script": "sleep"},
    "showAvailableScripts": {},
    "showScript": {"Index": 1},
}
LIGHT = {"WOType": "Observation", "Filter": "I", "Exposure Time": 30.0, **PLACE}


def _commands(kind: str, table: Mapping[str, Mapping[str, object]]) -> list[dict[str, object]]:
    return [{"WOType": kind, "Command": command, **keys} for command, keys in table.items()]


ORDERS: list[tuple[dict[str, object], int]] = [
    *((order, READ) for order in (
        {"WOType": "Status"}, {"WOType": "Events"}, {"WOType": "Plan"},
        {"WOType": "Explain", "Receipt": "O-1"}, {"WOType": "Frames"}, {"WOType": "Report"},
        *_commands("Script Queue", QUEUE_LOOKS), *_commands("Scheduler", SCHEDULER_LOOKS),
    )),
    *((order, SUBMIT) for order in (
        LIGHT, {"Request": "Exposure Calibration", "File Location": "file:///srv/night"},
        {"WOType": "Cancel", "ID": "1"},
    )),
    *((order, OPERATE) for order in (
        {**LIGHT, "User": "eve"}, {"WOType": "Cancel", "User": "eve", "ID": "1"},
        {"WOType": "Dome", "Shutter": "open"}, {"WOType": "Dome", "Blink01": True},
        *_commands("Control", CONTROL), *_commands("Scheduler", SCHEDULER),
        *_commands("Script Queue", QUEUE),
    )),
    *((order, ADMIN) for order in (
        {"WOType": "Heartbeat", "Service": "scheduler"}, {**LIGHT, "User": "scheduler"},
        {"WOType": "Control", "Command": "open", "User": "safety"},
    )),
]  # fmt: skip


@dataclass(frozen=True)
class Who:
    """A caller: what is sent, and his role; ``name`` for anonymous orders."""

    name: str
    role: int
    header: str | None

    def may(self, needed: int, origin: str) -> bool:
        if origin.startswith("foreign"):
            return False
        if self.header is None:  # operates on this machine, and has no name to be held to
            return origin == "loopback"
        return self.role >= needed


@dataclass(frozen=True)
class Door:
    """An open front desk."""

    desk: FakeDesk
    ip: str
    port: int
    certificate: Path | None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Who], list[Door]]]:
    folder = tmp_path_factory.mktemp("site")
    now = SystemClock().utc()
    path = folder / "tokens.json"
    secrets = {name: tokens.new_secret() for name in (*tokens.ROLES, "expired", "revoked")}
    known = [Token(name, name, tokens.digest(secrets[name]), now) for name in tokens.ROLES]
    late = Token("expired", "admin", tokens.digest(secrets["expired"]), now, now - timedelta(1))
    gone = Token("revoked", "admin", tokens.digest(secrets["revoked"]), now)
    tokens.write_tokens(path, (*known, late, gone))
    pair = make_certificate(folder)
    access = AccessSettings(tokens=path, certificate=pair.certificate, key=pair.key)
    config = replace(Config(), data_dir=folder, access=access)
    callers = [
        Who("none", OPERATE, None),
        Who("wrong", NOBODY, f"Bearer {tokens.new_secret()}"),
        *(Who(name, NOBODY, f"Bearer {secrets[name]}") for name in ("expired", "revoked")),
        *(
            Who(name, role, _basic(name, secrets[name]) if role % 2 else f"Bearer {secrets[name]}")
            for role, name in enumerate(tokens.ROLES, 1)
        ),
    ]
    with contextlib.ExitStack() as stack:
        doors = []
        for ip in (LOOPBACK, NETWORK):
            desk = FakeDesk("scheduler", kinds=list(OrderKind))
            address = Address(f"https://{ip}:0", ip, 0)
            server = open_front_desk([(desk, address)], config, is_local=lambda ip: ip == LOOPBACK)
            (port,) = server.start()
            stack.callback(server.stop)
            doors.append(Door(desk, ip, port, None if ip == LOOPBACK else pair.certificate))
        for door in doors:  # it was right once
            line = Line(door, {"Authorization": f"Bearer {secrets['revoked']}"})
            assert line.send({"WOType": "Status"}) == 200
            line.connection.close()
        tokens.write_tokens(path, (*known, late))  # while the doors are open
        yield callers, doors


def _basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


class Line:
    """A kept connection of one caller."""

    def __init__(self, door: Door, headers: Mapping[str, str]) -> None:
        self.headers = {"Content-Type": "text/xml", **headers}
        source = (door.ip, 0)
        if door.certificate is None:
            self.connection = http.client.HTTPConnection(
                door.ip, door.port, timeout=20.0, source_address=source
            )
        else:
            self.connection = http.client.HTTPSConnection(
                door.ip, door.port, timeout=20.0, source_address=source,
                context=trusted(door.certificate),
            )  # fmt: skip

    def send(self, order: Mapping[str, object]) -> int:
        """Return 200 when it was accepted, else the HTTP status or the code of the fault."""
        body = xmlrpc.client.dumps((dict(order),), "front_desk").encode()
        self.connection.request("POST", "/", body, self.headers)
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != 200:
            return response.status
        try:
            xmlrpc.client.loads(answer)
        except xmlrpc.client.Fault as fault:
            return fault.faultCode
        return 200


def test_every_kind_and_command_is_in_the_matrix() -> None:
    def named(kind: str) -> set[object]:
        return {order["Command"] for order, _ in ORDERS if order.get("WOType") == kind}

    assert named("Control") == set(ControlCommand)
    assert named("Scheduler") == set(SchedulerCommand)
    assert named("Script Queue") == set(ScriptQueueCommand)
    kinds = {order.get("WOType") or order.get("Request") for order, _ in ORDERS}
    assert kinds == set(OrderKind)


ORIGINS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "loopback": (0, {}),
    "network": (1, {}),
    "foreign page": (0, {"Origin": "http://evil.example"}),
    "foreign host": (0, {"Host": "evil.example"}),
    "foreign page, network": (1, {"Origin": "https://evil.example"}),
}


@pytest.mark.promise
def test_nobody_gets_more_than_the_table_allows(
    site: tuple[list[Who], list[Door]], promise: promises.Recorder
) -> None:
    callers, doors = site
    asked = allowed = 0
    wrong: list[str] = []
    for origin, (place, headers) in ORIGINS.items():
        door = doors[place]
        for who in callers:
            line = Line(
                door, headers | ({} if who.header is None else {"Authorization": who.header})
            )
            for order, needed in ORDERS:
                sent = {"User": "ada", **order} if who.header is None else order
                before = len(door.desk.orders)
                code = line.send(sent)
                effects = len(door.desk.orders) - before
                may = who.may(needed, origin)
                asked += 1
                allowed += may
                expected = {200} if may else {401, 403, 421, 429}
                if effects != may or code not in expected:
                    wrong.append(f"{origin}, {who.name}, {order}: {code}, {effects} effects")
            line.connection.close()
    promise(
        "unauthorised",
        f"{len(wrong)} of {asked} requests ({len(callers)} callers x {len(ORDERS)} orders x"
        f" {len(ORIGINS)} origins); all {allowed} permitted ones arrived",
        holds=not wrong,
    )
    assert wrong == []
