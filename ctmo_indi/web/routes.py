"""The table of the page's routes, and what they are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from contextlib import ExitStack
from functools import partial

from aiohttp import hdrs

from ctmo_indi import __version__
from ctmo_indi.audit_log import AuditLog, path_for
from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_desk
from ctmo_indi.front_desk.pages import PublicRoute, Route
from ctmo_indi.own_thread import in_own_thread
from ctmo_indi.profiles import Profile
from ctmo_indi.web.hub import Hub
from ctmo_indi.web.order_api import OrderApi, passing_desk
from ctmo_indi.web.picture import picture_answer
from ctmo_indi.web.service_watch import Ask
from ctmo_indi.web.static_files import PREFIX, StaticFiles
from ctmo_indi.web.stream import Stream
from ctmo_indi.web.view_routes import view_routes
from ctmo_indi.work_orders.access import Caller, PassedOn, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Desk, Reply

PEERS = ("telescope", "safety", "preprocessor")
ORDERED = (*PEERS, "dome")
WATCHER = Caller("page", Role.READ, "here")
"""In whose name the hub asks: it only reads, for people who all may."""

ASK_TIMEOUT_S = 5.0
ORDER_TIMEOUT_S = 10.0


def routes_for(
    config: Config, profile: Profile, clock: Clock, opened: ExitStack
) -> tuple[Route | PublicRoute, ...]:
    """Return what the scheduler's port serves besides orders.

    Parameters
    ----------
    opened
        Gets what is to be closed once the port is: the clients of the other services.

    Raises
    ------
    ConfigError
        The other services cannot be asked: see :func:`open_desk`.
    """

    def client(service: str, timeout_s: float) -> DeskClient:
        return opened.enter_context(open_desk(config, service, timeout_s=timeout_s, clock=clock))

    contract = Contract.load(profile, clock)
    audit = AuditLog(path_for(config.logging.file, config.data_dir))
    opened.callback(audit.close)
    orders = OrderApi(
        {
            name: passing_desk(name, contract, client(name, ORDER_TIMEOUT_S), audit.record)
            for name in ORDERED
        }
    )
    peers = {name: _asking(client(name, ASK_TIMEOUT_S)) for name in PEERS}
    about = partial(_about, profile, clock.utc().isoformat())
    stream = Stream(Hub(peers, _asking_here, clock), about, clock)
    files = StaticFiles()
    return (
        PublicRoute("/", files.index),
        PublicRoute(PREFIX, files.file),
        Route("/api/order", orders.answer, methods=frozenset({hdrs.METH_POST})),
        Route("/api/stream", stream.answer, methods=frozenset({hdrs.METH_GET})),
        Route("/api/picture", picture_answer),
        *view_routes(profile, clock),
    )


def _asking(client: DeskClient) -> Ask:
    def ask(order: Mapping[str, object]) -> Awaitable[Reply]:
        passed = PassedOn({"User": WATCHER.name, **order}, WATCHER)
        return in_own_thread(lambda: client.front_desk(passed), "page-watch")

    return ask


def _asking_here(desk: Desk) -> Ask:
    return lambda order: desk.handle(order, WATCHER)


def _about(profile: Profile, started: str) -> dict[str, object]:
    site = profile.site
    return {
        "version": __version__,
        "started": started,
        "site": {
            "name": site.name,
            "latitude_deg": site.latitude_deg,
            "longitude_deg": site.longitude_deg,
            "elevation_m": site.elevation_m,
        },
        "profile": profile.name,
        "filters": list(profile.filters),
    }
