"""The disk is full for a while: nothing is taken that cannot be kept, nothing crashes, it goes on.

Observing stops before that by itself: too little room is UNSAFE, and safety closes without a disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.testing.full_disk import DiskKind, FullDisk

from ..promises import Recorder
from ..running_fleet import RunningFleet, until

pytestmark = [pytest.mark.indi, pytest.mark.faults]

ROOM_BYTES = 900_000_000  # safety wants 500 MB free, a frame takes 2.6 MB
NO_ROOM = 507


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FullDisk]:
    with FullDisk(tmp_path / "data", size_bytes=ROOM_BYTES) as made:
        if made.kind is not DiskKind.TMPFS:
            pytest.skip("no right to mount a tmpfs")
        yield made


@pytest.mark.promise
def test_a_full_disk_is_survived(disk: FullDisk, promise: Recorder) -> None:
    with RunningFleet(disk.folder).running() as fleet:
        pids = fleet.supervisor.pids()
        receipt = fleet.observe(**{"Number of Exposures": 40})
        fleet.exposing(receipt)

        disk.fill()
        order = fleet.observation()
        until(lambda: is_refused(fleet, order), "an order is refused")
        blink: dict[str, object] = {"WOType": "Dome", "ID": "b", "Blink01": True}
        until(lambda: is_refused(fleet, blink, "telescope"), "the telescope has no room either")
        codes = {
            "Observation": fleet.fault(order).code,
            "Dome": fleet.fault(blink, "telescope").code,
            "Dome, passed on": fleet.fault(blink).code,
        }
        fleet.watch(
            "safety", lambda status: status["Devices"]["State"] == "CLOSED", "it is closed", 60.0
        )
        parked = fleet.ask({"WOType": "Control", "Command": "park"}, "telescope")
        full = fleet.ask({"WOType": "Status"})

        disk.make_room()
        new = fleet.ended(fleet.observe(), 90.0)
        with suppress(DeskFault):  # it may be COMPLETED already
            fleet.ask({"WOType": "Cancel", "Receipt": receipt})
        long = fleet.ended(receipt, 90.0)
        recovered = fleet.ask({"WOType": "Status"})

        assert set(codes.values()) == {NO_ROOM}, codes
        assert "will not be known after a restart" in str(parked["Message"])
        assert (full["Status"], recovered["Status"]) == ("ENABLED", "ENABLED")
        assert new["Status"] == "COMPLETED", new
        assert long["Status"] in ("CANCELED", "COMPLETED"), long
        assert fleet.supervisor.pids() == pids
        frames = list(disk.folder.glob("nights/*/raw/*.fits"))
        assert len(frames) == new["Good Exposures"] + long["Good Exposures"]
        assert list(disk.folder.glob("nights/*/raw/.*.part")) == []
    promise("disk_full", "closed, 3 kinds of order refused with 507, went on by itself", holds=True)


def is_refused(fleet: RunningFleet, order: dict[str, object], service: str = "scheduler") -> bool:
    """The last blocks are used up some moments after the disk is full."""
    try:
        fleet.ask(order, service)
    except Exception as error:
        return "cannot" in str(error) or "full" in str(error)
    order["ID"] = f"{order['ID']}+"
    return False
