"""The sequential driver: pending orders by priority, then age; the first that can be observed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from ctmo_indi.errors import ConfigError, InternalError
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.target import DriverTarget, NextTarget, PendingOrder, SurveyTopology

_SPAN_GRID = timedelta(minutes=2)
"""Spans are known to a minute; whatever may begin this soon is looked at exactly."""

READOUT_S = 10.0

REASONS_SOUGHT = 100
"""Orders whose obstacles are worked out in full while there is no target."""


class SequentialScheduler(Driver):
    """Takes the first order of the list that nothing stands against.

    The list is sorted by priority (larger first), then age (older first), then receipt. An order
    for the sky must be observable now and until the end of one exposure.
    """

    name: ClassVar[str] = "sequential"

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        """Take no keys at all; ConfigError names any that came."""
        if configuration:
            keys = ", ".join(sorted(configuration))
            raise ConfigError(f"sequential driver: unknown keys {keys}, expected none")
        return SurveyTopology(driver=self.name, sequence_propos=("work orders",))

    def select_next_target(self) -> DriverTarget | None:
        """Return the first observable order of the sorted list."""
        conditions = self._known()
        for order in _sorted(conditions.pending):
            if self._is_later(order, conditions):
                continue
            if next(self._obstacles(order, conditions), None) is None:
                return DriverTarget.of_order(
                    order,
                    conditions.utc,
                    self._duration_s(order),
                    f"first observable of {len(conditions.pending)} by priority and age",
                )
        return None

    def estimate_next_target(self) -> NextTarget:
        """Look for the first order that becomes observable before this or the next night ends."""
        conditions = self._known()
        night = self.models.sky.night(conditions.utc)
        reasons: dict[str, tuple[str, ...]] = {}
        best: datetime | None = None
        receipt = ""
        for order in _sorted(conditions.pending):
            if len(reasons) < REASONS_SOUGHT:
                reasons[order.receipt] = tuple(self._obstacles(order, conditions))
            start = max(conditions.utc, datetime.fromtimestamp(order.not_before_utc_s, UTC))
            if not order.request.frame_type.needs_sky:
                continue
            end = night.morning if best is None else best
            when = self.models.sky.next_observable(order.request, start, end)
            if when is not None and (best is None or when < best):
                best, receipt = when, order.receipt
        return NextTarget(utc=best, until_utc=night.morning, receipt=receipt, reasons=reasons)

    def _is_later(self, order: PendingOrder, conditions: Conditions) -> bool:
        """Whether the sky's spans, kept from before, exclude the order; a cheap first question."""
        if not order.request.frame_type.needs_sky:
            return False
        if conditions.sky_forbidden:
            return True
        soon = conditions.utc + _SPAN_GRID
        return self.models.sky.next_observable(order.request, conditions.utc, soon) is None

    def _obstacles(self, order: PendingOrder, conditions: Conditions) -> Iterator[str]:
        """Everything against ``order`` now, the cheap questions first."""
        if order.not_before_utc_s > conditions.utc.timestamp():
            until = datetime.fromtimestamp(order.not_before_utc_s, UTC)
            yield f"the last attempt ended short, tried again after {until:%Y-%m-%dT%H:%M:%SZ}"
        if not order.request.frame_type.needs_sky:
            yield from conditions.closed_dome_forbidden
            return
        yield from conditions.sky_forbidden
        against = self.models.sky.obstacles(order.request, conditions.utc)
        yield from against
        if not against:
            end = conditions.utc + timedelta(seconds=order.request.exposure_s)
            for reason in self.models.sky.obstacles(order.request, end):
                yield f"at the end of one exposure: {reason}"

    def _duration_s(self, order: PendingOrder) -> float:
        return order.missing_count * (order.request.exposure_s + READOUT_S)

    def _known(self) -> Conditions:
        if self.conditions is None:
            raise InternalError("sequential driver: asked for a target before update_conditions")
        return self.conditions


def _sorted(pending: tuple[PendingOrder, ...]) -> list[PendingOrder]:
    return sorted(pending, key=lambda order: (-order.priority, order.created_utc_s, order.receipt))
