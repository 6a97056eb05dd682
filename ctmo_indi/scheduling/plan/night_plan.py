"""The plan a driver follows, as values and as JSON: visits in order, and what they were made of."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.plan.visit_keys import visit_key


@dataclass(frozen=True)
class Marks:
    """Marks of candidates as text: four bytes each, ascending, base 64.

    Raises
    ------
    TypeError, ValueError
        It is no such text.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"marks are {self.text!r}, expected text")
        if len(self._bytes()) % 4:
            raise ValueError(f"marks are {len(self._bytes())} bytes, expected four each")

    @classmethod
    def of(cls, marks: Collection[int]) -> Marks:
        """Pack marks."""
        data = struct.pack(f">{len(marks)}I", *sorted(marks))
        return cls(base64.b64encode(data).decode())

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The marks."""
        data = self._bytes()
        return frozenset(struct.unpack(f">{len(data) // 4}I", data))

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that stand for them all."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).digest()

    def unread(self) -> Marks:
        """Return the same as text alone: no set made of it is kept."""
        return Marks(self.text)

    def _bytes(self) -> bytes:
        return base64.b64decode(self.text, validate=True)


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One visit to come.

    Parameters
    ----------
    key
        Of the candidate: receipt of an order, or ``target_id`` of the observing list.
    start_utc_s, end_utc_s
        Unix seconds: first exposure begins, last readout ends.
    setup_s
        Before the start.
    idle_s
        The plan has the telescope wait so long before the setup.
    count
        Frames of the visit.
    ra_deg, dec_deg
        ICRS: the place that it was planned with.
    exposure_s
        Of one frame.
    priority
        As it was planned with.
    filter_name
        "": none was asked for.
    visit
        Of a series: which of the visits that are left, from 1; 0 for all else.
    """

    key: str
    start_utc_s: float
    end_utc_s: float
    setup_s: float
    idle_s: float
    value: float
    count: int
    ra_deg: float
    dec_deg: float
    exposure_s: float
    priority: float
    filter_name: str
    visit: int = 0

    @property
    def name(self) -> str:
        """In the planner, where each visit is a request."""
        return visit_key(self.key, self.visit)


def numbered(visits: Iterable[PlannedOrder]) -> tuple[PlannedOrder, ...]:
    """Return visits in which those of each series are numbered from 1, in their order."""
    counts: Counter[str] = Counter()
    found = []
    for one in visits:
        counts[one.key] += 1
        found.append(replace(one, visit=counts[one.key]) if one.visit else one)
    return tuple(found)


