"""Nights: their names and their bounds, against astroplan and at the poles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import astropy.units as u
import numpy as np
import pytest
from astroplan import Observer
from astropy.coordinates import AltAz, EarthLocation, get_body
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.nights import moon_up, night_bounds, night_of, noon_before
from ctmo_indi.models.sun_moon import sun_altitude_deg
from ctmo_indi.profiles import Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
AUCKLAND = Site("Auckland", -36.9, 174.8, 0.0)
NORTH_CAPE = Site("North Cape", 71.2, 25.8, 0.0)
POLE = Site("South Pole", -90.0, 0.0, 2835.0)


@pytest.mark.parametrize(
    ("site", "utc", "night"),
    [
        (CTMO, datetime(2026, 11, 22, 3, tzinfo=UTC), "20261121"),
        (CTMO, datetime(2026, 11, 22, 18, 0, tzinfo=UTC), "20261121"),
        (CTMO, datetime(2026, 11, 22, 19, 0, tzinfo=UTC), "20261122"),
        (AUCKLAND, datetime(2026, 11, 22, 10, tzinfo=UTC), "20261122"),
        (AUCKLAND, datetime(2026, 11, 21, 23, tzinfo=UTC), "20261121"),
        (AUCKLAND, datetime(2026, 11, 22, 1, tzinfo=UTC), "20261122"),
    ],
)
def test_a_night_bears_the_date_of_its_local_evening(site: Site, utc: datetime, night: str) -> None:
    assert night_of(site, utc) == night


@given(st.floats(0.0, 2.2e9), st.floats(-180.0, 180.0))
def test_noon_is_at_most_a_day_before_and_at_local_noon(utc_s: float, longitude: float) -> None:
    noon_s = noon_before(Site("x", 0.0, longitude, 0.0), utc_s)
    assert 0.0 <= utc_s - noon_s < 86400.001
    local_s = (noon_s + longitude * 240.0) % 86400.0
    assert local_s == pytest.approx(43200.0, abs=1e-3)


@pytest.mark.parametrize("limit_deg", [-0.8333, -6.0, -12.0, -18.0])
@pytest.mark.parametrize("site", [CTMO, AUCKLAND])
def test_the_bounds_agree_with_astroplan(site: Site, limit_deg: float) -> None:
    utc = datetime(2026, 8, 22, 6, tzinfo=UTC)
    bounds = night_bounds(site, utc, limit_deg)
    assert bounds is not None
    location = EarthLocation(lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg)
    observer = Observer(location=location)
    noon = Time(noon_before(site, utc), format="unix")
    evening = observer.sun_set_time(noon, "next", horizon=limit_deg * u.deg, n_grid_points=300)
    morning = observer.sun_rise_time(evening, "next", horizon=limit_deg * u.deg, n_grid_points=300)
    # astroplan interpolates linearly between its samples, 5 minutes apart.
    assert bounds[0].timestamp() == pytest.approx(evening.unix, abs=10.0)
    assert bounds[1].timestamp() == pytest.approx(morning.unix, abs=10.0)


@given(
    st.floats(-66.0, 66.0), st.floats(-180.0, 180.0), st.floats(1.6e9, 2.0e9), st.floats(-18.0, 0.0)
)
def test_the_sun_stands_at_the_limit_at_both_bounds_and_is_lower_between(
    latitude: float, longitude: float, utc_s: float, limit_deg: float
) -> None:
    site = Site("x", latitude, longitude, 0.0)
    bounds = night_bounds(site, utc_s, limit_deg)
    noon_s = noon_before(site, utc_s)
    if bounds is None:
        assert sun_altitude_deg(site, noon_s + 43200.0) > limit_deg - 1.0
        return
    evening, morning = bounds
    assert noon_s <= evening.timestamp() < morning.timestamp() <= noon_s + 86400.0
    assert sun_altitude_deg(site, evening) == pytest.approx(limit_deg, abs=0.001)
    assert sun_altitude_deg(site, morning) == pytest.approx(limit_deg, abs=0.001)
    assert sun_altitude_deg(site, evening + (morning - evening) / 2) < limit_deg


def test_the_midnight_sun_leaves_no_night() -> None:
    assert night_bounds(NORTH_CAPE, datetime(2026, 6, 21, tzinfo=UTC), -0.8) is None
    assert night_bounds(POLE, datetime(2026, 12, 21, tzinfo=UTC), -6.0) is None


def test_the_polar_night_lasts_from_noon_to_noon() -> None:
    bounds = night_bounds(NORTH_CAPE, datetime(2026, 12, 21, tzinfo=UTC), -0.8)
    assert bounds is not None
    assert bounds[1] - bounds[0] == timedelta(days=1)
    bounds = night_bounds(POLE, datetime(2026, 6, 21, 3, tzinfo=UTC), -18.0)
    assert bounds is not None
    assert bounds[1] - bounds[0] == timedelta(days=1)


@pytest.mark.parametrize("altitude_deg", [0.0, 25.0])
@pytest.mark.parametrize(
    ("site", "utc"),
    [(site, datetime(2026, 11, day, 6, tzinfo=UTC)) for site in (CTMO, AUCKLAND) for day in (9, 24)]
    + [(NORTH_CAPE, datetime(2026, 11, 25, 22, tzinfo=UTC))],  # the Moon does not set
)
def test_the_moon_is_up_when_astropy_says_so(
    site: Site, utc: datetime, altitude_deg: float
) -> None:
    spans = moon_up(site, utc, altitude_deg)
    location = EarthLocation(lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg)

    def altitudes_deg(utc_s: list[float]) -> list[float]:
        times = Time(utc_s, format="unix")
        moon = get_body("moon", times, location)
        return list(moon.transform_to(AltAz(obstime=times, location=location)).alt.deg)

    noon_s = noon_before(site, utc)
    seen_s = list(np.arange(noon_s + 60.0, noon_s + 86400.0, 600.0))
    for when_s, altitude in zip(seen_s, altitudes_deg(seen_s), strict=True):
        if abs(altitude - altitude_deg) > 0.05:
            is_up = any(rise.timestamp() <= when_s <= down.timestamp() for rise, down in spans)
            assert is_up == (altitude > altitude_deg)
    edges_s = [edge.timestamp() for span in spans for edge in span]
    inner_s = [edge_s for edge_s in edges_s if noon_s < edge_s < noon_s + 86400.0]
    assert len(inner_s) >= 1 or altitude_deg == 0.0
    for altitude in altitudes_deg(inner_s) if inner_s else []:
        assert altitude == pytest.approx(altitude_deg, abs=0.02)
