"""One hub a process: asks the services once for all who look, and only while somebody looks.

Each message is written once, those of a tenth of a second go out together, and all viewers get the
same bytes. Whoever comes gets what is known and the last events first.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import logging
from collections.abc import Callable, Coroutine, Mapping

from ctmo_indi.clock import Clock
from ctmo_indi.web.messages import message
from ctmo_indi.web.service_watch import TELEMETRY, Ask, Pace, ServiceWatch
from ctmo_indi.web.viewer import Viewer
from ctmo_indi.work_orders.desk import Desk

_log = logging.getLogger(__name__)

LINGER_S = 60.0
"""Machine seconds that the services go on being asked after the last viewer has gone."""

GATHER_S = 0.1
KEPT_EVENTS = 300
MOST_VIEWERS = 64
"""Of the 112 connections that one address may hold: the others are for orders."""
DIED_PAUSE_S = 5.0
BEGIN_S = 3.0
"""Machine seconds that events of before are waited for: a service may be down."""

PACES: Mapping[str, Pace] = {
    # The telescope does not tell when a device changed: it is asked.
    "telescope": Pace(period_s=0.4, wait_s=0.0),
    "safety": Pace(period_s=0.25, wait_s=2.0),
}
USUAL_PACE = Pace(period_s=0.5, wait_s=2.0)


class Hub:
    """Knows how the services are and what happened; on the front desk's loop.

    Parameters
    ----------
    peers
        How each of the other services is asked, in the order in which the page shows them.
    asking_here
        Makes of the desk at which the page stands how that is asked; it comes first.
    """

    def __init__(
        self, peers: Mapping[str, Ask], asking_here: Callable[[Desk], Ask], clock: Clock
    ) -> None:
        self._peers = dict(peers)
        self._asking_here = asking_here
        self._clock = clock
        self._viewers: set[Viewer] = set()
        self._watches: dict[str, ServiceWatch] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._events: list[tuple[str, int, bytes]] = []  # by time
        self._count = itertools.count()
        self._is_beginning = False
        self._pending: list[bytes] = []
        self._end: asyncio.TimerHandle | None = None

    @property
    def services(self) -> list[str]:
        """Names of those who are watched now."""
        return list(self._watches)

    @property
    def is_watching(self) -> bool:
        """Whether the services are being asked."""
        return bool(self._tasks)

    @property
    def viewers(self) -> frozenset[Viewer]:
        """Who looks now."""
        return frozenset(self._viewers)

    @property
    def is_full(self) -> bool:
        """Whether no further viewer is taken."""
        return len(self._viewers) >= MOST_VIEWERS

    def join(self, viewer: Viewer, desk: Desk) -> bytes:
        """Take in a viewer at a desk; return the messages he gets first."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if not self._tasks:
            self._begin({desk.service: self._asking_here(desk), **self._peers})
        self._flush()  # what waits is in the beginning already
        self._viewers.add(viewer)
        services = [message("service", watch.to_wire()) for watch in self._watches.values()]
        return b"".join(services) + (b"" if self._is_beginning else self._kept())

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        self._viewers.discard(viewer)
        if not self._viewers and self._end is None and self._tasks:
            self._end = asyncio.get_running_loop().call_later(LINGER_S, self._stop)

    def _begin(self, asks: Mapping[str, Ask]) -> None:
        self._events.clear()
        self._is_beginning = True
        for service, ask in asks.items():
            watch = ServiceWatch(
                service,
                ask,
                PACES.get(service, USUAL_PACE),
                self._clock,
                on_status=self._status,
                on_event=self._teller(service),
                on_part=self._device if service == "telescope" else _not_told,
            )
            self._watches[service] = watch
            for run in (watch.statuses, watch.events):
                self._tasks.append(asyncio.create_task(_for_ever(run), name=f"page-{service}"))
        self._tasks.append(asyncio.create_task(self._tell_old(), name="page-old-events"))
        _log.info("page_watches services=%s", ",".join(asks))

    def _stop(self) -> None:
        """End the asking: nobody looks any more."""
        self._end = None
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._watches.clear()
        _log.info("page_rests")

    async def _tell_old(self) -> None:
        """Tell the events from before once all services have told theirs, in order of time."""
        begun = [asyncio.ensure_future(one.has_begun.wait()) for one in self._watches.values()]
        try:
            await asyncio.wait(begun, timeout=BEGIN_S)
        finally:
            for one in begun:
                one.cancel()
        self._is_beginning = False
        self._say(self._kept())

    def _kept(self) -> bytes:
        return b"".join(told for _, _, told in self._events)

    def _status(self, watch: ServiceWatch) -> None:
        self._say(message("service", watch.to_wire()))

    def _teller(self, service: str) -> Callable[[Mapping[str, object]], None]:
        def tell(event: Mapping[str, object]) -> None:
            kind = event.get("Kind")
            if kind in TELEMETRY:
                return  # a status that changed says it sooner
            told = message("happened", {"service": service, **event})
            bisect.insort(self._events, (str(event.get("UTC")), next(self._count), told))
            del self._events[:-KEPT_EVENTS]
            if not self._is_beginning:
                self._say(told)

        return tell

    def _device(self, name: str, part: Mapping[str, object]) -> None:
        """Tell of a device as the telescope's own telemetry would, which is rarer."""
        told = {
            "service": "telescope",
            "Revision": 0,
            "Kind": "telemetry",
            "Subject": name.lower().replace(" ", "_"),
            "UTC": self._clock.utc().isoformat(),
            "Data": part,
        }
        self._say(message("happened", told))

    def _say(self, told: bytes) -> None:
        if not self._viewers:
            return
        if not self._pending:
            asyncio.get_running_loop().call_later(GATHER_S, self._flush)
        self._pending.append(told)

    def _flush(self) -> None:
        if not self._pending:
            return
        chunk = b"".join(self._pending)
        self._pending.clear()
        for viewer in list(self._viewers):
            viewer.put(chunk)


def _not_told(_name: str, _part: Mapping[str, object]) -> None:
    """Let it be: safety's sight of the devices is the telescope's by another link."""


async def _for_ever(run: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a loop that does not end; a bug in it is logged, and it begins again."""
    while True:
        try:
            await run()
        except Exception:  # noqa: BLE001 - outermost of a task: log, go on
            _log.exception("page_watch_failed")
        await asyncio.sleep(DIED_PAUSE_S)
