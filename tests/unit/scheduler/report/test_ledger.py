"""The loss ledger: each instant of the night has one class, whatever the facts are."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi.scheduler.report.ledger import Fact, Span, ledger, shown, sums_ms
from ctmo_indi.scheduler.report.loss_classes import CLASSES, PRECEDENCE, ROW_OF, LossClass

DUSK = 1_795_000_000.0
L = LossClass

instants = st.floats(DUSK - 5000.0, DUSK + 60_000.0) | st.sampled_from(
    [math.inf, -math.inf, math.nan, DUSK, DUSK + 100.0]
)
facts = st.lists(
    st.builds(Fact, st.sampled_from(LossClass), instants, instants, st.sampled_from("ab")),
    max_size=40,
)
lengths = st.floats(0.0, 50_000.0)


@settings(max_examples=150, deadline=None)
@given(facts, lengths)
def test_spans_are_disjoint_ordered_and_cover_the_night_exactly(
    found: list[Fact], length_s: float
) -> None:
    spans = ledger(found, DUSK, DUSK + length_s)
    begin_ms, end_ms = round(DUSK * 1000), round((DUSK + length_s) * 1000)
    edges = [begin_ms, *(span.end_ms for span in spans)]
    assert [span.begin_ms for span in spans] == edges[:-1]
    assert all(span.length_ms > 0 for span in spans)
    assert edges[-1] == end_ms
    assert abs(sum(sums_ms(spans).values()) / 1000 - length_s) <= 0.001


@settings(max_examples=150, deadline=None)
@given(facts, st.floats(0.0, 49_000.0))
def test_an_instant_has_the_first_class_of_those_that_hold_then(
    found: list[Fact], after_s: float
) -> None:
    """The oracle looks at one instant alone, and at no edge."""
    when_s = DUSK + after_s
    spans = ledger(found, DUSK, DUSK + 50_000.0)
    near = [
        one for one in found for edge in (one.begin_utc_s, one.end_utc_s)
        if abs(edge - when_s) < 0.01
    ]  # fmt: skip
    if near:
        return
    holding = [one.loss for one in found if one.begin_utc_s < when_s < one.end_utc_s]
    expected = min(holding, key=PRECEDENCE.__getitem__, default=L.UNKNOWN)
    at = next(one for one in spans if one.begin_ms <= when_s * 1000 < one.end_ms)
    assert at.loss is expected


def test_of_one_class_the_reason_that_came_last_is_told() -> None:
    found = ledger(
        [Fact(L.WEATHER, DUSK, DUSK + 10, "wind"), Fact(L.WEATHER, DUSK + 4, DUSK + 6, "rain")],
        DUSK,
        DUSK + 10,
    )
    assert [(one.why, one.length_ms) for one in found] == [
        ("wind", 4000), ("rain", 2000), ("wind", 4000)
    ]  # fmt: skip


def test_what_nothing_is_known_of_is_shown_as_unknown() -> None:
    found = ledger([Fact(L.EXPOSING, DUSK + 1, DUSK + 2)], DUSK, DUSK + 5)
    assert [one.loss for one in found] == [L.UNKNOWN, L.EXPOSING, L.UNKNOWN]
    assert sums_ms(found)[L.UNKNOWN] == 4000


def test_a_night_that_does_not_end_after_it_begins_has_no_spans() -> None:
    assert ledger([Fact(L.EXPOSING, DUSK, DUSK + 5)], DUSK, DUSK) == ()


def test_the_table_has_each_class_once_and_exposing_first() -> None:
    assert CLASSES[0].loss is L.EXPOSING
    assert sorted(ROW_OF) == sorted(LossClass)
    assert len(CLASSES) == len(LossClass)
    assert len({row.colour for row in CLASSES}) == len(CLASSES)


@settings(max_examples=50, deadline=None)
@given(facts, st.integers(1, 12))
def test_what_is_shown_covers_the_same_time_with_fewer_spans(found: list[Fact], most: int) -> None:
    spans = ledger(found, DUSK, DUSK + 1000.0)
    few = shown(spans, most)
    assert len(few) == min(most, len(spans))
    assert (few[0].begin_ms, few[-1].end_ms) == (spans[0].begin_ms, spans[-1].end_ms)
    assert all(a.end_ms == b.begin_ms for a, b in itertools.pairwise(few))


def test_of_what_is_not_shown_the_short_goes_first() -> None:
    spans = (Span(L.EXPOSING, 0, 60, ""), Span(L.READOUT, 60, 61, ""), Span(L.SLEWING, 61, 90, ""))
    assert shown(spans, 2) == (Span(L.EXPOSING, 0, 61, ""), Span(L.SLEWING, 61, 90, ""))
