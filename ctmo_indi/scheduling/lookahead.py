"""Ask a driver for several targets in a row, on the models alone: what planning ahead is made of.

Verdict (and its age), telemetry and orders stay what they are now; time, the state of the model and
the orders already planned go on from target to target. A sky target opens the observatory.

ADVANCE, the predicted schedule and the simulated night are this one piece of code. It is pure: no
clock, no file, no device. The driver learns of every target as of an observation that was made, so
the caller saves the driver's state before and resets it afterwards.

Idea: the loop of ADVANCE in the Rubin Scheduler's developer guide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ctmo_indi.models.observatory import ObservatoryModelState, Visit
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.driver import Driver, state_digest
from ctmo_indi.scheduling.errors import DriverError, StateChangedError, UnobservableTargetError
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import DriverTarget, Observation, PendingOrder

LEAST_STEP_S = 1.0
"""Model time goes on by this at least, so that visits without length come to an end too."""

EMPTY_STEP = timedelta(seconds=30)
"""A driver that expects a target now and yet has none is asked again after this."""

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0


def always() -> bool:
    """Go on in any case."""
    return True


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """A target the driver would choose, and the visit that the model makes of it."""

    target: DriverTarget
    visit: Visit


class LookAhead:
    """Simulates targets in a row on a driver that the caller has saved and will reset.

    Parameters
    ----------
    models
        ``observatory`` carries out the visits.
    """

    def __init__(self, driver: Driver, models: Models) -> None:
        self._driver = driver
        self._models = models

    def replay(self, conditions: Conditions, queued: Sequence[DriverTarget]) -> Conditions:
        """Simulate what is already scheduled, in order, and register it with the driver.

        Returns
        -------
        Conditions
            When the last of ``queued`` has ended; the driver has been given them.
        """
        for target in queued:
            self._driver.update_conditions(conditions)
            conditions, _ = self._observe(conditions, target)
        self._driver.update_conditions(conditions)
        return conditions

    def targets(
        self,
        conditions: Conditions,
        *,
        n_targets: int | None = None,
        until: datetime | None = None,
        goes_on: Callable[[], bool] = always,
    ) -> Iterator[PlannedTarget]:
        """Yield target after target; each is registered with the driver before it is yielded.

        Parameters
        ----------
        n_targets
            At most this many; None: no limit.
        until
            Only targets decided on before; while the driver has none, the model waits for the
            instant that ``expected_utc`` names, unless the sky is forbidden. None: the first lack
            of a target is the end.
        goes_on
            Asked before each decision; False is the end.

        Raises
        ------
        DriverError
            As :func:`select_guarded`.
        """
        found = 0
        while (n_targets is None or found < n_targets) and goes_on():
            if until is not None and conditions.utc >= until:
                return
            self._driver.update_conditions(conditions)
            target = select_guarded(self._driver, conditions)
            if target is not None:
                conditions, visit = self._observe(conditions, target)
                found += 1
                yield PlannedTarget(target, visit)
                continue
            later = None if until is None else self._next_start(conditions)
            if later is None:
                return
            conditions = self._idle(conditions, later)

    def _next_start(self, conditions: Conditions) -> datetime | None:
        if conditions.sky_forbidden:
            return None  # no waiting of the model's changes a verdict
        expected = self._driver.expected_utc()
        return None if expected is None else max(expected, conditions.utc + EMPTY_STEP)

    def _observe(self, conditions: Conditions, target: DriverTarget) -> tuple[Conditions, Visit]:
        state = _state_of(conditions)
        visit = self._models.observatory.observe(state, target.request, target.count)
        self._driver.register_observation(simulated(target, visit.start_utc_s))
        end_s = max(visit.end_utc_s, state.utc_s + LEAST_STEP_S)
        queued = conditions.queued
        after = replace(
            conditions,
            utc=datetime.fromtimestamp(end_s, UTC),
            state=replace(visit.after, utc_s=end_s),
            pending=_without(conditions.pending, target, visit.start_utc_s),
            observatory=(
                ObservatoryState.OPEN
                if target.request.frame_type.needs_sky
                else conditions.observatory
            ),
            queued=None if queued is None else queued - {target.receipt or target.target_id},
        )
        return after, visit

    def _idle(self, conditions: Conditions, until: datetime) -> Conditions:
        state = self._models.observatory.idle(_state_of(conditions), until.timestamp())
        return replace(conditions, utc=until, state=state)


def select_guarded(
    driver: Driver, conditions: Conditions, *, is_strict: bool = False
) -> DriverTarget | None:
    """Ask a driver for a target and hold it to its contract.

    A target that only has to wait (weather, the verdict, a lock, its own rest after an attempt that
    ended short) is none: these change by themselves, and are no fault of the driver.

    Parameters
    ----------
    conditions
        Those the driver was given.
    is_strict
        Such a target is a fault as well; for tests of drivers.

    Raises
    ------
    StateChangedError
        ``select_next_target`` has changed what ``get_state`` says.
    UnobservableTargetError
        The target cannot be observed at the instant of the conditions, or its order does not wait.
    DriverError
        The answer is no target at all.
    """
    before = state_digest(driver)
    target = driver.select_next_target()
    if state_digest(driver) != before:
        raise StateChangedError(
            f"driver {driver.name}: select_next_target has changed the driver's state"
            f" (target {_name_of(target)}), expected it to change nothing"
        )
    if target is None:
        return None
    if not isinstance(target, DriverTarget):
        raise DriverError(
            f"driver {driver.name}: select_next_target returned {type(target).__name__},"
            " expected a DriverTarget or None"
        )
    against = _against(driver, target, conditions)
    waits = _waits_for(target, conditions)
    if against or (waits and is_strict):
        raise UnobservableTargetError(
            f"driver {driver.name}: target {_name_of(target)} cannot be observed at"
            f" {conditions.utc:%Y-%m-%dT%H:%M:%SZ}: {'; '.join((*waits, *against))}"
        )
    if waits:
        driver.log.info("target waits target=%s reason=%r", _name_of(target), waits)
        return None
    return target


def simulated(target: DriverTarget, start_utc_s: float) -> Observation:
    """Return the observation that ``target`` would become; its number is 0."""
    request, (ra_deg, dec_deg) = target.request, target.place_deg or (None, None)
    return Observation(
        attempt_id=f"simulated {target.target_id or target.receipt} {start_utc_s:.3f}",
        receipt=target.receipt,
        target_name=request.object_name,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        mjd=start_utc_s / _DAY_S + _UNIX_EPOCH_MJD,
        exposure_s=request.exposure_s,
        frames=target.count,
        filter_name=request.filter_name,
        target_id=target.target_id,
    )


def _against(driver: Driver, target: DriverTarget, conditions: Conditions) -> tuple[str, ...]:
    """What makes ``target`` a wrong answer."""
    if target.count < 1:
        return (f"{target.count} frames, expected at least 1",)
    if target.receipt and _order_of(target, conditions) is None:
        return (f"no order {target.receipt} waits",)
    return tuple(driver.models.sky.obstacles(target.request, conditions.utc))


def _waits_for(target: DriverTarget, conditions: Conditions) -> tuple[str, ...]:
    """What forbids ``target`` for a while."""
    order = _order_of(target, conditions)
    if order is not None:
        not_before_utc_s = order.not_before_utc_s
    else:
        not_before_utc_s = conditions.not_before_utc_s.get(target.target_id, 0.0)
    forbidden = (
        conditions.sky_forbidden
        if target.request.frame_type.needs_sky
        else conditions.closed_dome_forbidden
    )
    if order is not None and order.due_utc_s > conditions.utc.timestamp():
        return ("its next visit is not due yet", *forbidden)
    if not_before_utc_s > conditions.utc.timestamp():
        return ("its last attempt ended short and it is not tried again yet", *forbidden)
    return forbidden


def _order_of(target: DriverTarget, conditions: Conditions) -> PendingOrder | None:
    return next((one for one in conditions.pending if one.receipt == target.receipt), None)


def _state_of(conditions: Conditions) -> ObservatoryModelState:
    """The model's state that belongs to the conditions, at their instant."""
    utc_s = conditions.utc.timestamp()
    if conditions.state is None:
        is_open = conditions.observatory is ObservatoryState.OPEN
        return ObservatoryModelState(utc_s, is_parked=not is_open, is_open=is_open)
    return replace(conditions.state, utc_s=utc_s)


def _without(
    pending: tuple[PendingOrder, ...], target: DriverTarget, start_utc_s: float
) -> tuple[PendingOrder, ...]:
    """What still waits when ``target`` is observed, begun then."""
    if not target.receipt:
        return pending
    left = (
        order.after(target.count, start_utc_s) if order.receipt == target.receipt else order
        for order in pending
    )
    return tuple(order for order in left if order is not None)


def _name_of(target: object) -> str:
    if not isinstance(target, DriverTarget):
        return repr(target)
    return repr(target.target_id or target.receipt or target.request.object_name)
