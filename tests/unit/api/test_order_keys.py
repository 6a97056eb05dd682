"""Arguments become the keys of an order that the contract takes; every wrong one is named."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from inspect import Parameter, signature
from typing import Any

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from ctmo_indi.api import FrontDesk
from ctmo_indi.api.order_keys import Cadence, Limits, observation
from ctmo_indi.errors import BadOrder
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.work_orders.contract import Contract


def request_of(target: Any, limits: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """Send the arguments through the contract, as the desk would; return what it understood."""
    order = observation(target, arguments, limits or {}) | {"User": "ada"}
    request = Contract.load(small_profile()).check(order).request
    assert isinstance(request, ObservationRequest)
    return request


def test_every_argument_arrives_in_the_units_of_the_contract() -> None:
    begin = datetime(2026, 11, 22, 2, tzinfo=UTC)
    request = request_of(
        SkyCoord("16h41m41.24s", "+36d27m35.5s"),
        {
            "max_airmass": 1.8,
            "min_altitude_deg": 30 * u.deg,
            "min_moon_separation_deg": 0.5 * u.rad,
            "max_sun_altitude_deg": -15,
            "min_hour_angle_h": -3 * u.hourangle,
            "max_hour_angle_h": 45 * u.deg,
            "max_moon_illumination": 50 * u.percent,
            "max_moon_altitude_deg": 0,
        },
        exposure_s=1.5 * u.min,
        filter="V",
        count=3,
        binning=2,
        windows=[(Time(begin), begin.replace(hour=9))],
        object_name="Hercules",
        group="clusters",
        output="Analysis",
        order_id="one",
    )

    assert (request.ra_deg, request.dec_deg) == pytest.approx((250.421833, 36.459861), abs=1e-6)
    assert (request.exposure_s, request.filter_name, request.count, request.binning) == (
        90.0, "V", 3, 2,
    )  # fmt: skip
    start_s = begin.timestamp()
    assert request.windows == (Window(start_s, start_s + 7 * 3600.0),)
    assert request.constraints == Constraints(
        max_airmass=1.8,
        min_altitude_deg=30.0,
        min_moon_separation_deg=pytest.approx(28.64789, abs=1e-5),
        max_sun_altitude_deg=-15.0,
        min_hour_angle_h=-3.0,
        max_hour_angle_h=pytest.approx(3.0),
        max_moon_illumination=pytest.approx(0.5),
        max_moon_altitude_deg=0.0,
    )
    assert (request.object_name, request.group, request.output, request.order_id) == (
        "Hercules", "clusters", "Analysis", "one",
    )  # fmt: skip


def test_a_name_and_a_cadence_arrive() -> None:
    cadence = Cadence(2 * u.day, 5, tolerance_s=1 * u.h, epoch="2026-11-22T03:00:00")
    request = request_of("M 13", exposure_s=60, filter="V", cadence=cadence)
    assert request.object_name == "M 13"
    assert request.ra_deg == pytest.approx(250.42, abs=0.01)
    assert (request.cadence.period_s, request.cadence.visits) == (172800.0, 5)
    assert request.cadence.tolerance_s == 3600.0
    assert request.cadence.epoch_utc_s == datetime(2026, 11, 22, 3, tzinfo=UTC).timestamp()


def test_a_time_critical_order_arrives() -> None:
    request = request_of(
        (10.0, 20.0), exposure_s=60, filter="V", start="2026-11-22T03:00:00",
        start_tolerance_s=2 * u.min,
    )  # fmt: skip
    begin_s = datetime(2026, 11, 22, 3, tzinfo=UTC).timestamp()
    assert request.latest_start_utc_s == begin_s + 120.0


def test_every_wrong_argument_is_named_at_once() -> None:
    with pytest.raises(BadOrder) as refused:
        observation(
            (10.0, 1.0 * u.s),
            {"exposure_s": "long", "filter": "V", "count": 1.5, "windows": [("2026-11-22",)],
             "start": 3},
            {"max_airmass": 1 * u.m, "max_cloud": 1},
        )  # fmt: skip
    named = [problem.split(":")[0] for problem in refused.value.problems]
    assert named == ["target, Dec", "exposure_s", "count", "windows[0]", "start", "max_cloud"]


@pytest.mark.parametrize("windows", ["2026", 3, [3], [("a", "b", "c")]])
def test_windows_are_pairs(windows: Any) -> None:
    with pytest.raises(BadOrder, match=r"windows.*expected a sequence of pairs \(start, end\)"):
        observation("M 13", {"windows": windows}, {})


def test_nothing_is_left_out_and_nothing_invented() -> None:
    """The arguments of observe are those of the table; the limits those of the contract."""
    arguments = {
        name
        for name, parameter in signature(FrontDesk.observe).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY
    }
    from ctmo_indi.api.order_keys import _PLAIN

    assert arguments == set(_PLAIN)
    assert set(Limits.__annotations__) == {field.name for field in fields(Constraints)}
