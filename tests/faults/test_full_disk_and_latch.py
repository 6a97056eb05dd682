"""A full disk: safety closes, and a stop pressed meanwhile holds and becomes durable by itself."""

from __future__ import annotations

import pytest

from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.testing.full_disk import DiskKind, FullDisk

from .safety_alone import SafetyAlone, drivers, profile_with

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 50.0


@pytest.fixture
def disk(tmp_path):
    with FullDisk(tmp_path / "data", size_bytes=4_000_000) as made:
        if made.kind is not DiskKind.TMPFS:
            pytest.skip("a tmpfs cannot be mounted here")
        yield made


def test_on_a_full_disk_safety_closes_and_remembers(indi_simulators, disk, promise):
    server = indi_simulators(drivers(), speed=SPEED)
    profile = profile_with(disk_free_min_mb=1.0)
    with SafetyAlone(server, disk.folder, profile).running() as safety:
        safety.open()
        begun_s = safety.clock.machine_s()
        disk.fill()
        safety.wait_for(VerdictLevel.UNSAFE)
        unsafe_s = safety.clock.machine_s() - begun_s
        assert [finding.rule for finding in safety.loop.verdict.findings] == ["disk"]
        safety.wait(lambda: safety.loop.state == "CLOSED", "CLOSED")
        closed_s = safety.clock.machine_s() - begun_s
        told = safety.control("stop", Reason="smoke")
        latch = safety.loop.verdict.latch
        assert safety.service._holds.write_failure
        disk.make_room()
        room_s = safety.clock.machine_s()
        safety.wait(lambda: not safety.service._holds.write_failure, "durable again")
        durable_s = safety.clock.machine_s() - room_s
        longest_s = safety.loop.pulse.longest_gap_s
    after = SafetyAlone(server, disk.folder, profile)
    after.service.stop(1.0)
    promise(
        "disk_full_holds",
        f"UNSAFE {unsafe_s:.1f} s after the disk was full, closed after {closed_s:.1f} s at "
        f"{SPEED:g} times speed; a stop held at once, was told not to be durable, and was durable "
        f"{durable_s:.1f} s after there was room",
        holds=latch is not None
        and latch.reason == "smoke"
        and "A RESTART WOULD FORGET IT" in told
        and after.loop.verdict.latch == latch
        and durable_s <= 15.0
        and longest_s <= 2.0,
    )
