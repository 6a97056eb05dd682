"""Orders for simulated nights: what is drawn can be observed, what is read is checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi import profiles
from ctmo_indi.errors import ConfigError
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.simulated_orders import DrawnOrders, OrdersOfFile

iers.conf.auto_download = False
iers.conf.auto_max_age = None

PROFILE = profiles.load("simulators")
NIGHT = Night(
    "20261121", datetime(2026, 11, 22, 0, 30, tzinfo=UTC), datetime(2026, 11, 22, 12, tzinfo=UTC)
)
LIGHT = {
    "ID": "a",
    "User": "ada",
    "RA": 10.5,
    "Dec": 41.2,
    "Filter": "V",
    "Exposure Time": 60.0,
    "Number of Exposures": 3,
}


def test_every_drawn_order_stands_well_at_some_time_of_the_night() -> None:
    orders = DrawnOrders(PROFILE, 60, seed=3).waiting(NIGHT, 1)
    site = PROFILE.site
    place = EarthLocation(lat=site.latitude_deg * u.deg, lon=site.longitude_deg * u.deg)
    times = Time(
        np.linspace(NIGHT.evening.timestamp(), NIGHT.morning.timestamp(), 60), format="unix"
    )
    for order in orders:
        sky = SkyCoord(order.request.ra_deg * u.deg, order.request.dec_deg * u.deg)
        altitudes = sky.transform_to(AltAz(obstime=times, location=place)).alt.deg
        assert altitudes.max() > 29.0
        assert order.request.filter_name in PROFILE.filters
        assert 10.0 <= order.request.exposure_s <= 180.0
        assert 1 <= order.missing_count == order.request.count <= 3
        assert 0.0 <= order.priority <= 10.0
        assert order.created_utc_s < NIGHT.evening.timestamp()


def test_the_seed_decides_and_every_night_has_its_own() -> None:
    first = DrawnOrders(PROFILE, 20, seed=1).waiting(NIGHT, 1)
    assert DrawnOrders(PROFILE, 20, seed=1).waiting(NIGHT, 7) == first
    other_night = Night("20261122", NIGHT.evening, NIGHT.morning)
    for other in (
        DrawnOrders(PROFILE, 20, seed=2).waiting(NIGHT, 1),
        DrawnOrders(PROFILE, 20, seed=1).waiting(other_night, 1),
    ):
        assert [one.request.ra_deg for one in other] != [one.request.ra_deg for one in first]


def test_the_drawn_exposures_are_distributed_as_documented() -> None:
    orders = DrawnOrders(PROFILE, 4000).waiting(NIGHT, 1)
    exposures_s = [order.request.exposure_s for order in orders]
    assert np.median(exposures_s) == pytest.approx(42.4, rel=0.05)
    assert np.mean([order.priority for order in orders]) == pytest.approx(5.0, abs=0.1)
    assert np.mean([order.missing_count for order in orders]) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_orders_of_a_file_wait_until_they_are_observed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"orders{suffix}"
    dark = {
        "WOType": "Observation",
        "User": "ada",
        "Frame Type": "Dark",
        "Exposure Time": 30,
        "Number of Exposures": 2,
    }
    path.write_text(json.dumps([{**LIGHT, "RA": "00:42:44.3", "Dec": "41:16:09"}, dark]))
    source = OrdersOfFile(path, PROFILE)
    light, calibration = source.waiting(NIGHT, 1)
    assert light.request.ra_deg == pytest.approx(10.6846, abs=1e-3)
    assert (light.request.order_id, light.missing_count) == ("a", 3)
    assert calibration.request.frame_type is FrameType.DARK
    assert light.receipt != calibration.receipt
    source.left([calibration])
    assert source.waiting(NIGHT, 2) == [calibration]


def test_dates_and_sexagesimal_text_of_yaml_are_text(tmp_path: Path) -> None:
    path = tmp_path / "order.yaml"
    lines = [f"{key}: {value}" for key, value in {**LIGHT, "RA": "10:00:00"}.items()]
    path.write_text("\n".join([*lines, "Datetime: 2026-11-21T20:00:00Z"]))
    (order,) = OrdersOfFile(path, PROFILE).waiting(NIGHT, 1)
    assert order.request.ra_deg == pytest.approx(150.0)
    assert order.request.exposure_s == 60.0


def test_everything_wrong_in_a_file_of_orders_is_named(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    wrong = [LIGHT, {**LIGHT, "Dec": 95.0, "Filter": "Z"}, "M 31", {"WOType": "Dome"}]
    path.write_text(json.dumps(wrong))
    with pytest.raises(ConfigError) as raised:
        OrdersOfFile(path, PROFILE)
    text = str(raised.value)
    assert len(raised.value.problems) == 3
    assert f"{path}, order 2: " in text
    assert "Dec" in text
    assert "Filter" in text
    assert "order 3: came 'M 31'" in text
    assert "order 4: WOType" in text


@pytest.mark.parametrize("text", ["{", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "orders.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match="cannot be read"):
        OrdersOfFile(path, PROFILE)
