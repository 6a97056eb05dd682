"""The mount is dead when the observatory must be closed: the site's policy is carried out.

Dead: its driver is killed and stays so, or hangs in the middle of the park for ever (Busy). A mount
that refuses with Alert is in ``tests/unit/devices/test_closing.py``.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.devices.observatory import driver_executables
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState
from ctmo_indi.safety_policy import MountFailedPolicy
from ctmo_indi.testing.fake_instruments import DOME, WEATHER

from .. import promises
from ..conftest import StartSimulators
from ..promises import Recorder
from ..running_fleet import until
from .closing_rig import STATES, ClosingRig, closing_rig, weather_alert

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 10.0
PARK_TIMEOUT_S = 60.0
DRIVERS = driver_executables(profiles.load("simulators"))
MOUNT_DRIVER = "indi_simulator_telescope"

CLOSE, STAY_OPEN = MountFailedPolicy.CLOSE, MountFailedPolicy.STAY_OPEN
SHORT = [("killed", CLOSE), ("hangs while it parks", STAY_OPEN)]
LONG = [
    (how, policy)
    for how in ("killed", "killed while it parks", "hangs while it parks")
    for policy in (CLOSE, STAY_OPEN)
]
_SEEN: dict[str, str] = {}


def parks(snapshot: PropertySnapshot) -> bool:
    return snapshot.name == "TELESCOPE_PARK" and snapshot.state is PropertyState.BUSY


def told_to_close(snapshot: PropertySnapshot) -> bool:
    return snapshot.name == "DOME_SHUTTER" and snapshot.values.get("SHUTTER_CLOSE") is True


@contextmanager
def going_on(pid: int) -> Iterator[None]:
    """Let a stopped process go on at the end, so that it can be ended."""
    try:
        yield
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


def strike(rig: ClosingRig, how: str, pid: int) -> float:
    """Raise the alert and take the mount away; return the elapsed time of the alert."""
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
    since = len(rig.heard)
    rig.observer.keep(WEATHER, "WEATHER_CONTROL", {"Wind": 35.0})
    alert = rig.first(since, weather_alert, 30.0, "the station's alert")
    if how != "killed":
        rig.first(since, parks, 10.0, "the mount begins to park")
        os.kill(pid, signal.SIGKILL if how.startswith("killed") else signal.SIGSTOP)
    return alert.elapsed_s


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("how", "policy"), LONG if promises.IS_LONG else SHORT)
def test_the_sites_policy_is_carried_out_over_a_dead_mount(
    indi_simulators: StartSimulators,
    tmp_path: Path,
    promise: Recorder,
    how: str,
    policy: MountFailedPolicy,
) -> None:
    changes = {"mount_failed": policy, "park_timeout_s": PARK_TIMEOUT_S}
    with closing_rig(
        indi_simulators, DRIVERS, tmp_path / "data", speed=SPEED, policy=changes, restarts=0
    ) as rig:
        site = rig.profile.safety
        STATES["slewing"](rig, random.Random(4))
        rig.hands.mount.abort().wait(60.0)
        pid = rig.server.driver_pids()[MOUNT_DRIVER]
        with going_on(pid):
            since = len(rig.heard)
            alert_s = strike(rig, how, pid)
            until(lambda: rig.safety.loop.state == "ALARM", "the alarm", 60.0)
            took_s = rig.clock.elapsed_s() - alert_s
            shutter = rig.observer.get(DOME, "DOME_SHUTTER")
            closings = sum(told_to_close(word.snapshot) for word in rig.heard[since:])
    assert shutter is not None
    assert shutter.switch("SHUTTER_CLOSE") is (policy is CLOSE)
    assert (closings > 0) is (policy is CLOSE)
    limit_s = site.park_timeout_s + site.shutter_timeout_s + 5.0
    _SEEN[f"{how}, {policy}"] = f"{took_s:.0f} s"
    promise(
        "mount_dead",
        f"{'; '.join(f'{case} {time}' for case, time in _SEEN.items())}; limit {limit_s:.0f} s",
        holds=took_s <= limit_s,
    )
