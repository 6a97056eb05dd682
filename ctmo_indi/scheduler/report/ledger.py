"""The loss ledger: from facts that overlap anyhow to spans in which each instant has one class.

Pure. Instants are whole milliseconds inside, so that the spans sum to the night's length exactly.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ctmo_indi.scheduler.report.loss_classes import CLASSES, PRECEDENCE, LossClass

NO_RECORD = "nothing was recorded"
_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that lasted.

    Parameters
    ----------
    begin_utc_s, end_utc_s
        Unix seconds; what is not after its begin, and what is no number, counts for nothing.
    why
        For people.
    """

    loss: LossClass
    begin_utc_s: float
    end_utc_s: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the night that has one class and one reason; milliseconds since 1970."""

    loss: LossClass
    begin_ms: int
    end_ms: int
    why: str

    @property
    def length_ms(self) -> int:
        """Its length."""
        return self.end_ms - self.begin_ms


def ledger(facts: Iterable[Fact], begin_utc_s: float, end_utc_s: float) -> tuple[Span, ...]:
    """Return spans that follow each other and cover the night exactly.

    Of facts that overlap, the one whose class stands first in the table decides; among those of one
    class the one that began last. What no fact covers is UNKNOWN.

    Parameters
    ----------
    begin_utc_s, end_utc_s
        The night, Unix seconds; empty unless it ends after it begins.
    """
    night = _ms(begin_utc_s), _ms(end_utc_s)
    inside = sorted(_inside(facts, *night), key=lambda one: one[0])
    edges = sorted({*night, *(edge for one in inside for edge in one[:2])})
    going: list[tuple[int, int, int, int, str]] = []  # precedence, -begin, number, end, why
    spans: list[Span] = []
    coming = 0
    for begin, end in itertools.pairwise(edges):
        while coming < len(inside) and inside[coming][0] <= begin:
            since, until, place, why = inside[coming]
            heapq.heappush(going, (place, -since, -coming, until, why))
            coming += 1
        while going and going[0][3] <= begin:
            heapq.heappop(going)
        loss, why = (CLASSES[going[0][0]].loss, going[0][4]) if going else _NOTHING
        last = spans[-1] if spans else None
        if last is not None and (last.loss, last.why) == (loss, why):
            spans[-1] = Span(loss, last.begin_ms, end, why)
        else:
            spans.append(Span(loss, begin, end, why))
    return tuple(spans)


def sums_ms(spans: Iterable[Span]) -> Mapping[LossClass, int]:
    """Return how long each class lasted, milliseconds; every class is named."""
    found = {row.loss: 0 for row in CLASSES}
    for span in spans:
        found[span.loss] += span.length_ms
    return found


def shown(spans: Sequence[Span], most: int) -> tuple[Span, ...]:
    """Return at most ``most`` spans that cover the same time: the shortest are given to the former.

    For a picture only: the sums of the classes change with it.
    """
    if len(spans) <= most:
        return tuple(spans)
    longest = sorted(range(1, len(spans)), key=lambda number: -spans[number].length_ms)
    kept = sorted({0, *longest[: most - 1]})
    ends = [*(spans[number].begin_ms for number in kept[1:]), spans[-1].end_ms]
    return tuple(
        Span(spans[number].loss, spans[number].begin_ms, end, spans[number].why)
        for number, end in zip(kept, ends, strict=True)
    )


_NOTHING = (LossClass.UNKNOWN, NO_RECORD)


def _inside(
    facts: Iterable[Fact], begin_ms: int, end_ms: int
) -> Iterable[tuple[int, int, int, str]]:
    """Give begin, end, precedence and reason of what lasts within the night."""
    low_s, high_s = begin_ms / _MS - 1.0, end_ms / _MS + 1.0
    for fact in facts:
        if math.isnan(fact.begin_utc_s) or math.isnan(fact.end_utc_s):
            continue
        since, until = (
            min(max(_ms(min(max(edge_s, low_s), high_s)), begin_ms), end_ms)
            for edge_s in (fact.begin_utc_s, fact.end_utc_s)
        )
        if until > since:
            yield since, until, PRECEDENCE[fact.loss], fact.why


def _ms(utc_s: float) -> int:
    return round(utc_s * _MS)
