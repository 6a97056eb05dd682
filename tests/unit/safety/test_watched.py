"""Elements that the profile watches, read from snapshots."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ctmo_indi.errors import NotConnected
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.safety.facts import WatchedFacts
from ctmo_indi.safety.watched import KeepWatchedConnected, read_watched
from ctmo_indi.safety_policy import WatchedElement
from ctmo_indi.testing.fake_clock import FakeClock

MAINS = WatchedElement("mains", "UPS", "POWER", "MAINS", is_on=True)


def snapshot(state=PropertyState.OK, **values):
    return SimpleNamespace(values=values, state=state, elapsed_s=990.0)


def read(**properties):
    known = {("UPS", name): value for name, value in properties.items()}
    return read_watched((MAINS,), lambda device, name: known.get((device, name)), FakeClock())


def test_a_value_comes_with_its_state_and_age():
    assert read(POWER=snapshot(MAINS=True)) == {"mains": WatchedFacts(True, False, 10.0)}
    alert = snapshot(PropertyState.ALERT, MAINS=True)
    assert read(POWER=alert)["mains"].in_alert


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"POWER": snapshot(OTHER=True)},
        {"POWER": snapshot(MAINS=True), "CONNECTION": snapshot(CONNECT=False)},
    ],
)
def test_what_is_not_there_is_left_out(properties):
    assert read(**properties) == {}


class FakeLink:
    def __init__(self, is_connected):
        self.connection = snapshot(CONNECT=is_connected)
        self.asked = []

    def get(self, device, name):
        return self.connection

    def connect_device(self, device, *, timeout_s):
        self.asked.append(device)
        raise NotConnected("the cable is out")


def test_a_watched_device_of_no_role_is_connected_and_a_failure_is_survived():
    door = WatchedElement("door", "Gate", "DOOR", "STATE")
    link = FakeLink(is_connected=False)
    KeepWatchedConnected((MAINS, door), ["Gate"], link).look()
    assert link.asked == ["UPS"]


def test_a_connected_device_is_left_alone():
    link = FakeLink(is_connected=True)
    KeepWatchedConnected((MAINS,), [], link).look()
    assert link.asked == []
