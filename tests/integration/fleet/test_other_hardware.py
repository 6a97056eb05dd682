"""Another mount needs two data files and no Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctmo_indi import catalogue

from ...frames import off_arcmin, read_header
from ...running_fleet import RunningFleet

pytestmark = pytest.mark.indi

# What a user with such a mount would write.
MOUNT = """\
extends: generic_mount
role: mount
summary: An LX200 GPS in the driver's simulation mode
driver: indi_lx200gps
device: LX200 GPS
connect:
  SIMULATION: {ENABLE: true}
requires: [EQUATORIAL_EOD_COORD, ON_COORD_SET, TELESCOPE_PARK, TELESCOPE_ABORT_MOTION, TIME_UTC]
readings:
  tracking: null
  pier_side: null
operations:
  track_on: null
  track_off: null
  unpark: {repeat: 2}
quirks:
  tracks_when: position_ok
"""


def write_site(folder: Path) -> Path:
    """The simulators' profile with that mount; the camera has to look at it for its headers."""
    text = (catalogue.folder("profiles") / "simulators.yaml").read_text()
    for before, after in (
        ("name: simulators", "name: my-lx200"),
        ("description: telescope_simulator", "description: ./my_mount.yaml"),
        ("ACTIVE_TELESCOPE: Telescope Simulator", "ACTIVE_TELESCOPE: LX200 GPS"),
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / "my_mount.yaml").write_text(MOUNT)
    (folder / "my_site.yaml").write_text(text)
    return folder / "my_site.yaml"


def test_an_lx200_is_observed_with_by_data_alone(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    with RunningFleet(tmp_path / "data", profile=str(site)).running() as fleet:
        target = fleet.target(-1.5, 35.0)
        order = fleet.ended(fleet.observe(**target, Filter="R"), 60.0)
        taken_for_foreign = fleet.events("telescope", "foreign_motion")
        position = fleet.indi_get("LX200 GPS.EQUATORIAL_EOD_COORD.DEC")

    assert order["Status"] == "COMPLETED", order
    assert taken_for_foreign == []
    (frame,) = order["Exposures"]
    header = read_header(frame["Path"])
    assert off_arcmin(header, target["RA"], target["Dec"]) < 2.0
    assert header["FILTER"] == "R"
    assert float(position["LX200 GPS.EQUATORIAL_EOD_COORD.DEC"]) == pytest.approx(35.0, abs=0.2)
