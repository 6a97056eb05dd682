"""init --scan on a real indiserver: what it finds is a profile that check finds right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from ctmo_indi import cli, profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.devices import scan
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.profiles import Role

pytestmark = pytest.mark.indi

SIMULATORS = profiles.load("simulators")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[IndiServer]:
    """Server of the simulators, whose devices nobody has connected."""
    if shutil.which("indiserver") is None:
        pytest.skip("indiserver is not installed (Debian package indi-bin)")
    one = IndiServer(
        driver_executables(SIMULATORS),
        clock=SystemClock(),
        workdir=tmp_path_factory.mktemp("scan"),
    )
    one.start()
    yield one
    one.stop()


def test_a_look_finds_each_device_and_changes_nothing(server):
    seen = scan.look(server.endpoint, SystemClock())
    found = {one.role: one.description for one in scan.match(seen)}
    assert found == {role: one.description for role, one in SIMULATORS.equipment.items()}
    wheel = next(one for one in seen if one.name == "Filter Simulator")
    assert wheel.slots == ()  # told by the simulator only when it is connected


def test_init_by_a_look_writes_what_check_finds_right(server, tmp_path, capsys):
    place = ("--latitude", "26", "--longitude", "-97.6", "--elevation", "12")
    address = f"localhost:{server.endpoint.port}"
    words = ("init", str(tmp_path), "--scan", address, "--connect", "--site", "Hill", *place)
    assert cli.run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["missing"] == []
    profile = profiles.load(told["profile"])
    assert min(profile.optics.aperture_mm, profile.optics.focal_length_mm) > 0.0
    assert len(profile.filters) == 8
    assert profile.equipment[Role.LIGHT_PANEL].description == "light_panel_simulator"
    assert cli.run(["check", "--config", told["configuration"], "--devices", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sum(row["what"].startswith("INDI ") for row in rows) == 1 + len(SIMULATORS.equipment)
