"""What safety says: verdict, lock and latch, as other services receive it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class VerdictLevel(StrEnum):
    """What may be done; from good to bad."""

    SAFE = "SAFE"  # may be open
    HOLD = "HOLD"  # nothing new: no opening, slew or exposure; what runs may finish, nothing closes
    UNSAFE = "UNSAFE"  # must be closed; unknown, stale or contradictory is UNSAFE


class LockKind(StrEnum):
    """Who keeps their hands off: see ``docs/explanation/who-closes.md``."""

    OBSERVER = "observer"  # the manager keeps off; safety still closes
    MAINTENANCE = "maintenance"  # nothing moves at all


@dataclass(frozen=True, slots=True)
class Hand:
    """Whose hand an order is, as far as a lock asks.

    Parameters
    ----------
    name
        Empty: nobody's, an order of the manager's own.
    is_proved
        A token says so; without one anybody may say any name.
    """

    name: str
    is_proved: bool = False


NOBODY = Hand("")


@dataclass(frozen=True, slots=True)
class Lock:
    """A human holds the observatory.

    Parameters
    ----------
    is_proved
        The owner showed a token.
    """

    kind: LockKind
    owner: str
    reason: str
    since_utc: str  # ISO 8601
    expires_utc: str | None
    is_proved: bool = False

    def belongs_to(self, hand: Hand) -> bool:
        """Whether it is that hand's; a name alone is not the same name with a token."""
        is_same = bool(hand.name) and self.owner == hand.name
        return is_same and (hand.is_proved or not self.is_proved)


@dataclass(frozen=True, slots=True)
class Latch:
    """Somebody pressed stop; it holds until released."""

    owner: str
    reason: str
    since_utc: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that is not content.

    Parameters
    ----------
    rule
        Its name in ``safety/rules.py``.
    text
        With age, value and limit.
    age_s
        Elapsed seconds since what it judged was read; None where that has no meaning.
    """

    rule: str
    level: VerdictLevel
    text: str
    age_s: float | None = None

    def to_wire(self) -> dict[str, object]:
        """Keys of one entry of "Rules"; without Age where there is none."""
        wire: dict[str, object] = {
            "Rule": self.rule,
            "Level": self.level.value,
            "Text": self.text,
        }
        if self.age_s is not None and math.isfinite(self.age_s):
            wire["Age"] = round(self.age_s, 3)
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, object]) -> Finding:
        """Read :meth:`to_wire`; KeyError or ValueError when it is something else."""
        return cls(
            rule=str(wire["Rule"]),
            level=VerdictLevel(str(wire["Level"])),
            text=str(wire["Text"]),
            age_s=float(str(wire["Age"])) if "Age" in wire else None,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of one cycle of the safety loop.

    Parameters
    ----------
    cycle
        Counts completed cycles; a repeated number is no news.
    machine_s
        :meth:`Clock.machine_s` at the end of the cycle, on safety's machine.
    reasons
        Why it is HOLD or UNSAFE; empty when SAFE.
    findings
        The same as data, rule by rule.
    """

    level: VerdictLevel
    reasons: tuple[str, ...]
    cycle: int
    utc: str
    machine_s: float
    lock: Lock | None = None
    latch: Latch | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def is_safe(self) -> bool:
        """True when the observatory may be open and something new may begin."""
        return self.level is VerdictLevel.SAFE

    @property
    def is_unsafe(self) -> bool:
        """True when the observatory must be closed."""
        return self.level is VerdictLevel.UNSAFE

    def to_wire(self) -> dict[str, object]:
        """Keys as they stand in a reply; None becomes an empty struct."""
        return {
            "Level": self.level.value,
            "Reasons": list(self.reasons),
            "Rules": [finding.to_wire() for finding in self.findings],
            "Cycle": self.cycle,
            "UTC": self.utc,
            "Machine Seconds": self.machine_s,
            "Lock": lock_to_wire(self.lock),
            "Latch": latch_to_wire(self.latch),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, object]) -> Verdict:
        """Read :meth:`to_wire`; KeyError or ValueError when it is something else."""
        reasons = wire["Reasons"]
        if not isinstance(reasons, list):
            raise ValueError(f"Reasons is {reasons!r}, expected an array")  # noqa: TRY004
        rules = wire.get("Rules", [])
        if not isinstance(rules, list):
            raise ValueError(f"Rules is {rules!r}, expected an array")  # noqa: TRY004
        return cls(
            level=VerdictLevel(str(wire["Level"])),
            reasons=tuple(str(reason) for reason in reasons),
            cycle=int(str(wire["Cycle"])),
            utc=str(wire["UTC"]),
            machine_s=float(str(wire["Machine Seconds"])),
            lock=lock_from_wire(wire["Lock"]),
            latch=latch_from_wire(wire["Latch"]),
            findings=tuple(Finding.from_wire(rule) for rule in rules),
        )


def lock_to_wire(lock: Lock | None) -> dict[str, object]:
    """Keys of a lock in a reply; empty for none."""
    if lock is None:
        return {}
    return {
        "Kind": lock.kind.value,
        "Owner": lock.owner,
        "Reason": lock.reason,
        "Since": lock.since_utc,
        "Expires": lock.expires_utc or "",
        "Proved": lock.is_proved,
    }


def lock_from_wire(wire: object) -> Lock | None:
    """Read :func:`lock_to_wire`; KeyError or ValueError when it is something else."""
    if not isinstance(wire, Mapping):
        raise ValueError(f"Lock is {wire!r}, expected a struct")  # noqa: TRY004
    if not wire:
        return None
    return Lock(
        kind=LockKind(str(wire["Kind"])),
        owner=str(wire["Owner"]),
        reason=str(wire["Reason"]),
        since_utc=str(wire["Since"]),
        expires_utc=str(wire["Expires"]) or None,
        is_proved=wire.get("Proved") is True,  # older peers and files do not tell
    )


def latch_to_wire(latch: Latch | None) -> dict[str, object]:
    """Keys of a latch in a reply; empty for none."""
    if latch is None:
        return {}
    return {"Owner": latch.owner, "Reason": latch.reason, "Since": latch.since_utc}


def latch_from_wire(wire: object) -> Latch | None:
    """Read :func:`latch_to_wire`; KeyError or ValueError when it is something else."""
    if not isinstance(wire, Mapping):
        raise ValueError(f"Latch is {wire!r}, expected a struct")  # noqa: TRY004
    if not wire:
        return None
    return Latch(owner=str(wire["Owner"]), reason=str(wire["Reason"]), since_utc=str(wire["Since"]))
