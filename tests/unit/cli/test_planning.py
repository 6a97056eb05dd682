"""explain and plan: what is asked, and what people read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import FakeScheduler

Run = Callable[..., int]

EXPLANATION: dict[str, object] = {
    "Words": ["O-1 cannot start at 2026-11-22T03:00:00Z: altitude 10.0 deg, expected", "Later."],
    "Constraints": [
        {"Name": "windows", "Met": True, "Text": "inside a window"},
        {"Name": "altitude", "Met": False, "Text": "t", "Value": 10.04, "Limit": 25.0,
         "Sense": "at least", "Unit": "deg", "Asked By": "the site"},
    ],
}  # fmt: skip
PLAN: dict[str, object] = {
    "Night": "20261121", "Begin": "2026-11-22T01:00:00Z", "End": "2026-11-22T11:00:00Z",
    "Gap": 0.0081, "Filled": 0.93, "Requests": 40, "Number of Visits": 2,
    "Visits": [
        {"Receipt": "O-1", "Object": "M 42", "Start": "2026-11-22T06:00:00Z",
         "End": "2026-11-22T06:20:00Z", "Setup": 21.3, "Value": 1234.5, "RA": 83.8, "Dec": -5.4,
         "Filter": "V", "Altitude": 58.42},
    ],
}  # fmt: skip


def test_explain_asks_for_that_minute_and_prints_words_first(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Explain"] = EXPLANATION
    assert run("explain", "O-1", "--at", "2026-11-22T03:00:00Z") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("O-1 cannot start")
    line = next(one for one in shown.splitlines() if one.split()[:1] == ["altitude"])
    assert line.split() == [
        "altitude",
        "10.04",
        "deg",
        "at",
        "least",
        "25.00",
        "deg",
        "no",
        "the",
        "site",
    ]
    order = scheduler.orders[0]
    assert (order["WOType"], order["Receipt"], order["At"]) == (
        "Explain", "O-1", "2026-11-22T03:00:00Z",
    )  # fmt: skip


def test_explain_tells_when_only_the_models_spoke(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Explain"] = {**EXPLANATION, "Driver": "the scheduler is STANDBY"}
    assert run("explain", "O-1") == 0
    assert "Nothing is said of a plan: the scheduler is STANDBY." in capsys.readouterr().out
    assert "At" not in scheduler.orders[0]


def test_plan_is_a_table_and_the_gap_in_words(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Plan"] = PLAN
    assert run("plan") == 0
    shown = capsys.readouterr().out
    line = next(one for one in shown.splitlines() if one.split()[:1] == ["06:00:00"])
    assert line.split() == [
        "06:00:00",
        "06:20:00",
        "M",
        "42",
        "V",
        "58.4",
        "deg",
        "21",
        "s",
        "1234",
        "O-1",
    ]
    assert "and 1 more" in shown
    assert shown.rstrip().endswith(
        "2 visits of 40 requests, 93 % of the time observed; within 0.81 % of the best possible."
    )


def test_plan_says_what_of_the_gap_is_for_time_critical_visits(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Plan"] = {**PLAN, "Bound": 1000.0, "Time Critical Cost": 4.0}
    assert run("plan") == 0
    shown = capsys.readouterr().out.rstrip()
    assert shown.endswith("of the best possible (0.4 % of it for what is time-critical).")


def test_what_is_special_about_a_visit_stands_behind_its_name(
    run: Run,
    scheduler: FakeScheduler,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal has it in two lines
    (visit,) = PLAN["Visits"]  # type: ignore[misc]  # a list of one
    special = {**visit, "Object": "", "ID": "my star", "Alert": True, "Count": 10, "Missing": 30}
    scheduler.answers["Plan"] = {**PLAN, "Visits": [special]}
    assert run("plan") == 0
    assert "my star (alert, 10 of 30 frames)" in capsys.readouterr().out


def test_a_plan_that_is_not_followed_says_why(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Plan"] = {**PLAN, "Preview": "it is made from 2026-11-21T23:31:51Z on"}
    assert run("plan") == 0
    shown = capsys.readouterr().out
    assert "Not followed yet: it is made from 2026-11-21T23:31:51Z on." in shown
    assert "06:00:00" in shown
    scheduler.answers["Plan"] = {**PLAN, "Visits": [], "Number of Visits": 0, "Refused": "overlap"}
    assert run("plan") == 0
    assert "orders are chosen one at a time: overlap." in capsys.readouterr().out


def test_overheads_are_shown_beside_what_the_profile_says(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    slew = {"Name": "slew and settling", "Samples": 25, "Factor": 1.6, "Constant": 5.2}
    scheduler.answers["Plan"] = {**PLAN, "Overheads": [{**slew, "Profile Constant": 5.0}]}
    assert run("plan", "--overheads") == 0
    lines = [one.split() for one in capsys.readouterr().out.splitlines()]
    assert ["slew", "and", "settling", "25", "1.60", "5.2", "s", "5.0", "s"] in lines
    scheduler.answers["Plan"] = PLAN
    assert run("plan", "--overheads") == 0
    assert "the profile stands" in capsys.readouterr().out


def test_a_plan_without_visits_says_so(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Plan"] = {**PLAN, "Visits": [], "Number of Visits": 0}
    assert run("plan") == 0
    assert "Nothing is planned" in capsys.readouterr().out


def test_json_is_the_whole_reply(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Plan"] = PLAN
    assert run("plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["Visits"] == PLAN["Visits"]


def test_a_picture_of_an_unknown_kind_is_refused(
    run: Run, scheduler: FakeScheduler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.answers["Plan"] = PLAN
    assert run("plan", "--plot", str(tmp_path / "plan.gif")) == 2
    assert "expected a file in .png, .svg, .pdf" in capsys.readouterr().err
