"""``/api/stream``: what happens, as it happens, to one who looks.

A page reads it with fetch, since its token goes in a header. It begins with ``hello``, then how
each service is and the last events; then news as they come, a comment where there are none. The
caller is looked at again every few seconds: with his token ends his stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from aiohttp import hdrs, web

from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.front_desk.heads import Refusal
from ctmo_indi.front_desk.pages import PAGE_HEADERS, PageConnection
from ctmo_indi.web.hub import Hub
from ctmo_indi.web.messages import KEEP_ALIVE, message
from ctmo_indi.web.viewer import Viewer
from ctmo_indi.work_orders.access import Caller

KEEP_ALIVE_S = 10.0
TOKEN_CHECK_S = 2.0
PATIENCE_S = 25.0
"""Machine seconds within which a reader must take what was sent; beyond it he is cut."""

_HEADERS = {
    **PAGE_HEADERS,
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # of a proxy: it is to hand on each message at once
}


class Stream:
    """Answers ``GET /api/stream``.

    Parameters
    ----------
    about
        Of this observatory: what ``hello`` tells beside caller and time.
    sky
        Clock whose time and speed ``hello`` tells.
    machine
        For the stream's own deadlines.
    """

    def __init__(
        self,
        hub: Hub,
        about: Callable[[], Mapping[str, object]],
        sky: Clock,
        machine: Clock | None = None,
    ) -> None:
        self._hub = hub
        self._about = about
        self._sky = sky
        self._machine = machine or SystemClock()

    async def answer(
        self, request: web.BaseRequest, caller: Caller, connection: PageConnection
    ) -> web.StreamResponse:
        """Send news until the reader goes, is too slow, or may not look any more."""
        if self._hub.is_full:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many look at the page already",
                **{hdrs.RETRY_AFTER: "30"},
            )
        response = web.StreamResponse(headers=_HEADERS)
        response.force_close()
        viewer = Viewer(connection.cut)
        connection.stream_goes_on(PATIENCE_S)
        news = self._hub.join(viewer, connection.desk)
        beginning = message("hello", self._hello(caller)) + news
        try:
            await response.prepare(request)
            await response.write(beginning)
            await self._go_on(response, viewer, caller, connection)
        except ConnectionError:  # he went, or was cut
            connection.cut()
        finally:
            self._hub.leave(viewer)
        return response

    async def _go_on(
        self,
        response: web.StreamResponse,
        viewer: Viewer,
        caller: Caller,
        connection: PageConnection,
    ) -> None:
        sent_s = looked_s = self._machine.machine_s()
        while not viewer.is_cut:
            if connection.has_taken_all:
                connection.stream_goes_on(PATIENCE_S)
            chunk = await viewer.take(TOKEN_CHECK_S)
            now_s = self._machine.machine_s()
            if now_s - looked_s >= TOKEN_CHECK_S:
                looked_s = now_s
                if not _is_same(connection, caller):
                    return
            if not chunk and now_s - sent_s >= KEEP_ALIVE_S:
                chunk = KEEP_ALIVE
            if chunk:
                await response.write(chunk)
                sent_s = now_s

    def _hello(self, caller: Caller) -> dict[str, object]:
        return {
            **self._about(),
            "utc": self._sky.utc().isoformat(),
            "speed": self._sky.speed,
            "caller": {"name": caller.name, "role": caller.role.name.lower()},
            "services": self._hub.services,
        }


def _is_same(connection: PageConnection, caller: Caller) -> bool:
    """Whether the request still proves who it was at the beginning."""
    try:
        return connection.identify_again() == caller
    except Refusal:
        return False
