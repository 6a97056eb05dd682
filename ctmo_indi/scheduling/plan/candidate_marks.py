"""A number for each candidate that changes when anything changes that its planning depends on.

So a plan can say what it was made of in four bytes an order, and a restored driver knows what is
new. Two candidates in four thousand million have the same number: a plan then misses one until the
next one is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ctmo_indi.models.motions import FixedHorizontal
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.changed_span import changed_span


def is_plannable(candidate: Candidate) -> bool:
    """Whether it stands still enough among the stars to be planned with one place for a night."""
    request = candidate.request
    is_still = not isinstance(request.motion, FixedHorizontal)
    return request.frame_type.needs_sky and request.has_place and is_still


@dataclass(frozen=True, slots=True)
class Marked:
    """Candidates of a night by key.

    Parameters
    ----------
    plannable
        What may be planned, in no particular order.
    marks
        Of those.
    others
        Sky candidates that cannot be planned.
    """

    plannable: dict[str, Candidate]
    marks: dict[str, int]
    others: tuple[Candidate, ...]


class CandidateMarks:
    """The marks; each is worked out once, and of ten thousand those that changed are looked at."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Candidate, int]] = {}
        self._last: tuple[list[Candidate], float, Marked] | None = None

    def of(
        self,
        candidates: list[Candidate],
        not_before_utc_s: Mapping[str, float],
        morning_utc_s: float,
    ) -> Marked:
        """Return what may be planned, and its marks.

        Parameters
        ----------
        not_before_utc_s
            Of targets of the observing list, by key.
        morning_utc_s
            What rests until then is left out, but for members of groups: all or none.
        """
        found = self._changed(candidates, morning_utc_s) or self._all(candidates, morning_utc_s)
        self._last = candidates, morning_utc_s, found
        if not not_before_utc_s.keys() & found.marks.keys():
            return found
        plannable, marks = dict(found.plannable), dict(found.marks)
        for key in not_before_utc_s.keys() & marks.keys():
            rest_s = not_before_utc_s[key]
            if rest_s < morning_utc_s:
                marks[key] = _hash((marks[key], rest_s))
            else:
                del plannable[key], marks[key]
        return Marked(plannable, marks, found.others)

    # -- inside ------------------------------------------------------------------------------------

    def _all(self, candidates: list[Candidate], morning_utc_s: float) -> Marked:
        plannable: dict[str, Candidate] = {}
        marks: dict[str, int] = {}
        others: list[Candidate] = []
        before, self._known = self._known, {}
        for one in candidates:
            mark = self._mark(one, before.get(one.key))
            if mark == NOT_PLANNED:
                if one.request.frame_type.needs_sky:
                    others.append(one)
            elif _is_tonight(one, morning_utc_s):
                plannable[one.key], marks[one.key] = one, mark
        return Marked(plannable, marks, tuple(others))

    def _changed(self, candidates: list[Candidate], morning_utc_s: float) -> Marked | None:
        """Return the last ones with what changed; None: it is much, or not among the plannable."""
        if self._last is None or self._last[1] != morning_utc_s:
            return None
        old, _, last = self._last
        first, old_end, new_end = changed_span(old, candidates)
        gone, come = old[first:old_end], candidates[first:new_end]
        if not gone and not come:
            return last
        if len(gone) + len(come) > MOST_CHANGED:
            return None
        if not all(is_plannable(one) for one in (*gone, *come)):
            return None
        plannable, marks = dict(last.plannable), dict(last.marks)
        known = {one.key: self._known.pop(one.key) for one in gone}
        for one in gone:
            plannable.pop(one.key, None)
            marks.pop(one.key, None)
        for one in come:
            mark = self._mark(one, known.get(one.key))
            if _is_tonight(one, morning_utc_s):
                plannable[one.key], marks[one.key] = one, mark
        return Marked(plannable, marks, last.others)

    def _mark(self, one: Candidate, before: tuple[Candidate, int] | None) -> int:
        """Return a candidate's mark, and keep it."""
        if before is None or not (before[0] is one or _is_same(one, before[0])):
            before = one, _mark(one) if is_plannable(one) else NOT_PLANNED
        self._known[one.key] = before
        return before[1]


class CandidatesWhere:
    """Those of which something holds; each is asked once for each mark that it has."""

    def __init__(self, holds: Callable[[Candidate], bool]) -> None:
        self._holds = holds
        self._marks: Mapping[str, int] = {}
        self._keys: frozenset[str] = frozenset()

    def of(self, candidates: Mapping[str, Candidate], marks: Mapping[str, int]) -> list[Candidate]:
        """Return them, by key; 0.4 ms of ten thousand that are known."""
        known = self._marks
        new = {key for key, mark in marks.items() if known.get(key) != mark}
        held = {key for key in self._keys if key in marks} - new
        self._keys = frozenset(held.union(key for key in new if self._holds(candidates[key])))
        self._marks = marks
        return [candidates[key] for key in sorted(self._keys)]


MOST_CHANGED = 200
"""Candidates looked at for a change; for more all are."""

NOT_PLANNED = -1


def _is_tonight(one: Candidate, morning_utc_s: float) -> bool:
    return one.not_before_utc_s < morning_utc_s or bool(one.request.group)


def _is_same(one: Candidate, other: Candidate) -> bool:
    return (
        one.request is other.request
        and one.count == other.count
        and one.not_before_utc_s == other.not_before_utc_s
        and one.sort_key == other.sort_key
        and _visits_left(one) == _visits_left(other)
    )


def _mark(one: Candidate) -> int:
    asked = one.key, one.request, one.count, one.sort_key, one.not_before_utc_s
    return _hash(asked if one.request.cadence is None else (*asked, _visits_left(one)))


def _visits_left(one: Candidate) -> int:
    return 1 if one.order is None else one.order.visits_left


def _hash(what: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(what).encode(), digest_size=4).digest(), "big")
