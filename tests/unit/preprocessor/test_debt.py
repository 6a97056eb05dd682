"""What the lights lack is ordered: enough to calibrate every one of them, and placed once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.frames import Frame, Master, NightBundle, ProductKind
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.debt import DebtSettings, Lacking, affordable, debt, orders
from ctmo_indi.preprocessor.masters import MasterLimits
from ctmo_indi.preprocessor.plan import plan_night
from ctmo_indi.preprocessor.planned import Parameters
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.model import OrderKind

from .night_frames import NIGHT, READOUT, frame, frames, master

P = ProductKind
LIMITS = MasterLimits()
LIGHT = frame(FrameType.LIGHT)
ALL = [master(kind, kind.value, days=-1) for kind in (P.BIASM, P.DARKM, P.FLATM)]


def owed(lights: list[Frame], known: list[Master] | None = None, **settings: Any) -> list[Lacking]:
    return list(debt(lights, known or [], LIMITS, DebtSettings(**settings)))


def kinds(lacking: list[Lacking]) -> list[tuple[str, float, str]]:
    return [(str(one.frame_type), one.exposure_s, one.filter_name) for one in lacking]


def test_a_light_without_any_master_lacks_all_three() -> None:
    found = owed([LIGHT])
    assert kinds(found) == [("Bias", 0.0, ""), ("Dark", 60.0, ""), ("Flat", 5.0, "R")]
    assert str(found[1]) == (
        "11 darks, CCD Simulator 64x48 binning 1x1 gain 90, 60 s, -10.0 C, for 1 light: "
        "no master dark for CCD Simulator 64x48 binning 1x1 gain 90, 60 s, -10.0 C: none is known"
    )


def test_a_light_that_has_its_masters_lacks_nothing() -> None:
    assert owed([LIGHT], ALL) == []
    assert owed([]) == []


@pytest.mark.parametrize(
    ("kind", "lacking"),
    [(P.BIASM, "Bias"), (P.DARKM, "Dark"), (P.FLATM, "Flat")],
)
def test_only_what_is_lacking_is_owed(kind: ProductKind, lacking: str) -> None:
    found = owed([LIGHT], [one for one in ALL if one.kind is not kind])
    assert [str(one.frame_type) for one in found] == [lacking]


def test_an_expired_flat_is_owed_again() -> None:
    old = replace(ALL[2], utc_s=ALL[2].utc_s - 20 * 86400.0)
    (flat,) = owed([LIGHT], [*ALL[:2], old])
    assert "of 1 known 1 too far in time" in flat.because


def test_lights_that_share_a_master_owe_it_once() -> None:
    lights = [
        *frames(FrameType.LIGHT, 3),
        *frames(FrameType.LIGHT, 2, 10, filter_name="V", temperature_c=-10.2),
        *frames(FrameType.LIGHT, 1, 20, exposure_s=300.0),
    ]
    found = owed(lights, [ALL[0]])
    assert [(one.exposure_s, one.filter_name, one.lights) for one in found] == [
        (60.0, "", 5),
        (300.0, "", 1),
        (5.0, "R", 4),
        (5.0, "V", 2),
    ]


def test_a_flat_that_no_dark_can_be_scaled_to_owes_its_own_dark() -> None:
    found = owed([LIGHT], ALL[:2], flat_exposures_s={"R": 200.0})
    assert kinds(found) == [("Dark", 200.0, ""), ("Flat", 200.0, "R")]


def test_a_dark_with_its_bias_owes_a_bias_only_for_the_flat() -> None:
    dark = master(P.DARKM, "dark", has_bias=True)
    assert owed([LIGHT], [dark, ALL[2]]) == []
    assert kinds(owed([LIGHT], [dark])) == [
        ("Bias", 0.0, ""),
        ("Dark", 5.0, ""),
        ("Flat", 5.0, "R"),
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"y_binning": 2}, "binning 1x2, an order has one for both"),
        ({"x_origin": 10}, "a part of the frame from 10,0"),
        ({"gain": 0.0}, "gain was 0.0, the newest light has 90.0"),
        ({"mode": "slow"}, "mode was slow, the newest light has "),
    ],
)
def test_what_an_order_cannot_ask_for_is_told_and_not_ordered(
    changed: dict[str, Any], told: str
) -> None:
    odd = frame(FrameType.LIGHT, 0, readout=replace(READOUT, **changed))
    found = owed([odd, frame(FrameType.LIGHT, 1)], ALL)
    assert {one.obstacle for one in found} == {told}
    assert "cannot be ordered" in str(found[0])
    assert orders(found, night=NIGHT, user="calibration") == []


def test_orders_are_valid_work_orders() -> None:
    contract = Contract.load(small_profile())
    made = orders(owed([replace(LIGHT, filter_name="I")]), night=NIGHT, user="calibration")

    requests = [contract.check(order) for order in made]

    assert [order["Frame Type"] for order in made] == ["Bias", "Dark", "Flat"]
    assert {request.kind for request in requests} == {OrderKind.OBSERVATION}
    assert made[1]["Exposure Time"] == 60.0
    assert made[1]["Number of Exposures"] == 11
    assert made[2]["Filter"] == "I"
    json.dumps(made)


def test_the_same_debt_gives_the_same_orders_and_another_night_others() -> None:
    lights = frames(FrameType.LIGHT, 3)
    first = orders(owed(lights), night=NIGHT, user="calibration")
    again = orders(owed(list(reversed(lights))), night=NIGHT, user="calibration")
    later = orders(owed(lights), night="20261122", user="calibration")
    assert first == again
    assert not {order["ID"] for order in first} & {order["ID"] for order in later}
    assert len({order["ID"] for order in first}) == len(first)


LIGHTS = st.lists(
    st.tuples(
        st.sampled_from([2.0, 60.0, 90.0, 600.0]),
        st.sampled_from([-10.0, -10.4, 5.0, None]),
        st.sampled_from("RV"),
        st.sampled_from([READOUT, replace(READOUT, x_binning=2, y_binning=2)]),
    ),
    min_size=1,
    max_size=12,
)


@given(facts=LIGHTS, known=st.sets(st.sampled_from(range(3))), flat_s=st.sampled_from([1.0, 200.0]))
def test_when_what_is_owed_was_taken_every_light_can_be_calibrated(
    facts: list[tuple[float, float | None, str, Any]], known: set[int], flat_s: float
) -> None:
    lights = [
        frame(FrameType.LIGHT, n, exposure_s=s, temperature_c=c, filter_name=name, readout=readout)
        for n, (s, c, name, readout) in enumerate(facts)
    ]
    masters = [ALL[index] for index in known]

    taken = []
    for lack in debt(lights, masters, LIMITS, DebtSettings(flat_exposure_s=flat_s)):
        # the sensor stays as warm as it was for one of the lights that wait
        taken += frames(
            lack.frame_type,
            lack.count,
            100 + len(taken),
            exposure_s=lack.exposure_s,
            temperature_c=lack.temperature_c,
            filter_name=lack.filter_name,
            readout=lack.readout,
        )
    bundle = NightBundle(Path("/n"), NIGHT, (*lights, *taken))
    plan = plan_night(bundle, masters, Parameters("1"))

    assert [light.marked for light in plan.marked] == []


def affordable_now(lacking: list[Lacking], **more: Any) -> list[str]:
    site = {"most_s": 1000.0, "filters": {"R": "R"}, "has_panel": True, **more}
    return [one.obstacle for one in affordable(lacking, **site)]


def test_what_a_site_cannot_take_has_its_obstacle() -> None:
    found = owed([LIGHT])
    assert affordable_now(found) == ["", "", ""]
    assert affordable_now(found, has_panel=False) == ["", "", "there is no light panel"]
    assert affordable_now(found, filters={}) == ["", "", "no filter of that name: 'R'"]


def test_a_night_has_only_so_many_hours_and_most_lights_come_first() -> None:
    lights = [*frames(FrameType.LIGHT, 2), *frames(FrameType.LIGHT, 1, 10, exposure_s=300.0)]
    found = owed(lights, [ALL[0], ALL[2]])
    assert [(one.exposure_s, one.lights) for one in found] == [(60.0, 2), (300.0, 1)]
    assert affordable_now(found, most_s=700.0) == ["", "3300 s, of 700 s a night 40 s are left"]
    assert affordable_now(list(reversed(found)), most_s=700.0)[1] == ""
    assert affordable_now(found, most_s=3960.0) == ["", ""]
