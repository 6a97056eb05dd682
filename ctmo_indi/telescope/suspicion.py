"""Whose doing a stop, a park or a closing is that we did not command: a closer's or a human's.

============================================  ===============================================
since it was seen                             it is
============================================  ===============================================
the verdict is UNSAFE, or older than 10 s     a closer's: safety, INDI's WatchDog
a lock or the latch is set                    a closer's, or that human's: known already
safety closes, or moved something lately      safety's
a verdict made afterwards says none of these  a human's, with another INDI client: a takeover
============================================  ===============================================

Until then nothing new begins. Safety says what it does before it does it, so a verdict made after
the motion was seen knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ctmo_indi.clock import Clock
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.safety_link import VerdictNews

# Machine seconds. A verdict older than that says nothing; safety's motions may be seen that late.
STALE_MACHINE_S = 10.0
ECHO_MACHINE_S = 120.0
# How much younger than the motion a verdict must be: the clocks of two threads.
MARGIN_MACHINE_S = 0.5


class Whose(StrEnum):
    """Who did it."""

    CLOSER = "closer"
    HUMAN = "human"
    NOT_KNOWN = "not known yet"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A motion that a closer or a human may have made."""

    what: str
    role: Role
    seen_machine_s: float


def whose(suspect: Suspect, news: VerdictNews | None, now_machine_s: float) -> Whose:
    """Judge by the newest verdict; the module's table."""
    if news is None or news.age_machine_s(now_machine_s) > STALE_MACHINE_S:
        return Whose.CLOSER
    verdict = news.verdict
    if verdict.is_unsafe or verdict.lock is not None or verdict.latch is not None:
        return Whose.CLOSER
    moved_ago_s = now_machine_s - news.safety_moved_machine_s
    if news.safety_is_closing or moved_ago_s < ECHO_MACHINE_S:
        return Whose.CLOSER
    if news.learned_machine_s > suspect.seen_machine_s + MARGIN_MACHINE_S:
        return Whose.HUMAN
    return Whose.NOT_KNOWN


class Suspicions:
    """What is not judged yet; engine thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._suspects: list[Suspect] = []

    @property
    def is_pending(self) -> bool:
        """Whether something waits to be judged."""
        return bool(self._suspects)

    def note(self, what: str, role: Role) -> None:
        """Something was stopped, parked or closed by somebody else."""
        self._suspects.append(Suspect(what, role, self._clock.machine_s()))

    def forget(self) -> None:
        """Whoever it was is done."""
        self._suspects = []

    def judge(self, news: VerdictNews | None) -> list[Suspect]:
        """Return what humans did; what closers did is forgotten."""
        now_machine_s = self._clock.machine_s()
        found = [(one, whose(one, news, now_machine_s)) for one in self._suspects]
        self._suspects = [one for one, owner in found if owner is Whose.NOT_KNOWN]
        return [one for one, owner in found if owner is Whose.HUMAN]
