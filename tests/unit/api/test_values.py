"""What astronomers write becomes what an order holds; astropy is the oracle."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS, AltAz, Angle, SkyCoord
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.api.values import instant_text, night_text, number_in, place_icrs, whole_number
from ctmo_indi.errors import BadOrder
from ctmo_indi.work_orders.instants import read_instant

FRAMES = ("icrs", "fk5", "fk4", "galactic", "barycentrictrueecliptic", "supergalactic")
NAIVE = datetime(2026, 11, 21)  # noqa: DTZ001 - what is to be refused
SCALES = ("utc", "tai", "tt", "tdb", "tcb", "tcg")


@given(
    lon_deg=st.floats(0.0, 360.0, exclude_max=True),
    lat_deg=st.floats(-90.0, 90.0),
    frame=st.sampled_from(FRAMES),
)
def test_a_place_of_any_frame_becomes_its_icrs(lon_deg: float, lat_deg: float, frame: str) -> None:
    given_place = SkyCoord(lon_deg, lat_deg, unit="deg", frame=frame)
    keys = place_icrs(given_place)
    again = SkyCoord(keys.ra, keys.dec, unit="deg", frame="icrs")

    assert isinstance(keys.ra, float)
    assert 0.0 <= keys.ra < 360.0
    assert again.separation(given_place.transform_to("icrs")).arcsec < 1e-6
    assert keys.to_wire()["RA Unit"] == "deg"


@given(value=st.floats(-1e6, 1e6), unit=st.sampled_from(["s", "min", "h", "day", "ms"]))
def test_a_duration_of_any_unit_becomes_seconds(value: float, unit: str) -> None:
    seconds = number_in("s", value * u.Unit(unit), "exposure_s")
    assert seconds == pytest.approx((value * u.Unit(unit)).to_value("s"), abs=0.0, rel=1e-15)
    assert number_in("s", value, "exposure_s") == value


@given(mjd=st.floats(50000.0, 61500.0), scale=st.sampled_from(SCALES))
def test_a_time_of_any_scale_becomes_its_utc(mjd: float, scale: str) -> None:
    """Of 1995 to 2027, where astropy knows the leap seconds. The text carries a microsecond."""
    time = Time(mjd, format="mjd", scale=scale)
    text = instant_text(time, "start")
    assert abs((Time(text.rstrip("Z"), scale="utc") - time).sec) < 3e-6
    assert read_instant(text) == pytest.approx(time.utc.unix, abs=3e-6)


def test_a_datetime_keeps_its_instant() -> None:
    there = datetime(2026, 11, 21, 20, 0, 1, 500000, tzinfo=timezone(timedelta(hours=-6)))
    assert instant_text(there, "start") == "2026-11-22T02:00:01.500000Z"
    assert instant_text("2026-11-22T02:00:01.5", "start") == "2026-11-22T02:00:01.500000Z"
    assert instant_text("2026-11-21T20:00:01.5-06:00", "start") == "2026-11-22T02:00:01.500000Z"


@pytest.mark.parametrize(
    ("place", "wire"),
    [
        ((250.5, -10), {"RA": 250.5, "Dec": -10.0, "RA Unit": "deg"}),
        ((Angle("16h42m"), 36 * u.deg), {"RA": 250.5, "Dec": 36.0, "RA Unit": "deg"}),
        ((np.float64(1.5), np.int64(2)), {"RA": 1.5, "Dec": 2.0, "RA Unit": "deg"}),
        (("16:42:00", "+36:00:00"), {"RA": "16:42:00", "Dec": "+36:00:00"}),
        (ICRS(10 * u.deg, 20 * u.deg), {"RA": 10.0, "Dec": 20.0, "RA Unit": "deg"}),
    ],
)
def test_a_pair_is_right_ascension_and_declination(place: Any, wire: dict[str, object]) -> None:
    assert place_icrs(place).to_wire() == pytest.approx(wire)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ((1.0, 2.0, 3.0), "expected a SkyCoord"),
        (("16:42:00", 36.0), "target, RA: came '16:42:00'"),
        ((math.nan, 2.0), "target, RA: came nan"),
        ((1.0, 2.0 * u.s), "target, Dec: came 2.0 s, expected a number (degrees)"),
        (([1.0, 2.0] * u.deg, 2.0), "expected a number (degrees)"),
        ((True, 2.0), "target, RA: came True"),
        (42, "expected a SkyCoord"),
        (SkyCoord([1, 2], [3, 4], unit="deg"), "came 2 places, expected one"),
        (SkyCoord(1, 2, unit="deg", frame=AltAz()), "AltAz needs obstime and location"),
    ],
)
def test_what_is_no_place_is_refused(place: Any, said: str) -> None:
    with pytest.raises(BadOrder) as refused:
        place_icrs(place)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (NAIVE, "a datetime with a zone"),
        (date(2026, 11, 21), "expected a Time"),
        (2461000.5, "expected a Time"),
        ("tomorrow", "came 'tomorrow'"),
        ("2026-02-30T00:00:00", "calendar"),
        (Time(["2026-01-01", "2026-01-02"]), "came 2 times, expected one"),
        (Time("2026-01-01", scale="local"), "expected a time with an UTC"),
    ],
)
def test_what_is_no_instant_is_refused(value: Any, said: str) -> None:
    with pytest.raises(BadOrder) as refused:
        instant_text(value, "start")
    assert said in str(refused.value)
    assert str(refused.value).startswith("start: came ")


def test_a_leap_second_is_an_instant() -> None:
    text = instant_text(Time("2016-12-31T23:59:60.5", scale="utc"), "start")
    assert abs(read_instant(text) - datetime(2017, 1, 1, tzinfo=UTC).timestamp()) <= 1.0


@pytest.mark.parametrize("value", ["60", None, True, math.inf, 1 * u.m, [1.0] * u.s, 2j])
def test_what_is_no_duration_is_refused(value: Any) -> None:
    with pytest.raises(BadOrder, match=r"^exposure_s: came .*expected a number \(seconds\)"):
        number_in("s", value, "exposure_s")


def test_whole_numbers_and_nights() -> None:
    assert whole_number(np.int64(3), "count") == 3
    assert night_text(date(2026, 11, 21)) == night_text("20261121") == "20261121"
    for wrong in (3.0, True, "3"):
        with pytest.raises(BadOrder, match="expected a whole number"):
            whole_number(wrong, "count")
    for night in ("2026-11-21", 20261121, NAIVE):
        with pytest.raises(BadOrder, match="YYYYMMDD"):
            night_text(night)


def test_plain_values_import_no_astropy() -> None:
    code = (
        "import sys, ctmo_indi; assert 'yaml' not in sys.modules\n"
        "from ctmo_indi import FrontDesk, Observatory\n"
        "from ctmo_indi.api.order_keys import observation\n"
        "observation((1.0, 2.0), {'exposure_s': 60, 'start': '2026-11-21T03:00'},"
        " {'max_airmass': 2})\n"
        "print(*({'numpy', 'astropy', 'aiohttp', 'PyIndi', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []
