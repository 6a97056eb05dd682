"""What ``up`` says and writes before it starts anything."""

from __future__ import annotations

import socket
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import config as config_file
from ctmo_indi import fleet_ports, profiles
from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.fleet_ports import free_ports, on_free_ports
from ctmo_indi.supervisor import Fleet, Supervisor
from ctmo_indi.tango_settings import TangoSettings


def with_tango(folder: Path, port: int) -> Supervisor:
    settings = TangoSettings(is_enabled=True, port=port)
    config = on_free_ports(replace(Config(), data_dir=folder, tango=settings))
    return Supervisor(Fleet(config, profiles.load("simulators")))


def test_a_port_of_tango_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Tango: port {port} on 127.0.0.1 cannot be used"):
            with_tango(tmp_path, port).start()
    assert list(tmp_path.iterdir()) == []


def test_pytango_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_ports, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r'pip install "ctmo-indi\[tango\]"'):
        with_tango(tmp_path, free_ports(1)[0]).start()
    assert list(tmp_path.iterdir()) == []


def test_clients_read_its_addresses_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    config = on_free_ports(replace(Config(), data_dir=tmp_path))
    supervisor = Supervisor(Fleet(config, profiles.load("simulators")))
    supervisor._write_config()
    has_ended = threading.Event()

    def write_again_and_again() -> None:
        while not has_ended.is_set():
            supervisor._write_config()

    writer = threading.Thread(target=write_again_and_again)
    writer.start()
    try:
        found = {config_file.load(supervisor.config_path).scheduler.port for _ in range(100)}
    finally:
        has_ended.set()
        writer.join()
    assert found == {config.scheduler.port}
    assert stat.S_IMODE(supervisor.config_path.stat().st_mode) == 0o600
