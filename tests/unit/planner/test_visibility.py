"""Spans and bits of visibility: against the rules of the models, against each other, at the edges.

The oracles astropy and astroplan are in ``test_visibility_oracles``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import hour_angle_h
from ctmo_indi.models.observing_rules import Skies, rules
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.models.sun_moon import sun_altitude_deg, sun_icrs
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.request_table import PlanRequest, RequestTable
from ctmo_indi.planner.visibility import Intervals, intervals, sin_altitude, visible_bits
from ctmo_indi.profiles import Limits, NightPolicy, Site

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
NORTH_CAPE = Site("North Cape", 71.2, 25.8, 0.0)
SITES = (
    CTMO,
    NORTH_CAPE,
    Site("Equator", 0.0, 36.0, 2000.0),
    Site("South", -33.0, -70.0, 2400.0),
    Site("North Pole", 90.0, 0.0, 0.0),
    Site("South Pole", -90.0, 0.0, 2800.0),
)
POLICY = NightPolicy(sun_max_altitude_deg=-12.0)
NOVEMBER = datetime(2026, 11, 22, 6, tzinfo=UTC)
JUNE = datetime(2026, 6, 21, 18, tzinfo=UTC)
PLAIN = Limits(horizon_deg=15.0)
NIGHT = NightGrid.of_night(CTMO, PLAIN, POLICY, NOVEMBER)
ONE = PlanRequest("one", 23.1, 13.2, 30.0)
MASK = ((0.0, 20.0), (90.0, 35.0), (91.0, 10.0), (200.0, 10.0), (200.5, 60.0), (300.0, 18.0))


def _seen(table: RequestTable, night: NightGrid) -> NDArray[np.bool_]:
    bits = visible_bits(table, night)
    assert bits.shape == (len(table), (night.times_utc_s.size + 7) // 8)
    return np.unpackbits(bits, axis=1, count=night.times_utc_s.size).astype(np.bool_)


def _inside(spans: list[tuple[float, float]], times_s: NDArray[np.float64], margin_s: float = 0.0):
    """Whether instants are within spans that are made longer at both ends."""
    inside = np.zeros(times_s.shape, dtype=np.bool_)
    for start_s, end_s in spans:
        inside |= (times_s >= start_s - margin_s) & (times_s <= end_s + margin_s)
    return inside


def _spans(request: PlanRequest, night: NightGrid) -> list[tuple[float, float]]:
    """The spans of one request, which its bits agree with."""
    table = RequestTable.of([request], night.limits, night.policy)
    spans = intervals(table, night, only_fitting=False).of_row(0)
    seen, times_s = _seen(table, night)[0], night.times_utc_s
    assert not (_inside(spans, times_s, -0.2) & ~seen).any()
    assert not (seen & ~_inside(spans, times_s, 0.2)).any()
    return spans


# --- the rules of the models ---------------------------------------------------------------------

ras = st.floats(0.0, 360.0)
decs = st.floats(-90.0, 90.0)
wants = st.builds(
    Constraints,
    max_airmass=st.none() | st.floats(1.0, 5.0),
    min_altitude_deg=st.none() | st.floats(0.0, 80.0),
    min_moon_separation_deg=st.none() | st.floats(0.0, 120.0),
    max_sun_altitude_deg=st.none() | st.floats(-24.0, 10.0),
    min_hour_angle_h=st.none() | st.floats(-12.0, 6.0),
    max_hour_angle_h=st.none() | st.floats(-6.0, 12.0),
    max_moon_altitude_deg=st.none() | st.floats(-20.0, 60.0),
    max_moon_illumination=st.none() | st.floats(0.0, 1.0),
)
masks = st.just(()) | st.lists(
    st.tuples(st.integers(0, 359).map(float), st.floats(-5.0, 70.0)),
    min_size=1,
    max_size=8,
    unique_by=lambda corner: corner[0],
).map(lambda corners: tuple(sorted(corners)))
limits = st.builds(
    Limits,
    horizon_deg=st.floats(-5.0, 40.0),
    max_altitude_deg=st.just(90.0) | st.floats(41.0, 90.0),
    horizon_mask_deg=masks,
    max_hour_angle_h=st.none() | st.floats(0.1, 12.0),
    meridian_flip_h=st.none() | st.floats(-3.0, 3.0),
    meridian_flip_margin_min=st.floats(1.0, 180.0),
    sun_separation_deg=st.floats(0.0, 90.0),
    sun_separation_above_deg=st.floats(-30.0, 0.0),
)
policies = st.builds(NightPolicy, sun_max_altitude_deg=st.floats(-20.0, -1.0))
nights = st.builds(
    lambda site, limits, policy, utc_s: NightGrid.of_night(site, limits, policy, utc_s, 300.0),
    st.sampled_from(SITES),
    limits,
    policies,
    st.floats(1.77e9, 1.83e9),
)
requests = st.builds(
    lambda ra, dec, want: replace(ONE, ra_deg=ra, dec_deg=dec, constraints=want), ras, decs, wants
)
# Air mass and Sun are known to 0.02 deg in the rules, places to 0.3" in the middle's frame.
UNSURE = {
    "Sun altitude": 0.03,
    "airmass": 0.02,
    "Sun separation": 0.03,
    "Moon illumination": 0.05,  # percent, straight between hours
}


@settings(max_examples=60)
@given(nights, requests)
def test_bits_keep_the_rules_of_the_models(night: NightGrid, request: PlanRequest) -> None:
    if night.times_utc_s.size == 0:
        return
    order = ObservationRequest(
        "1",
        "ada",
        FrameType.LIGHT,
        30.0,
        1,
        request.ra_deg,
        request.dec_deg,
        constraints=request.constraints,
    )
    expected = np.ones(night.times_utc_s.shape, dtype=np.bool_)
    unsure = np.abs(night.sun_altitude_deg - night.limits.sun_separation_above_deg) < 0.03
    skies = Skies.over(night.site, night.times_utc_s)
    unsure |= np.abs(skies.moon_altitude_deg) < 1e-3
    for rule in rules(order, skies, night.limits, night.policy):
        margin = UNSURE.get(rule.name, 1e-3)
        if rule.name == "altitude" and night.limits.horizon_mask_deg:
            margin = 0.1  # beside a wall of the mask a little azimuth is much altitude
        if rule.name == "Sun altitude":
            # The night itself is the Sun's rule by its policy.
            rule = replace(rule, values=np.minimum(rule.values, night.sun_highest_deg))
        if rule.name == "meridian flip margin":
            margin = 0.01 / max(math.cos(math.radians(request.dec_deg)), 1e-6)
        unsure |= np.abs(rule.slack) < margin
        if rule.name == "hour angle":
            unsure |= np.abs(np.abs(rule.values) - 12.0) < margin
        expected &= rule.slack >= 0.0
    table = RequestTable.of([request], night.limits, night.policy)
    differs = (_seen(table, night)[0] != expected) & ~unsure
    assert not differs.any()


# --- spans and bits against each other -----------------------------------------------------------


parts = st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(0.001, 0.7)), max_size=3)


def _windowed(
    key: int, request: PlanRequest, shares: list[tuple[float, float]], night: NightGrid
) -> PlanRequest:
    """Windows that begin at a share of the night and last a share of it."""
    begin_s, length_s = night.begin_utc_s, night.end_utc_s - night.begin_utc_s
    windows = tuple(Window(begin_s + a * length_s, begin_s + (a + b) * length_s) for a, b in shares)
    return replace(request, key=str(key), windows=windows)


@settings(max_examples=100)
@given(nights, st.lists(st.tuples(requests, parts), min_size=1, max_size=4))
def test_bits_and_intervals_agree(
    night: NightGrid, drawn: list[tuple[PlanRequest, list[tuple[float, float]]]]
) -> None:
    keyed = [_windowed(number, *one, night) for number, one in enumerate(drawn)]
    table = RequestTable.of(keyed, night.limits, night.policy)
    found, seen = intervals(table, night, only_fitting=False), _seen(table, night)
    for row in range(len(table)):
        spans = found.of_row(row)
        for (_, end_s), (start_s, _) in pairwise(spans):
            assert start_s > end_s
        assert all(night.begin_utc_s <= a < b <= night.end_utc_s for a, b in spans)
        shorter = _inside(spans, night.times_utc_s, -0.2)
        longer = _inside(spans, night.times_utc_s, 0.2)
        assert not (shorter & ~seen[row]).any()
        assert not (seen[row] & ~longer).any()


@settings(max_examples=60)
@given(
    requests, st.floats(0.0, 0.9), st.floats(0.001, 0.5), st.floats(0.0, 0.3), st.floats(0.0, 0.3)
)
def test_a_wider_window_loses_no_instant(
    request: PlanRequest, start: float, length: float, earlier: float, later: float
) -> None:
    night_s = NIGHT.end_utc_s - NIGHT.begin_utc_s

    def spans(first: float, last: float) -> list[tuple[float, float]]:
        window = Window(NIGHT.begin_utc_s + first * night_s, NIGHT.begin_utc_s + last * night_s)
        return _spans(replace(request, windows=(window,)), NIGHT)

    wide = spans(start - earlier, start + length + later)
    # Roots are sought from other nodes: they may move by their tolerance.
    for start_s, end_s in spans(start, start + length):
        assert any(a <= start_s + 0.01 and end_s - 0.01 <= b for a, b in wide)


@settings(max_examples=30)
@given(st.lists(requests, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_requests_changes_nothing(drawn: list[PlanRequest], lots: object) -> None:
    keyed = [replace(request, key=str(number)) for number, request in enumerate(drawn)]
    shuffled = list(keyed)
    lots.shuffle(shuffled)
    ordered = intervals(RequestTable.of(keyed, PLAIN, POLICY), NIGHT)
    other = intervals(RequestTable.of(shuffled, PLAIN, POLICY), NIGHT)
    for row, request in enumerate(shuffled):
        assert other.of_row(row) == ordered.of_row(int(request.key))


def _brute_spans(
    request: PlanRequest, night: NightGrid, begin_s: float, end_s: float
) -> NDArray[np.bool_]:
    """Bits of every tenth of a second."""
    fine = NightGrid.of(night.site, night.limits, night.policy, begin_s, end_s, 0.1)
    return _seen(RequestTable.of([request], night.limits, night.policy), fine)[0]


@pytest.mark.parametrize("ra_deg", [10.0, 55.0, 100.0, 130.0])
@pytest.mark.parametrize("dec_deg", [-35.0, 0.0, 26.0, 60.0])
def test_behind_a_mask_spans_end_to_a_tenth_of_a_second(ra_deg: float, dec_deg: float) -> None:
    night = NightGrid.of_night(CTMO, replace(PLAIN, horizon_mask_deg=MASK), POLICY, NOVEMBER)
    request = replace(ONE, ra_deg=ra_deg, dec_deg=dec_deg)
    for start_s, end_s in _spans(request, night):
        for edge_s in (start_s, end_s):
            if night.begin_utc_s < edge_s < night.end_utc_s:
                seen = _brute_spans(request, night, edge_s - 20.0, edge_s + 20.0)
                times_s = edge_s - 20.0 + 0.1 * np.arange(seen.size)
                np.testing.assert_array_equal(
                    seen & (np.abs(times_s - edge_s) > 0.15),
                    _inside([(start_s, end_s)], times_s) & (np.abs(times_s - edge_s) > 0.15),
                )


def test_a_star_that_dips_behind_a_tree_for_a_minute_has_two_spans() -> None:
    # A tree 0.3 deg wide, seen in a tenth of the nodes' distance.
    tree = ((0.0, 5.0), (99.9, 5.0), (100.0, 40.0), (100.3, 40.0), (100.4, 5.0))
    night = NightGrid.of_night(CTMO, replace(PLAIN, horizon_mask_deg=tree), POLICY, NOVEMBER)
    plain = _spans(replace(ONE, ra_deg=100.0, dec_deg=0.0), NIGHT)
    (first, second) = _spans(replace(ONE, ra_deg=100.0, dec_deg=0.0), night)
    assert first[0] == plain[0][0]
    assert second[1] == plain[-1][1]
    assert 20.0 < second[0] - first[1] < 300.0


def test_a_level_mask_is_a_horizon_also_for_stars_that_graze_it() -> None:
    # Around the declination that culminates at 60 deg: up for seconds to minutes, between nodes.
    dec_deg = CTMO.latitude_deg - 30.0 + np.arange(-0.2, 0.2, 0.0005)
    keys = [str(number) for number in range(dec_deg.size)]
    level = replace(PLAIN, horizon_mask_deg=((45.0, 60.0), (225.0, 60.0), (300.0, 60.0)))

    def spans(limits: Limits) -> Intervals:
        night = NightGrid.of_night(CTMO, limits, POLICY, NOVEMBER)
        table = RequestTable.from_arrays(keys, 61.7, dec_deg, 1.0, 1.0, limits, POLICY)
        return intervals(table, night, only_fitting=False)

    plain, masked = spans(Limits(horizon_deg=60.0)), spans(level)
    lengths_s = plain.total_s()
    assert np.count_nonzero((lengths_s > 1.0) & (lengths_s < 280.0)) > 3
    seconds = lengths_s > 1.0
    np.testing.assert_allclose(masked.total_s()[seconds], lengths_s[seconds], atol=0.05)
    assert not masked.total_s()[lengths_s == 0.0].any()


# --- edges ---------------------------------------------------------------------------------------


def test_no_requests_have_no_spans_and_no_bits() -> None:
    table = RequestTable.of([], PLAIN, POLICY)
    assert len(intervals(table, NIGHT)) == 0
    assert visible_bits(table, NIGHT).shape == (0, (NIGHT.times_utc_s.size + 7) // 8)
    assert sin_altitude(table, NIGHT).shape == (0, NIGHT.times_utc_s.size)


def _nothing(request: PlanRequest, night: NightGrid) -> None:
    table = RequestTable.of([request], night.limits, night.policy)
    found = intervals(table, night)
    assert found.first.tolist() == [0, 0]
    assert found.start_utc_s.size == found.end_utc_s.size == 0


@pytest.mark.parametrize(
    "change",
    [
        {"dec_deg": -80.0},
        {"constraints": Constraints(max_airmass=0.5)},
        {"constraints": Constraints(min_altitude_deg=89.0)},
        {"constraints": Constraints(max_sun_altitude_deg=-85.0)},
        {"constraints": Constraints(min_moon_separation_deg=180.0)},
        {"constraints": Constraints(max_moon_altitude_deg=-90.0)},
        {"constraints": Constraints(min_hour_angle_h=3.0, max_hour_angle_h=-3.0)},
        {"windows": (Window(0.0, 1000.0),)},
        {"windows": (Window(NIGHT.end_utc_s + 1.0, NIGHT.end_utc_s + 1000.0),)},
        {"windows": (Window(NIGHT.begin_utc_s + 5.0, NIGHT.begin_utc_s + 5.0),)},
        {"exposure_s": 100000.0},
    ],
)
def test_what_cannot_be_seen_has_no_spans(change: dict[str, object]) -> None:
    _nothing(replace(ONE, **change), NIGHT)


def test_when_the_moon_must_be_down_it_is() -> None:
    down = np.flatnonzero(NIGHT.moon_altitude_deg <= 0.0)
    assert 0 < down.size < NIGHT.times_utc_s.size
    star = replace(ONE, dec_deg=89.0)
    ((start_s, end_s),) = _spans(
        replace(star, constraints=Constraints(max_moon_altitude_deg=0.0)), NIGHT
    )
    assert 0.0 < NIGHT.times_utc_s[down[0]] - start_s < 60.0
    assert end_s == NIGHT.end_utc_s
    # However bright it is while it is down.
    dim = _spans(replace(star, constraints=Constraints(max_moon_illumination=0.2)), NIGHT)
    np.testing.assert_allclose(dim, [(start_s, end_s)], atol=0.01)


def test_hours_before_the_meridian_end_at_transit() -> None:
    star = replace(ONE, ra_deg=60.0, dec_deg=10.0)
    ((start_s, end_s),) = _spans(star, NIGHT)
    before = replace(star, constraints=Constraints(max_hour_angle_h=0.0))
    after = replace(star, constraints=Constraints(min_hour_angle_h=0.0))
    ((first_s, transit_s),), ((same_s, last_s),) = _spans(before, NIGHT), _spans(after, NIGHT)
    assert (first_s, last_s) == (start_s, end_s)
    assert transit_s == pytest.approx(same_s, abs=1e-5)
    assert hour_angle_h(60.0, 10.0, CTMO, transit_s) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(("flip_h", "margin_min"), [(0.0, 5.0), (0.5, 1.0), (-0.25, 90.0)])
def test_a_german_mounts_flip_cuts_the_night_in_two(flip_h: float, margin_min: float) -> None:
    limits = replace(PLAIN, meridian_flip_h=flip_h, meridian_flip_margin_min=margin_min)
    night = NightGrid.of_night(CTMO, limits, POLICY, NOVEMBER)
    (rise_s, before_s), (after_s, set_s) = _spans(ONE, night)
    assert [(rise_s, set_s)] == _spans(ONE, NIGHT)
    hours = [hour_angle_h(ONE.ra_deg, ONE.dec_deg, CTMO, when) for when in (before_s, after_s)]
    margin_h = margin_min / 60.0
    assert hours == pytest.approx([flip_h - margin_h, flip_h + margin_h], abs=1e-4)


def test_on_the_lower_meridian_the_mount_flips_as_well() -> None:
    limits = Limits(horizon_deg=5.0, meridian_flip_h=0.25)
    night = NightGrid.of_night(CTMO, limits, POLICY, NOVEMBER)
    polar = replace(ONE, ra_deg=200.0, dec_deg=85.0)
    (_, before_s), (after_s, _) = _spans(polar, night)
    hours = [hour_angle_h(polar.ra_deg, 85.0, CTMO, when) for when in (before_s, after_s)]
    assert hours == pytest.approx([-11.75 - 1.0 / 12.0, -11.75 + 1.0 / 12.0], abs=1e-4)


def test_a_visit_too_long_for_either_side_of_the_flip_does_not_fit() -> None:
    limits = replace(PLAIN, meridian_flip_h=0.0)
    night = NightGrid.of_night(CTMO, limits, POLICY, NOVEMBER)
    ((rise_s, set_s),) = _spans(ONE, NIGHT)
    whole_s = max(end_s - start_s for start_s, end_s in _spans(ONE, night))
    for lasts_s, fitting in ((whole_s - 1.0, 1), (whole_s + 1.0, 0)):
        assert lasts_s < set_s - rise_s
        table = RequestTable.of([replace(ONE, exposure_s=lasts_s)], limits, POLICY)
        assert len(intervals(table, night).start_utc_s) == fitting


def test_a_request_longer_than_the_night_has_spans_when_asked() -> None:
    assert _spans(replace(ONE, exposure_s=100000.0), NIGHT)


def test_a_window_as_long_as_the_visit_fits() -> None:
    start_s = math.floor(NIGHT.begin_utc_s) + 3600.0
    request = replace(ONE, exposure_s=20.1, windows=(Window(start_s, start_s + 20.1),))
    found = intervals(RequestTable.of([request], PLAIN, POLICY), NIGHT)
    np.testing.assert_allclose(found.of_row(0), [(start_s, start_s + 20.1)], atol=1e-6)


def test_under_the_midnight_sun_nothing_is_seen() -> None:
    night = NightGrid.of_night(NORTH_CAPE, PLAIN, POLICY, JUNE)
    _nothing(ONE, night)
    assert visible_bits(RequestTable.of([ONE], PLAIN, POLICY), night).shape == (1, 0)


@pytest.mark.parametrize("site", SITES[-2:])
@pytest.mark.parametrize("dec_deg", [-90.0, -30.0, 0.0, 14.9, 15.1, 89.9999, 90.0])
def test_at_the_pole_a_star_is_up_all_the_time_or_never(site: Site, dec_deg: float) -> None:
    begin_s = NOVEMBER.timestamp()
    night = NightGrid.of(site, PLAIN, NightPolicy(90.0), begin_s, begin_s + 86400.0)
    found = _spans(replace(ONE, dec_deg=dec_deg), night)
    altitude_deg = math.copysign(dec_deg, dec_deg * site.latitude_deg)
    # Precession since 2000 moves the pole by 0.15 deg.
    expected = [(begin_s, begin_s + 86400.0)] if altitude_deg >= 15.0 + 0.2 else []
    if abs(altitude_deg - 15.0) > 0.2:
        assert found == expected


def test_in_polar_night_a_star_is_seen_twice_from_noon_to_noon() -> None:
    site = Site("Far north", 86.0, 15.6, 0.0)
    night = NightGrid.of_night(site, Limits(30.0), POLICY, datetime(2026, 12, 21, 18, tzinfo=UTC))
    assert night.end_utc_s - night.begin_utc_s == 86400.0
    middle = night.local_rotation_rad(night.begin_utc_s)
    star = replace(ONE, ra_deg=math.degrees(middle) % 360.0, dec_deg=26.3)
    (first, second) = _spans(star, night)
    assert first[0] == night.begin_utc_s
    assert second[1] == night.end_utc_s


def test_around_the_zenith_a_highest_altitude_cuts_the_night_in_two() -> None:
    night = NightGrid.of_night(CTMO, replace(PLAIN, max_altitude_deg=80.0), POLICY, NOVEMBER)
    star = replace(ONE, ra_deg=80.0, dec_deg=26.0)
    (before, after) = _spans(star, night)
    # 10 deg from the zenith on the meridian at declination = latitude: 20 / (15.04 cos d) hours.
    assert after[0] - before[1] == pytest.approx(20.0 / (15.041 * math.cos(0.4537)) * 3600.0, 0.02)


def test_circumpolar_stars_that_pass_too_high_are_seen_before_and_after() -> None:
    limits = Limits(horizon_deg=15.0, max_altitude_deg=60.0)
    night = NightGrid.of_night(NORTH_CAPE, limits, POLICY, NOVEMBER)
    ra_deg = np.arange(0.0, 360.0, 15.0)
    keys = [str(number) for number in range(ra_deg.size)]
    table = RequestTable.from_arrays(keys, ra_deg, 60.0, 1.0, 1.0, limits, POLICY)
    found, seen = intervals(table, night), _seen(table, night)
    for row in range(len(table)):
        np.testing.assert_array_equal(_inside(found.of_row(row), night.times_utc_s), seen[row])


def test_beside_the_sun_nothing_is_seen_while_it_is_near_the_horizon() -> None:
    limits = Limits(horizon_deg=5.0, sun_separation_deg=90.0, sun_separation_above_deg=-6.0)
    night = NightGrid.of_night(CTMO, limits, NightPolicy(-1.0), NOVEMBER)
    ra_deg, dec_deg = sun_icrs(night.begin_utc_s)
    beside = _spans(replace(ONE, ra_deg=ra_deg + 60.0, dec_deg=dec_deg), night)
    assert sun_altitude_deg(CTMO, beside[0][0]) == pytest.approx(-6.0, abs=0.001)
    away = _spans(replace(ONE, ra_deg=ra_deg + 120.0, dec_deg=20.0), night)
    assert away[0][0] == night.begin_utc_s


def test_only_those_that_fit_are_kept_unless_asked() -> None:
    night = NightGrid.of_night(CTMO, replace(PLAIN, max_altitude_deg=80.0), POLICY, NOVEMBER)
    star = replace(ONE, ra_deg=80.0, dec_deg=26.0)
    lengths_s = sorted(end_s - start_s for start_s, end_s in _spans(star, night))
    table = RequestTable.of([replace(star, exposure_s=lengths_s[0] + 1.0)], PLAIN, POLICY)
    assert len(intervals(table, night).of_row(0)) == 1
    assert intervals(table, night, only_fitting=False).total_s() == pytest.approx(sum(lengths_s))


def test_rows_are_chosen_in_any_order() -> None:
    table = RequestTable.of(
        [replace(ONE, key=str(i), ra_deg=36.0 * i) for i in range(10)], PLAIN, POLICY
    )
    rows = [7, 2, 2]
    np.testing.assert_array_equal(
        visible_bits(table, NIGHT, rows), visible_bits(table, NIGHT)[rows]
    )
    np.testing.assert_array_equal(
        sin_altitude(table, NIGHT, rows), sin_altitude(table, NIGHT)[rows]
    )
    with pytest.raises(IndexError, match="came row 10, expected 0 to 9"):
        visible_bits(table, NIGHT, [10])


def test_as_many_spans_as_windows_are_kept() -> None:
    windows = tuple(
        Window(NIGHT.begin_utc_s + 100.0 * i, NIGHT.begin_utc_s + 100.0 * i + 50.0)
        for i in range(-10, 500)
    )
    request = replace(ONE, dec_deg=89.0, windows=windows)
    inside = [one for one in windows if one.end_utc_s > NIGHT.begin_utc_s]
    inside = [one for one in inside if one.start_utc_s < NIGHT.end_utc_s]
    table = RequestTable.of([request, replace(request, key="two")], PLAIN, POLICY)
    found: Intervals = intervals(table, NIGHT)
    assert len(found.of_row(0)) == len(found.of_row(1)) >= len(inside) - 1
