"""What the demo says is coming."""

from __future__ import annotations

import pytest

from ctmo_indi.cli.demo_view import _activity, coming_targets


def target(
    parent: str, name: str, filter_name: str, frame_type: str = "Light"
) -> dict[str, object]:
    return {"Parent": parent, "Object": name, "Filter": filter_name, "Frame Type": frame_type}


FIRST, SECOND, DARK = (
    target("O-1", "M 31", "V"),
    target("O-2", "", "R"),
    target("O-3", "", "", "Dark"),
)


def orders(**states: str) -> dict[str, object]:
    return {
        "Orders": [
            {"Receipt": receipt.replace("_", "-"), "Status": state}
            for receipt, state in states.items()
        ]
    }


def test_what_waits_comes_before_what_is_planned() -> None:
    scheduler = {"Next Target": FIRST, "Plan": [SECOND, DARK]}
    assert coming_targets(orders(O_1="SCHEDULED"), scheduler) == ["M 31 V", "Light R", "Dark"]


def test_the_first_of_the_plan_is_told_once() -> None:
    assert coming_targets(orders(), {"Next Target": FIRST, "Plan": [FIRST, DARK]}) == [
        "M 31 V",
        "Dark",
    ]


def test_what_is_under_way_does_not_come() -> None:
    assert coming_targets(orders(O_1="IN_PROGRESS"), {"Next Target": FIRST, "Plan": []}) == []


def test_a_guess_at_when_there_is_a_target_is_no_target() -> None:
    guess = {"UTC": "2026-11-23T00:32:00+00:00", "Parent": "O-1"}
    assert coming_targets(orders(), {"Next Target": guess, "Plan": []}) == []
    assert coming_targets(orders(), {}) == []


@pytest.mark.parametrize(
    ("scheduler", "doing"),
    [
        ({"Nights": []}, "every order is done; waiting for dawn"),
        ({"Nights": [{"State": "NOTHING"}]}, "every order is done; waiting for dawn"),
        ({"Nights": [{"State": "CALIBRATE"}]}, "the night is over"),
        ({"Calibrating": "making products: 3 of 9"}, "calibrates: making products: 3 of 9"),
    ],
)
def test_what_is_done_when_every_order_is(scheduler: dict[str, object], doing: str) -> None:
    assert _activity(orders(O_1="COMPLETED"), scheduler, {}) == doing
