"""When safety closes: a pure decision, separate from doing it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind
from ctmo_indi.safety_policy import SafetyPolicy

# Machine seconds: devices take 1-2 s to connect, a driver or server that died some 3 s to be back.
UNREACHABLE_GRACE_S = 10.0

HALF_WAY_S = 120.0
"""Elapsed seconds neither open nor closed, nobody at work, after which that is closed."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision depends on.

    Parameters
    ----------
    reasons
        Of the verdict, as far as they make it UNSAFE.
    silent
        Services that have not beaten for too long.
    cause_for_s
        Elapsed seconds for which there has been a cause to close.
    latched_for_s
        Elapsed seconds since the stop latch was set, or since our start when it was found set.
    unreachable_for_s
        Machine seconds for which the link, the mount or the dome has been away; 0 when all are
        there. A closing then cannot succeed; after a grace it is tried all the same, for the alarm.
    watchdog_closes
        Whether INDI's WatchDog is closing: one closer at a time.
    half_way_for_s
        Elapsed seconds for which it has been neither open nor closed while the telescope says that
        it does nothing: an opening that failed on the way.
    """

    state: ObservatoryState
    reasons: tuple[str, ...]
    silent: tuple[str, ...]
    lock: Lock | None
    latch: Latch | None
    cause_for_s: float
    unreachable_for_s: float = 0.0
    latched_for_s: float = math.inf
    half_way_for_s: float = 0.0
    watchdog_closes: bool = False


def _half_way(situation: Situation) -> tuple[str, ...]:
    # Somebody who pressed stop, or took the observatory in hand, left it so on purpose.
    if situation.half_way_for_s < HALF_WAY_S or situation.latch or situation.lock:
        return ()
    return (f"{situation.state} for {situation.half_way_for_s:.0f} s and nobody works on it",)


# What may close it; each gives its reasons.
CAUSES: tuple[Callable[[Situation], tuple[str, ...]], ...] = (
    lambda situation: situation.reasons,
    lambda situation: situation.silent,
    _half_way,
)


def _is_closed(situation: Situation, policy: SafetyPolicy) -> bool:
    return situation.state is ObservatoryState.CLOSED


def _is_maintenance(situation: Situation, policy: SafetyPolicy) -> bool:
    """People may be inside: nothing moves."""
    return situation.lock is not None and situation.lock.kind is LockKind.MAINTENANCE


def _is_connecting(situation: Situation, policy: SafetyPolicy) -> bool:
    return 0.0 < situation.unreachable_for_s < UNREACHABLE_GRACE_S


def _is_being_closed(situation: Situation, policy: SafetyPolicy) -> bool:
    """By another, who has his time for it."""
    return situation.watchdog_closes


def _is_noticed(situation: Situation, policy: SafetyPolicy) -> bool:
    """The stop latch defers closing by the policy's notice."""
    noticed_s = min(situation.cause_for_s, situation.latched_for_s)
    return situation.latch is not None and noticed_s < policy.latched_close_notice_s


# What keeps it from being closed now, whatever the cause.
HINDRANCES: tuple[Callable[[Situation, SafetyPolicy], bool], ...] = (
    _is_closed,
    _is_maintenance,
    _is_connecting,
    _is_being_closed,
    _is_noticed,
)


def causes(situation: Situation) -> tuple[str, ...]:
    """Return every cause to close."""
    return tuple(text for cause in CAUSES for text in cause(situation))


def reason_to_close(situation: Situation, policy: SafetyPolicy) -> str | None:
    """Return why the observatory must be closed now, None when it need not or must not be."""
    found = causes(situation)
    if not found or any(hinders(situation, policy) for hinders in HINDRANCES):
        return None
    return "; ".join(found)
