"""The predicted schedule: what would be observed in the coming hours, without disturbing anything.

The driver is asked in its own thread, on the models alone, and is then set back to what it
remembered. Between two targets it gives way as soon as a decision is wanted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ctmo_indi.scheduler.modes.driver_calls import DriverCalls
from ctmo_indi.scheduler.modes.gather import Gatherer
from ctmo_indi.scheduler.modes.queue_view import QueueView
from ctmo_indi.scheduler.modes.replay import Replay, simulation
from ctmo_indi.scheduler.modes.target_events import schedule_event
from ctmo_indi.scheduler.safety_link import VerdictNews
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.lookahead import LookAhead, PlannedTarget
from ctmo_indi.scheduling.target import DriverTarget, PendingOrder

_log = logging.getLogger(__name__)

MOST_TARGETS = 1000

GAVE_WAY = "interrupted: a decision was wanted, or it was given up"


@dataclass(frozen=True, slots=True)
class PredictionQuestion:
    """What a prediction is made of; put together in the engine thread.

    Parameters
    ----------
    not_before_utc_s
        Targets of the driver's own that rest, as Conditions has them.
    view, plan
        What is queued, and the targets that come after it.
    """

    pending: tuple[PendingOrder, ...]
    news: VerdictNews | None
    not_before_utc_s: Mapping[str, float]
    view: QueueView
    plan: tuple[DriverTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class PredictedSchedule:
    """What would be observed until an instant; in order of time."""

    conditions: Conditions
    until: datetime
    targets: tuple[PlannedTarget, ...]


class Predictor:
    """Makes predicted schedules, one at a time; engine thread.

    Parameters
    ----------
    driver
        The same as that of ``calls``, not watched: for what no call of it is needed.
    window
        How far into the future.
    publish
        Told of every prediction.

    Attributes
    ----------
    latest
        Keys of the last event published; empty before the first.
    """

    def __init__(
        self,
        driver: Driver,
        calls: DriverCalls,
        gatherer: Gatherer,
        window: timedelta,
        publish: Callable[[str, str, dict[str, object]], object],
    ) -> None:
        self._driver = driver
        self._calls = calls
        self._gatherer = gatherer
        self._window = window
        self._publish = publish
        self._token = 0
        self.is_under_way = False
        self.latest: dict[str, object] = {}

    def begin(self, question: PredictionQuestion, on_done: Callable[[str], None]) -> None:
        """Begin a prediction; one that is under way gives way to it.

        Parameters
        ----------
        on_done
            Called with why there is none, "" for success; not after a FAULT.
        """
        self._token += 1
        token = self._token
        self.is_under_way = True

        def done(schedule: PredictedSchedule | None) -> None:
            if token == self._token:
                self.is_under_way = False
            if schedule is None:
                on_done(GAVE_WAY)
                return
            self._publish_schedule(schedule)
            on_done("")

        self._calls.ask(lambda: self._predict(question, lambda: token == self._token), done)

    def cancel(self) -> None:
        """Give up what is under way; it ends before the next target it would look at."""
        self._token += 1
        self.is_under_way = False

    def _predict(
        self, question: PredictionQuestion, goes_on: Callable[[], bool]
    ) -> PredictedSchedule | None:
        """In the driver's thread."""
        if not goes_on():
            return None
        driver = self._calls.driver
        conditions = self._gatherer.gather(
            question.pending, question.news, question.not_before_utc_s, question.view.names
        )
        until = conditions.utc + self._window
        state = driver.get_state()
        look_ahead = LookAhead(driver, driver.models)
        with simulation(self._driver):
            try:
                replay = Replay(look_ahead, driver.models, conditions)
                replay.queue(question.view)
                replay.targets(question.plan)
                found = look_ahead.targets(
                    replay.conditions, n_targets=MOST_TARGETS, until=until, goes_on=goes_on
                )
                targets = (*replay.planned, *found)
            finally:
                driver.set_state(state)
        return PredictedSchedule(conditions, until, targets) if goes_on() else None

    def _publish_schedule(self, schedule: PredictedSchedule) -> None:
        self.latest = schedule_event(schedule.targets, schedule.conditions, schedule.until)
        _log.info("schedule predicted targets=%d until=%s", len(schedule.targets), schedule.until)
        self._publish("predictedSchedule", "", self.latest)
