"""Explain and Plan at the scheduler's desk: what the models say, and what the driver adds.

An order can always be explained from the store and the models, in a thread of its own. The driver
is asked for what only it knows (the plan) with a deadline; where it is not loaded, busy or broken,
the answer says so and stands all the same. Coroutines on the front desk's loop.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar, cast

from ctmo_indi.clock import Clock
from ctmo_indi.errors import BadOrder, CtmoError, WrongState
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.inbox import Inbox
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import OrderState
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.orders.records import Records
from ctmo_indi.scheduler.wire_values import plain
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS

_log = logging.getLogger(__name__)

DRIVER_ANSWERS_S = 5.0
"""Machine seconds that Explain and Plan wait for the driver's thread."""

FURTHEST_S = 10.0 * 366.0 * 86400.0
"""From now that an order is explained at; the models of Sun and Moon are good for centuries."""

_NOW_WORDS = {
    OrderState.IN_PROGRESS: "{receipt} is under way: it is being observed now.",
    OrderState.SCHEDULED: "{receipt} is next: it is with the telescope, or waits for the one under"
    " way to end.",
}

DriverJob = Callable[[Driver], object]
AnswerT = TypeVar("AnswerT")


class AskedDriver(Protocol):
    """What a scheduling driver can be asked about what it would do. Changes nothing."""

    def plan_view(self) -> Mapping[str, object] | None:
        """Return the plan as it stands; None: it plans nothing ahead."""
        ...

    def explain(self, key: str, utc: datetime | None = None) -> Mapping[str, object]:
        """Return what it knows of an order: "Plan" and "Rewards" of an Explain reply."""
        ...


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the engine knows of an order and of the observatory now.

    Parameters
    ----------
    missing_count
        Frames still wanted; None: as many as the order asks for.
    not_before_utc_s
        Unix seconds before which it is not tried again, or its next visit is not due.
    blocked, forbidden
        As ``Conditions.blocked`` and ``Conditions.sky_forbidden``.
    """

    missing_count: int | None = None
    not_before_utc_s: float = -math.inf
    blocked: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverQuestions:
    """What is asked of the engine; both run in its thread.

    Parameters
    ----------
    facts
        Of an order's receipt.
    ask_driver
        Puts a question to the driver, in the driver's thread; WrongState: there is none to ask.
    """

    facts: Callable[[str], OrderFacts]
    ask_driver: Callable[[DriverJob], Future[object]]


class Explainer:
    """Answers why, and what is planned.

    Parameters
    ----------
    inbox
        The engine's.
    read_request
        Of a stored order.
    """

    def __init__(
        self,
        inbox: Inbox,
        questions: DriverQuestions,
        records: Records,
        read_request: Callable[[OrderRow], ObservationRequest],
        profile: Profile,
        clock: Clock,
        *,
        driver_answers_s: float = DRIVER_ANSWERS_S,
    ) -> None:
        self._inbox = inbox
        self._questions = questions
        self._records = records
        self._read_request = read_request
        self._profile = profile
        self._clock = clock
        self._driver_answers_s = driver_answers_s

    async def explain(self, row: OrderRow, utc_s: float | None) -> Reply:
        """Return the keys of an Explain reply.

        Parameters
        ----------
        utc_s
            Unix seconds; None: now.

        Raises
        ------
        BadOrder
            An instant too far from now.
        """
        now = self._clock.utc()
        if utc_s is not None and abs(utc_s - now.timestamp()) > FURTHEST_S:
            raise BadOrder(
                f"At: came {datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d}, expected an instant"
                " within ten years of now"
            )
        at = now if utc_s is None else datetime.fromtimestamp(utc_s, UTC)
        facts = await self._engine(lambda: self._questions.facts(row.receipt))
        told = await asyncio.to_thread(self._by_models, row, at, now, facts)
        if row.state in SETTLED_ORDERS:
            return told
        if row.state in _NOW_WORDS:
            told["Words"] = [
                _NOW_WORDS[row.state].format(receipt=row.receipt),
                *_texts(told["Words"]),
            ]
        try:
            more = await self._of_driver(lambda driver: _told_by(driver).explain(row.receipt, at))
        except CtmoError as error:
            told["Driver"] = str(error)
        else:
            told |= _of_the_driver(more)
            of_plan = told.get("Plan")
            words = of_plan.get("Words") if isinstance(of_plan, dict) else None
            told["Words"] = [*_texts(told["Words"]), *_texts(words)]
        return told

    async def plan(self, limit: int) -> Reply:
        """Return the keys of a Plan reply.

        Raises
        ------
        WrongState
            There is no plan, and why.
        """
        told = await self._of_driver(_plan_of)
        if not isinstance(told, Mapping):
            raise WrongState(f"there is no plan: {told}")
        return await asyncio.to_thread(self._with_names, plain(told), limit)

    async def _engine(self, call: Callable[[], AnswerT]) -> AnswerT:
        future = asyncio.wrap_future(self._inbox.ask(call))
        try:
            return await asyncio.wait_for(future, self._driver_answers_s)
        except TimeoutError:
            raise WrongState("the scheduler's engine is busy, it did not answer in time") from None

    async def _of_driver(self, job: DriverJob) -> object:
        """Ask the driver; WrongState says why there is no answer of it."""
        asked = await self._engine(lambda: self._questions.ask_driver(job))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), self._driver_answers_s)
        except TimeoutError:
            raise WrongState(
                f"the scheduling driver is busy: no answer within {self._driver_answers_s:g} s"
            ) from None
        except CtmoError as error:
            raise WrongState(f"the scheduling driver refused: {error}") from error
        except Exception as error:  # a driver is somebody's code, and a question breaks nothing
            _log.exception("scheduling driver could not answer a question")
            raise WrongState(f"the scheduling driver could not answer: {error!r}") from error

    def _by_models(self, row: OrderRow, at: datetime, now: datetime, facts: OrderFacts) -> Reply:
        """In a thread: explain the order without the driver."""
        with FIRST_IMPORT:
            from ctmo_indi.models.observatory_model import ObservatoryModel
            from ctmo_indi.planner.explain import Circumstances, explain

        request, profile = self._read_request(row), self._profile
        count = request.count if facts.missing_count is None else facts.missing_count
        is_over = row.state in SETTLED_ORDERS
        why = f": {row.reason}" if row.reason else ""
        found = explain(
            row.receipt,
            request,
            profile.site,
            profile.limits,
            profile.night,
            at.timestamp(),
            duration_s=ObservatoryModel.of(profile).exposures_s(request, max(count, 1)),
            known=Circumstances(
                over=f"the order is {row.state.value}{why}" if is_over else "",
                not_before_utc_s=facts.not_before_utc_s,
                blocked=facts.blocked,
                forbidden=facts.forbidden,
                known_utc_s=now.timestamp(),
            ),
        )
        return plain(found.to_wire())

    def _with_names(self, told: Reply, limit: int) -> Reply:
        """In a thread: say what each visit is of and how high, where it is, and what night."""
        with FIRST_IMPORT:
            from ctmo_indi.models.coordinates import altaz
            from ctmo_indi.models.nights import night_of

        site, policy = self._profile.site, self._profile.night
        visits = told.get("Visits")
        listed = [dict(one) for one in visits[:limit]] if isinstance(visits, list) else []
        labels = self._records.labels([str(one.get("Receipt", "")) for one in listed])
        for one in listed:
            one["Setup"] = one.pop("Setup s", 0.0)
            one |= {"Object": ""} | labels.get(str(one.get("Receipt")), {})
            middle_s = 0.5 * (_unix_s(one.get("Start")) + _unix_s(one.get("End")))
            ra_deg, dec_deg = one.get("RA"), one.get("Dec")
            if isinstance(ra_deg, float) and isinstance(dec_deg, float) and math.isfinite(middle_s):
                altitude_deg, _ = altaz(ra_deg, dec_deg, site, middle_s)
                one["Altitude"] = round(float(altitude_deg), 2)
        begin_s = _unix_s(told.get("Begin"))
        return told | {
            "Visits": listed,
            "Number of Visits": len(visits) if isinstance(visits, list) else 0,
            "Night": night_of(site, begin_s) if math.isfinite(begin_s) else "",
            "Site": {
                "Name": site.name,
                "Latitude": site.latitude_deg,
                "Longitude": site.longitude_deg,
                "Height": site.elevation_m,
            },
            "Limits": {
                "Horizon": self._profile.limits.horizon_deg,
                "Max Altitude": self._profile.limits.max_altitude_deg,
                "Sun Max Altitude": policy.sun_max_altitude_deg,
            },
        }


def _told_by(driver: Driver) -> AskedDriver:
    return cast("AskedDriver", driver)


def _plan_of(driver: Driver) -> object:
    told = _told_by(driver).plan_view()
    return f"the scheduling driver {driver.name} plans nothing ahead" if told is None else told


def _of_the_driver(more: object) -> Reply:
    """Return what only the driver knows; the rest is said by the models, of now."""
    told = plain(more) if isinstance(more, Mapping) else {}
    return {key: told[key] for key in ("Plan", "Rewards") if key in told}


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _unix_s(instant: object) -> float:
    """Return Unix seconds of an instant in ISO 8601; NaN for anything else."""
    try:
        return datetime.fromisoformat(str(instant)).timestamp()
    except ValueError:
        return math.nan
