"""What is planned or predicted, read out of the scheduler's replies."""

from __future__ import annotations

import json

import pytest

from ctmo_indi.web.plan_facts import plan_of, predicted_of
from ctmo_indi.web.wire_readers import unix_s


def at_s(clock: str) -> float:
    return unix_s(f"2026-11-23T{clock}:00Z")


def test_a_plan_is_read_and_a_visit_without_a_place_left_out() -> None:
    reply = {
        "Night": "20261122",
        "Made": "2026-11-23T00:29:20Z",
        "Gap": 8e-05,
        "Number of Visits": 3,
        "Visits": [
            {
                "Receipt": "O-1",
                "Start": "2026-11-23T01:00:00.000Z",
                "End": "2026-11-23T01:16:00.000Z",
                "RA": 10.0,
                "Dec": 41,
                "Filter": "V",
                "Object": "M 31",
                "Count": 4,
                "Exposure Time": 240.0,
                "Priority": 5.0,
            },
            {"Receipt": "O-2", "Start": "2026-11-23T01:00:00Z", "End": "2026-11-23T02:00:00Z"},
            {"Receipt": "O-3", "RA": 1.0, "Dec": 1.0, "Start": "soon", "End": ""},
            "no struct",
        ],
    }
    plan = plan_of(reply)
    (visit,) = plan.visits
    assert (visit.label, visit.dec_deg, visit.end_s - visit.start_s) == ("M 31", 41.0, 960.0)
    assert (plan.night, plan.number, plan.gap) == ("20261122", 3, 8e-05)


def test_what_a_driver_without_a_plan_will_do_is_read_from_the_status() -> None:
    predicted = {
        "UTC": "2026-11-23T00:27:51+00:00",
        "Target": ["M 31", "dark"],
        "Filter": ["V", ""],
        "MJD": [61367.125, 61367.2],  # 2026-11-23 is MJD 61367
        "End": [61367.15, 61367.3],
        "RA": [10.68, None],
        "Dec": [41.27, None],
        "Number of Exposures": [4, 1],
        "Exposure Time": [240.0, 1.0],
    }
    plan = predicted_of({"Predicted Schedule": predicted})
    assert plan is not None
    (visit,) = plan.visits  # what needs no sky has no place in it
    assert (visit.start_s, visit.end_s) == (at_s("03:00"), pytest.approx(at_s("03:36")))
    assert (visit.label, visit.filter_name, visit.count, visit.receipt) == ("M 31", "V", 4, "")
    assert predicted_of({}) is None
    assert predicted_of({"Predicted Schedule": {"Target": "x", "MJD": [1.0]}}) is None


@pytest.mark.parametrize("broken", [{}, {"Visits": None, "Gap": "x", "Made": 3}, {"Visits": [[]]}])
def test_a_reply_in_another_form_is_an_empty_plan(broken: dict[str, object]) -> None:
    assert plan_of(broken).visits == ()
    assert json.dumps(plan_of(broken).gap) == "0.0"
