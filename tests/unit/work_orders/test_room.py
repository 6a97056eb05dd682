"""Orders that no sky can serve: what they ask for does not fit into the times that they allow."""

from __future__ import annotations

from typing import Any

import pytest

from ctmo_indi.errors import BadOrder
from ctmo_indi.profiles import NightPolicy
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.room import enough_frames

PROFILE = small_profile()
LIGHT: dict[str, Any] = {
    "WOType": "Observation", "ID": "1", "User": "Ada", "RA": 23.1, "Dec": 13.2, "Filter": "I",
    "Exposure Time": 300.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.load(PROFILE, FakeClock())


def problems(contract: Contract, **keys: object) -> dict[str, str]:
    order = LIGHT | {key.replace("_", " "): value for key, value in keys.items()}
    try:
        contract.check(order)
    except BadOrder as refused:
        return dict(line.split(": ", 1) for line in refused.problems)
    return {}


def windows(*hours: tuple[float, float]) -> list[dict[str, str]]:
    def at(hour: float) -> str:
        day, minutes = divmod(round(hour * 60), 1440)
        return f"2026-11-{22 + day}T{minutes // 60:02d}:{minutes % 60:02d}:00Z"

    return [{"Start": at(start), "End": at(end)} for start, end in hours]


DAY = windows((0, 24))


@pytest.mark.parametrize(
    ("keys", "field", "said"),
    [
        (
            {"Number_of_Exposures": 20, "Windows": windows((3, 3.4))},
            "Number of Exposures",
            "came 20, expected what fits into Windows: 18 frames take 5403 s, Windows are 1440 s"
            " together",
        ),
        (
            {"Number_of_Exposures": 20, "Windows": windows((3, 3.4), (3.2, 3.6))},  # they overlap
            "Number of Exposures",
            "Windows are 2160 s together",
        ),
        (
            {"Cadence": {"Period": 86400, "Visits": 30}, "Windows": DAY},
            "Cadence.Visits",
            "came 30, expected at most 2: begins are at least 77760 s apart, Windows span 86400 s",
        ),
        (
            {"Cadence": {"Period": 60, "Visits": 5}, "Number_of_Exposures": 2},
            "Cadence.Period",
            "came 60.0, expected at least the 600.4 s that a visit takes",
        ),
        (
            {"Cadence": {"Period": 36000, "Visits": 9, "Epoch": "2026-11-22T01:00:00Z"},
             "Windows": DAY},
            "Cadence.Visits",
            "came 9, expected at most 3: so many visits in phase are in Windows",
        ),
        (
            {"Start": "2026-11-22T03:00:00Z", "Start_Tolerance": 0},
            "Start Tolerance",
            "came 0, expected a number, 1 <= value <= 86400",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    contract: Contract, keys: dict[str, object], field: str, said: str
) -> None:
    found = problems(contract, **keys)
    assert set(found) == {field}
    assert said in found[field]


@pytest.mark.parametrize(
    "keys",
    [
        {"Number_of_Exposures": 20, "Windows": windows((3, 4), (27, 28))},  # two nights
        {"Number_of_Exposures": 10, "Windows": windows((3, 3.76))},  # nine tenths do
        {"Cadence": {"Period": 86400, "Visits": 2}, "Windows": DAY},
        {"Cadence": {"Period": 86400, "Visits": 30}},
        {"Cadence": {"Period": 60, "Visits": 1}, "Number_of_Exposures": 2},
        {"Cadence": {"Period": 36000, "Visits": 3, "Epoch": "2026-11-22T01:00:00Z"},
         "Windows": DAY},
        {"Start": "2026-11-22T03:00:00Z", "Start_Tolerance": 1, "Number_of_Exposures": 20},
    ],
)  # fmt: skip
def test_what_may_just_be_is_taken(contract: Contract, keys: dict[str, object]) -> None:
    assert problems(contract, **keys) == {}


def test_frames_that_complete_an_order() -> None:
    night = NightPolicy(acceptable_fraction=0.9)
    assert [enough_frames(count, 1, night) for count in (1, 4, 10, 11, 20)] == [1, 4, 9, 10, 18]
    assert enough_frames(10, 3, night) == 29
    assert enough_frames(3, 1, NightPolicy(acceptable_fraction=0.0)) == 1
