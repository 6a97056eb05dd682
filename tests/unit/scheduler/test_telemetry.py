"""The telemetry loop: feeds streams, tells what it saw, waits for nobody and holds nobody up."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, get_sun
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.scheduler.general_info import SUN_ON_HORIZON_DEG, GeneralInfo
from ctmo_indi.scheduler.telemetry import TelemetryLoop, observatory_state
from ctmo_indi.scheduling.errors import UpdateTelemetryError
from ctmo_indi.scheduling.telemetry_streams import StreamParameters
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.contract import Contract

LONG_S = 20.0
WIND = "weather.WEATHER_PARAMETERS.WEATHER_WIND_SPEED"
DEVICES = {
    "State": "OPEN",
    "UTC": "2026-11-22T00:30:00+00:00",
    "Mount": {"Connected": True, "RA": 10.5, "Dec": -20.25, "Tracking": True, "Age (s)": 0.5},
    "Dome": {"Azimuth": 120.0, "Shutter": "OPEN"},
    "Filter Wheel": {"Filter": "V", "Slot": 2},
}


class Telescope:
    """Answers Status as a telescope would, unless told otherwise; checks the order."""

    def __init__(self) -> None:
        self.contract = Contract.load(small_profile(), FakeClock())
        self.orders: list[dict[str, object]] = []
        self.elements: dict[str, dict[str, object]] = {
            WIND: {"Value": 4.0, "Age (s)": 1.0, "State": "Ok"}
        }
        self.error: Exception | None = None
        self.go = threading.Event()
        self.go.set()

    def front_desk(self, order: dict[str, object]) -> dict[str, object]:
        self.contract.check(order)
        self.orders.append(order)
        assert self.go.wait(LONG_S)
        if self.error is not None:
            raise self.error
        names = order.get("Properties", [])
        assert isinstance(names, list)
        return {
            "Observatory": "OPEN",
            "Link": "UP",
            "Devices": DEVICES,
            "Properties": {name: self.elements.get(name, {"Reason": "no"}) for name in names},
        }


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.telescope = Telescope()
        self.events: list[tuple[str, str, dict[str, object]]] = []
        self.loop = TelemetryLoop(
            self.telescope,
            self.clock,
            lambda *event: self.events.append(event),
            lambda utc: {"Night": utc.date().isoformat()},
        )
        self.loop.start()

    def drain(self) -> None:
        """Wait until the loop's thread has nothing more to do."""
        self.loop._worker.ask(lambda: None).result(LONG_S)

    def turn(self, seconds: int = 1) -> None:
        """Let the cycle ask once a second, each round ending before the next second."""
        for _ in range(seconds):
            self.loop.ask()
            self.drain()
            self.clock.advance(1.0)

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.events]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.telescope.go.set()
    made.loop.stop(LONG_S)


def test_a_round_feeds_the_streams_and_tells_what_it_saw(scene: Scene) -> None:
    live = scene.loop.open([StreamParameters("wind_speed", (WIND,), window_s=10.0)])
    assert math.isnan(live["wind_speed"])  # type: ignore[arg-type]

    scene.turn()
    scene.telescope.elements[WIND] = {"Value": 6, "Age (s)": 0.0, "State": "Ok"}
    scene.turn()

    assert dict(live) == scene.loop.values() == {"wind_speed": 5.0}
    assert scene.loop.ages() == {"wind_speed": 1.0}
    assert scene.telescope.orders[0] == {
        "WOType": "Status",
        "User": "scheduler",
        "Properties": [WIND],
    }
    assert scene.kinds() == ["observatory"] + ["observatoryState", "generalInfo"] * 2
    assert scene.events[2] == ("generalInfo", "", {"Night": "2026-11-22"})
    assert scene.loop.latest is not None
    assert scene.loop.latest.status["Devices"] == DEVICES


def test_the_state_has_what_is_known_in_degrees() -> None:
    assert observatory_state({"Observatory": "OPEN", "Link": "UP", "Devices": DEVICES}) == {
        "Observatory": "OPEN",
        "Link": "UP",
        "UTC": "2026-11-22T00:30:00+00:00",
        "RA": 10.5,
        "Dec": -20.25,
        "Tracking": True,
        "Dome Azimuth": 120.0,
        "Shutter": "OPEN",
        "Filter": "V",
    }
    assert observatory_state({}) == {"Observatory": "UNKNOWN", "Link": "DOWN"}


def test_it_is_never_faster_than_once_a_second(scene: Scene) -> None:
    for _ in range(40):
        scene.loop.ask()
        scene.drain()
        scene.clock.advance(0.25)

    assert len(scene.telescope.orders) == 10


