"""What the telescope must do about safety's verdict: a pure decision.

============================  ==================================================================
verdict                       the telescope
============================  ==================================================================
SAFE, fresh                   works
HOLD, fresh                   holds: what runs may finish, nothing is closed
UNSAFE, fresh                 ends the attempt and lets safety close; closes itself when safety has
                              not begun within ``begin_machine_s`` or not ended within its time
older than 10 s               holds: no new motion, no new exposure
older than 30 s               ends the attempt and closes with its own transport
lock or latch                 ends the attempt; under a maintenance lock it never moves anything,
                              under a latch it closes only after the site's notice as well
============================  ==================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ctmo_indi.errors import Locked, SafetyError, Stopped, Unsafe
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import NOBODY, Hand, LockKind, Verdict


@dataclass(frozen=True, slots=True)
class VerdictTimes:
    """Machine seconds, except ``safety_closes_s`` and ``latch_notice_s``: elapsed (sky) seconds.

    Parameters
    ----------
    hold_machine_s, close_machine_s
        Ages of the verdict after which the telescope holds and closes.
    begin_machine_s
        How long safety may take to begin closing.
    safety_closes_s
        How long safety's closing may take as a whole; never less than ``floor_machine_s``.
    latch_notice_s
        Added to each limit for closing while the stop latch is set, for the humans beside it.
    """

    hold_machine_s: float = 10.0
    close_machine_s: float = 30.0
    begin_machine_s: float = 10.0
    safety_closes_s: float = 330.0
    latch_notice_s: float = 600.0
    floor_machine_s: float = 20.0


class Duty(StrEnum):
    """What the telescope may or must do now."""

    WORK = "work"
    HOLD = "hold"
    YIELD = "yield"  # end the attempt; safety closes
    CLOSE = "close"  # end the attempt and close ourselves


@dataclass(frozen=True, slots=True)
class Judgement:
    """A duty and its reason in words."""

    duty: Duty
    reason: str


def judge(
    verdict: Verdict | None,
    age_machine_s: float,
    observatory: ObservatoryState,
    unsafe_for_machine_s: float,
    speed: float,
    times: VerdictTimes,
    *,
    safety_is_closing: bool = False,
    latched_for_machine_s: float = math.inf,
) -> Judgement:
    """Decide.

    Parameters
    ----------
    verdict
        The newest one; None when there never was one.
    age_machine_s
        Its age; of no verdict: machine seconds since the service started.
    unsafe_for_machine_s
        How long the verdict has been UNSAFE without interruption.
    latched_for_machine_s
        How long ago stop was pressed, of a verdict with a latch.
    safety_is_closing
        As safety says: parking comes first and does not show in the observatory's state.
    """
    notice_s = times.latch_notice_s / speed if verdict and verdict.latch else 0.0
    if verdict is None or age_machine_s > times.hold_machine_s:
        what = "no verdict from safety" if verdict is None else "the verdict is too old"
        reason = f"{what}: {age_machine_s:.0f} s"
        # The notice counts from the later of the two, the cause and the stop.
        is_noticed = latched_for_machine_s <= notice_s
        must_close = age_machine_s > times.close_machine_s + notice_s and not is_noticed
        closing = Duty.HOLD if _is_maintenance(verdict) else Duty.CLOSE
        return Judgement(closing if must_close else Duty.HOLD, reason)
    if verdict.is_safe:
        return Judgement(Duty.WORK, "")
    if not verdict.is_unsafe:
        return Judgement(Duty.HOLD, f"{verdict.level}: {_reasons(verdict)}")
    reason = f"{verdict.level}: {_reasons(verdict)}"
    if observatory is ObservatoryState.CLOSED or _is_maintenance(verdict):
        return Judgement(Duty.YIELD, reason)
    allowed_s = max(times.safety_closes_s / speed, times.floor_machine_s)
    if unsafe_for_machine_s > allowed_s + notice_s:
        return Judgement(Duty.CLOSE, f"{reason}; safety has not closed in time")
    has_begun = safety_is_closing or observatory is ObservatoryState.CLOSING
    if not has_begun and unsafe_for_machine_s > times.begin_machine_s + notice_s:
        return Judgement(Duty.CLOSE, f"{reason}; safety has not begun to close")
    return Judgement(Duty.YIELD, reason)


def _is_maintenance(verdict: Verdict | None) -> bool:
    return bool(verdict and verdict.lock and verdict.lock.kind is LockKind.MAINTENANCE)


def refusal(
    verdict: Verdict | None,
    age_machine_s: float,
    times: VerdictTimes,
    *,
    needs_safe: bool,
    acts_for: Hand = NOBODY,
) -> SafetyError | None:
    """Why nothing may be started now, None when it may.

    Parameters
    ----------
    needs_safe
        True for whatever moves away from safe or needs the sky; bias, dark and panel flats do with
        a fresh verdict of any level, for lock and latch.
    acts_for
        Whose order by hand it is: an observer lock keeps everybody off but its owner.
    """
    if verdict is None:
        return Unsafe("no verdict from safety yet: unknown is unsafe")
    if age_machine_s > times.hold_machine_s:
        return Unsafe(
            f"the verdict is {age_machine_s:.0f} s old, limit {times.hold_machine_s:.0f} s"
        )
    lock = verdict.lock
    is_same_name = lock is not None and lock.owner == acts_for.name
    is_own = lock is not None and lock.kind is LockKind.OBSERVER and lock.belongs_to(acts_for)
    if lock is not None and not is_own:
        needs_token = lock.is_proved and is_same_name and not acts_for.is_proved
        how = "; taken with a token, which this order came without" if needs_token else ""
        return Locked(f"{lock.kind} lock of {lock.owner}: {lock.reason}{how}")
    if verdict.latch is not None:
        return Stopped(
            f"stopped by {verdict.latch.owner}: {verdict.latch.reason}; release it first"
        )
    if needs_safe and not verdict.is_safe:
        return Unsafe(f"{verdict.level}: {_reasons(verdict)}")
    return None


def _reasons(verdict: Verdict) -> str:
    return "; ".join(verdict.reasons) or "no reason given"
