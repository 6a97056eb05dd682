"""What a desk's port serves besides ``front_desk``: a page, its data, metrics.

Pages stand behind the same doors as orders: Host, Origin, size, token and role are looked at by the
desk's own rules before anything of a page runs. What goes wrong in a page is answered with a line
and logged; the desk goes on.

What a package serves is a table of :class:`Route`; :class:`RouteTable` makes :class:`Pages` of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, TypeAlias

from aiohttp import hdrs, web

from ctmo_indi.front_desk.connections import SERVER, DeskConnection
from ctmo_indi.front_desk.deeds import Deeds
from ctmo_indi.front_desk.heads import Refusal
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.desk import Desk, Reply
from ctmo_indi.work_orders.permissions import only_asks

LOOKING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})

PAGE_HEADERS: Mapping[str, str] = {
    hdrs.SERVER: SERVER,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
        " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""Of every answer of a page, refusals too: nothing from elsewhere, nothing inline, no frame."""


class PageConnection:
    """What a page may do with the desk it stands at and with its caller's connection.

    On the front desk's loop only.

    Attributes
    ----------
    desk
        The desk itself, audited as for all callers.
    limits
        Of every exchange; of a page's, too.
    """

    __slots__ = ("_connection", "_deeds", "_identify", "_read_body", "desk", "limits")

    def __init__(
        self,
        connection: DeskConnection,
        desk: Desk,
        deeds: Deeds,
        limits: Limits,
        identify: Callable[[], Caller],
        read_body: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._connection = connection
        self._deeds = deeds
        self._identify = identify
        self._read_body = read_body
        self.desk = desk
        self.limits = limits

    async def read_body(self) -> bytes:
        """Return the body, which must come in time; :class:`Refusal` when it does not."""
        return await self._read_body()

    def identify_again(self) -> Caller:
        """Return who the caller is by now: a token may have been revoked.

        Raises
        ------
        Refusal
            Nobody who may call.
        """
        return self._identify()

    async def ask(
        self, order: Mapping[str, object], caller: Caller, at: Deeds | None = None
    ) -> Reply:
        """Have the desk carry out an order in the caller's name, exactly as by XML-RPC.

        A deed goes on when the caller goes away.

        Parameters
        ----------
        at
            Those of another desk.

        Raises
        ------
        CtmoError
            The desk's refusal.
        TimeoutError
            It gave no answer in time.
        """
        return await self._connection.answered(
            (at or self._deeds).begin(order, caller), only_asks=only_asks(order)
        )

    def stream_goes_on(self, timeout_s: float) -> None:
        """Say that the caller took what a stream sent; it is cut unless that comes again in time.

        Parameters
        ----------
        timeout_s
            Machine seconds.
        """
        self._connection.stream_goes_on(timeout_s)

    @property
    def has_taken_all(self) -> bool:
        """Whether nothing waits to be sent on the connection."""
        return self._connection.unsent_bytes == 0

    def cut(self) -> None:
        """Close at once, without sending what is left."""
        self._connection.abort()


class Pages(Protocol):
    """What a desk's port serves besides ``front_desk``."""

    def answers(self, method: str, path: str) -> bool:
        """Whether this request belongs to the pages; others are taken for orders."""
        ...

    def is_public(self, path: str) -> bool:
        """Whether no caller is needed: files that hold nothing of this observatory."""
        ...

    async def answer(
        self, request: web.BaseRequest, caller: Caller | None, connection: PageConnection
    ) -> web.StreamResponse:
        """Return the answer.

        Parameters
        ----------
        caller
            None where the path is public.

        Raises
        ------
        Refusal
            The request is refused: a plain HTTP answer.
        """
        ...


PageAnswer: TypeAlias = Callable[
    [web.BaseRequest, Caller, PageConnection], Awaitable[web.StreamResponse]
]
PublicAnswer: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One path, or all paths below one.

    Parameters
    ----------
    path
        As ``/api/sky``; with a slash at its end all that is below it, as ``/static/``.
    answer
        On the front desk's loop; what takes more than some milliseconds goes to a thread.
    role
        That a caller needs; orders that he sends through the page are looked at by the desk.
    methods
        Others are refused.
    """

    path: str
    answer: PageAnswer
    role: Role = Role.READ
    methods: frozenset[str] = LOOKING


@dataclass(frozen=True, slots=True)
class PublicRoute:
    """A path of which everybody who may call at all gets the same."""

    path: str
    answer: PublicAnswer
    methods: frozenset[str] = LOOKING


class RouteTable:
    """The :class:`Pages` of some routes.

    Parameters
    ----------
    routes
        A path comes once. ``/`` is a page for those who look; an order that is posted there is not
        the table's.
    """

    def __init__(self, routes: Iterable[Route | PublicRoute]) -> None:
        self._exact: dict[str, Route | PublicRoute] = {}
        self._below: dict[str, Route | PublicRoute] = {}
        for route in routes:
            is_folder = route.path.endswith("/") and route.path != "/"
            table = self._below if is_folder else self._exact
            if route.path in table:
                raise ValueError(f"{route.path} comes twice, expected each path once")
            table[route.path] = route

    def answers(self, method: str, path: str) -> bool:
        """Whether the table has the path; of ``/`` only its methods."""
        route = self._route(path)
        return route is not None and (path != "/" or method in route.methods)

    def is_public(self, path: str) -> bool:
        """Whether the path's route is a public one."""
        return isinstance(self._route(path), PublicRoute)

    async def answer(
        self, request: web.BaseRequest, caller: Caller | None, connection: PageConnection
    ) -> web.StreamResponse:
        """Answer by the path's route; :class:`Refusal` for another method, NotPermitted by role."""
        route = self._route(request.path)
        if route is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no such page")
        if request.method not in route.methods:
            allowed = ", ".join(sorted(route.methods))
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {allowed}", Allow=allowed)
        if isinstance(route, PublicRoute):
            return await route.answer(request)
        if caller is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "expected a token")
        caller.require(route.role, route.path)
        return await route.answer(request, caller, connection)

    def _route(self, path: str) -> Route | PublicRoute | None:
        found = self._exact.get(path)
        if found is not None:
            return found
        for folder, route in self._below.items():
            if path.startswith(folder):
                return route
        return None
