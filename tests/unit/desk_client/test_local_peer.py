"""Nobody but our own services is talked to on this machine, whoever took their port."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_desk, open_own_desk
from ctmo_indi.desk_client.local_peer import believed_uids, check_peer
from ctmo_indi.errors import ConfigError, ServiceUnreachable
from ctmo_indi.service_addresses import Address
from ctmo_indi.testing.desks import FakeDesk, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")

SOMEBODY_ELSE = frozenset({os.geteuid() + 1})
OURS = frozenset({os.geteuid()})
STATUS = {"WOType": "Status"}
PATIENCE_S = 10.0


@pytest.mark.parametrize(
    ("listening", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")]
)
def test_whose_the_other_end_is_decides(listening: str, address: str) -> None:
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    with socket.create_server(
        (listening, 0), family=family, dualstack_ipv6=listening == "::"
    ) as server:
        port = server.getsockname()[1]
        with socket.create_connection((address, port)) as peer:
            accepted, _ = server.accept()
            with accepted:
                check_peer(peer, OURS, PATIENCE_S)
                with pytest.raises(PermissionError, match=rf"port {port} .* user {os.geteuid()}"):
                    check_peer(peer, SOMEBODY_ELSE, PATIENCE_S)


def test_who_listens_and_does_not_accept_is_not_taken_for_root() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as peer:
            with pytest.raises(TimeoutError, match="not accepted"):
                check_peer(peer, frozenset({0}), 0.05)
            later = threading.Timer(0.05, lambda: server.accept()[0].close())
            later.start()
            with contextlib.suppress(PermissionError):  # closed at once, it is nobody's
                check_peer(peer, OURS, PATIENCE_S)
            later.join()


@pytest.fixture
def thief() -> Iterator[tuple[int, list[bytes]]]:
    """A port where everything that comes is kept."""
    got: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def steal() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = server.accept()
                with taken:
                    taken.settimeout(PATIENCE_S)
                    got.append(taken.recv(65536))

    thread = threading.Thread(target=steal)
    thread.start()
    yield server.getsockname()[1], got
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(PATIENCE_S)


def test_a_stranger_at_the_port_is_sent_nothing(thief: tuple[int, list[bytes]]) -> None:
    port, got = thief
    with DeskClient(
        f"http://127.0.0.1:{port}", token="t" * 40, believed_uids=SOMEBODY_ELSE
    ) as client:
        with pytest.raises(ServiceUnreachable, match="answered by a process of user"):
            client.front_desk(STATUS)
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()  # the one before has ended
    assert b"".join(got) == b""


def at(port: int, folder: Path, **access: object) -> Config:
    address = Address(f"http://127.0.0.1:{port}", "127.0.0.1", port)
    settings = AccessSettings(**access)  # type: ignore[arg-type]  # see callers
    return replace(Config(), data_dir=folder, safety=address, access=settings)


def test_services_ask_who_answers_also_without_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(FakeDesk("safety")) as (url,):
        config = at(int(url.rpartition(":")[2]), tmp_path)
        with open_desk(config, "safety") as desk:
            assert desk.front_desk(STATUS)["Kind"] == "Status"
        monkeypatch.setattr(
            "ctmo_indi.desk_client.credentials.believed_uids", lambda _: SOMEBODY_ELSE
        )
        with open_desk(config, "safety") as desk, pytest.raises(ServiceUnreachable, match="user"):
            desk.front_desk(STATUS)


def test_people_are_held_up_only_where_they_would_give_a_token_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctmo_indi.desk_client.credentials.believed_uids", lambda _: SOMEBODY_ELSE)
    with serving(FakeDesk("safety")) as (url,):
        config = at(int(url.rpartition(":")[2]), tmp_path)
        with open_own_desk(config, "safety") as desk:
            assert desk.front_desk(STATUS)["Kind"] == "Status"
        monkeypatch.setenv("CTMO_TOKEN", "t" * 40)
        with (
            open_own_desk(config, "safety") as desk,
            pytest.raises(ServiceUnreachable, match="user"),
        ):
            desk.front_desk(STATUS)


def test_root_ourselves_and_the_owner_of_the_data_are_believed(tmp_path: Path) -> None:
    assert believed_uids(tmp_path) == {0, os.geteuid(), tmp_path.stat().st_uid}
    assert believed_uids(tmp_path / "absent") == {0, os.geteuid()}


def test_a_token_does_not_cross_the_network_in_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTMO_TOKEN", "t" * 40)
    address = Address("http://192.0.2.7:8004", "192.0.2.7", 8004)
    config = replace(at(1, tmp_path), safety=address)
    with pytest.raises(ConfigError, match=r"http://192\.0\.2\.7:8004.*unencrypted.*https"):
        open_own_desk(config, "safety")
    insecure = replace(config, access=replace(config.access, is_network_insecure=True))
    open_own_desk(insecure, "safety").close()  # there nobody asks for one, and none is sent
