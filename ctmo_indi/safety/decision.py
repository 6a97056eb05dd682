"""When safety closes: a pure decision, separate from doing it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind
from ctmo_indi.profiles import SafetyPolicy

# Machine seconds: devices take 1-2 s to connect, a driver or server that died some 3 s to be back.
UNREACHABLE_GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision depends on.

    Parameters
    ----------
    reasons
        Of the verdict; empty when SAFE.
    silent
        Services that have not beaten for too long.
    cause_for_s
        Elapsed seconds for which there has been a reason or a silent service.
    latched_for_s
        Elapsed seconds since the stop latch was set, or since our start when it was found set.
    unreachable_for_s
        Machine seconds for which the link, the mount or the dome has been away; 0 when all are
        there. A closing then cannot succeed; after a grace it is tried all the same, for the alarm.
    """

    state: ObservatoryState
    reasons: tuple[str, ...]
    silent: tuple[str, ...]
    lock: Lock | None
    latch: Latch | None
    cause_for_s: float
    unreachable_for_s: float = 0.0
    latched_for_s: float = math.inf


def reason_to_close(situation: Situation, policy: SafetyPolicy) -> str | None:
    """Return why the observatory must be closed now, None when it need not or must not be.

    In order: closed already; a maintenance lock (people may be inside, nothing moves); nothing
    wrong; devices that are still connecting; the stop latch, which defers closing by the policy's
    notice.
    """
    if situation.state is ObservatoryState.CLOSED:
        return None
    if situation.lock is not None and situation.lock.kind is LockKind.MAINTENANCE:
        return None
    causes = situation.reasons + situation.silent
    if not causes:
        return None
    if 0.0 < situation.unreachable_for_s < UNREACHABLE_GRACE_S:
        return None
    noticed_s = min(situation.cause_for_s, situation.latched_for_s)
    if situation.latch is not None and noticed_s < policy.latched_close_notice_s:
        return None
    return "; ".join(causes)
