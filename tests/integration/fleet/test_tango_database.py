"""A Tango client alone over a whole observatory whose devices it finds in a Tango database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ctmo_indi.fleet_ports import free_ports
from ctmo_indi.tango_settings import TangoSettings

from ...running_fleet import RunningFleet, until
from ..tango.test_process import database
from .test_tango import SPEED, Client, enable_watch_and_stop

tango = pytest.importorskip("tango", reason="pytango is not installed (pip install pytango)")


@pytest.fixture
def place(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The database, as a control room's program is told of it."""
    with database(tmp_path) as found:
        monkeypatch.setitem(os.environ, "TANGO_HOST", found)
        yield found


def test_a_tango_client_alone_does_it_by_the_names_of_a_database(tmp_path, place):
    fleet = RunningFleet(tmp_path / "data", resume=False, speed=SPEED)
    settings = TangoSettings(is_enabled=True, port=free_ports(1)[0], database=place)
    fleet.supervisor.config = replace(fleet.supervisor.config, tango=settings)
    with fleet.running():
        client = Client(settings)
        until(client.is_there, "the devices are in the database and say something", 40.0)
        assert client["Mount"].dev_name() == "ctmo/mount/1"
        assert client["Mount"].get_db_port_num() == int(place.rpartition(":")[2])
        try:
            enable_watch_and_stop(client, fleet.observation(**{"Exposure Time": 600.0}))
        finally:
            client.close()
