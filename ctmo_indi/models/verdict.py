"""What safety says: verdict, lock and latch, as other services receive it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class VerdictLevel(StrEnum):
    """SAFE: may be open. UNSAFE: must be closed; unknown, stale or contradictory is UNSAFE."""

    SAFE = "SAFE"
    UNSAFE = "UNSAFE"


class LockKind(StrEnum):
    """Who keeps their hands off: see ``docs/explanation/who-closes.md``."""

    OBSERVER = "observer"  # the manager keeps off; safety still closes
    MAINTENANCE = "maintenance"  # nothing moves at all


@dataclass(frozen=True, slots=True)
class Lock:
    """A human holds the observatory."""

    kind: LockKind
    owner: str
    reason: str
    since_utc: str  # ISO 8601
    expires_utc: str | None


@dataclass(frozen=True, slots=True)
class Latch:
    """Somebody pressed stop; it holds until released."""

    owner: str
    reason: str
    since_utc: str  # ISO 8601


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
        Why it is UNSAFE; empty when SAFE.
    """

    level: VerdictLevel
    reasons: tuple[str, ...]
    cycle: int
    utc: str
    machine_s: float
    lock: Lock | None = None
    latch: Latch | None = None

    @property
    def is_safe(self) -> bool:
        """True when the observatory may be open."""
        return self.level is VerdictLevel.SAFE

    def to_wire(self) -> dict[str, object]:
        """Keys as they stand in a reply; None becomes an empty struct."""
        return {
            "Level": self.level.value,
            "Reasons": list(self.reasons),
            "Cycle": self.cycle,
            "UTC": self.utc,
            "Machine Seconds": self.machine_s,
            "Lock": _lock_to_wire(self.lock),
            "Latch": _latch_to_wire(self.latch),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, object]) -> Verdict:
        """Read :meth:`to_wire`; KeyError or ValueError when it is something else."""
        reasons = wire["Reasons"]
        if not isinstance(reasons, list):
            raise ValueError(f"Reasons is {reasons!r}, expected an array")  # noqa: TRY004
        return cls(
            level=VerdictLevel(str(wire["Level"])),
            reasons=tuple(str(reason) for reason in reasons),
            cycle=int(str(wire["Cycle"])),
            utc=str(wire["UTC"]),
            machine_s=float(str(wire["Machine Seconds"])),
            lock=_lock_from_wire(wire["Lock"]),
            latch=_latch_from_wire(wire["Latch"]),
        )


def _lock_to_wire(lock: Lock | None) -> dict[str, object]:
    if lock is None:
        return {}
    return {
        "Kind": lock.kind.value,
        "Owner": lock.owner,
        "Reason": lock.reason,
        "Since": lock.since_utc,
        "Expires": lock.expires_utc or "",
    }


def _lock_from_wire(wire: object) -> Lock | None:
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
    )


def _latch_to_wire(latch: Latch | None) -> dict[str, object]:
    if latch is None:
        return {}
    return {"Owner": latch.owner, "Reason": latch.reason, "Since": latch.since_utc}


def _latch_from_wire(wire: object) -> Latch | None:
    if not isinstance(wire, Mapping):
        raise ValueError(f"Latch is {wire!r}, expected a struct")  # noqa: TRY004
    if not wire:
        return None
    return Latch(owner=str(wire["Owner"]), reason=str(wire["Reason"]), since_utc=str(wire["Since"]))
