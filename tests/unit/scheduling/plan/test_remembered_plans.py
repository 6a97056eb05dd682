"""Plans that are asked for again."""

from __future__ import annotations

from dataclasses import replace

from ctmo_indi.scheduling.plan.night_plan import Marks
from ctmo_indi.scheduling.plan.remembered_plans import PLANS_REMEMBERED, RememberedPlans

from .test_plan_values import PLAN

MARKS = Marks.of([1, 77])


def test_a_plan_is_found_by_what_it_was_made_of_and_by_nothing_else() -> None:
    plans = RememberedPlans()
    plans.put("now", MARKS, None, PLAN)
    plans.put("now", MARKS, PLAN, replace(PLAN, value=90.0))
    assert plans.get("now", Marks.of([77, 1]), None) == PLAN
    assert plans.get("now", MARKS, replace(PLAN)) == replace(PLAN, value=90.0)
    assert plans.get("later", MARKS, None) is None
    assert plans.get("now", Marks.of([1, 78]), None) is None
    assert plans.get("now", MARKS, replace(PLAN, requests=8)) is None


def test_the_oldest_is_forgotten() -> None:
    plans = RememberedPlans()
    for number in range(PLANS_REMEMBERED + 1):
        plans.put(number, MARKS, None, PLAN)
    found = [plans.get(number, MARKS, None) is not None for number in range(PLANS_REMEMBERED + 1)]
    assert found == [False, *[True] * PLANS_REMEMBERED]


def test_the_set_of_marks_stays_with_the_plan_that_is_followed() -> None:
    plans = RememberedPlans()
    followed = replace(PLAN, marks=Marks.of([1, 2]))
    assert followed.marks.numbers == {1, 2}
    plans.put("now", MARKS, followed, followed)
    first = plans.get("now", MARKS, followed)
    assert first is not None
    assert first.marks.numbers == {1, 2}
    again = plans.get("now", MARKS, followed)
    assert again is not None
    assert "numbers" not in vars(again.marks)
