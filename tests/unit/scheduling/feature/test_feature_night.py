"""Whole nights with the feature based driver: no target that could not be observed, by astropy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.lookahead import PlannedTarget
from ctmo_indi.scheduling.night_simulation import NightSimulation, SimulatedNight
from ctmo_indi.scheduling.simulated_orders import DrawnOrders

from .feature_world import PROFILE, real_models

iers.conf.auto_download = False
iers.conf.auto_max_age = None

FIRST = date(2026, 11, 21)
MARGIN_DEG = 0.05  # limits here and astropy's places differ by less: 20", and the Sun's 0.02 deg
MOON_DEG = 30.0

CONFIGURATION = {
    "fields": {"sky": {"field_of_view_deg": 6, "declination_deg": [-40, 70]}},
    "tiers": [
        {
            "name": "orders",
            "surveys": [
                {
                    "type": "orders",
                    "name": "important",
                    "least_priority": 5.5,
                    "basis_functions": [
                        {"type": "priority", "weight": 10},
                        {"type": "airmass"},
                        {"type": "slew_time"},
                    ],
                }
            ],
        },
        {
            "name": "survey",
            "surveys": [
                {
                    "type": "blob",
                    "name": "wide",
                    "fields": "sky",
                    "filters": ["V", "R"],
                    "exposure_s": 120,
                    "basis_functions": [
                        {"type": "altitude_ahead", "ahead_s": 1800, "min_deg": 25},
                        {"type": "moon_distance", "min_deg": MOON_DEG},
                        {"type": "airmass"},
                        {"type": "slew_time"},
                        {"type": "filter_change", "least_s": 1200},
                        {"type": "fast_revisit", "least_s": 7200},
                        {"type": "footprint"},
                    ],
                    "detailers": [{"type": "dither", "radius_deg": 0.5}],
                }
            ],
        },
    ],
}


def simulated(per_night: int, nights: int = 1, weather: float = 0.0) -> list[SimulatedNight]:
    models = real_models()
    driver = FeatureScheduler(models)
    driver.configure_scheduler(CONFIGURATION)
    driver.cold_start()
    orders = DrawnOrders(PROFILE, per_night, 4)
    simulation = NightSimulation(driver, models, PROFILE.site, orders, weather=weather, seed=4)
    return list(simulation.nights(FIRST, nights))


@pytest.fixture(scope="module")
def night() -> SimulatedNight:
    return simulated(60)[0]


def altaz_at(targets: Sequence[PlannedTarget], when: np.ndarray) -> tuple[SkyCoord, SkyCoord]:
    site = PROFILE.site
    place = EarthLocation.from_geodetic(
        site.longitude_deg * u.deg, site.latitude_deg * u.deg, site.elevation_m * u.m
    )
    frame = AltAz(obstime=Time(when, format="unix"), location=place, pressure=0 * u.hPa)
    places = np.array([one.target.place_deg for one in targets])
    stars = SkyCoord(places[:, 0] * u.deg, places[:, 1] * u.deg)
    return stars.transform_to(frame), frame


def test_no_target_of_a_night_is_infeasible(night: SimulatedNight) -> None:
    targets = night.targets
    assert len(targets) > 200
    assert {one.target.note.split(":")[0] for one in targets} == {"survey important", "survey wide"}
    decided = np.array([one.target.obs_time.timestamp() for one in targets])
    begun = np.array([one.visit.start_utc_s for one in targets])
    ended = begun + np.array([one.target.request.exposure_s for one in targets])
    for when in (decided, begun, ended):
        found, frame = altaz_at(targets, when)
        assert found.alt.deg.min() > PROFILE.limits.horizon_deg - MARGIN_DEG
        assert found.alt.deg.max() < PROFILE.limits.max_altitude_deg + MARGIN_DEG
        sun = get_sun(frame.obstime).transform_to(frame)
        assert sun.alt.deg.max() < PROFILE.night.sun_max_altitude_deg + MARGIN_DEG


def test_the_masks_of_a_survey_hold_all_night(night: SimulatedNight) -> None:
    fields = [one for one in night.targets if not one.target.receipt]
    decided = np.array([one.target.obs_time.timestamp() for one in fields])
    later, _ = altaz_at(fields, decided + 1800.0)
    assert later.alt.deg.min() > 25.0 - MARGIN_DEG - 0.5  # the dither
    stars, frame = altaz_at(fields, decided)
    moon = get_body("moon", frame.obstime, frame.location).transform_to(frame)
    is_up = moon.alt.deg > MARGIN_DEG
    assert is_up.any()
    assert SkyCoord(moon).separation(stars).deg[is_up].min() > MOON_DEG - MARGIN_DEG - 0.5
    last: dict[str, datetime] = {}
    for one in fields:
        field = one.target.target_id.rsplit(":", 1)[0]
        if field in last:
            # From the beginning of the visit before: what is remembered, to a second.
            assert one.target.obs_time - last[field] >= timedelta(seconds=7199)
        last[field] = datetime.fromtimestamp(one.visit.start_utc_s, UTC)


def test_filters_are_not_changed_more_often_than_the_rule_says(night: SimulatedNight) -> None:
    changed_s, present = -1e9, None
    for one in night.targets:
        wanted = one.target.request.filter_name
        if wanted != present:
            if not one.target.receipt and present in ("V", "R"):
                assert one.target.obs_time.timestamp() - changed_s >= 1199.0
            present, changed_s = wanted, one.visit.start_utc_s


def test_the_night_is_used(night: SimulatedNight) -> None:
    important = [one for one in night.targets if one.target.receipt]
    assert 10 < len(important) < 60
    assert night.idle_s < 0.01 * night.length_s
    assert sum(one.visit.slew_s for one in night.targets) / len(night.targets) < 20.0


def test_the_same_night_twice_has_the_same_targets() -> None:
    first, second = (simulated(40, weather=0.8) for _ in range(2))
    assert first[0].targets
    assert [one.targets for one in first] == [one.targets for one in second]
