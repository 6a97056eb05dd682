"""What is remembered: counted once, saved compactly, restored as it was or refused."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

from ctmo_indi.scheduling.driver import to_text
from ctmo_indi.scheduling.feature import tessellation
from ctmo_indi.scheduling.feature.memory import Memory, Run, TargetName
from ctmo_indi.scheduling.feature.packed_arrays import packed, unpacked
from ctmo_indi.scheduling.feature.visits import MOST_VISITS, Visits

from .feature_world import UTC_S, some_fields

FIELDS = some_fields(10)


def test_visits_are_counted_by_filter_and_by_night() -> None:
    visits = Visits(FIELDS, ("R", "V"))
    visits.add(3, "R", UTC_S, "20261121")
    visits.add(3, "V", UTC_S + 60.4, "20261121")
    visits.add(3, "V", UTC_S + 120.0, "20261121")
    visits.add(4, "H_Alpha", UTC_S + 10.0, "20261121")  # no survey's filter
    assert visits.count[:, 3].tolist() == [1, 2, 0]
    assert visits.count[:, 4].tolist() == [0, 0, 1]
    assert visits.last_s[:, 3].tolist() == [UTC_S, UTC_S + 120.0, 0]
    assert visits.last_any_s[3] == UTC_S + 120.0
    assert visits.total.tolist() == [1, 2, 1]
    assert visits.tonight_of("20261121")[[3, 4]].tolist() == [3, 1]
    assert not visits.tonight_of("20261122").any()
    visits.add(5, "R", UTC_S + 86400.0, "20261122")
    assert visits.tonight_of("20261122").sum() == 1
    visits.add(5, "R", UTC_S - 86400.0, "20261120")  # told late: counts, but not for tonight
    assert visits.tonight_of("20261122").sum() == 1
    assert visits.last_s[0, 5] == UTC_S + 86400.0


def full(nside: int = 64, filters: int = 1) -> Visits:
    fields = tessellation.fibonacci("sky", tessellation.count_of_nside(nside), (-90.0, 90.0))
    visits = Visits(fields, tuple("BVRI"[:filters]))
    lots = np.random.default_rng(1)
    visits.count[:-1] = lots.integers(1, 60, (filters, fields.size))
    visits.last_s[:-1] = lots.integers(1_700_000_000, 1_790_000_000, (filters, fields.size))
    visits.add(7, "B", UTC_S, "20261121")
    return visits.read(visits.state())


@pytest.mark.parametrize("visited", ["none", "some", "all"])
def test_what_is_saved_comes_back(visited: str) -> None:
    visits = full(8) if visited == "all" else Visits(FIELDS, ("R",))
    if visited == "some":
        visits.add(2, "R", UTC_S, "20261121")
    text = to_text(visits.state())
    other = visits.read(json.loads(text))
    for name in ("last_s", "count", "last_any_s", "tonight"):
        np.testing.assert_array_equal(getattr(other, name), getattr(visits, name))
    assert other.total[0] == visits.count[0].sum()
    assert other.label == visits.label
    assert to_text(other.state()) == text
    other.add(1, "R", UTC_S, "20261122")
    assert to_text(visits.state()) == text


def test_a_nside_64_survey_that_is_all_visited_is_saved_in_time() -> None:
    visits = full()
    begin = time.process_time()
    text = to_text(visits.state())
    visits.read(json.loads(text))
    assert time.process_time() - begin < 0.05
    assert len(text) < 700_000
    assert len(to_text(Visits(visits.fields, ("B",)).state())) < 1000


def test_counts_stop_at_what_can_be_saved() -> None:
    visits = Visits(FIELDS, ("R",))
    visits.count[0, 0] = visits.tonight[0] = MOST_VISITS
    visits.label = "20261121"
    visits.add(0, "R", UTC_S, "20261121")
    assert visits.count[0, 0] == visits.tonight[0] == MOST_VISITS
    visits.read(visits.state())


def spoilt(**changes: Any) -> dict[str, Any]:
    visits = Visits(FIELDS, ("R",))
    visits.add(2, "R", UTC_S, "20261121")
    visits.add(4, "R", UTC_S, "20261121")
    return {**visits.state(), **changes}


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        spoilt(fields="another"),
        spoilt(filters=["V"]),
        spoilt(night=3),
        spoilt(cells=packed(np.array([2, 400], np.uint32))),
        spoilt(cells=packed(np.array([4, 2], np.uint32))),
        spoilt(cells=packed(np.array([2], np.uint32))),
        spoilt(cells=None),
        spoilt(last_s=packed(np.array([1.0, 2.0]))),
        spoilt(last_s=packed(np.array([1.0, 2.0], np.float32))),
        spoilt(last_s={"dtype": "<u4", "shape": [2], "base64": "AAA"}),
        spoilt(last_s={"dtype": "<u4", "shape": [2], "base64": "not base64!"}),
        spoilt(count={"dtype": "<u2", "shape": "2", "base64": ""}),
        spoilt(count=7),
        spoilt(tonight_rows=packed(np.array([2, 10], np.uint32))),
        {key: value for key, value in spoilt().items() if key != "count"},
    ],
)
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    visits = Visits(FIELDS, ("R",))
    with pytest.raises((KeyError, TypeError, ValueError)):
        visits.read(state)
    assert not visits.count.any()


def test_arrays_come_back_with_their_numbers() -> None:
    for array in (np.arange(7, dtype=np.uint16), np.zeros(0, np.uint32)):
        value = json.loads(json.dumps(packed(array)))
        np.testing.assert_array_equal(unpacked(value, array.dtype.newbyteorder("<").str), array)


@pytest.mark.parametrize(
    "name",
    [
        TargetName("wide", "sky", "00012", "R"),
        TargetName("wide", "sky", "00012", None),
        TargetName("deep", "list", "M 31: the core/1", "H_Alpha", 4),
    ],
)
def test_a_target_s_name_is_taken_apart_again(name: TargetName) -> None:
    assert TargetName.of(name.text) == name


@pytest.mark.parametrize("text", ["", "O-1234", "list-0123-1", "a:b:c", "a:b/c", "a:b/c:R#x"])
def test_other_names_are_none_of_ours(text: str) -> None:
    assert TargetName.of(text) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"visits": {}},
        {"visits": 3},
        {"runs": {"a": [1, 2, 3]}},
        {"runs": {"a": [1, 2, 3, [True]]}},
        {"runs": {"a": [1, -2, 3, []]}},
        {"filter": ["R"]},
        {"filter": [3, 4]},
        {"filter": ["R", -1]},
    ],
)
def test_a_memory_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    memory = Memory({"some": Visits(FIELDS, ("R",))}, {})
    memory.runs["deep"] = Run(3, 100, 200, (1, 2))
    state = memory.state()
    assert to_text(memory.read(json.loads(json.dumps(state))).state()) == to_text(state)
    with pytest.raises((KeyError, TypeError, ValueError)):
        memory.read({**state, **changes})
