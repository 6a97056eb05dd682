"""A device that another client disconnected is not fought for; safety needs some of them back."""

from __future__ import annotations

import pytest

from ctmo_indi.devices.keep_connected import KeepConnected
from ctmo_indi.devices.left_alone import GRACE_MACHINE_S, LeftAlone
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.indi.link import LinkState
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import CAMERA, DOME, FakeInstruments

OFF = {"CONNECT": False, "DISCONNECT": True}
ON = {"CONNECT": True, "DISCONNECT": False}
IDLE, ALERT = PropertyState.IDLE, PropertyState.ALERT


class World:
    def __init__(self, observatory: Observatory, client: FakeInstruments) -> None:
        self.clock = FakeClock()
        self.observatory, self.client = observatory, client
        self.is_held = False
        self.left = LeftAlone(client, self.clock, [DOME], lambda: self.is_held)
        client.subscribe(self.left.on_event)
        for device in observatory.devices.values():
            client.update(device.name, "CONNECTION", ON)
        client.link = LinkState.UP  # type: ignore[attr-defined]
        self.keep = KeepConnected(observatory, client, "test", self.left.devices)  # type: ignore[arg-type]  # the fake has what it needs
        client.connected.clear()

    def look(self) -> list[str]:
        """Return what is connected again; it is looked at twice."""
        self.keep.look()
        self.keep.look()
        names = [name for name, _ in self.client.connected]
        self.client.connected.clear()
        return names


@pytest.fixture
def world(observatory: Observatory, client: FakeInstruments) -> World:
    return World(observatory, client)


def test_what_lost_its_hardware_is_connected_again(world: World) -> None:
    world.client.update(CAMERA, "CONNECTION", OFF, ALERT)
    assert CAMERA in world.look()
    assert world.client.left == []


def test_what_somebody_disconnected_is_left_alone_until_he_is_done(world: World) -> None:
    world.client.update(CAMERA, "CONNECTION", OFF, IDLE)
    at_first = world.look()
    world.clock.advance(1e5)
    later = world.look()
    world.left.forget()

    assert at_first == later == []
    assert world.client.left == [CAMERA]
    assert CAMERA in world.look()


def test_a_vital_device_is_connected_again_after_a_moment_but_not_under_a_lock(
    world: World,
) -> None:
    world.client.update(DOME, "CONNECTION", OFF, IDLE)
    at_first = world.look()
    world.clock.advance(GRACE_MACHINE_S + 1.0)
    world.is_held = True
    held = world.look()
    world.is_held = False

    assert at_first == held == []
    assert DOME in world.look()


def test_the_others_are_connected_meanwhile(world: World) -> None:
    world.client.update(CAMERA, "CONNECTION", OFF, IDLE)
    world.client.update(DOME, "CONNECTION", OFF, ALERT)
    connected = world.look()
    assert DOME in connected
    assert CAMERA not in connected


def test_a_driver_that_restarts_is_nobodys_doing(world: World) -> None:
    world.client.update(CAMERA, "CONNECTION", OFF, IDLE)
    world.client.remove_device(CAMERA)
    world.client.define(CAMERA, "CONNECTION", OFF)
    assert world.left.devices() == frozenset()
