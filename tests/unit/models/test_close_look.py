"""Orders whose limits are met for minutes, or never: refused when it is never, and only then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ctmo_indi.models import sky
from ctmo_indi.models.close_look import longest_s
from ctmo_indi.models.coordinates import Array
from ctmo_indi.models.observing_rules import Rule
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Limits, NightPolicy, Site

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
LIMITS = Limits(horizon_deg=15.0)
NIGHT = NightPolicy()
NOW = datetime(2026, 11, 22, tzinfo=UTC)
PLAIN = ObservationRequest(
    order_id="1",
    user="ada",
    frame_type=FrameType.LIGHT,
    exposure_s=60.0,
    count=1,
    ra_deg=60.0,
    dec_deg=20.0,
    filter_name="V",
)


def asked(request: ObservationRequest, visit_s: float = 0.0) -> tuple[bool, str]:
    return sky.ever_observable(request, CTMO, LIMITS, NIGHT, utc=NOW, visit_s=visit_s)


def with_limits(
    dec_deg: float = 20.0, exposure_s: float = 60.0, **limits: float
) -> ObservationRequest:
    return replace(PLAIN, dec_deg=dec_deg, exposure_s=exposure_s, constraints=Constraints(**limits))


NEVER = [
    (with_limits(49.0, max_airmass=1.0), "airmass 1.1, expected at most 1.0"),
    (with_limits(5.0, max_airmass=1.02), "airmass 1.1, expected at most 1.0"),
    (with_limits(14.7, max_airmass=1.018), "airmass 1.019, expected at most 1.018"),
    (with_limits(exposure_s=14400.0, max_airmass=1.05), "takes 14400 s, at best 8"),
    (
        with_limits(exposure_s=600.0, min_hour_angle_h=0.0, max_hour_angle_h=0.1),
        "one exposure takes 600 s, at best 359 s are within all limits",
    ),
    (with_limits(exposure_s=1200.0, min_hour_angle_h=0.0, max_hour_angle_h=0.17), "at best 610 s"),
]
JUST = [
    with_limits(25.996, max_airmass=1.0),
    with_limits(14.9, max_airmass=1.0205),
    with_limits(exposure_s=8500.0, max_airmass=1.05),
    with_limits(exposure_s=350.0, min_hour_angle_h=0.0, max_hour_angle_h=0.1),
    with_limits(exposure_s=6.5, min_hour_angle_h=0.0, max_hour_angle_h=0.002),
    with_limits(exposure_s=600.0, min_hour_angle_h=1.0, max_hour_angle_h=1.17),
]


def longest_by_seconds(request: ObservationRequest) -> float:
    """The longest stay in one good night, every second of it looked at."""
    night_s = datetime(2026, 11, 23, tzinfo=UTC).timestamp() + np.arange(0.0, 43200.0, 1.0)
    checked = sky.rules(request, sky.Skies.over(CTMO, night_s), LIMITS, NIGHT)
    is_good = np.all([rule.slack >= 0.0 for rule in checked], axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_good.astype(np.int8), [0]])))
    return float(max((edges[1::2] - edges[::2]).tolist(), default=0))


@pytest.mark.parametrize(("request_", "said"), NEVER)
def test_what_is_never_within_its_limits_is_refused(
    request_: ObservationRequest, said: str
) -> None:
    assert longest_by_seconds(request_) < request_.exposure_s
    is_possible, reason = asked(request_)
    assert not is_possible
    assert said in reason


@pytest.mark.parametrize("request_", JUST)
def test_what_just_is_is_taken(request_: ObservationRequest) -> None:
    assert longest_by_seconds(request_) >= request_.exposure_s
    assert asked(request_) == (True, "")


def test_near_the_limit_it_is_as_a_look_at_every_second_says() -> None:
    lots = np.random.default_rng(3)
    for _ in range(60):
        request = with_limits(
            float(lots.uniform(-20.0, 70.0)),
            float(lots.uniform(10.0, 3000.0)),
            max_airmass=float(lots.uniform(1.0, 1.4)),
        )
        spare_s = longest_by_seconds(request) - request.exposure_s
        if abs(spare_s) > 10.0:
            assert asked(request)[0] == (spare_s > 0.0), request


def test_a_fixed_start_needs_its_whole_visit_within_the_limits() -> None:
    """Two hours before dawn, 11:53 UTC there and then, at -18 deg."""
    start_s = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()
    for length_s, is_possible in ((3600.0, True), (14400.0, False)):
        window = Window(start_s - 60.0, start_s + 60.0 + length_s)
        request = replace(PLAIN, ra_deg=110.0, windows=(window,), latest_start_utc_s=start_s + 60.0)
        found, reason = asked(request, length_s)
        assert found is is_possible
        if not found:
            assert reason.startswith("Start: begun by 2026-11-22T10:01:00Z its visit has to go on")
            assert "14400 s, at best" in reason


def rule(slack: list[float], name: str = "altitude") -> Rule:
    values = np.array(slack)
    return Rule(name, " deg", values, np.zeros_like(values), at_least=True)


@pytest.mark.parametrize(
    ("slack", "expected_s"),
    [
        ([-1.0, 1.0, 3.0, 1.0, -3.0], 120.0 + 30.0 + 15.0),
        ([-1.0, -1.0], 0.0),
        ([2.0, 1.0], 60.0),
        ([50.0, 50.0, -80.0], 60.0 + 60.0),  # it jumps: the whole step
    ],
)
def test_edges_are_between_instants(slack: list[float], expected_s: float) -> None:
    times_s: Array = 60.0 * np.arange(len(slack))
    assert longest_s([rule(slack)], times_s, 60.0) == pytest.approx(expected_s, abs=0.01)


def test_what_lies_apart_is_no_stay() -> None:
    times_s: Array = np.array([0.0, 60.0, 600.0, 660.0, 720.0])
    assert longest_s([rule([1.0] * 5)], times_s, 60.0) == 120.0
    assert longest_s([rule([1.0] * 5)], times_s, 60.0, latest_utc_s=100.0) == 60.0
