"""Keep an eye on the verdict for the engine: what it means now, and since when.

Engine thread only; the rules themselves are ``verdict_rules``.
"""

from __future__ import annotations

import math
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import SafetyError
from ctmo_indi.models.states import AttemptState, ObservatoryState
from ctmo_indi.models.verdict import NOBODY, Hand, Latch, Verdict, VerdictLevel
from ctmo_indi.telescope.attempt import Attempt, Ending
from ctmo_indi.telescope.control import ControlTask
from ctmo_indi.telescope.safety_link import VerdictNews
from ctmo_indi.telescope.verdict_rules import Duty, Judgement, VerdictTimes, judge, refusal
from ctmo_indi.wakefulness import Wakefulness


class VerdictSource(Protocol):
    """What is needed of :class:`~ctmo_indi.telescope.safety_link.SafetyLink`."""

    @property
    def news(self) -> VerdictNews | None:
        """The newest verdict, None until the first."""
        ...


class Vigil:
    """The verdict, its age, and how long it has been UNSAFE."""

    def __init__(self, source: VerdictSource, clock: Clock, times: VerdictTimes) -> None:
        self._source = source
        self._clock = clock
        self._times = times
        self._begun_machine_s = clock.machine_s()
        self._unsafe_since_machine_s: float | None = None
        self._latched_since_machine_s: float | None = None
        self._latch: Latch | None = None
        self._wakefulness = Wakefulness(clock)

    @property
    def news(self) -> VerdictNews | None:
        """The newest verdict with when it was learned and what safety does."""
        return self._source.news

    @property
    def verdict(self) -> Verdict | None:
        """The newest verdict, whatever its age."""
        news = self._source.news
        return news.verdict if news else None

    def age_machine_s(self) -> float:
        """Age of the verdict; while there is none, how long we have been waiting for it."""
        now_machine_s = self._clock.machine_s()
        news = self._source.news
        return news.age_machine_s(now_machine_s) if news else now_machine_s - self._begun_machine_s

    def safety_closes(self) -> bool:
        """Whether safety has just said that a closing of its own is under way."""
        news = self._source.news
        return (
            news is not None
            and news.safety_is_closing
            and self.age_machine_s() < self._times.hold_machine_s
        )

    def look(self, observatory: ObservatoryState) -> Judgement:
        """Judge the present; call it at every turn, it remembers when UNSAFE began."""
        self._wakefulness.look()
        verdict = self.verdict
        now_machine_s = self._clock.machine_s()
        if verdict is None or not verdict.is_unsafe:
            self._unsafe_since_machine_s = None
        elif self._unsafe_since_machine_s is None:
            self._unsafe_since_machine_s = now_machine_s
        latch = None if verdict is None else verdict.latch
        if latch != self._latch:  # the notice counts from the newest press
            self._latched_since_machine_s = None if latch is None else now_machine_s
        self._latch = latch
        latched_for_machine_s = math.inf
        if self._latched_since_machine_s is not None:
            latched_for_machine_s = now_machine_s - self._latched_since_machine_s
        since_machine_s = self._unsafe_since_machine_s
        if since_machine_s is not None and self._latched_since_machine_s is not None:
            # The notice that a stop is given counts from the stop.
            since_machine_s = max(since_machine_s, self._latched_since_machine_s)
        unsafe_for_machine_s = 0.0 if since_machine_s is None else now_machine_s - since_machine_s
        awake_machine_s = self._wakefulness.awake_machine_s()
        age_machine_s = self.age_machine_s()
        # Stopped ourselves, we know nothing of safety, which may be closing: hold until it had
        # time to tell.
        held_machine_s = min(age_machine_s, self._times.hold_machine_s + 1.0)
        return judge(
            verdict,
            max(held_machine_s, min(age_machine_s, awake_machine_s)),
            observatory,
            min(unsafe_for_machine_s, awake_machine_s),
            self._clock.speed,
            self._times,
            safety_is_closing=self._source.news is not None and self._source.news.safety_is_closing,
            latched_for_machine_s=latched_for_machine_s,
        )

    def refusal(self, needs_safe: bool, acts_for: Hand = NOBODY) -> SafetyError | None:
        """Why nothing may start now, None when it may; ``acts_for``: whose order by hand it is."""
        return refusal(
            self.verdict,
            self.age_machine_s(),
            self._times,
            needs_safe=needs_safe,
            acts_for=acts_for,
        )

    def is_held(self, needs_safe: bool) -> bool:
        """Whether to wait for another verdict: it is too old, still awaited, or says HOLD.

        Parameters
        ----------
        needs_safe
            As of :meth:`refusal`; what does without SAFE does not wait for the end of a HOLD.
        """
        verdict = self.verdict
        if verdict is None or self.age_machine_s() > self._times.hold_machine_s:
            return True
        return needs_safe and verdict.level is VerdictLevel.HOLD

    def lets_finish(self) -> bool:
        """Whether what is under way may go on and be finished, such as following with the dome."""
        verdict = self.verdict
        is_fresh = self.age_machine_s() <= self._times.hold_machine_s
        return verdict is not None and is_fresh and not verdict.is_unsafe

    def is_in_human_hands(self) -> bool:
        """Whether a human holds a lock or the stop latch: then nothing moves by itself."""
        verdict = self.verdict
        return bool(verdict and (verdict.lock or verdict.latch))

    def ending(self, judgement: Judgement, task: Attempt | ControlTask) -> Ending | None:
        """How the verdict, a lock or the latch ends what is under way; None when it goes on.

        Frames that need no sky go on under an UNSAFE verdict, a human's order goes on under a lock;
        nothing goes on under the latch.
        """
        verdict = self.verdict
        if verdict is not None and verdict.latch is not None:
            why = f"stopped by {verdict.latch.owner}: {verdict.latch.reason}"
            return Ending(AttemptState.ABORTED, why)
        if verdict is not None and verdict.lock is not None and isinstance(task, Attempt):
            why = f"{verdict.lock.kind} lock of {verdict.lock.owner}: {verdict.lock.reason}"
            return Ending(AttemptState.INTERRUPTED, why)
        stays_inside = isinstance(task, Attempt) and not task.request.frame_type.needs_sky
        if judgement.duty in (Duty.WORK, Duty.HOLD) or stays_inside:
            return None
        return Ending(AttemptState.INTERRUPTED, judgement.reason, stops_motion=False)

    def to_wire(self) -> dict[str, object]:
        """For Status: the verdict and its age; an empty struct while there is none."""
        verdict = self.verdict
        if verdict is None:
            return {}
        return {**verdict.to_wire(), "Age": round(self.age_machine_s(), 3)}
