"""Procedures, settling devices, the following dome."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.errors import CommandTimeout
from ctmo_indi.indi.events import DeviceRemoved, LinkDown, PropertyDefined, PropertyUpdated
from ctmo_indi.indi.snapshot import (
    Permission,
    PropertySnapshot,
    PropertyState,
    PropertyType,
    SwitchRule,
)
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.telescope.dome_follow import target_deg
from ctmo_indi.telescope.hands import Sight
from ctmo_indi.telescope.procedure import All, Procedure, Until, afterwards
from ctmo_indi.telescope.settling import SettlingWatch
from ctmo_indi.testing.fake_clock import FakeClock


def run(steps, clock=None) -> Procedure:
    procedure = Procedure("test", steps, clock or FakeClock(), lambda: None)
    procedure.advance()
    return procedure


def test_side_by_side_waits_for_the_last_and_fails_with_the_first():
    first, second = Future(), Future()

    def steps():
        yield All((first, second), 60.0, "both")

    procedure = run(steps())
    first.set_result(None)
    half = procedure.advance()
    second.set_exception(ValueError("no"))
    procedure.advance()

    assert half is False
    assert isinstance(procedure.error, ValueError)


def test_a_wait_ends_at_its_deadline_in_sky_time_but_not_below_the_machines_floor():
    clock = FakeClock(speed=100.0)

    def steps():
        yield Until(lambda: False, 60.0, "nothing", floor_machine_s=5.0)

    procedure = run(steps(), clock)
    clock.advance(4.9)  # 490 s of sky
    early = procedure.advance()
    clock.advance(0.2)
    procedure.advance()

    assert early is False
    assert isinstance(procedure.error, CommandTimeout)


def test_only_the_first_interruption_counts_and_cleanup_may_wait():
    cleaned = Future()

    def steps():
        yield Until(lambda: False, 60.0, "for ever")

    def cleanup():
        yield All((cleaned,), 60.0, "cleanup")

    procedure = run(afterwards(steps(), cleanup))
    taken = [procedure.interrupt(KeyError("first")), procedure.interrupt(KeyError("second"))]
    procedure.advance()
    waits_for = procedure.waits_for
    cleaned.set_result(None)
    procedure.advance()

    assert taken == [True, False]
    assert waits_for == "cleanup"
    assert procedure.error is not None
    assert procedure.error.args == ("first",)


def connection(device: str, on: bool) -> PropertySnapshot:
    return PropertySnapshot(
        device=device,
        name="CONNECTION",
        type=PropertyType.SWITCH,
        state=PropertyState.OK,
        permission=Permission.RW,
        rule=SwitchRule.ONE_OF_MANY,
        values={"CONNECT": on, "DISCONNECT": not on},
        ranges={},
        elapsed_s=0.0,
        generation=1,
    )


@pytest.mark.parametrize("loss", [DeviceRemoved("Mount"), LinkDown("killed"), None])
def test_a_newly_connected_device_is_ours_until_it_has_settled(loss):
    clock = FakeClock()
    moves = OwnMoves(clock)
    watch = SettlingWatch(moves, clock)
    watch.on_event(PropertyDefined(connection("Mount", on=False)))
    before = moves.is_ours("Mount")
    watch.on_event(PropertyUpdated(connection("Mount", on=True)))
    at_once = moves.is_ours("Mount")
    clock.advance(60.0)
    watch.on_event(PropertyUpdated(connection("Mount", on=True)))
    settled = moves.is_ours("Mount")
    if loss is not None:
        watch.on_event(loss)
    watch.on_event(PropertyDefined(connection("Mount", on=True)))

    assert (before, at_once, settled) == (False, True, False)
    assert moves.is_ours("Mount") is (loss is not None)


SIGHT = {
    "state": ObservatoryState.OPEN,
    "link_up": True,
    "tracking": True,
    "dome_azimuth_deg": 359.0,
    "dome_parked": False,
}


@pytest.mark.parametrize(
    ("changes", "wanted_deg", "expected"),
    [
        ({}, 1.5, None),
        ({}, 3.0, 3.0),
        ({}, 354.0, 354.0),
        ({}, None, None),
        ({"tracking": None}, 90.0, None),
        ({"slewing": True}, 90.0, None),
        ({"dome_moving": True}, 90.0, None),
        ({"dome_parked": True}, 90.0, None),
        ({"dome_azimuth_deg": None}, 90.0, None),
        ({"state": ObservatoryState.CLOSING}, 90.0, None),
    ],
)
def test_when_the_dome_follows(changes, wanted_deg, expected):
    assert target_deg(Sight(**{**SIGHT, **changes}), wanted_deg, 3.0) == expected