def test_an_overrun_is_skipped_counted_and_told_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene.telescope.go.clear()
    for _ in range(10):
        scene.loop.ask()
        scene.clock.advance(1.0)

    assert (scene.loop.skipped, scene.loop.overruns) == (9, 1)
    assert "has not answered for 6 s" in str(scene.loop.trouble)

    scene.telescope.go.set()
    scene.drain()
    scene.turn()
    assert scene.loop.trouble is None
    assert (scene.loop.rounds, scene.loop.overruns) == (2, 1)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_an_outage_is_one_warning_and_the_streams_grow_old(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene.loop.open([StreamParameters("wind_speed", (WIND,), window_s=60.0, max_age_s=30.0)])
    scene.turn(2)
    scene.telescope.error = ServiceUnreachable("connection refused")
    scene.turn(20)

    assert scene.loop.values() == {"wind_speed": 4.0}
    assert isinstance(scene.loop.trouble, UpdateTelemetryError)
    assert scene.loop.failures == 20
    assert scene.loop.latest is not None

    scene.turn(20)
    assert math.isnan(scene.loop.values()["wind_speed"])  # type: ignore[arg-type]
    assert scene.loop.ages()["wind_speed"] == 42.0
    assert scene.kinds().count("generalInfo") == 42
    assert scene.kinds().count("observatoryState") == 2

    scene.telescope.error = None
    scene.turn()
    assert scene.loop.trouble is None
    told = [(record.levelname, record.getMessage().partition("=")[0]) for record in caplog.records]
    assert told == [
        ("WARNING", "telemetry not updated error"),
        ("WARNING", "telemetry stream unknown stream"),
        ("INFO", "telemetry stream known again stream"),
        ("INFO", "telemetry updated again after_s"),
    ]
    changes = [data for kind, _, data in scene.events if kind == "observatory"]
    assert [(one["Observatory"], one["Answers"]) for one in changes] == [
        ("OPEN", True),
        ("UNKNOWN", False),
        ("OPEN", True),
    ]
    assert "connection refused" in str(changes[1]["Reason"])


def test_a_bug_in_a_round_does_not_end_the_loop(scene: Scene) -> None:
    scene.telescope.error = RuntimeError("surprise")
    scene.turn()
    assert "surprise" in str(scene.loop.trouble)

    scene.telescope.error = None
    scene.turn()
    assert scene.loop.trouble is None
    assert scene.kinds()[-2:] == ["observatoryState", "generalInfo"]


def test_many_elements_are_asked_for_in_several_orders(scene: Scene) -> None:
    names = tuple(f"weather.PARAMETERS.P{number}" for number in range(150))
    scene.telescope.elements = {
        name: {"Value": number, "Age (s)": 0.0} for number, name in enumerate(names)
    }
    scene.loop.open([StreamParameters("many", names)])

    scene.turn()

    asked = [order["Properties"] for order in scene.telescope.orders]
    assert [len(one) for one in asked] == [64, 64, 22]  # type: ignore[arg-type]
    assert scene.loop.values() == {"many": tuple(map(float, range(150)))}


def test_elements_without_a_number_are_not_known(scene: Scene) -> None:
    scene.loop.open([StreamParameters("a", (WIND,), fill_value=-1.0)])
    for told in ({"Reason": "gone"}, {"Value": "text", "Age (s)": 0.0}, {"Value": 3.0}, "odd"):
        scene.telescope.elements[WIND] = told  # type: ignore[assignment]
        scene.turn()

    assert scene.loop.values() == {"a": -1.0}
    scene.telescope.elements[WIND] = {"Value": True, "Age (s)": 0.0}
    scene.turn()
    assert scene.loop.values() == {"a": 1.0}


def test_nothing_is_remembered_after_forgetting(scene: Scene) -> None:
    live = scene.loop.open([StreamParameters("wind_speed", (WIND,), max_age_s=10.0)])
    scene.turn()
    scene.loop.forget()
    scene.turn(20)

    assert scene.loop.values() == {}
    assert math.isnan(live["wind_speed"])  # type: ignore[arg-type]
    assert "Properties" not in scene.telescope.orders[-1]


@pytest.mark.parametrize("hours", [0.5, 8.0, 17.0])
def test_the_night_and_the_suns_set_and_rise(hours: float) -> None:
    """Against astropy's Sun: noon to noon at 97.6 W is 18:30 to 18:30 UTC."""
    profile = profiles.load("simulators")
    utc = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(hours=hours)
    info = GeneralInfo(profile)

    told = info(utc)

    assert told["Night"] == "20261121"
    site = profile.site
    place = EarthLocation(
        lat=site.latitude_deg * u.deg, lon=site.longitude_deg * u.deg, height=site.elevation_m * u.m
    )

    def altitude_deg(when: datetime) -> float:
        time = Time(when)
        with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
            return float(get_sun(time).transform_to(AltAz(obstime=time, location=place)).alt.deg)

    for name in ("Sunset", "Sunrise"):
        when = datetime.fromisoformat(str(told[name]))
        # the Sun moves 0.2 deg a minute; the instants are told to a second
        assert np.isclose(altitude_deg(when), SUN_ON_HORIZON_DEG, atol=0.01)
    assert told["Is Night"] is (altitude_deg(utc) < profile.night.sun_max_altitude_deg)
    assert info(utc) == told
    assert info(utc + timedelta(days=1))["Night"] == "20261122"
