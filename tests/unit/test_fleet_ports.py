"""Ports of a fleet: free, different, and none that an outgoing connection could be given."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import fleet_ports
from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.fleet_ports import check_ports, free_ports, on_free_ports
from ctmo_indi.service_addresses import Address

LINUX_FIRST = 32_768
"""What Linux gives to outgoing connections, unless somebody changed it, begins here."""


def test_free_ports_can_all_be_listened_on_at_once() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))


def test_no_outgoing_connection_is_given_one_of_them() -> None:
    ranges = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not ranges.exists():
        pytest.skip("this system does not tell its outgoing ports here")
    first = int(ranges.read_text().split()[0])
    if first < LINUX_FIRST:
        pytest.skip(f"this machine gives outgoing connections ports from {first} on")
    assert max(free_ports(200)) < first


def test_ports_in_use_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = sorted(free_ports(2))
    monkeypatch.setattr(fleet_ports, "_CANDIDATES", ports)
    with socket.create_server(("127.0.0.1", ports[0])):
        assert free_ports(1) == [ports[1]]
        with pytest.raises(OSError, match="no 2 free ports") as caught:
            free_ports(2)
    assert caught.value.errno == errno.EADDRINUSE


def test_a_port_that_is_taken_is_named() -> None:
    config = on_free_ports(Config())
    check_ports(config, ("scheduler", "telescope"))
    with socket.create_server(("127.0.0.1", config.dome.port)):
        with pytest.raises(ConfigError, match=rf"Dome Address: port {config.dome.port} "):
            check_ports(config, ("telescope",))
        check_ports(config, ("scheduler",))  # not its own


def test_a_service_of_another_machine_is_refused() -> None:
    elsewhere = Address("http://192.0.2.1:8765", "192.0.2.1", 8765)
    with pytest.raises(ConfigError, match=r"Safety Address: port 8765 on 192\.0\.2\.1"):
        check_ports(replace(on_free_ports(Config()), safety=elsewhere), ("safety",))
