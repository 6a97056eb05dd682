from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctmo_indi.notify import Notifier


@contextmanager
def _systemd(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.settimeout(5)
        yield receiver


def test_every_message_reaches_the_socket_of_the_supervisor(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with _systemd(path) as receiver:
        notifier = Notifier({"NOTIFY_SOCKET": path})

        assert notifier.ready("takes orders")
        assert notifier.status("slewing to M 31\nWATCHDOG=trigger")
        assert notifier.watchdog()
        assert notifier.stopping()

        assert [receiver.recv(1000) for _ in range(4)] == [
            b"READY=1\nSTATUS=takes orders",
            b"STATUS=slewing to M 31 WATCHDOG=trigger",
            b"WATCHDOG=1",
            b"STOPPING=1",
        ]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_an_abstract_socket_is_reached() -> None:
    name = f"ctmo-notify-{uuid.uuid4()}"
    with _systemd(f"\0{name}") as receiver:
        assert Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()

        assert receiver.recv(1000) == b"READY=1"


def test_without_a_supervisor_nothing_happens(tmp_path: Path) -> None:
    assert not Notifier({}).ready()
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).watchdog()


def test_a_supervisor_that_does_not_read_never_blocks_us(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with _systemd(path):
        notifier = Notifier({"NOTIFY_SOCKET": path})

        sent = [notifier.status("x" * 1000) for _ in range(2000)]

    assert sent[0]
    assert not sent[-1]


@pytest.mark.parametrize(
    ("environment", "period_s"),
    [
        ({"WATCHDOG_USEC": "15000000"}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(
    environment: dict[str, str], period_s: float | None
) -> None:
    assert Notifier(environment).watchdog_period_s == period_s
