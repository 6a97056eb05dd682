"""When is a command done, and when was it refused? Pure: no threads, no clock, no sending.

The state of a property alone is no answer (all measured on INDI 1.9.9): an update already in
flight shows Ok while the dome has 180 degrees to go; a refused light panel value goes Alert and at
once Ok; a slew to RA 25 h falls back to Idle without a word; an aborted LX200 slew ends Ok
half-way; tracking stays Busy as long as it tracks. So the values decide, and the states say what to
expect of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState, Value

_OK_ONLY = frozenset({PropertyState.OK})


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRule:
    """How the end of a command is recognised.

    Parameters
    ----------
    states
        States of the watched property in which the command can be complete.
    targets
        Wanted values by element of the watched property. None: the values sent, or nothing when
        another property is watched. Empty: the state alone decides; needed for momentary switches
        (abort, reset), which drivers put off again.
    tolerances
        Allowed absolute difference of number elements, in their unit; default 1e-6 of the value.
    wrap
        Number elements that wrap around, and at what: ``{"RA": 24.0}``.
    ack_timeout_s
        Sky seconds within which the driver must react at all.
    timeout_s
        Sky seconds within which the command must be complete.
    settle_s
        Sky seconds a driver may still correct its values after it went from Busy to an end state.
    must_leave
        Complete only after Busy was seen or a target's value changed: for commands whose end looks
        like their beginning (an exposure).
    watch
        ``(device, property)`` to judge instead of the commanded one.
    """

    states: frozenset[PropertyState] = _OK_ONLY
    targets: Mapping[str, Value] | None = None
    tolerances: Mapping[str, float] = field(default_factory=dict)
    wrap: Mapping[str, float] = field(default_factory=dict)
    ack_timeout_s: float = 2.0
    timeout_s: float = 60.0
    settle_s: float = 2.0
    must_leave: bool = False
    watch: tuple[str, str] | None = None


class Judgement(Enum):
    """What an observation means for the command."""

    PENDING = auto()
    SETTLING = auto()
    DONE = auto()
    REJECTED = auto()
    SILENT = auto()


@dataclass(slots=True)
class _Seen:
    """What was seen of one property since the command was sent."""

    before: PropertySnapshot | None
    latest: PropertySnapshot | None = None
    updates: int = 0
    changed_state: bool = False

    def note(self, snapshot: PropertySnapshot) -> PropertyState | None:
        """Take an update; return the state before it."""
        last = self.now
        self.latest = snapshot
        self.updates += 1
        if last is None or last.state is not snapshot.state:
            self.changed_state = True
        return last.state if last else None

    @property
    def now(self) -> PropertySnapshot | None:
        return self.latest or self.before


class CompletionWatch:
    """Judges one command from the updates that come after it was sent.

    Parameters
    ----------
    rule
        The command's rule.
    sent
        The values asked for.
    commanded, watched
        Snapshots taken before sending; ``watched`` counts only when the rule watches another
        property, and may be None when that is not there yet.
    """

    def __init__(
        self,
        rule: CompletionRule,
        sent: Mapping[str, Value],
        commanded: PropertySnapshot,
        watched: PropertySnapshot | None = None,
    ) -> None:
        self.rule = rule
        self.commanded_key = (commanded.device, commanded.name)
        self.watched_key = rule.watch or self.commanded_key
        if rule.targets is not None:
            self.targets: Mapping[str, Value] = dict(rule.targets)
        else:
            self.targets = {} if rule.watch else dict(sent)
        self._commanded = _Seen(commanded)
        same = self.watched_key == self.commanded_key
        self._watched = self._commanded if same else _Seen(watched)
        self._busy_seen = False
        self._value_left = False
        self._approached = False
        self._settling = False
        self._reason = ""

    @property
    def acknowledged(self) -> bool:
        """Whether the driver reacted: Busy, a value nearer to its target, an answer to a watch."""
        if self._busy_seen or self._approached:
            return True
        return not self._is_same and self._answered

    @property
    def reason(self) -> str:
        """Why it was rejected, or how things stand, for the message."""
        return self._reason or self._standing()

    @property
    def final(self) -> PropertySnapshot | None:
        """The watched property as it was last seen."""
        return self._watched.now

    def observe(self, snapshot: PropertySnapshot) -> Judgement:
        """Judge after an update of the commanded or the watched property."""
        if (snapshot.device, snapshot.name) == self.watched_key:
            return self._observe_watched(snapshot)
        self._commanded.note(snapshot)
        if snapshot.state is PropertyState.ALERT and not self._in_flight(self._commanded):
            return self._reject(f"went {snapshot.state}")
        return Judgement.DONE if self._complete() else Judgement.PENDING

    def _observe_watched(self, snapshot: PropertySnapshot) -> Judgement:
        before = self._watched.note(snapshot)
        self._note_values(snapshot)
        if snapshot.state is PropertyState.BUSY:
            # Busy from before the command says nothing about an answer to another property
            self._busy_seen = self._busy_seen or self._is_same or self._watched.changed_state
            self._settling = False
        if self._complete():
            return Judgement.DONE
        if snapshot.state is PropertyState.BUSY:
            return Judgement.PENDING
        if snapshot.state in self.rule.states or snapshot.state is PropertyState.OK:
            stopped = before is PropertyState.BUSY and not self._reached()
            return self._settle() if stopped else Judgement.PENDING
        if self._in_flight(self._watched):
            return Judgement.PENDING
        if self.targets and self._reached():
            return self._settle()
        return self._reject(f"went {snapshot.state}")

    def on_ack_deadline(self) -> Judgement:
        """Judge when the acknowledgement deadline passed."""
        if self.acknowledged or self._settling:
            return Judgement.PENDING
        if self._watched.updates or self._commanded.updates:
            return self._reject("was not carried out")
        watched = self._watched.now
        at_rest = watched is not None and watched.state in self.rule.states
        if at_rest and self.targets and self._reached() and not self.rule.must_leave:
            return Judgement.DONE
        self._reason = f"no answer: {self._standing()}"
        return Judgement.SILENT

    def on_settle_deadline(self) -> Judgement:
        """Judge when a driver has had its time to correct its values."""
        if not self._settling:
            return Judgement.PENDING
        return self._reject("ended elsewhere")

    def _settle(self) -> Judgement:
        self._settling = True
        return Judgement.SETTLING

    def _reject(self, what: str) -> Judgement:
        self._reason = f"{what}: {self._standing()}"
        return Judgement.REJECTED

    @property
    def _is_same(self) -> bool:
        return self._watched is self._commanded

    @property
    def _answered(self) -> bool:
        return self._commanded.updates > 0 or self._watched.changed_state

    @staticmethod
    def _in_flight(seen: _Seen) -> bool:
        """Whether Alert or Idle may be older than the command; the ack deadline then decides."""
        return seen.before is not None and not seen.changed_state

    def _complete(self) -> bool:
        watched = self._watched.now
        if watched is None or watched.state not in self.rule.states or not self._reached():
            return False
        if self.rule.must_leave and not (self._busy_seen or self._value_left):
            return False
        return self._answered or self._busy_seen

    def _note_values(self, snapshot: PropertySnapshot) -> None:
        origin = self._watched.before
        if origin is None:
            self._approached = self._value_left = True
            return
        if not self.targets and snapshot.values != origin.values:
            self._value_left = True
        for element, target in self.targets.items():
            first, now = origin.values.get(element), snapshot.values.get(element)
            if now == first:
                continue
            self._value_left = True
            if isinstance(target, bool | str):
                nearer = now == target
            else:
                # 0.9: a mount that does not track drifts; that is no reaction
                nearer = self._distance(element, now, target) < 0.9 * self._distance(
                    element, first, target
                )
            self._approached = self._approached or nearer

    def _reached(self) -> bool:
        watched = self._watched.now
        return watched is not None and not any(
            self._is_missed(watched, element, target) for element, target in self.targets.items()
        )

    def _is_missed(self, snapshot: PropertySnapshot, element: str, target: Value) -> bool:
        value = snapshot.values.get(element)
        if isinstance(target, bool):
            return value is not target
        if isinstance(target, str):
            return not isinstance(value, str) or value.strip() != target.strip()
        tolerance = self.rule.tolerances.get(element, max(1e-9, 1e-6 * abs(target)))
        return not self._distance(element, value, target) <= tolerance

    def _distance(self, element: str, value: Value | None, target: float) -> float:
        if isinstance(value, bool | str) or value is None:
            return math.inf
        difference = abs(value - target)
        period = self.rule.wrap.get(element)
        if period:
            difference %= period
            difference = min(difference, period - difference)
        return difference

    def _standing(self) -> str:
        watched = self._watched.now
        if watched is None:
            return f"{'.'.join(self.watched_key)} is not there"
        parts = [f"state {watched.state}"]
        for element, target in self.targets.items():
            parts.append(f"{element} is {watched.values.get(element)!r}, wanted {target!r}")
        return ", ".join(parts)
