"""How long an order, or a driver's own target, is left alone after an attempt that ended short.

Others go first meanwhile. Every further attempt without a frame doubles it. An order comes to its
failure limit some time; a driver's own target has no such end, so one that failed as often in one
night rests until the next.

A rest is counted in elapsed seconds and becomes UTC when it is asked for: a clock that is set makes
none longer or shorter. Nothing is stored: a restart learns it from the stored attempts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ctmo_indi.clock import Clock
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models.states import AttemptState
from ctmo_indi.profiles import Site
from ctmo_indi.scheduler.orders.settlement import retry_after_s

_log = logging.getLogger(__name__)

DAY = timedelta(days=1)
CLOCK_SET_S = 1.0
"""Sky time that differs by more from the monotonic one than before was set by somebody."""


@dataclass(frozen=True, slots=True)
class Resting:
    """Who rests: an order (``driver`` is "", ``name`` its receipt), or a driver's own target."""

    driver: str
    name: str


@dataclass(slots=True)
class _Rest:
    """``failures`` are those of the night that begins at ``noon_s`` (Unix seconds)."""

    until_elapsed_s: float = 0.0
    last: AttemptState = AttemptState.COMPLETED
    fruitless: int = 0
    noon_s: float = 0.0
    failures: int = 0
    reason: str = ""


class Rests:
    """Keeper of the rests; engine thread only.

    Parameters
    ----------
    failure_limit
        Failures of a driver's own target in one night before it rests until the next.
    """

    def __init__(self, clock: Clock, site: Site, failure_limit: int) -> None:
        self._clock = clock
        self._site = site
        self._failure_limit = failure_limit
        self._rests: dict[Resting, _Rest] = {}
        self._sky_offset_s = self._offset_s()

    def ended(
        self,
        who: Resting,
        state: AttemptState,
        frames: int,
        reason: str = "",
        ended_utc_s: float | None = None,
    ) -> None:
        """Note how an attempt ended, with how many good frames.

        Parameters
        ----------
        ended_utc_s
            Unix seconds; None is now. One in the future (the clock was set back) counts as now.
        """
        if state is AttemptState.COMPLETED and who not in self._rests:
            return
        now_utc_s = self._clock.utc().timestamp()
        ended_utc_s = now_utc_s if ended_utc_s is None else min(ended_utc_s, now_utc_s)
        rest = self._rests.setdefault(who, _Rest())
        rest.last = state
        rest.fruitless = 0 if frames else rest.fruitless + 1
        end_s = self._clock.elapsed_s() - (now_utc_s - ended_utc_s)
        rest.until_elapsed_s = end_s + retry_after_s(state, rest.fruitless)
        if who.driver and state is AttemptState.FAILED:
            self._count_failure(who, rest, reason, ended_utc_s)
        self._prune()

    def hold_is_over(self) -> None:
        """End every rest but those after a failure: it was a human who cut the attempts short."""
        for rest in self._rests.values():
            if rest.last is not AttemptState.FAILED:
                rest.until_elapsed_s, rest.fruitless = 0.0, 0

    def forget(self, who: Resting) -> None:
        """The order has ended."""
        self._rests.pop(who, None)

    def not_before_utc_s(self, who: Resting) -> float:
        """Return the Unix seconds before which it is left alone; 0 when it does not rest."""
        rest = self._rests.get(who)
        if rest is None:
            return 0.0
        until_s = 0.0
        if rest.until_elapsed_s > self._clock.elapsed_s():
            until_s = rest.until_elapsed_s + self._offset_now_s()
        if self._is_over_for_the_night(rest):
            until_s = max(until_s, rest.noon_s + DAY.total_seconds())
        return until_s

    def of_driver(self, driver: str) -> dict[str, float]:
        """Return which of a driver's own targets rest, and until when: Unix seconds."""
        until = {who.name: self.not_before_utc_s(who) for who in self._of(driver)}
        return {name: until_s for name, until_s in until.items() if until_s > 0.0}

    def for_the_night(self, driver: str) -> list[str]:
        """Say which of a driver's own targets rest until the next night, one line each."""
        return [
            f"{who.name}: {rest.failures} attempts failed this night, the last one:"
            f" {rest.reason or 'no reason given'}; not tried again before"
            f" {datetime.fromtimestamp(rest.noon_s, UTC) + DAY:%Y-%m-%dT%H:%M:%SZ}"
            for who in self._of(driver)
            for rest in (self._rests[who],)
            if self._is_over_for_the_night(rest)
        ]

    def _of(self, driver: str) -> Iterable[Resting]:
        return [who for who in self._rests if who.driver == driver]

    def _count_failure(self, who: Resting, rest: _Rest, reason: str, utc_s: float) -> None:
        noon_s = self._noon_before_s(utc_s)
        if noon_s != rest.noon_s:
            rest.noon_s, rest.failures = noon_s, 0
        rest.failures += 1
        rest.reason = reason
        if rest.failures == self._failure_limit:
            _log.warning(
                "target rests for the night driver=%s target=%s failures=%d reason=%r",
                who.driver,
                who.name,
                rest.failures,
                reason,
            )

    def _is_over_for_the_night(self, rest: _Rest) -> bool:
        return rest.failures >= self._failure_limit and rest.noon_s == self._noon_before_s(
            self._clock.utc().timestamp()
        )

    def _prune(self) -> None:
        """Forget targets of the driver's own that rested a day ago; orders are told of."""
        before_s = self._clock.elapsed_s() - DAY.total_seconds()
        for who in [one for one, rest in self._rests.items() if rest.until_elapsed_s < before_s]:
            if who.driver:
                del self._rests[who]

    def _noon_before_s(self, utc_s: float) -> float:
        with FIRST_IMPORT:
            from ctmo_indi.models.nights import noon_before  # heavy: only where a target has failed

        return noon_before(self._site, utc_s)

    def _offset_s(self) -> float:
        return self._clock.utc().timestamp() - self._clock.elapsed_s()

    def _offset_now_s(self) -> float:
        """UTC of elapsed 0 s; steady, so that one rest is the same instant at every question."""
        offset_s = self._offset_s()
        if abs(offset_s - self._sky_offset_s) > CLOCK_SET_S:
            self._sky_offset_s = offset_s
        return self._sky_offset_s
