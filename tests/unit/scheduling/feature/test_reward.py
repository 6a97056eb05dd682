"""The vectorised sum against a plain loop over candidates with the library's scalar functions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models import coordinates, sun_moon
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.scheduling.feature import reward
from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.basis_functions import BASIS_FUNCTIONS
from ctmo_indi.scheduling.feature.visits import Visits

from .feature_world import (
    MIDNIGHT,
    PROFILE,
    TRACKING,
    UTC_S,
    conditions_of,
    features_of,
    some_fields,
)

FIELDS = some_fields(150)
FUNCTIONS = [
    BASIS_FUNCTIONS["altitude_ahead"](ahead_s=3600.0, min_deg=25.0),
    BASIS_FUNCTIONS["airmass"](weight=1.5, max_airmass=2.5),
    BASIS_FUNCTIONS["hour_angle"](weight=0.5, best_h=1.0),
    BASIS_FUNCTIONS["moon_distance"](weight=3.0, min_deg=15.0, harmless_deg=120.0),
    BASIS_FUNCTIONS["slew_time"](weight=2.0, norm_s=45.0),
    BASIS_FUNCTIONS["fast_revisit"](least_s=1800.0),
    BASIS_FUNCTIONS["cadence"](weight=0.7, interval_d=2.0, most=4.0),
    BASIS_FUNCTIONS["footprint"](weight=0.25, norm=2.0),
]


def visits() -> Visits:
    found = Visits(FIELDS, ("R",))
    for row in range(0, FIELDS.size, 3):
        found.add(row, "R", UTC_S - 600.0 * row, "20261121")
        if row % 2:
            found.add(row, "V", UTC_S - 900.0 * row, "20261121")
    return found


def plain(row: int, known: Visits) -> float:
    """The reward of one field, one formula after the other."""
    ra_deg, dec_deg = float(FIELDS.ra_deg[row]), float(FIELDS.dec_deg[row])
    altitude_deg, _ = coordinates.altaz(ra_deg, dec_deg, PROFILE.site, UTC_S)
    later_deg, _ = coordinates.altaz(ra_deg, dec_deg, PROFILE.site, UTC_S + 3600.0)
    airmass = coordinates.airmass(altitude_deg)
    if later_deg < 25.0 or airmass > 2.5:
        return -math.inf
    hour_angle_h = coordinates.hour_angle_h(ra_deg, dec_deg, PROFILE.site, UTC_S)
    off_h = abs(hour_angle_h - 1.0)
    total = 1.5 * (1.0 - airmass) + 0.5 * (1.0 - min(off_h, 24.0 - off_h) / 12.0)
    if sun_moon.moon(PROFILE.site, MIDNIGHT).altitude_deg >= 0.0:
        apart_deg = sun_moon.moon_separation_deg(ra_deg, dec_deg, PROFILE.site, UTC_S)
        if apart_deg < 15.0:
            return -math.inf
        lit = sun_moon.moon_illumination(UTC_S)
        total += 3.0 * lit * min(0.0, apart_deg / 120.0 - 1.0)
    model = ObservatoryModel.of(PROFILE)
    total -= 2.0 * model.delay_s(replace(TRACKING, utc_s=UTC_S), ra_deg, dec_deg, "R") / 45.0
    last_s = [UTC_S - 600.0 * row] if row % 3 == 0 else []
    others_s = [UTC_S - 900.0 * row] if row % 3 == 0 and row % 2 else []
    if any(UTC_S - when < 1800.0 for when in (*last_s, *others_s)):
        return -math.inf
    gone = min((UTC_S - last_s[0]) / (2.0 * 86400.0), 4.0) if last_s else 4.0
    total += 0.7 * (gone - 1.0)
    return total + 0.25 * (50.0 / FIELDS.size - len(last_s)) / 2.0


def test_the_sum_is_that_of_a_plain_loop() -> None:
    known = visits()
    found = reward.rewards(FUNCTIONS, conditions_of(FIELDS), features_of(FIELDS, known))
    expected = np.array([plain(row, known) for row in range(FIELDS.size)])
    assert 10 < np.isfinite(expected).sum() < FIELDS.size
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    left = np.isfinite(expected)
    np.testing.assert_allclose(found[left], expected[left], atol=2e-3)  # slews to 0.02 s
    assert np.argmax(found) == np.argmax(expected)


def test_filters_at_once_are_filters_one_by_one() -> None:
    known = Visits(FIELDS, ("B", "R"))
    known.add(3, "B", UTC_S - 50.0, "20261121")
    conditions = conditions_of(FIELDS, filters=("B", "R"))
    features = features_of(FIELDS, known)
    functions = [*FUNCTIONS, BASIS_FUNCTIONS["filter_change"](weight=4.0)]
    both = reward.rewards_by_filter(functions, conditions, features, (1, 0))
    for index, code in enumerate((1, 0)):
        alone = reward.rewards(functions, conditions.of_filter(code), features.of_filter(code))
        np.testing.assert_allclose(both[index], alone, rtol=1e-12)
    assert not np.array_equal(both[0], both[1])


def test_rows_of_one_candidate_add_up_to_its_reward() -> None:
    known = visits()
    conditions, features = conditions_of(FIELDS), features_of(FIELDS, known)
    totals = reward.rewards(FUNCTIONS, conditions, features)
    for row in range(0, FIELDS.size, 7):
        one = conditions.take(np.array([row]))
        table = reward.rows(FUNCTIONS, one, replace(features, rows=np.array([row])))
        assert [line.function for line in table] == [one.name for one in FUNCTIONS]
        assert reward.sum_of(table) == pytest.approx(float(totals[row]), abs=1e-5)  # float32
        assert any(line.excludes for line in table) is bool(np.isinf(totals[row]))


class Given(BasisFunction):
    """Returns what the test says."""

    name = "given"
    values: np.ndarray | float = 0.0

    def value(self, _conditions: object, _features: object) -> np.ndarray | float:
        return self.values


def given(values: object, weight: float) -> BasisFunction:
    one = Given(weight)
    object.__setattr__(one, "values", values)
    return one


@pytest.mark.parametrize("weight", [2.0, 1.0, 0.0, -3.0])
@pytest.mark.parametrize("bad", [math.nan, -math.inf])
def test_what_is_not_finite_excludes_with_any_weight(weight: float, bad: float) -> None:
    conditions, features = conditions_of(some_fields(3)), features_of(some_fields(3))
    found = reward.rewards([given(np.array([1.0, bad, 2.0]), weight)], conditions, features)
    assert found.tolist() == [weight, -math.inf, 2.0 * weight]
    whole = reward.rewards([given(bad, weight)], conditions, features)
    assert np.all(np.isneginf(whole))
