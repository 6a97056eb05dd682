"""Conditions from the telescope's Status, and the model's state from its devices."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.models.dome_geometry import TubeSide
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduler.modes.gather import Gatherer, model_state
from ctmo_indi.scheduler.safety_link import VerdictNews
from ctmo_indi.testing.fake_clock import EVENING, FakeClock

SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
DEVICES: Mapping[str, object] = {
    "Mount": {
        "Connected": True,
        "RA": 83.8,
        "Dec": -5.4,
        "Tracking": True,
        "Parked": False,
        "Pier Side": "west",
    },
    "Dome": {"Connected": True, "Azimuth": 121.5, "Shutter": "OPEN"},
    "Filter Wheel": {"Connected": True, "Filter": "V"},
}


class Desk:
    """Answers every Status with the same."""

    def __init__(self, reply: dict[str, object] | Exception) -> None:
        self.reply = reply

    def front_desk(self, _order: dict[str, object]) -> dict[str, object]:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def test_the_devices_become_the_state_of_the_model() -> None:
    state = model_state(DEVICES, ObservatoryState.OPEN, EVENING)
    assert state is not None
    assert (state.utc_s, state.ra_deg, state.dec_deg) == (EVENING.timestamp(), 83.8, -5.4)
    assert (state.dome_azimuth_deg, state.filter_name) == (121.5, "V")
    assert (state.is_tracking, state.is_parked, state.is_open) == (True, False, True)
    assert state.tube_side is TubeSide.WEST


def test_a_parked_mount_points_nowhere() -> None:
    parked = {**DEVICES, "Mount": {"RA": 83.8, "Dec": -5.4, "Parked": True, "Tracking": False}}
    state = model_state(parked, ObservatoryState.CLOSED, EVENING)
    assert state is not None
    assert (state.ra_deg, state.dec_deg, state.is_parked, state.is_open) == (
        None,
        None,
        True,
        False,
    )


@pytest.mark.parametrize("devices", [{}, {"Mount": "gone"}, {"Mount": {"RA": "", "Dec": True}}])
def test_what_the_devices_do_not_say_is_not_known(devices: object) -> None:
    state = model_state(devices, ObservatoryState.OPEN, EVENING)
    assert state is not None
    assert (state.ra_deg, state.dec_deg, state.filter_name, state.tube_side) == (None,) * 4


def test_without_devices_there_is_no_state() -> None:
    assert model_state(None, ObservatoryState.OPEN, EVENING) is None


def test_conditions_have_all_that_is_known() -> None:
    clock = FakeClock()
    asked_s = clock.machine_s()
    clock.advance(3.0)
    desk = Desk({"Observatory": "OPEN", "Devices": DEVICES})
    conditions = Gatherer(desk, clock, lambda: {"wind_speed": 4.0}).gather(
        (), VerdictNews(SAFE, asked_s)
    )
    assert conditions.telescope_answers
    assert conditions.observatory is ObservatoryState.OPEN
    assert conditions.verdict_age_s == pytest.approx(3.0)
    assert conditions.telemetry == {"wind_speed": 4.0}
    assert conditions.state is not None
    assert conditions.sky_forbidden == ()


@pytest.mark.parametrize(
    "reply", [ServiceUnreachable("refused"), {"Observatory": "WIDE OPEN"}, {"Devices": DEVICES}]
)
def test_a_telescope_that_does_not_say_is_unknown_and_forbids_the_sky(
    reply: dict[str, object] | Exception,
) -> None:
    clock = FakeClock()
    news = VerdictNews(SAFE, clock.machine_s())
    conditions = Gatherer(Desk(reply), clock, dict).gather((), news)
    assert not conditions.telescope_answers
    assert conditions.observatory is ObservatoryState.UNKNOWN
    assert conditions.sky_forbidden


def test_without_a_verdict_the_sky_is_forbidden() -> None:
    conditions = Gatherer(Desk({"Observatory": "OPEN"}), FakeClock(), dict).gather((), None)
    assert "no verdict of safety yet" in conditions.sky_forbidden
