"""Each basis function by numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.basis_functions import BASIS_FUNCTIONS
from ctmo_indi.scheduling.feature.fields import FieldSet
from ctmo_indi.scheduling.feature.order_table import OrderRows
from ctmo_indi.scheduling.feature.visits import Visits

from .feature_world import (
    MIDNIGHT,
    PROFILE,
    TRACKING,
    UTC_S,
    conditions_of,
    features_of,
    order,
)

NIGHT = "20261121"
OUT = -math.inf


def standing(*altaz: tuple[float, float]) -> FieldSet:
    """Fields that stand at these altitudes and azimuths at MIDNIGHT."""
    altitude, azimuth = (np.array(one, dtype=float) for one in zip(*altaz, strict=True))
    ra_deg, dec_deg = altaz_to_icrs(altitude, azimuth, PROFILE.site, np.full(len(altaz), UTC_S))
    return FieldSet.of("some", [str(row) for row in range(len(altaz))], ra_deg, dec_deg)


THREE = standing((30.0, 90.0), (60.0, 270.0), (80.0, 180.0))


def make(name: str, **keys: object) -> BasisFunction:
    return BASIS_FUNCTIONS[name](**keys)


def value(one: BasisFunction, fields: FieldSet = THREE, **features: object) -> list[float]:
    found = one.value(conditions_of(fields), features_of(fields, **features))
    return np.broadcast_to(found, fields.size).tolist()


def test_airmass_is_least_in_the_zenith() -> None:
    assert value(make("airmass")) == pytest.approx([-0.995, -0.154, -0.0154], abs=2e-3)
    assert value(make("airmass", max_airmass=1.5))[0] == OUT


def test_altitude_has_limits() -> None:
    assert value(make("altitude")) == pytest.approx([0.5, 0.866, 0.985], abs=1e-3)
    assert value(make("altitude", min_deg=40.0, max_deg=70.0)) == [
        OUT,
        pytest.approx(0.866, abs=1e-3),
        OUT,
    ]


def test_what_sets_before_the_end_of_the_block_is_masked() -> None:
    fields = standing((30.0, 270.0), (30.0, 90.0))
    assert value(make("altitude_ahead", ahead_s=3600.0, min_deg=25.0), fields) == [OUT, 0.0]
    assert value(make("altitude_ahead", ahead_s=600.0, min_deg=25.0), fields) == [0.0, 0.0]
    assert value(make("altitude_ahead", ahead_s=10800.0, max_deg=60.0), fields) == [OUT, OUT]


def test_hour_angle_is_best_where_it_is_wanted() -> None:
    fields = standing((60.0, 180.0), (40.0, 90.0), (40.0, 270.0))
    meridian, east, west = value(make("hour_angle"), fields)
    assert meridian == pytest.approx(1.0, abs=1e-3)
    assert east == pytest.approx(west, abs=1e-3)
    assert 0.6 < east < 0.8
    east_wanted = value(make("hour_angle", best_h=-3.0), fields)
    assert east_wanted[1] > east_wanted[0] > east_wanted[2]
    assert value(make("hour_angle", max_h=0.5, min_h=-0.5), fields)[1:] == [OUT, OUT]


def moonward(*angles_deg: float) -> FieldSet:
    """Fields at angles from the Moon, toward the pole."""
    x, y, z = conditions_of(THREE).now.moon_vector
    ra_deg, dec_deg = math.degrees(math.atan2(y, x)), math.degrees(math.asin(z))
    return FieldSet.of(
        "some",
        [str(one) for one in angles_deg],
        np.full(len(angles_deg), ra_deg % 360.0) - 0.35,  # from the date's frame to ICRS, about
        dec_deg + np.array(angles_deg) - 0.1,
    )


def test_near_the_moon_it_is_bright_while_the_moon_is_up() -> None:
    fields = moonward(5.0, 30.0, 60.0)
    conditions = conditions_of(fields)
    assert conditions.now.moon_altitude_deg > 20.0
    lit = conditions.now.moon_illumination
    found = value(make("moon_distance", min_deg=10.0, harmless_deg=60.0), fields)
    assert found[0] == OUT
    assert found[1] == pytest.approx(-lit * 0.5, abs=0.02)
    assert found[2] == pytest.approx(0.0, abs=0.02)


def test_a_moon_that_is_down_spoils_nothing() -> None:
    down = MIDNIGHT + timedelta(hours=6)
    conditions = conditions_of(THREE, down)
    assert conditions.now.moon_altitude_deg < 0.0
    for name in ("moon_distance", "moon_phase"):
        one = make(name) if name == "moon_distance" else make(name, percent=(0.0, 1.0))
        assert one.value(conditions, features_of(THREE)) == 0.0


def test_moon_phase_is_for_all_at_once() -> None:
    lit = 100.0 * conditions_of(THREE).now.moon_illumination
    assert 85.0 < lit < 99.0
    assert value(make("moon_phase", percent=(0.0, 50.0))) == [OUT] * 3
    assert value(make("moon_phase", percent=(50.0, 100.0))) == [0.0] * 3


def test_bright_planets_are_avoided() -> None:
    now = conditions_of(THREE).now
    x, y, z = now.planet_vector("jupiter")
    ra_deg, dec_deg = math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.asin(z))
    fields = FieldSet.of(
        "some", ["on", "off"], np.array([ra_deg, ra_deg]), np.array([dec_deg, dec_deg + 5.0])
    )
    assert value(make("planets", radius_deg=2.0), fields) == [OUT, 0.0]
    assert value(make("planets", radius_deg=2.0, planets=("saturn",)), fields) == [0.0, 0.0]


def test_the_sun_s_altitude_opens_and_closes_a_survey() -> None:
    assert value(make("sun", altitude_deg=(-90.0, -18.0))) == [0.0] * 3
    assert value(make("sun", altitude_deg=(-18.0, -12.0))) == [OUT] * 3


def test_an_exposure_has_to_end_within_a_window() -> None:
    assert value(make("time_window", windows=((UTC_S - 5.0, UTC_S + 30.0),))) == [0.0] * 3
    assert value(make("time_window", windows=((UTC_S - 5.0, UTC_S + 29.0),))) == [OUT] * 3
    assert value(make("time_window", windows=((UTC_S + 1.0, UTC_S + 99.0),))) == [OUT] * 3


def test_slews_cost_their_seconds() -> None:
    slew_s = conditions_of(THREE).slew_s
    assert value(make("slew_time", norm_s=30.0)) == pytest.approx((-slew_s / 30.0).tolist())
    nearest = float(slew_s.min())
    some = value(make("slew_time", max_s=nearest + 0.01))
    assert [one == OUT for one in some].count(False) == 1


def test_filter_changes_cost_and_the_strict_rule_forbids_them() -> None:
    conditions = conditions_of(THREE, filters=("R", "V"))
    other = conditions.of_filter(1)
    features = features_of(THREE, Visits(THREE, ("R", "V")), filter_since_s=UTC_S - 100.0)
    for least_s, cost in ((0.0, -1.0), (99.0, -1.0), (101.0, OUT)):
        one = make("filter_change", least_s=least_s)
        assert one.value(conditions, features) == 0.0
        assert one.value(other, features) == cost
        assert one.value(other, replace(features, filter_since_utc_s=0.0)) == -1.0
    foreign = replace(other, state=replace(TRACKING, filter_name="H_Alpha"))
    assert make("filter_change", least_s=1e4).value(foreign, features) == -1.0
    unknown = replace(other, state=replace(TRACKING, filter_name=None))
    assert make("filter_change", least_s=1e4).value(unknown, features) == 0.0


def visited(*ago_s: float | None, filter_name: str = "R", night: str = NIGHT) -> Visits:
    found = Visits(THREE, ("R",))
    for row, seconds in enumerate(ago_s):
        if seconds is not None:
            found.add(row, filter_name, UTC_S - seconds, night)
    return found


def test_no_field_is_visited_again_too_fast() -> None:
    one = make("fast_revisit", least_s=600.0)
    assert value(one, visits=visited(599.0, 600.0, None)) == [OUT, 0.0, 0.0]
    in_v = visited(10.0, filter_name="V")
    assert value(one, visits=in_v)[0] == OUT
    assert value(make("fast_revisit", least_s=600.0, any_filter=False), visits=in_v)[0] == 0.0


def test_the_second_of_a_pair_is_due_after_the_gap() -> None:
    one = make("visit_gap", gap_s=(1200.0, 2400.0))
    assert value(one, visits=visited(1000.0, 1300.0, 2500.0)) == [0.0, 1.0, 0.0]
    assert value(one, visits=visited(None, 1300.0, night="20261120")) == [0.0] * 3
    twice = visited(None, 5000.0)
    twice.add(1, "R", UTC_S - 1300.0, NIGHT)
    assert value(one, visits=twice) == [0.0] * 3
    assert value(make("visit_gap", gap_s=(1200.0, 2400.0), visits=3), visits=twice)[1] == 1.0


def test_cadence_grows_to_its_interval() -> None:
    ago = visited(43200.0, 86400.0, None)
    assert value(make("cadence", interval_d=1.0, most=2.5), visits=ago) == [-0.5, 0.0, 1.5]
    assert value(make("cadence", interval_d=1.0, least=0.8), visits=ago)[0] == OUT


def test_footprint_gives_each_its_share() -> None:
    goal = np.array([1.0, 3.0, 0.0])
    fields = FieldSet.of("some", THREE.ids, THREE.ra_deg, THREE.dec_deg, goal)
    known = Visits(fields, ("R",))
    for _ in range(4):
        known.add(0, "R", UTC_S, NIGHT)
    assert value(make("footprint"), fields, visits=known) == [-3.0, 3.0, OUT]
    assert value(make("footprint", norm=2.0), fields, visits=known)[1] == 1.5


def test_visits_of_a_night_and_of_all_have_their_limits() -> None:
    known = visited(5000.0, 5000.0)
    known.add(0, "V", UTC_S - 100.0, NIGHT)
    assert value(make("visits_tonight", most=2), visits=known) == [OUT, 0.0, 0.0]
    assert value(make("visits_tonight", most=2), visits=known, night="20261122") == [0.0] * 3
    assert value(make("completion", visits=1), visits=known) == [OUT, OUT, 1.0]
    assert value(make("completion", visits=4), visits=known) == [0.75, 0.75, 1.0]


def test_orders_have_priority_age_and_alerts() -> None:
    waiting = [
        order("old", priority=2.0, created_utc_s=UTC_S - 7 * 86400.0),
        order("alert", priority=9.0, created_utc_s=UTC_S - 3600.0, job_type="Alert"),
        order("new", priority=5.0, created_utc_s=UTC_S, object_type="GRB"),
    ]
    columns = OrderRows.of(waiting).columns
    fields = FieldSet.of("some", ["a", "b", "c"], np.full(3, 60.0), np.full(3, 20.0))
    assert value(make("priority"), fields, orders=columns) == pytest.approx([0.2, 0.9, 0.5])
    assert value(make("age", norm_d=14.0), fields, orders=columns) == pytest.approx(
        [0.5, 1 / 336, 0.0]
    )
    alerts = make("target_of_opportunity", fades_s=7200.0, object_types=("GRB",))
    assert value(alerts, fields, orders=columns) == [OUT, 0.5, 1.0]


def test_fields_have_priorities_too() -> None:
    fields = FieldSet.of(
        "some", THREE.ids, THREE.ra_deg, THREE.dec_deg, priority=np.array([1.0, 5.0, 10.0])
    )
    assert value(make("priority"), fields) == pytest.approx([0.1, 0.5, 1.0])


def test_masks_say_so_and_only_exclude() -> None:
    for name, kind in BASIS_FUNCTIONS.items():
        assert kind.name == name
        assert kind.__doc__
        if kind.is_mask:
            required = {"windows": ((UTC_S - 1.0, UTC_S + 99.0),)} if name == "time_window" else {}
            found = kind(**required).value(conditions_of(THREE), features_of(THREE))
            assert set(np.ravel(found).tolist()) <= {0.0, OUT}
