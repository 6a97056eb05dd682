"""``GET /metrics``: one scrape of one service.

The service is asked for its Status as any caller is; when it does not answer in time, the scrape
says so and still has what its process knows. Nothing here blocks the front desk's loop: reading and
writing some hundred numbers takes a few milliseconds of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from ctmo_indi import __version__
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.errors import CtmoError
from ctmo_indi.front_desk.pages import PageConnection, Route
from ctmo_indi.metrics.counted_desk import CountedDesk
from ctmo_indi.metrics.exposition import Exposition
from ctmo_indi.metrics.reading import Reply, Source
from ctmo_indi.metrics.slow_answer import Ask, SlowAnswer
from ctmo_indi.metrics.tables import metrics_of
from ctmo_indi.work_orders.access import Caller

if TYPE_CHECKING:
    from ctmo_indi.front_desk.connections import Gate
    from ctmo_indi.profiles import Profile
    from ctmo_indi.service_health import Health

_log = logging.getLogger(__name__)

PATH = "/metrics"
STATUS_S = 3.0
"""Machine seconds for the Status; Prometheus itself waits 10 s."""

PLAN_PERIOD_S = 60.0
PREVIEW_PERIOD_S = 900.0
DEBT_PERIOD_S = 600.0
_USER = "metrics"


class MetricsPage:
    """The metrics of one service; on the front desk's loop.

    Parameters
    ----------
    desks
        The service's, to be counted: serve :attr:`desks` instead of them.
    health
        The service's own; does not block.
    sky
        The clock that the service lives by.

    Attributes
    ----------
    gate
        The front desk's, once there is one.
    """

    def __init__(
        self,
        service: str,
        desks: Sequence[CountedDesk],
        profile: Profile,
        health: Callable[[], Health],
        sky: Clock,
    ) -> None:
        self._service = service
        self._desks = tuple(desks)
        self._health = health
        self._sky = sky
        self._clock = SystemClock()
        self._profile = _of_profile(profile)
        self._evening = timedelta(hours=profile.site.longitude_deg / 15.0 - 12.0)
        self._exposition = Exposition(metrics_of(service))
        self._slow = {
            "scheduler": {Source.PLAN: SlowAnswer(_plan_order, _plan_period_s, self._clock)},
            "preprocessor": {
                Source.DEBT: SlowAnswer(self._debt_order, lambda _: DEBT_PERIOD_S, self._clock)
            },
        }.get(service, {})
        self._took_s: float | None = None
        self.gate: Gate | None = None

    def route(self) -> Route:
        """Return the row of the table of pages."""
        return Route(PATH, self.answer)

    async def answer(
        self, request: web.BaseRequest, caller: Caller, connection: PageConnection
    ) -> web.StreamResponse:
        """Answer one scrape; never fails because the service does."""
        begun_s = self._clock.machine_s()

        async def ask(order: Mapping[str, object]) -> Reply:
            return await connection.desk.handle({"User": _USER, **order}, caller)

        status = await self._status(ask)
        utc = self._sky.utc().isoformat()
        replies = {
            Source.STATUS: {"UTC": utc, **status},
            Source.DESK: self._of_desk(answers=bool(status)),
            Source.PROFILE: self._profile,
        }
        for source, slow in self._slow.items():
            replies[source] = {"UTC": utc, **slow.latest(status, ask)}
        body, content_type = self._exposition.text(replies, request.headers.get(hdrs.ACCEPT, ""))
        self._took_s = self._clock.machine_s() - begun_s
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    async def _status(self, ask: Ask) -> Reply:
        try:
            async with asyncio.timeout(STATUS_S):
                return await ask({"WOType": "Status"})
        except (CtmoError, TimeoutError) as error:
            _log.warning("status_not_told service=%s error=%r", self._service, error)
            return {}

    def _of_desk(self, *, answers: bool) -> Reply:
        told: dict[str, object] = {
            "Info": {(self._service, __version__): 1},
            "Answers": answers,
            "Speed": self._sky.speed,
            "Orders": sum((desk.orders for desk in self._desks), start=Counter()),
            "Unread": self._exposition.unread,
            "Took (s)": self._took_s,
        }
        try:
            told["Alive"] = self._health().is_alive
        except Exception:  # noqa: BLE001 - as the watchdog takes it: what cannot be told is dead
            told["Alive"] = False
        if self.gate is not None:
            told |= {
                "Connections": len(self.gate),
                "Cut": self.gate.cut,
                "Refused": self.gate.refused,
            }
        return told

    def _debt_order(self, _status: Reply) -> Mapping[str, object]:
        evening = self._sky.utc() + self._evening
        return {"WOType": "Status", "Debt": f"{evening:%Y%m%d}"}


def _plan_order(status: Reply) -> Mapping[str, object] | None:
    """Return the question for the plan while the scheduler observes: else nobody needs one."""
    return {"WOType": "Plan", "Limit": 1} if status.get("Running") is True else None


def _plan_period_s(last: Reply) -> float:
    """Return how long an answer is good: a preview costs a whole planning each time."""
    return PREVIEW_PERIOD_S if last.get("Preview") else PLAN_PERIOD_S


def _of_profile(profile: Profile) -> Reply:
    policy = profile.safety
    return {
        "Disk Limit (MB)": policy.disk_free_min_mb,
        "Weather Limits": {
            name: {"min": limit.min, "max": limit.max}
            for name, limit in policy.weather_limits.items()
        },
    }
