"""The red button, pressed by more than one."""

from __future__ import annotations

from typing import Any

import pytest

from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.stopping import stop_everything
from ctmo_indi.errors import DeviceError
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.testing.fake_instruments import MOUNT, FakeInstruments

ABORT = "TELESCOPE_ABORT_MOTION"


def test_a_stop_within_a_stop_counts_for_both(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    opened.mount.slew(*target)
    others: list[Motion[Any]] = []

    def abort_again(_: object) -> None:
        if others:
            client.update(MOUNT, ABORT, {"ABORT": False}, PropertyState.OK)
            client.set_tracking(False)
        else:
            others.append(opened.mount.abort())

    client.on_command(MOUNT, ABORT, abort_again)
    assert stop_everything(opened) == "Stopped: camera, mount, dome."
    assert others[0].done()
    assert others[0].exception() is None
    assert len(client.commands_to(ABORT)) == 2


def test_a_stop_that_gives_way_to_a_motion_says_so(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    opened.mount.slew(*target)
    others: list[Motion[Any]] = []

    def park(_: object) -> None:
        if not others:
            others.append(opened.mount.park())

    client.on_command(MOUNT, ABORT, park)
    with pytest.raises(DeviceError, match=r"mount: .* replaced by park .*stopped: camera, dome"):
        stop_everything(opened)
    others[0].join()
