"""Why a candidate was chosen or not: the table is that of the decision."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from .feature_world import (
    MIDNIGHT,
    UTC_S,
    chosen,
    conditions,
    driver_of,
    greedy,
    observed,
    order,
    orders_survey,
)

FUNCTIONS = (
    {"type": "priority", "weight": 10},
    {"type": "altitude", "weight": 2, "min_deg": 30},
    {"type": "slew_time", "weight": 0.5},
)


def test_an_order_s_table_stands_beside_the_winner_s() -> None:
    driver = driver_of([orders_survey("orders", *FUNCTIONS)])
    given = conditions(MIDNIGHT, order("a", priority=9.0), order("b", 90.0, 10.0))
    target = chosen(driver, given)
    found = driver.rewards("O-b")
    (one,) = found.candidates
    assert (one.tier, one.survey, one.target) == ("tier 0", "orders", "O-b")
    assert [row.function for row in one.rows] == ["priority", "altitude", "slew_time"]
    priority = one.rows[0]
    assert (priority.value, priority.weight, priority.contribution) == pytest.approx((0.5, 10, 5))
    assert one.reward == pytest.approx(sum(row.contribution for row in one.rows))
    assert (one.excluded_by, one.obstacles) == ((), ())
    assert found.winner.target == target.target_id == "O-a"
    assert f"reward {found.winner.reward:.3g}"[:10] in target.note
    assert found.winner.reward > one.reward
    lines = list(found.lines())
    assert lines[0] == "O-b in survey orders (tier tier 0)"
    assert any(line.split() == ["priority", "0.5", "10", "5", "9"] for line in lines)
    assert lines[-1] == "winner: O-a of survey orders"


def test_what_excludes_a_candidate_is_named() -> None:
    driver = driver_of([orders_survey("orders", *FUNCTIONS)])
    low = order("low", 130.0, -20.0)
    driver.update_conditions(conditions(MIDNIGHT, low, order("a")))
    (one,) = driver.rewards("O-low").candidates
    assert one.excluded_by == ("altitude",)
    assert one.reward == -math.inf
    assert any("excluded" in line for line in driver.rewards("O-low").lines())


def test_what_the_exact_rules_say_is_told() -> None:
    driver = driver_of([orders_survey()])
    driver.update_conditions(conditions(MIDNIGHT, order("set", 240.0, 10.0)))
    found = driver.rewards("O-set")
    assert found.winner is None
    assert any("altitude" in reason for reason in found.candidates[0].obstacles)
    driver.update_conditions(conditions(MIDNIGHT, order("set"), verdict=None))
    assert driver.rewards("O-set").forbidden == ("no verdict of safety yet",)
    assert any("no sky frame now" in line for line in driver.rewards("O-set").lines())


def test_a_field_is_explained_for_every_survey_and_filter() -> None:
    rest = {"type": "fast_revisit", "least_s": 3600}
    first = greedy("wide", "airmass", rest, filters=["V", "R"])
    driver = driver_of([first], [greedy("other", "altitude")])
    target = chosen(driver, conditions())
    driver.register_observation(observed(target))
    driver.update_conditions(conditions(MIDNIGHT + timedelta(minutes=1)))
    field = target.target_id.split("/")[1].split(":")[0]
    for name in (field, f"sky/{field}"):
        found = driver.rewards(name)
        assert [(one.survey, one.target[-1]) for one in found.candidates] == [
            ("wide", "V"),
            ("wide", "R"),
            ("other", "R"),
        ]
        assert [one.excluded_by for one in found.candidates] == [
            ("fast_revisit",),
            ("fast_revisit",),
            (),
        ]
    (one,) = driver.rewards(target.target_id).candidates
    assert one.target == target.target_id


def test_the_winner_s_rows_are_the_reward_it_won_with() -> None:
    driver = driver_of([greedy("wide", *FUNCTIONS[1:])])
    target = chosen(driver, conditions())
    winner = driver.rewards(target.target_id).winner
    assert winner.target == target.target_id
    assert f"reward {winner.reward:.4g}," in target.note


def test_an_unknown_name_has_no_candidate() -> None:
    driver = driver_of([greedy(), orders_survey("alerts", "target_of_opportunity")])
    driver.update_conditions(conditions(MIDNIGHT, order("a", created_utc_s=UTC_S)))
    for name in ("", "O-gone", "x:y/z:R", "wide:sky/none:R", "wide:sky/00001:V"):
        found = driver.rewards(name)
        assert found.candidates == ()
        assert any("no survey has a candidate of that name" in line for line in found.lines())
    (usual,) = driver.rewards("O-a").candidates
    assert usual.excluded_by == ("target_of_opportunity",)
