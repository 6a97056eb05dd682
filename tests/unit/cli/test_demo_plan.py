"""The demo tells what the scheduler planned, and how far from the best it can be."""

from __future__ import annotations

import pytest

from ctmo_indi.cli.demo_plan import PlansSeen, print_plans


def reply(made: str, visits: int, **figures: float) -> dict[str, object]:
    return {
        "Made": made,
        "Visits": [{"Receipt": f"O-{number}"} for number in range(visits)],
        **{"Value": 950.0, "Bound": 1000.0, "Gap": 0.05, **figures},
    }


def test_the_largest_plan_of_the_night_is_told_with_its_gap(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = PlansSeen()
    seen.note(reply("2026-11-21T23:10:00Z", 3))
    seen.note(reply("2026-11-21T23:30:00Z", 16, Value=976.0, Gap=0.024))
    seen.note(reply("2026-11-21T23:30:00Z", 15))  # the same one, a visit later
    seen.note(reply("2026-11-22T04:00:00Z", 0))  # all is done
    assert [one.visits for one in seen.reports] == [3, 16]
    print_plans(seen.reports)
    told = capsys.readouterr().out
    assert "2 plans of the night" in told
    assert "23:30 UTC: 16 visits, value 976, no plan exceeds 1000" in told
    assert "at most 2.4 % below" in told


def test_a_night_without_a_plan_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_plans([])
    assert capsys.readouterr().out == ""
