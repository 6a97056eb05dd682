"""The planner's table of requests: what is folded into its columns, what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.errors import BadOrder
from ctmo_indi.models.coordinates import airmass
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.planner.airmass_altitude import NEVER_DEG, altitude_of_airmass_deg
from ctmo_indi.planner.request_table import NO_FILTER, NO_GROUP, PlanRequest, RequestTable
from ctmo_indi.planner.window_rows import WindowRows
from ctmo_indi.profiles import Limits, NightPolicy

LIMITS = Limits(horizon_deg=15.0)
NIGHT = NightPolicy(sun_max_altitude_deg=-12.0)
ONE = PlanRequest("b", 10.0, 20.0, 30.0, count=3)


def _table(*requests: PlanRequest, **more: object) -> RequestTable:
    return RequestTable.of(requests, LIMITS, NIGHT, **more)


def _refused(*requests: PlanRequest, **more: object) -> str:
    with pytest.raises(BadOrder) as refusal:
        _table(*requests, **more)
    return str(refusal.value)


def test_a_visit_lasts_its_frames_and_readouts() -> None:
    table = _table(ONE, readout_s=5.0)
    assert (table.exposure_s[0], table.duration_s[0]) == (90.0, 105.0)


def test_the_weight_is_one_more_than_the_priority() -> None:
    assert _table(replace(ONE, priority=4.5)).weight.tolist() == [5.5]


def test_the_highest_of_all_floors_is_kept() -> None:
    floors = [
        Constraints(),
        Constraints(min_altitude_deg=10.0),
        Constraints(min_altitude_deg=40.0),
        Constraints(max_airmass=2.0),
        Constraints(min_altitude_deg=40.0, max_airmass=2.0),
    ]
    table = _table(*(replace(ONE, key=str(i), constraints=c) for i, c in enumerate(floors)))
    expected = [15.0, 15.0, 40.0, 29.905, 40.0]
    np.testing.assert_allclose(table.min_altitude_deg, expected, atol=1e-3)


def test_the_darker_of_night_and_request_is_kept() -> None:
    table = _table(
        ONE,
        replace(ONE, key="c", constraints=Constraints(max_sun_altitude_deg=-18.0)),
        replace(ONE, key="d", constraints=Constraints(max_sun_altitude_deg=0.0)),
    )
    assert table.max_sun_altitude_deg.tolist() == [-12.0, -18.0, -12.0]


@given(st.floats(1.0, 37.0))
def test_the_altitude_of_an_airmass_has_it(mass: float) -> None:
    altitude = altitude_of_airmass_deg(np.array([mass]))[0]
    # The table's steps of 0.002 deg leave 1e-5 deg, which is most of an air mass at the horizon.
    assert airmass(altitude + 1e-5) <= mass <= airmass(altitude - 1e-5)


def test_airmasses_that_limit_nothing_or_everything() -> None:
    found = altitude_of_airmass_deg(np.array([0.99, 38.0, 50.0, 99.9, np.inf]))
    np.testing.assert_allclose(found, [NEVER_DEG, 0.0, 0.0, -90.0, -90.0], atol=1e-2)


def test_windows_of_a_request_are_sorted_and_those_that_touch_joined() -> None:
    windows = (Window(50.0, 60.0), Window(10.0, 20.0), Window(20.0, 30.0), Window(12.0, 14.0))
    table = _table(ONE, replace(ONE, key="a", windows=windows), replace(ONE, key="c"))
    assert table.window_first.tolist() == [0, 0, 2, 2]
    assert table.window_start_utc_s.tolist() == [10.0, 50.0]
    assert table.window_end_utc_s.tolist() == [30.0, 60.0]


spans = st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 15))


@given(st.lists(spans, max_size=12))
def test_merged_windows_hold_the_same_instants(drawn: list[tuple[int, int, int]]) -> None:
    windows = [(row, float(start), float(start + length)) for row, start, length in drawn]
    table = RequestTable.from_arrays(
        "abcd", 1.0, 2.0, 1.0, 1.0, LIMITS, NIGHT, windows=WindowRows.of(windows)
    )
    for row in range(4):
        merged = slice(*table.window_first[row : row + 2])
        starts, ends = table.window_start_utc_s[merged], table.window_end_utc_s[merged]
        assert np.all(starts[1:] > ends[:-1])
        for time_s in np.arange(0.0, 80.0, 0.5):
            given_ones = any(r == row and s <= time_s <= e for r, s, e in windows)
            assert np.any((starts <= time_s) & (time_s <= ends)) == given_ones


def test_keys_are_ranked_whatever_their_order() -> None:
    table = _table(*(replace(ONE, key=key) for key in ("m", "a", "z", "b")))
    assert table.key_rank.tolist() == [2, 0, 3, 1]


def test_filters_and_groups_are_numbered() -> None:
    table = _table(
        replace(ONE, key="1", filter_name="V", group="pair"),
        replace(ONE, key="2", filter_name="B", group="pair"),
        replace(ONE, key="3"),
    )
    assert [table.filter_names[code] for code in table.filter_code[:2]] == ["V", "B"]
    assert table.filter_code[2] == NO_FILTER
    assert table.group[0] == table.group[1] >= 0
    assert table.group[2] == NO_GROUP
    told = _table(replace(ONE, filter_name="V"), filter_names=("R", "V"))
    assert (told.filter_code.tolist(), told.filter_names) == ([1], ("R", "V"))


def test_no_requests_make_an_empty_table() -> None:
    table = _table()
    assert len(table) == 0
    assert table.window_first.tolist() == [0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ra_deg": math.nan}, "b: ra_deg came nan, expected a finite number"),
        ({"dec_deg": math.inf}, "b: dec_deg came inf, expected -90 to 90"),
        ({"dec_deg": 90.5}, "b: dec_deg came 90.5, expected -90 to 90"),
        ({"exposure_s": 0.0}, "b: duration_s came 0, expected a finite number of more than 0"),
        ({"exposure_s": -30.0}, "b: exposure_s came -30, expected a finite number of at least 0"),
        ({"exposure_s": math.nan}, "b: exposure_s came nan"),
        ({"count": 0}, "b: count came 0, expected a finite number of at least 1"),
        ({"priority": math.nan}, "b: priority came nan"),
        ({"priority": -2.0}, "b: priority came -2, expected a finite number of at least -1"),
        ({"priority": math.inf}, "b: priority came inf, expected a finite number of at least -1"),
        ({"filter_name": "Z"}, "b: filter came 'Z', expected ('B', 'V')"),
        ({"windows": (Window(5.0, 4.0),)}, "b: window came 5.0 to 4.0, expected"),
        ({"windows": (Window(math.nan, 4.0),)}, "b: window came nan to 4.0, expected"),
        ({"windows": (Window(1.0, math.inf),)}, "b: window came 1.0 to inf, expected"),
        ({"constraints": Constraints(max_airmass=math.nan)}, "b: max_airmass came nan"),
        ({"constraints": Constraints(max_airmass=-1.0)}, "b: max_airmass came -1, expected more"),
        ({"constraints": Constraints(min_altitude_deg=95.0)}, "b: min_altitude_deg came 95"),
        ({"constraints": Constraints(min_moon_separation_deg=-1.0)}, "b: min_moon_separation_deg"),
        ({"constraints": Constraints(max_sun_altitude_deg=math.nan)}, "b: max_sun_altitude_deg"),
        ({"constraints": Constraints(min_hour_angle_h=-13.0)}, "b: min_hour_angle_h came -13"),
        ({"constraints": Constraints(max_hour_angle_h=math.nan)}, "b: max_hour_angle_h came nan"),
        ({"constraints": Constraints(max_moon_altitude_deg=91.0)}, "b: max_moon_altitude_deg"),
        ({"constraints": Constraints(max_moon_illumination=1.5)}, "b: max_moon_illumination"),
    ],
)
def test_what_means_nothing_is_refused(change: dict[str, object], told: str) -> None:
    assert told in _refused(ONE if not change else replace(ONE, **change), filter_names=("B", "V"))


def test_a_key_that_comes_twice_is_refused() -> None:
    told = _refused(ONE, replace(ONE, key="a"), replace(ONE, ra_deg=11.0))
    assert told == "b: came twice, expected every key once"


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = _refused(replace(ONE, ra_deg=math.nan), replace(ONE, key="a", dec_deg=100.0))
    assert "b: ra_deg" in told
    assert "a: dec_deg" in told


def test_of_very_many_wrong_rows_the_first_are_told() -> None:
    with pytest.raises(BadOrder) as refusal:
        RequestTable.from_arrays(
            [str(i) for i in range(1000)], np.nan, 0.0, 1.0, 1.0, LIMITS, NIGHT
        )
    assert len(refusal.value.problems) <= 31


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"windows": WindowRows.of([(2, 0.0, 1.0)])}, "window 0: row came 2, expected 0 to 1"),
        ({"filter_code": [0, 3], "filter_names": ("B",)}, "b: filter_code came 3, expected -1 to"),
        ({"exposure_s": 9.0}, "duration_s - exposure_s came -4"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, object], told: str) -> None:
    columns: dict[str, object] = {"exposure_s": 1.0, **change}
    with pytest.raises(BadOrder, match=told):
        RequestTable.from_arrays(
            "ab", 1.0, 2.0, duration_s=5.0, limits=LIMITS, night=NIGHT, **columns
        )
