"""The sky of a night against astropy: Sun at the ends of each twilight, Moon, polar nights."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astroplan import moon_illumination
from astropy.coordinates import AltAz, EarthLocation, get_body
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.profiles import Site
from ctmo_indi.web.night_sky import night_sky, noon_s

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
BERLIN = Site("Berlin", 52.5, 13.4, 40.0)
TROMSO = Site("Tromso", 69.65, 18.96, 100.0)
LONGYEARBYEN = Site("Longyearbyen", 78.22, 15.65, 10.0)
SIDING_SPRING = Site("Siding Spring", -31.27, 149.06, 1165.0)

ENDS_DEG = {"day": -0.833, "civil": -6.0, "nautical": -12.0, "astronomical": -18.0}


def altitudes_deg(body: str, site: Site, times_s: object) -> np.ndarray:
    location = EarthLocation(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )
    times = Time(times_s, format="unix")
    place = get_body(body, times, location).transform_to(AltAz(obstime=times, location=location))
    return place.alt.deg


@pytest.mark.parametrize(
    ("site", "night"),
    [(CTMO, "20261122"), (BERLIN, "20260321"), (SIDING_SPRING, "20260621"), (TROMSO, "20261010")],
)
def test_twilight_begins_and_ends_within_a_minute_of_astropy(site: Site, night: str) -> None:
    spans = night_sky(site, night).twilight
    kinds = [span.kind for span in spans]
    assert kinds == [*ENDS_DEG, "night", *reversed(ENDS_DEG)]
    cuts_s = np.array([span.to_s for span in spans[:-1]])
    wanted_deg = np.array([*ENDS_DEG.values(), *reversed(ENDS_DEG.values())])
    around_s = np.concatenate([cuts_s - 60.0, cuts_s + 60.0])
    before, after = np.split(altitudes_deg("sun", site, around_s), 2)
    assert np.all((before - wanted_deg) * (after - wanted_deg) < 0.0)


def test_spans_of_twilight_follow_each_other_from_noon_to_noon() -> None:
    sky = night_sky(BERLIN, "20261122")
    ends = [span.to_s for span in sky.twilight]
    assert [span.from_s for span in sky.twilight] == [sky.times_s[0], *ends[:-1]]
    assert ends[-1] == sky.times_s[-1]


@pytest.mark.parametrize(
    ("site", "night", "kinds"),
    [
        (
            BERLIN,
            "20260621",
            ["day", "civil", "nautical", "astronomical", "nautical", "civil", "day"],
        ),
        (TROMSO, "20260621", ["day"]),
        # The Sun's centre stays 11.7 deg below the horizon at noon.
        (
            LONGYEARBYEN,
            "20261221",
            ["nautical", "astronomical", "night", "astronomical", "nautical"],
        ),
    ],
)
def test_a_night_without_darkness_or_day_has_the_twilights_it_has(
    site: Site, night: str, kinds: list[str]
) -> None:
    sky = night_sky(site, night)
    assert [span.kind for span in sky.twilight] == kinds
    lowest, highest = sky.sun_deg.min(), sky.sun_deg.max()
    seen = altitudes_deg("sun", site, sky.times_s)
    assert lowest == pytest.approx(seen.min(), abs=0.05)
    assert highest == pytest.approx(seen.max(), abs=0.05)


@pytest.mark.parametrize(
    ("site", "night"), [(TROMSO, "20260621"), (LONGYEARBYEN, "20261221")], ids=["light", "dark"]
)
def test_where_the_sun_does_not_rise_or_set_the_whole_day_is_shown(site: Site, night: str) -> None:
    sky = night_sky(site, night)
    assert (sky.begin_s, sky.end_s) == (sky.times_s[0], sky.times_s[-1])


def test_an_ordinary_night_is_shown_from_sun_to_sun() -> None:
    sky = night_sky(CTMO, "20261122")
    shown = (sky.times_s >= sky.begin_s) & (sky.times_s <= sky.end_s)
    assert 4.0 < sky.sun_deg[shown].max() < 7.0
    assert sky.end_s - sky.begin_s < 15 * 3600.0


@pytest.mark.parametrize("site", [CTMO, LONGYEARBYEN])
def test_sun_and_moon_are_where_astropy_has_them(site: Site) -> None:
    sky = night_sky(site, "20261122")
    some = slice(None, None, 12)
    for body, ours in (("sun", sky.sun_deg), ("moon", sky.moon_deg)):
        theirs = altitudes_deg(body, site, sky.times_s[some])
        assert np.abs(ours[some] - theirs).max() < 0.05


def test_the_lit_part_of_the_moon_agrees_with_astroplan() -> None:
    for night in ("20261109", "20261117", "20261122"):
        middle_s = noon_s(CTMO, night) + 43200.0
        theirs = float(moon_illumination(Time(middle_s, format="unix")))
        assert night_sky(CTMO, night).moon_fraction == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize(
    "night", ["20261340", "2026112", "20261122 ", "\u0662\u0660261122", "x" * 999]
)
def test_what_is_no_date_is_no_night(night: str) -> None:
    with pytest.raises(ValueError, match="expected a date YYYYMMDD"):
        night_sky(CTMO, night)
