"""Values in the place of $names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.script_queue.substitution import names_in, substitute

VALUES = {"ra": 83.8, "name": 'M 42: "Orion"', "exp_times": [1.0, 2.0], "dec": None, "n": 3}


def put_in(value: Any) -> tuple[Any, list[str]]:
    unknown: list[str] = []
    return substitute(value, VALUES, unknown.append), unknown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$ra", 83.8),
        ("${ra}", 83.8),
        ("$exp_times", [1.0, 2.0]),
        ("$n", 3),
        ("to $ra now", "to 83.8 now"),
        ("${n}x$n", "3x3"),
        ("exposures $exp_times s", "exposures 1.0, 2.0 s"),
        ("costs 5 $, or 5$", "costs 5 $, or 5$"),
        ("$5", "$5"),
        ("$$ra", "$ra"),
        ("$$$n", "$3"),
        ("", ""),
    ],
)
def test_places_are_filled(text: str, value: object) -> None:
    assert put_in(text) == (value, [])


def test_whole_values_keep_their_type_at_any_depth_and_keys_stay() -> None:
    value = {"a": ["$ra", {"$n": "$n"}], "b": 1, "c": None, "d": True}
    assert put_in(value) == ({"a": [83.8, {"$n": 3}], "b": 1, "c": None, "d": True}, [])


def test_nothing_that_is_put_in_can_change_the_structure() -> None:
    assert put_in({"reason": "$name"})[0] == {"reason": 'M 42: "Orion"'}
    injected = substitute("$x", {"x": "a, b: {c: $ra}"}, lambda name: None)
    assert injected == "a, b: {c: $ra}", "what was put in is not looked at again"


def test_unknown_names_and_names_without_a_value_are_told() -> None:
    value, unknown = put_in(["$nope", "at $dec", "${gone}!"])
    assert unknown == ["nope", "dec (no value now)", "gone"]
    assert value == ["$nope", "at $dec", "${gone}!"]


def test_names_are_found() -> None:
    value = {"a": ["$ra and ${n}", {"$key": "$name"}], "b": 3, "c": "$$no"}
    assert sorted(names_in(value)) == ["n", "name", "ra"]


plain = st.text().filter(lambda text: "$" not in text)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | plain
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(plain, inner), max_leaves=10
)


@given(values)
def test_what_has_no_places_stays_as_it_is(value: object) -> None:
    assert put_in(value) == (value, [])
