"""Simulated nights: figures by hand on fake models, places by astropy on the real ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Site
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.night_simulation import NightSimulation, SimulatedNight, summary
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.simulated_orders import DrawnOrders
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import PendingOrder
from ctmo_indi.testing.fake_sky import FakeSky, fake_models

iers.conf.auto_download = False
iers.conf.auto_max_age = None

PROFILE = profiles.load("simulators")
FIRST = date(2026, 11, 21)


class Waiting:
    """Orders of the test; what is left is remembered."""

    def __init__(self, orders: Sequence[PendingOrder]) -> None:
        self.orders: Sequence[PendingOrder] = orders

    def waiting(self, _night: Night, _number: int) -> Sequence[PendingOrder]:
        return self.orders

    def left(self, orders: Sequence[PendingOrder]) -> None:
        self.orders = orders


def order(name: str, exposure_s: float = 100.0, count: int = 2) -> PendingOrder:
    request = ObservationRequest(
        order_id=name,
        user="ada",
        frame_type=FrameType.LIGHT,
        exposure_s=exposure_s,
        count=count,
        ra_deg=10.0,
        dec_deg=20.0,
        object_name=name,
        filter_name="V",
    )
    return PendingOrder(name, request, 5.0, 0.0, count)


def simulation(models: Models, orders: object, **options: object) -> NightSimulation:
    driver = SequentialScheduler(models)
    driver.configure_scheduler({})
    driver.cold_start()
    return NightSimulation(driver, models, PROFILE.site, orders, **options)


def real(seed: int = 0, per_night: int = 80, **options: object) -> NightSimulation:
    models = Models(SiteSky(PROFILE), ObservatoryModel.of(PROFILE))
    return simulation(models, DrawnOrders(PROFILE, per_night, seed), seed=seed, **options)


def test_the_figures_of_a_night_are_those_of_its_visits() -> None:
    # Every slew 30 s, every readout 10 s; the night lasts 11 h, c rises 1000 s after dusk.
    sky = FakeSky()
    sky.rises["c"] = sky.evening + timedelta(seconds=1000)
    sky.never.add("d")
    waiting = Waiting([order("a"), order("b", 50.0, 1), order("c"), order("d")])
    (night,) = simulation(fake_models(sky), waiting).nights(FIRST, 1)
    assert [one.target.receipt for one in night.targets] == ["a", "b", "c"]
    assert [one.visit.start_utc_s - night.night.evening.timestamp() for one in night.targets] == [
        30.0,
        280.0,
        1030.0,
    ]
    assert (night.waiting, night.completed) == (4, 3)
    assert [one.receipt for one in waiting.orders] == ["d"]
    assert night.exposing_s == 450.0
    assert night.slewing_s == 90.0
    assert night.observing_s == 450.0 + 90.0 + 5 * 10.0
    assert night.idle_s == 11 * 3600.0 - 590.0
    figures = summary([night])
    assert figures["Open Shutter (%)"] == pytest.approx(100.0 * 450.0 / 39600.0, abs=0.005)
    assert figures["Mean Slew (s)"] == 30.0
    assert figures["Weather (%)"] == 0.0


def test_what_is_left_waits_for_the_next_night() -> None:
    long = [order(name, exposure_s=4 * 3600.0, count=1) for name in "abcd"]
    waiting = Waiting(long)
    nights = list(simulation(fake_models(), waiting).nights(FIRST, 2))
    assert [[one.target.receipt for one in night.targets] for night in nights] == [
        ["a", "b"],
        ["c", "d"],
    ]
    assert [night.night.label for night in nights] == ["20261121", "20261122"]
    assert waiting.orders == ()


def test_a_visit_that_goes_on_after_dawn_counts_until_dawn() -> None:
    long = Waiting([order(name, exposure_s=2 * 3600.0, count=2) for name in "abcd"])
    (night,) = simulation(fake_models(), long).nights(FIRST, 1)
    assert [one.target.receipt for one in night.targets] == ["a", "b", "c"]
    assert night.targets[-1].visit.end_utc_s > night.night.morning.timestamp()
    assert night.observing_s == night.length_s
    assert night.idle_s == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_weather_waits_for_the_end_of_a_visit_and_none_begins_before_it(seed: int) -> None:
    long = Waiting([order(str(number), 1000.0, 8) for number in range(6)])
    (night,) = simulation(fake_models(), long, weather=0.5, seed=seed).nights(FIRST, 1)
    assert night.targets
    for one, following in itertools.pairwise(night.targets):
        assert one.visit.end_utc_s <= following.visit.start_utc_s - following.visit.slew_s
    in_all_s = night.observing_s + night.weather_s
    assert in_all_s == pytest.approx(night.length_s - night.idle_s)
    assert in_all_s <= night.length_s + 1e-6


def test_weather_closes_every_hour_or_none() -> None:
    closed, opened = (
        next(simulation(fake_models(), Waiting([order("a")]), weather=part).nights(FIRST, 1))
        for part in (1.0, 0.0)
    )
    assert (closed.targets, closed.weather_s, closed.idle_s) == ((), 11 * 3600.0, 0.0)
    assert (len(opened.targets), opened.weather_s) == (1, 0.0)


def test_weather_closes_as_much_as_was_asked_for_and_no_visit_begins_meanwhile() -> None:
    nights = list(real(5, 15, weather=0.4).nights(FIRST, 30))
    assert 0.3 < sum(night.weather_s for night in nights) / sum(n.length_s for n in nights) < 0.5
    again = list(real(5, 15, weather=0.4).nights(FIRST, 30))
    assert again == nights
    for night in nights:
        assert night.observing_s + night.weather_s + night.idle_s == pytest.approx(
            night.length_s, abs=1.0
        )
        # The weather is drawn by the hour: a visit begins only in hours that are open.
        hours = {
            int((one.visit.start_utc_s - one.visit.slew_s - begin(night)) // 3600.0)
            for one in night.targets
        }
        closed_h = night.weather_s / 3600.0
        assert len(hours) <= night.length_s / 3600.0 + 1.0 - closed_h


def begin(night: SimulatedNight) -> float:
    return night.night.evening.timestamp()


def test_visits_follow_each_other_in_the_dark_above_the_horizon() -> None:
    site = PROFILE.site
    place = EarthLocation(lat=site.latitude_deg * u.deg, lon=site.longitude_deg * u.deg)
    for night in real().nights(FIRST, 2):
        assert len(night.targets) > 60
        for one, following in itertools.pairwise(night.targets):
            assert (
                one.visit.end_utc_s <= following.visit.start_utc_s - following.visit.slew_s + 1e-3
            )
        assert len({one.target.receipt for one in night.targets}) == len(night.targets)
        for one in night.targets[::7]:
            begun = Time(one.visit.start_utc_s - one.visit.slew_s, format="unix")
            frame = AltAz(obstime=begun, location=place)
            request = one.target.request
            stood = SkyCoord(request.ra_deg * u.deg, request.dec_deg * u.deg).transform_to(frame)
            assert PROFILE.limits.horizon_deg - 0.05 < stood.alt.deg
            assert get_sun(begun).transform_to(frame).alt.deg < -11.95


def test_where_it_does_not_get_dark_the_night_has_no_length() -> None:
    north = replace(PROFILE, site=Site("north", 70.0, 25.0, 100.0))
    models = Models(SiteSky(north), ObservatoryModel.of(north))
    driver = SequentialScheduler(models)
    orders = DrawnOrders(north, 10)
    (night,) = NightSimulation(driver, models, north.site, orders).nights(date(2026, 6, 21), 1)
    assert night.night.label == "20260621"
    assert (night.length_s, night.targets, night.idle_s) == (0.0, (), 0.0)
    assert summary([night])["Idle (%)"] == 0.0


def test_what_is_written_of_a_visit_counts_nights_from_one() -> None:
    nights = list(simulation(fake_models(), Waiting([order("a")])).nights(FIRST, 2))
    (visit,) = nights[0].visits
    assert (visit.night, visit.slew_s, visit.visit_s) == (1, 30.0, 220.0)
    assert (visit.observation.receipt, visit.observation.frames) == ("a", 2)
    assert visit.observation.number == 0
