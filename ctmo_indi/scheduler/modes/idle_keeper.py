"""While there is no target: say when one comes, stop tracking once, close at the end of the night.

What is to be done is decided in ``idle.py``; this does it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ctmo_indi.scheduler.modes.idle import IdleAction, IdleFacts, idle_action
from ctmo_indi.scheduler.modes.mode import ModeContext
from ctmo_indi.scheduler.modes.target_events import next_event
from ctmo_indi.scheduling.conditions import Conditions, Night
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.target import NextTarget
from ctmo_indi.script_queue.queueing import Sender
from ctmo_indi.script_queue.script import ScriptRun, ScriptState
from ctmo_indi.script_queue.scripts import park, stop_tracking

_log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=60)
LAST_PIECE_S = 5.0
LEAST_WAIT_S = 1.0
ESTIMATE_VALID = timedelta(minutes=30)
PARK_AGAIN_S = 20.0


class Estimator:
    """When the next target is to be expected; driver's thread. What was found holds for a while."""

    def __init__(self) -> None:
        self._conditions: Conditions | None = None
        self._found: NextTarget | None = None

    def estimate(self, driver: Driver, conditions: Conditions) -> NextTarget:
        """Ask the driver, unless what it said last still holds."""
        last, found = self._conditions, self._found
        if (
            last is not None
            and found is not None
            and found.utc is not None
            and last.pending == conditions.pending
            and last.not_before_utc_s == conditions.not_before_utc_s
            and timedelta(0) <= conditions.utc - last.utc < ESTIMATE_VALID
            and conditions.utc < found.utc
        ):
            return found
        self._found = driver.estimate_next_target()
        self._conditions = conditions
        return self._found


class IdleKeeper:
    """Does what is to be done while there is no target; engine thread.

    One instance knows one stretch without a target after the other: tracking is stopped once in
    each.
    """

    def __init__(self, context: ModeContext) -> None:
        self._context = context
        self._since_s: float | None = None
        self._is_tracking_stopped = False
        self._published: tuple[datetime | None, str] | None = None
        self._park_not_before_machine_s = 0.0

    def over(self) -> None:
        """A target was queued, or the production loop begins."""
        self._since_s = None
        self._is_tracking_stopped = False
        self._published = None

    def script_ended(self, run: ScriptRun) -> None:
        """Note whether park did its work."""
        if run.name == park.NAME and run.state is not ScriptState.DONE:
            self._park_not_before_machine_s = self._context.clock.machine_s() + PARK_AGAIN_S

    def look(self, conditions: Conditions, night: Night, upcoming: NextTarget) -> float:
        """Tell when a target comes, and stop tracking or close when it is time for that.

        Returns
        -------
        float
            Sky seconds to wait before the driver is asked again.
        """
        context = self._context
        now_s = context.clock.elapsed_s()
        if self._since_s is None:
            self._since_s = now_s
        if (upcoming.utc, upcoming.receipt) != self._published:
            self._published = (upcoming.utc, upcoming.receipt)
            context.publish("timeToNextTarget", upcoming.receipt, next_event(upcoming, conditions))
        self._act(
            IdleFacts(conditions, night, upcoming, now_s - self._since_s, self._is_tracking_stopped)
        )
        return wait_s(conditions.utc, upcoming.utc)

    def look_at_dawn(self, conditions: Conditions, night: Night) -> None:
        """Close when the night is over, else nothing: while a paused queue holds everything up."""
        if not night.lasts_at(conditions.utc):
            nothing = NextTarget(None, night.morning, "", {})
            self._act(IdleFacts(conditions, night, nothing, 0.0, is_tracking_stopped=True))

    def _act(self, facts: IdleFacts) -> None:
        action, why = idle_action(facts)
        context = self._context
        if action is IdleAction.STOP_TRACKING:
            self._is_tracking_stopped = True
            _log.info("stop_tracking queued reason=%r", why)
            context.queue.add(stop_tracking.stop_tracking(context.telescope))
        elif action is IdleAction.PARK:
            if context.clock.machine_s() < self._park_not_before_machine_s:
                return
            _log.info("park queued reason=%r", why)
            safety = context.profile.safety
            timeout_s = 4.0 * (safety.park_timeout_s + 2.0 * safety.shutter_timeout_s)
            closing = park.park(context.telescope, timeout_s=timeout_s)
            context.queue.add(closing, sender=Sender(is_urgent=True))  # a paused queue closes too


def wait_s(now: datetime, expected: datetime | None) -> float:
    """Sky seconds until the driver is asked again: half of the estimate, a minute at most.

    Half, since an estimate is one; but the last seconds before it are waited for in one piece. When
    one is expected now and yet there is none (the dome is still closing), a little while all the
    same: whatever stands against it takes longer than a decision.
    """
    longest_s = LOOK_AGAIN.total_seconds()
    if expected is None:
        return longest_s
    left_s = max(0.0, (expected - now).total_seconds())
    return min(longest_s, max(left_s / 2.0, min(left_s, LAST_PIECE_S), LEAST_WAIT_S))
