"""Where two sequences differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.scheduling.changed_span import changed_span


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("abcd", "abcd", (4, 4, 4)),
        ("abcd", "abd", (2, 3, 2)),
        ("abd", "abcd", (2, 2, 3)),
        ("abcd", "abXd", (2, 3, 3)),
        ("", "ab", (0, 0, 2)),
        ("aaa", "aa", (2, 3, 2)),
        ("abcdef", "aXcdYf", (1, 5, 5)),
    ],
)
def test_what_is_outside_is_equal(old: str, new: str, expected: tuple[int, int, int]) -> None:
    assert changed_span(list(old), list(new)) == expected


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_the_span_put_in_the_old_gives_the_new(old: list[int], new: list[int]) -> None:
    first, old_end, new_end = changed_span(old, new)
    assert 0 <= first <= min(old_end, new_end)
    assert [*old[:first], *new[first:new_end], *old[old_end:]] == new
    if first < min(old_end, new_end):
        assert old[first] != new[first]
        assert old[old_end - 1] != new[new_end - 1]
