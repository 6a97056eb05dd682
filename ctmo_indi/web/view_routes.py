"""Routes of the views: a night, the sky; the same for everybody who may read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from ctmo_indi.clock import Clock
from ctmo_indi.front_desk.pages import PageConnection, Route
from ctmo_indi.profiles import Profile
from ctmo_indi.web.answers import bytes_answer, fault, json_answer
from ctmo_indi.web.night_history import Ask
from ctmo_indi.web.night_page import NightPage
from ctmo_indi.web.sky_page import SkyPage
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.desk import Desk, Reply

ASK_TIMEOUT_S = 12.0
"""Machine seconds for one question to the scheduler; a plan may take its driver five."""

_WATCHER = Caller("page", Role.READ, "here")
"""In whose name is asked: one asks for all who look, and all may read."""


def view_routes(profile: Profile, clock: Clock) -> tuple[Route, ...]:
    """Return the routes ``/api/night`` and ``/api/sky``."""
    nights = NightPage(profile, clock)
    sky = SkyPage(profile, clock, nights)

    async def night_answer(
        request: web.BaseRequest, _caller: Caller, connection: PageConnection
    ) -> web.StreamResponse:
        try:
            body = await nights.body(request.query.get("night", ""), _asking(connection.desk))
        except ValueError as error:
            return json_answer(request, fault(400, str(error)), 400)
        return bytes_answer(request, body)

    async def sky_answer(
        request: web.BaseRequest, _caller: Caller, connection: PageConnection
    ) -> web.StreamResponse:
        return bytes_answer(request, await sky.body(_asking(connection.desk)))

    return Route("/api/night", night_answer), Route("/api/sky", sky_answer)


def _asking(desk: Desk) -> Ask:
    async def ask(order: Mapping[str, object]) -> Reply:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            return await desk.handle(order, _WATCHER)

    return ask
