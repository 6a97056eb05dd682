"""plan --check: a real plan passes the independent checker by its reply alone, a broken one not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ctmo_indi.cli.plan_check import check_reply
from ctmo_indi.errors import ConfigError
from ctmo_indi.models.orders import Constraints, Window
from ctmo_indi.planner.checker import scores
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.scheduling.target import PendingOrder
from tests.unit.cli.conftest import FakeScheduler
from tests.unit.scheduling.plan.plan_world import NIGHT, PROFILE, conditions, drawn, driver_of

Run = Callable[..., int]
Reply = dict[str, Any]  # Any: of the wire

SITE = {"Name": PROFILE.site.name, "Latitude": PROFILE.site.latitude_deg,
        "Longitude": PROFILE.site.longitude_deg, "Height": PROFILE.site.elevation_m}  # fmt: skip


def orders() -> list[PendingOrder]:
    """Some with limits, windows and groups."""
    found = []
    begin_s = NIGHT.evening.timestamp()
    for number, one in enumerate(drawn(120)):
        request = one.request
        if number % 3 == 0:
            request = replace(request, constraints=Constraints(max_airmass=1.8))
        if number % 4 == 0:
            request = replace(request, windows=(Window(begin_s + 3600.0, begin_s + 20000.0),))
        if number in (7, 9):
            request = replace(request, group="pair")
        found.append(replace(one, request=request))
    return found


@pytest.fixture(scope="module")
def plan() -> Reply:
    """As a scheduler replies."""
    driver = driver_of()
    driver.update_conditions(conditions(orders()))
    view = json.loads(json.dumps(driver.plan_view()))
    for one in view["Visits"]:
        one["Setup"] = one.pop("Setup s")
    return {**view, "Number of Visits": len(view["Visits"]), "Site": SITE}


def test_a_plan_passes_by_its_reply_alone(plan: Reply) -> None:
    found = check_reply(plan, PROFILE)
    assert found.violations == ()
    assert found.visits == len(plan["Visits"]) > 40
    assert "no rule is broken" in found.words()[0]


def test_the_score_can_be_recomputed_from_the_reply(plan: Reply) -> None:
    visits = plan["Visits"]
    requests = [
        PlanRequest(
            one["Receipt"], one["RA"], one["Dec"], one["Exposure Time"], one["Count"],
            priority=one["Priority"],
        )
        for one in visits
    ]  # fmt: skip
    middles = [
        0.5 * sum(datetime.fromisoformat(one[key]).timestamp() for key in ("Start", "End"))
        for one in visits
    ]
    score, allowed = scores(requests, middles, PROFILE.site)
    for one, expected, off in zip(visits, score, allowed, strict=True):
        assert one["Value"] == pytest.approx(expected, abs=off)


def shifted(instant: str, seconds: float) -> str:
    return (datetime.fromisoformat(instant) + timedelta(seconds=seconds)).isoformat()


def first_with(plan: Reply, key: str) -> Reply:
    found: Reply = next(one for one in plan["Visits"][1:] if key in one)
    return found


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda plan: plan["Visits"][5].update(RA=0.0, Dec=-80.0), "altitude"),
        (lambda plan: plan["Visits"][5].update(Value=1.0), "value"),
        (lambda plan: plan["Visits"][5].update(Priority=0.5), "value"),
        (lambda plan: plan["Visits"][5].update(Count=50), "duration"),
        (
            lambda plan: plan["Visits"][5].update(Start=shifted(plan["Visits"][5]["Start"], -90.0)),
            "duration",
        ),
        (lambda plan: plan["Visits"].insert(9, dict(plan["Visits"][5])), "order"),
        (lambda plan: first_with(plan, "Constraints").update(
            {"Constraints": {"Min Altitude": 89.9}}), "altitude"),
        (lambda plan: first_with(plan, "Windows").update(
            {"Windows": [{"From": plan["Begin"], "To": plan["Begin"]}]}), "windows"),
        (lambda plan: plan["Visits"][5].update({"Latest Start": plan["Begin"]}), "windows"),
        (lambda plan: plan["Visits"][5].update({"Group": "ada/pair", "Group Of": 2}), "group"),
        (lambda plan: plan["Kinematics"].update(mount_settle_s=60.0), "setup"),
        (lambda plan: plan.update(Bound=10.0), "bound"),
        (lambda plan: plan.update(Refused="overlap"), "does not follow it: overlap"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_told(
    plan: Reply, change: Callable[[Reply], object], rule: str
) -> None:
    broken = copy.deepcopy(plan)
    change(broken)
    found = check_reply(broken, PROFILE)
    assert any(rule in line for line in found.violations)
    assert "broken" in found.words()[len(found.violations)]


def test_the_first_setup_is_not_known_and_said_so(plan: Reply) -> None:
    changed = copy.deepcopy(plan)
    changed["Visits"] = changed["Visits"][10:]
    found = check_reply(changed, PROFILE)
    assert found.violations == ()
    assert any("the setup before the first visit" in line for line in found.words())


def test_visits_under_way_are_counted(plan: Reply) -> None:
    changed = copy.deepcopy(plan)
    changed["Visits"][0]["Waits"] = False
    assert check_reply(changed, PROFILE).not_known == 1


def test_another_sites_profile_is_refused(plan: Reply) -> None:
    other = replace(PROFILE, site=replace(PROFILE.site, longitude_deg=10.0))
    with pytest.raises(ConfigError, match="name it with --profile"):
        check_reply(plan, other)
    with pytest.raises(ConfigError, match="Value of the plan came"):
        check_reply({**plan, "Visits": [{**plan["Visits"][0], "Value": "much"}]}, PROFILE)


def test_the_command_ends_with_1_when_a_rule_is_broken(
    run: Run, scheduler: FakeScheduler, plan: Reply, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Plan"] = plan
    assert run("plan", "--check", "--profile", "simulators") == 0
    assert "no rule is broken" in capsys.readouterr().out
    assert scheduler.orders[0]["Limit"] == 500
    broken = copy.deepcopy(plan)
    broken["Visits"][5]["Value"] = 1.0
    scheduler.answers["Plan"] = broken
    assert run("plan", "--check", "--profile", "simulators") == 1
    assert "2 rules are broken" in capsys.readouterr().out
    assert run("plan", "--check", "--json", "--profile", "simulators") == 1
    assert len(json.loads(capsys.readouterr().out)["Violations"]) == 2
