"""A profile by whose policy the shutter never closes is refused before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import cli
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.devices.closable import require_closable
from ctmo_indi.errors import ConfigError
from ctmo_indi.profiles import Equipment, Profile, Role
from ctmo_indi.safety.service import SafetyService
from ctmo_indi.safety_policy import MountFailedPolicy, SafetyPolicy
from ctmo_indi.telescope.service import TelescopeService

TRACKER = """\
extends: telescope_simulator
summary: a mount that cannot park
operations: {park: null, unpark: null}
"""
STAYS_OPEN = SafetyPolicy(mount_failed=MountFailedPolicy.STAY_OPEN)


@pytest.fixture
def never_parks(profile: Profile, tmp_path: Path) -> Profile:
    """With a mount that cannot park under a dome, and the default policy, which is to close."""
    file = tmp_path / "tracker.yaml"
    file.write_text(TRACKER, encoding="utf-8")
    mount = Equipment(Role.MOUNT, str(file))
    return replace(profile, equipment={**profile.equipment, Role.MOUNT: mount})


def test_a_mount_that_cannot_park_is_closed_over(never_parks: Profile) -> None:
    require_closable(never_parks)


def test_a_mount_that_parks_may_keep_the_shutter_open_when_it_fails(profile: Profile) -> None:
    require_closable(replace(profile, safety=STAYS_OPEN))


@pytest.mark.parametrize("role", [Role.DOME, Role.MOUNT])
def test_without_a_shutter_or_a_mount_there_is_nothing_to_refuse(
    never_parks: Profile, role: Role
) -> None:
    rest = {key: one for key, one in never_parks.equipment.items() if key is not role}
    require_closable(replace(never_parks, equipment=rest, safety=STAYS_OPEN))


def test_a_shutter_that_would_never_close_is_refused(never_parks: Profile) -> None:
    told = (
        r"simulators\.yaml, safety\.mount_failed: came 'stay_open', expected 'close' with a mount "
        r"that cannot park \(.*tracker\.yaml has no operation park\)"
    )
    with pytest.raises(ConfigError, match=told):
        require_closable(replace(never_parks, safety=STAYS_OPEN))


@pytest.mark.parametrize("service", [SafetyService, TelescopeService])
def test_neither_closer_starts_with_it(
    never_parks: Profile,
    tmp_path: Path,
    clock: SystemClock,
    service: Callable[[Config, Profile, SystemClock], object],
) -> None:
    profile = replace(never_parks, safety=STAYS_OPEN)
    with pytest.raises(ConfigError, match="would never close"):
        service(replace(Config(), data_dir=tmp_path / "data"), profile, clock)
    assert not (tmp_path / "data").exists()


PROFILE = """\
name: tiny
site: {name: Here, latitude_deg: -30, longitude_deg: 20.5, elevation_m: 100}
telescope_names: [T1]
optics: {aperture_mm: 200, focal_length_mm: 1000}
equipment:
  mount: {description: ./tracker.yaml}
  dome: {description: dome_simulator}
  camera: {description: ccd_simulator}
filters: {}
safety: {mount_failed: stay_open}
"""


@pytest.mark.parametrize(("command", "code"), [("check", 5), ("up", 2)])
def test_check_tells_it_and_up_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, code: int
) -> None:
    (tmp_path / "tracker.yaml").write_text(TRACKER, encoding="utf-8")
    (tmp_path / "tiny.yaml").write_text(PROFILE, encoding="utf-8")
    data, config = tmp_path / "data", tmp_path / "ctmo.conf.yaml"
    config.write_text(f"Data Directory: {data}\n", encoding="utf-8")
    words = [command, "--profile", str(tmp_path / "tiny.yaml"), "--config", str(config)]
    assert cli.run(words) == code
    told = capsys.readouterr()
    assert "safety.mount_failed: came 'stay_open'" in told.out + told.err
    assert not data.exists()
