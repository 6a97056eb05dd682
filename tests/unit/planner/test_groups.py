"""All requests of a group are planned, or none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from ctmo_indi.planner.checker import check
from ctmo_indi.planner.pipeline import NightPlanner, PlanStart

from .test_plan_night import (
    FORK,
    LIMITS,
    NIGHT,
    POLICY,
    QUICK,
    SITE,
    START,
    planned,
    some,
    table_of,
)


def in_groups(count: int, size: int, seed: int):  # type: ignore[no-untyped-def]  # requests
    return [
        replace(one, group=f"G{number // size}", windows=())
        for number, one in enumerate(some(count, seed))
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_group_is_torn(seed: int) -> None:
    requests = [*in_groups(60, 3, seed), *(replace(o, key=f"S{o.key}") for o in some(60, seed + 9))]
    plan = planned(requests)
    group = {one.key: one.group for one in requests}
    inside = Counter(group[one.key] for one in plan.visits if group[one.key])
    assert inside
    assert set(inside.values()) == {3}
    assert check(plan, requests, SITE, LIMITS, POLICY, FORK, START) == ()
    assert plan.bound >= plan.value
    alone = planned([replace(one, group="") for one in requests])
    assert 0.7 * alone.value < plan.value <= alone.bound


def test_a_group_with_a_member_that_is_never_up_is_left_out() -> None:
    first, second, *others = some(40)
    requests = [
        replace(first, group="G", priority=10.0),
        replace(second, group="G", dec_deg=-85.0),
        *others,
    ]
    plan = planned(requests)
    assert plan.visits
    assert first.key not in {one.key for one in plan.visits}


def test_a_valuable_group_is_completed() -> None:
    requests = some(80)
    best = NightPlanner(table_of(requests), NIGHT, FORK, QUICK).plan(PlanStart(START.utc_s, START))
    wanted = {best.visits[3].key, best.visits[8].key}
    other = next(
        one for one in requests if one.key not in {visit.key for visit in best.visits}
        and one.key in {v.key for v in planned([one]).visits}
    )  # fmt: skip
    wanted.add(other.key)
    requests = [
        replace(one, group="G", priority=60.0) if one.key in wanted else one for one in requests
    ]
    plan = planned(requests)
    assert wanted <= {one.key for one in plan.visits}