@dataclass(frozen=True)
class NightPlan:
    """What is left of a plan, and what it was made of.

    Parameters
    ----------
    night
        Label of the night.
    made_utc_s, begin_utc_s, end_utc_s
        Unix seconds: made when; planned from the first free moment to the end of the night.
    value, bound
        Of the whole plan as it was made; no plan is worth more than the bound.
    requests, kept
        Asked for, and looked at by the search.
    marks
        Of the candidates it was made of (see ``CandidateMarks``).
    visits
        Those still to come, in the order of their starts.
    changed_utc_s
        Unix seconds: when it was changed last; ``made_utc_s`` when it was not. Value, bound,
        filled, requests and kept are those of the whole plan that it was.
    lost
        Keys of those that an alert took the place of, each with the alert's.
    added
        How many new orders changes have put in, or found no place for.
    kinematics
        What setups were planned with: names and values of the profile's ``kinematics``, corrected.
    refusal
        Why a plan that was made is not followed: the rules that it breaks. It has no visits then.
    time_critical_cost
        Value that it cost to put first what is time-critical, when it was made; a part of the gap.
    """

    night: str
    made_utc_s: float
    begin_utc_s: float
    end_utc_s: float
    value: float
    bound: float
    filled: float
    requests: int
    kept: int
    marks: Marks
    visits: tuple[PlannedOrder, ...]
    changed_utc_s: float = 0.0
    lost: tuple[tuple[str, str], ...] = ()
    kinematics: tuple[tuple[str, float], ...] = ()
    refusal: str = ""
    time_critical_cost: float = 0.0
    added: int = 0

    @classmethod
    def refused(cls, night: Night, utc_s: float, marks: Collection[int], why: str) -> NightPlan:
        """Return a plan of nothing: orders are chosen one at a time while it stands."""
        begin_s, end_s = max(utc_s, night.evening.timestamp()), night.morning.timestamp()
        packed = Marks.of(marks)
        return cls(
            night.label, utc_s, begin_s, end_s, 0.0, 0.0, 0.0, len(marks), 0, packed, (),
            refusal=why,
        )  # fmt: skip

    @property
    def gap(self) -> float:
        """How far below the best possible the plan may have been: (bound - value) / bound."""
        return (self.bound - self.value) / self.bound if self.bound > 0.0 else 0.0

    @cached_property
    def keys(self) -> frozenset[str]:
        """Of the visits to come."""
        return frozenset(one.key for one in self.visits)

    @cached_property
    def series_starts_utc_s(self) -> dict[str, tuple[float, ...]]:
        """When the visits of series start, Unix seconds, by key."""
        found: dict[str, tuple[float, ...]] = {}
        for one in self.visits:
            if one.visit:
                found[one.key] = (*found.get(one.key, ()), one.start_utc_s)
        return found

    def unread(self) -> NightPlan:
        """Return the same plan, of whose marks only the text is kept."""
        return replace(self, marks=self.marks.unread())

    def without(self, key: str) -> NightPlan:
        """Return the plan when a visit was made: the first of its order, which may be a series."""
        made = next((one for one in self.visits if one.key == key), None)
        if made is None:
            return self
        left = (
            replace(one, visit=one.visit - made.visit) if one.key == key else one
            for one in self.visits
            if one is not made
        )
        return replace(self, visits=tuple(left))

    def is_under_way(
        self,
        waiting: Container[str],
        queued: Collection[str] | None,
        utc_s: float,
        margin_s: float,
    ) -> bool:
        """Whether a visit was handed to the script queue and is not over.

        Parameters
        ----------
        waiting, queued
            Keys; where ``queued`` is None, it is the plan's next visit if that does not wait and it
            is its time.
        margin_s
            Seconds by which it may be out of its time.
        """
        if queued is not None:
            return any(one.key in queued for one in self.visits)
        if not self.visits or self.visits[0].key in waiting:
            return False
        first = self.visits[0]
        begin_s = first.start_utc_s - first.setup_s - margin_s
        return begin_s <= utc_s <= first.end_utc_s + margin_s

    def is_complete(self, marks: Iterable[int]) -> bool:
        """Whether it was made of all of these candidates as they are."""
        return self.marks.numbers.issuperset(marks)

    def state(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            **{name: getattr(self, name) for name in (*_TEXTS, *_NUMBERS, *_COUNTS)},
            "marks": self.marks.text,
            "changed_utc_s": self.changed_utc_s,
            "lost": [list(pair) for pair in self.lost],
            "added": self.added,
            "kinematics": dict(self.kinematics),
            "refusal": self.refusal,
            "time_critical_cost": self.time_critical_cost,
            "visits": [
                [getattr(one, name) for name in PlannedOrder.__slots__] for one in self.visits
            ],
        }

    @classmethod
    def of_state(cls, state: object) -> NightPlan:
        """Return what :meth:`state` gave.

        Raises
        ------
        TypeError, ValueError, KeyError
            It is no such thing.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"plan is {type(state).__name__}, expected an object")
        values: dict[str, Any] = {}  # Any: checked one by one
        for names, kinds in ((_TEXTS, (str,)), (_NUMBERS, (float, int)), (_COUNTS, (int,))):
            for name in names:
                if not isinstance(state[name], kinds):
                    raise TypeError(f"plan's {name} is {state[name]!r}, expected {kinds[0]}")
                values[name] = state[name]
        visits = [_visit(row) for row in state["visits"]]
        changed_s, lost = state.get("changed_utc_s", 0.0), state.get("lost", [])
        if not isinstance(changed_s, float | int) or not all(
            isinstance(one, str) for pair in lost for one in pair
        ):
            raise TypeError(f"plan's change is {changed_s!r}, {lost!r}, expected number and keys")
        kinematics, refusal = state.get("kinematics", {}), state.get("refusal", "")
        if not isinstance(refusal, str):
            raise TypeError(f"plan's refusal is {refusal!r}, expected text")
        if not isinstance(kinematics, Mapping) or not all(
            isinstance(name, str) and isinstance(value, float | int)
            for name, value in kinematics.items()
        ):
            raise TypeError(f"plan's kinematics are {kinematics!r}, expected names and numbers")
        cost = state.get("time_critical_cost", 0.0)
        if not isinstance(cost, float | int):
            raise TypeError(f"plan's time_critical_cost is {cost!r}, expected a number")
        added = state.get("added", 0)
        if not isinstance(added, int):
            raise TypeError(f"plan's added is {added!r}, expected a whole number")
        return cls(
            **values,
            marks=Marks(state["marks"]),
            visits=tuple(visits),
            changed_utc_s=changed_s,
            lost=tuple((key, alert) for key, alert in lost),
            kinematics=tuple((name, float(value)) for name, value in kinematics.items()),
            refusal=refusal,
            time_critical_cost=float(cost),
            added=added,
        )


def _visit(row: object) -> PlannedOrder:
    """Return a visit of its values in the order of its fields."""
    names = PlannedOrder.__slots__
    if not isinstance(row, list) or len(row) != len(names):
        raise ValueError(f"visit of the plan is {row!r}, expected {', '.join(names)}")
    given: list[Any] = row  # Any: checked one by one
    values: dict[str, Any] = {}
    for name, value in zip(names, given, strict=True):
        kinds = _VISIT_KINDS.get(name, (float, int))
        if type(value) not in kinds:
            raise TypeError(f"{name} of a visit of the plan is {value!r}, expected {kinds[0]}")
        if float in kinds and not math.isfinite(value):
            raise ValueError(f"{name} of a visit of the plan is {value!r}, expected finite")
        values[name] = float(value) if float in kinds else value
    return PlannedOrder(**values)


_VISIT_KINDS: dict[str, tuple[type, ...]] = {
    "key": (str,),
    "count": (int,),
    "filter_name": (str,),
    "visit": (int,),
}
"""Of the fields that are no plain numbers."""

_TEXTS = ("night",)
_NUMBERS = ("made_utc_s", "begin_utc_s", "end_utc_s", "value", "bound", "filled")
_COUNTS = ("requests", "kept")
