"""The benchmark's inputs: the same from the same seed, in both shapes, as their table says."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ctmo_indi.planner.request_table import RequestTable

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("scheduling_scenarios")


@pytest.mark.parametrize("scenario", ["uniform", "pile-up", "tight", "survey"])
def test_the_columns_say_what_the_requests_say(given: ModuleType, scenario: str) -> None:
    made = given.make(scenario, 200, 1)
    table = made.table()
    other = RequestTable.of(
        made.requests(),
        given.LIMITS,
        given.NIGHT,
        readout_s=given.KINEMATICS.readout_s,
        filter_names=given.FILTERS,
    )
    for name in RequestTable.__dataclass_fields__:
        assert np.array_equal(getattr(table, name), getattr(other, name)), name
    assert given.make(scenario, 200, 1).requests() == made.requests()
    assert given.make(scenario, 200, 2).requests() != made.requests()


def test_the_scenarios_are_what_they_say(given: ModuleType) -> None:
    made = {name: given.make(name, 2000, 1) for name in given.SCENARIOS}
    uniform = made["uniform"]
    assert (uniform.dec_deg.min(), uniform.dec_deg.max()) == pytest.approx((-30, 80), abs=1.5)
    assert uniform.window_row.size / 2000 == pytest.approx(0.3, abs=0.04)
    assert made["tight"].window_row.size == 2000
    assert set(made["survey"].duration_s) == {65.0}
    length_s = made["tight"].window_end_utc_s - made["tight"].window_start_utc_s
    assert (length_s.min(), length_s.max()) == pytest.approx((1800.0, 5400.0), abs=30.0)
    for one in made.values():
        assert one.window_start_utc_s.min() >= given.BEGIN_UTC_S
        assert one.window_end_utc_s.max() <= given.END_UTC_S + 1.0
    piled = made["pile-up"].ra_deg
    middle_deg = np.median(piled)
    assert np.mean(np.abs(piled - middle_deg) < 30.0) > 0.75


def test_a_scenario_there_is_none_of_is_refused(given: ModuleType) -> None:
    with pytest.raises(ValueError, match="came scenario 'easy', expected one of uniform, pile-up"):
        given.make("easy", 5, 1)
