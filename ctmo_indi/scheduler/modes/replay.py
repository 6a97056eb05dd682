"""Simulate what stands on the script queue: the state from which the next target begins.

Driver's thread, inside of :func:`simulation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from ctmo_indi.models.observatory import Visit
from ctmo_indi.scheduler.modes.queue_view import QueuedScript, QueueView
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.lookahead import LookAhead, PlannedTarget
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import DriverTarget


@contextmanager
def simulation(driver: Driver) -> Iterator[None]:
    """Let the driver live in the future, then know the present night and conditions again.

    What it remembers is not touched: the caller resets that.
    """
    conditions, night = driver.conditions, driver.night
    try:
        yield
    finally:
        driver.conditions, driver.night = conditions, night


class Replay:
    """Goes through the queue and then through targets that are planned.

    Parameters
    ----------
    conditions
        Now.

    Attributes
    ----------
    conditions
        When the last one replayed has ended.
    planned
        Targets replayed so far, with their visits.
    """

    def __init__(self, look_ahead: LookAhead, models: Models, conditions: Conditions) -> None:
        self._look_ahead = look_ahead
        self._models = models
        self._now = conditions
        self.conditions = conditions
        self.planned: list[PlannedTarget] = []

    def queue(self, view: QueueView) -> None:
        """Simulate the scripts of the queue in order, and register the targets among them."""
        for script in view.scripts:
            if script.target is None:
                self._other(script)
            else:
                self._target(script.target, script.begun_utc_s)

    def targets(self, targets: Iterable[DriverTarget]) -> None:
        """Simulate targets that are planned and not queued."""
        for target in targets:
            self._target(target, None)

    def _target(self, target: DriverTarget, begun_utc_s: float | None) -> None:
        before = self.conditions
        after = self._look_ahead.replay(before, [target])
        exposures_s = self._models.observatory.exposures_s(target.request, target.count)
        if begun_utc_s is not None:
            # It slews or exposes by now: its end is known better from its beginning. The clock may
            # have been set meanwhile, so it never takes longer than from now on.
            now_s = self._now.utc.timestamp()
            took_s = target.slew_time_s + exposures_s
            after = _at(after, min(max(now_s, begun_utc_s + took_s), now_s + took_s))
        end_s = after.utc.timestamp()
        start_s = end_s - exposures_s
        slew_s = max(0.0, start_s - before.utc.timestamp())
        if begun_utc_s is not None:
            slew_s = target.slew_time_s
        if after.state is not None:
            self.planned.append(PlannedTarget(target, Visit(slew_s, start_s, end_s, after.state)))
        self.conditions = after

    def _other(self, script: QueuedScript) -> None:
        """Follow a script that is no attempt, as far as its metadata tell."""
        told, before = script.metadata, self.conditions
        begun_s = before.utc.timestamp()
        end_s = begun_s + told.duration_s
        if script.begun_utc_s is not None:
            end_s = min(max(begun_s, script.begun_utc_s + told.duration_s), end_s)
        after = _at(before, end_s)
        state = after.state
        if state is not None and told.ra_deg is not None and told.dec_deg is not None:
            state = replace(
                state, ra_deg=told.ra_deg, dec_deg=told.dec_deg, is_tracking=True, is_parked=False
            )
        if state is not None and told.filter_name is not None:
            state = replace(state, filter_name=told.filter_name)
        self.conditions = replace(after, state=state)


def _at(conditions: Conditions, utc_s: float) -> Conditions:
    """The same at another instant."""
    state = conditions.state
    return replace(
        conditions,
        utc=datetime.fromtimestamp(utc_s, UTC),
        state=None if state is None else replace(state, utc_s=utc_s),
    )
