"""Where a target stands at its decision: in the event, in its block, against the block's limits."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import astropy.units as u
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.models.states import AttemptState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduling.target import DriverTarget

from .mode_rig import QUICK, FieldsDriver, Rig, World

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

BOTH = pytest.mark.parametrize("mode", [SchedulerModes.SIMPLE, SchedulerModes.ADVANCE])

BLOCK = """
name: limited
constraints: {{{limit}}}
scripts:
  - {{name: control, parameters: {{command: focus, position: 100, reason: at $alt and $az}}}}
  - {{name: observe}}
"""


class NamesItsBlock(FieldsDriver):
    """Its fields stand about 36 degrees high."""

    def select_next_target(self) -> DriverTarget | None:
        target = super().select_next_target()
        return target and replace(target, block="limited")


def rig_of(folder: Path, profile: Profile, mode: SchedulerModes, limit: str) -> Rig:
    world = World(folder, profile)
    blocks = folder / "blocks"
    blocks.mkdir()
    (blocks / "limited.yaml").write_text(BLOCK.format(limit=limit))
    return Rig(world, replace(QUICK, mode=mode), NamesItsBlock, blocks=blocks)


def horizontal(profile: Profile, utc: datetime) -> tuple[float, float]:
    """Altitude and azimuth of the fields by astropy, degrees."""
    site = profile.site
    location = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    there = SkyCoord(30.0 * u.deg, 20.0 * u.deg).transform_to(
        AltAz(obstime=Time(utc), location=location)
    )
    return float(there.alt.deg), float(there.az.deg)


@BOTH
def test_a_target_has_its_place_at_the_decision(
    tmp_path: Path, profile: Profile, mode: SchedulerModes
) -> None:
    rig = rig_of(tmp_path, profile, mode, "min_altitude_deg: 20")
    rig.mode.resume()
    rig.run_until(lambda: len(rig.stored()) >= 3)
    said = [
        str(one.request.reason)  # type: ignore[union-attr]  # a Control order has one
        for one in rig.world.telescope.orders
        if one.kind.value == "Control"
    ]
    for event, reason in zip(rig.published("target")[:3], said, strict=False):
        utc = datetime.fromisoformat(str(event["Requested"]))
        altitude_deg, azimuth_deg = horizontal(profile, utc)
        assert 30.0 < altitude_deg < 60.0
        _, altitude, _, azimuth = reason.split()
        assert float(altitude) == pytest.approx(altitude_deg, abs=15.0 / 3600.0)
        assert float(azimuth) == pytest.approx(azimuth_deg, abs=15.0 / 3600.0)
        sec_z = 1.0 / math.sin(math.radians(altitude_deg))
        assert event["Airmass"] == pytest.approx(sec_z, rel=0.01)
    rig.end()


@BOTH
@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("min_altitude_deg: 80", "expected >= 80 deg"),
        ("max_airmass: 1.1", "expected <= 1.1"),
    ],
)
def test_a_target_outside_the_limits_of_its_block_is_not_observed(
    tmp_path: Path, profile: Profile, mode: SchedulerModes, limit: str, says: str
) -> None:
    rig = rig_of(tmp_path, profile, mode, limit)
    rig.mode.resume()
    rig.run_until(lambda: any(says in row[2] for row in rig.attempt_rows()))
    (state, reason) = next(row[1:] for row in rig.attempt_rows() if says in row[2])
    assert state == AttemptState.NOT_ATTEMPTED.value
    assert "block limited: the target's" in reason
    assert not rig.world.telescope.attempts
    rig.end()
