"""Places, spans and bits of visibility against ERFA, astropy and astroplan."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import astropy.units as u
import erfa
import numpy as np
import pytest
from astroplan import (
    AirmassConstraint,
    AtNightConstraint,
    FixedTarget,
    MoonSeparationConstraint,
    Observer,
    observability_table,
)
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.coordinates import ApparentFrame
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.place_kernels import SkyFrame, apparent_vectors
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.visibility import intervals, sin_altitude, visible_bits
from ctmo_indi.profiles import Limits, NightPolicy, Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
PLACE = EarthLocation(
    lon=CTMO.longitude_deg * u.deg, lat=CTMO.latitude_deg * u.deg, height=CTMO.elevation_m * u.m
)
LIMITS = Limits(horizon_deg=30.0)
POLICY = NightPolicy(sun_max_altitude_deg=-18.0)
UTC_TIME = datetime(2026, 11, 22, 6, tzinfo=UTC)
UT1_MINUS_UTC_S = float(Time(UTC_TIME).delta_ut1_utc)
DARK = NightGrid.of_night(CTMO, LIMITS, POLICY, UTC_TIME)
NIGHT = NightGrid.of(
    CTMO, LIMITS, POLICY, DARK.begin_utc_s, DARK.end_utc_s, ut1_minus_utc_s=UT1_MINUS_UTC_S
)


def _table(count: int, seed: int = 1, **more: object) -> RequestTable:
    lots = np.random.default_rng(seed)
    ra_deg = lots.uniform(0.0, 360.0, count)
    dec_deg = np.degrees(np.arcsin(lots.uniform(-0.7, 1.0, count)))
    keys = [f"{number:04d}" for number in range(count)]
    return RequestTable.from_arrays(keys, ra_deg, dec_deg, 60.0, 60.0, LIMITS, POLICY, **more)


def _astropy_altitude_deg(ra_deg: object, dec_deg: object, utc_s: object) -> np.ndarray:
    frame = AltAz(obstime=Time(utc_s, format="unix"), location=PLACE, pressure=0.0 * u.hPa)
    return SkyCoord(ra_deg * u.deg, dec_deg * u.deg).transform_to(frame).alt.deg


@given(st.floats(0.0, 360.0), st.floats(-90.0, 90.0), st.floats(6e8, 2.2e9))
def test_apparent_places_are_those_of_erfa(ra_deg: float, dec_deg: float, utc_s: float) -> None:
    frame = ApparentFrame.at(utc_s)
    found = apparent_vectors(np.array([ra_deg]), np.array([dec_deg]), SkyFrame.of(frame))
    expected = erfa.s2c(*frame.place_rad(ra_deg, dec_deg))
    np.testing.assert_allclose(found[0], expected, atol=math.radians(1e-6 / 3600.0))


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_beside_the_sun_the_light_is_bent_as_in_erfa(side: float) -> None:
    frame = ApparentFrame.at(UTC_TIME)
    sun_ra, sun_dec = np.degrees(erfa.c2s(-frame.astrom["eh"]))
    ra, dec = np.array([sun_ra + side * 0.5]), np.array([sun_dec])
    found = apparent_vectors(ra, dec, SkyFrame.of(frame))
    expected = erfa.s2c(*frame.place_rad(ra, dec))
    np.testing.assert_allclose(found, expected, atol=math.radians(1e-6 / 3600.0))


def test_altitudes_agree_with_astropy() -> None:
    table, lots = _table(600), np.random.default_rng(2)
    times_s = lots.uniform(NIGHT.begin_utc_s, NIGHT.end_utc_s, len(table))
    expected = _astropy_altitude_deg(table.ra_deg, table.dec_deg, times_s)

    def worst_arcsec(night: NightGrid) -> float:
        sines = np.diagonal(sin_altitude(table, night, times_utc_s=times_s))
        away_arcsec = np.abs(np.degrees(np.arcsin(sines)) - expected) * 3600.0
        return float(away_arcsec[expected > 0.0].max())

    assert worst_arcsec(NIGHT) < 0.7  # polar motion 0.3, diurnal aberration 0.3
    # UT1 taken for UTC: another 15" for each second between them.
    assert worst_arcsec(DARK) < 0.7 + 15.1 * abs(UT1_MINUS_UTC_S) < 5.0


def test_rises_and_sets_are_roots_of_astropys_altitude() -> None:
    table = _table(300)
    found = intervals(table, NIGHT, only_fitting=False)
    rows = np.repeat(np.arange(len(table)), np.diff(found.first))
    checked = 0
    for edges_s, rate_sign in ((found.start_utc_s, 1.0), (found.end_utc_s, -1.0)):
        is_inner = (edges_s > NIGHT.begin_utc_s + 1.0) & (edges_s < NIGHT.end_utc_s - 1.0)
        ra_deg, dec_deg = table.ra_deg[rows[is_inner]], table.dec_deg[rows[is_inner]]
        edge_s = edges_s[is_inner]
        before = _astropy_altitude_deg(ra_deg, dec_deg, edge_s - 1.0) - 30.0
        after = _astropy_altitude_deg(ra_deg, dec_deg, edge_s + 1.0) - 30.0
        # Grazing stars move less than the 0.7" that places are good for.
        is_steep = np.abs(after - before) > 4.0 / 3600.0
        assert np.all(before[is_steep] * rate_sign < 0.0)
        assert np.all(after[is_steep] * rate_sign > 0.0)
        root_s = edge_s - 1.0 + 2.0 * before / (before - after)
        assert np.abs(root_s - edge_s)[is_steep].max() < 0.3
        checked += int(is_steep.sum())
    assert checked > 200


def test_the_edges_of_the_moons_neighbourhood_are_astropys() -> None:
    table = _table(3000, min_moon_separation_deg=30.0)
    free = intervals(_table(3000), NIGHT, only_fitting=False)
    found = intervals(table, NIGHT, only_fitting=False)
    inner = [
        (row, edge_s)
        for row in range(len(table))
        for edge_s in np.ravel(found.of_row(row))
        if edge_s not in np.ravel(free.of_row(row))
    ]
    assert len(inner) > 15
    rows, edges_s = np.array([row for row, _ in inner]), np.array([edge for _, edge in inner])
    times = Time(edges_s, format="unix")
    frame = AltAz(obstime=times, location=PLACE)
    moon = get_body("moon", times, PLACE).transform_to(frame)
    stars = SkyCoord(table.ra_deg[rows] * u.deg, table.dec_deg[rows] * u.deg).transform_to(frame)
    # The Moon is known to 10"; it moves that far in 20 s.
    np.testing.assert_allclose(moon.separation(stars).deg, 30.0, atol=15.0 / 3600.0)


@pytest.mark.filterwarnings(
    "ignore::astropy.coordinates.NonRotationTransformationWarning"  # astroplan's Moon
)
def test_the_observability_of_500_targets_is_astroplans() -> None:
    night = NightGrid.of(
        CTMO,
        LIMITS,
        POLICY,
        DARK.begin_utc_s + 100.0,
        DARK.end_utc_s - 100.0,
        300.0,
        ut1_minus_utc_s=UT1_MINUS_UTC_S,
    )
    table, size = _table(500, min_moon_separation_deg=30.0), night.times_utc_s.size
    seen = np.unpackbits(visible_bits(table, night), axis=1, count=size).astype(np.bool_)

    names = map(str, table.key)
    stars = SkyCoord(table.ra_deg * u.deg, table.dec_deg * u.deg)
    expected = observability_table(
        [
            AirmassConstraint(max=1.0 / math.sin(math.radians(30.0))),
            AtNightConstraint.twilight_astronomical(),
            MoonSeparationConstraint(min=30.0 * u.deg),
        ],
        Observer(PLACE),
        [FixedTarget(star, name) for star, name in zip(stars, names, strict=True)],
        times=Time(night.times_utc_s, format="unix"),
    )

    altitude_deg = np.degrees(np.arcsin(sin_altitude(table, night)))
    vectors = apparent_vectors(table.ra_deg, table.dec_deg, SkyFrame.of(night.frame))
    moon_deg = np.degrees(np.arccos(vectors @ night.moon))
    unsure = np.any(np.abs(altitude_deg - 30.0) < 2.0 / 3600.0, axis=1)
    unsure |= np.any(np.abs(moon_deg - 30.0) < 30.0 / 3600.0, axis=1)
    sure = ~unsure
    assert sure.sum() > 480
    for name, mine in (
        ("ever observable", seen.any(axis=1)),
        ("always observable", seen.all(axis=1)),
        ("fraction of time observable", seen.mean(axis=1)),
    ):
        np.testing.assert_allclose(mine[sure], np.array(expected[name])[sure], atol=1e-12)
    fractions = intervals(table, night, only_fitting=False).total_s() / (
        night.end_utc_s - night.begin_utc_s
    )
    np.testing.assert_allclose(fractions, seen.mean(axis=1), atol=2.0 / size)
