"""What one service says, as it says it: its Events by long poll, its Status after each.

A service that does not answer is asked again until it does; what it said before counts no longer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ctmo_indi.clock import Clock
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import CtmoError
from ctmo_indi.tango.picture import Seen

_log = logging.getLogger(__name__)

PERIOD_S = 0.5
"""Machine seconds between two looks while nothing is told."""
PERIOD_IN_MOTION_S = 0.2
SHORTEST_S = 0.1
"""Between two looks however much is told."""
AGAIN_S = 0.3
_PAGE = 200


class DeskWatch:
    """Asks one desk from one thread; others read :attr:`seen`.

    Parameters
    ----------
    on_news
        Called in the watching thread with what was seen last, after each look.
    """

    def __init__(
        self, service: str, desk: DeskClient, clock: Clock, on_news: Callable[[Seen], None]
    ) -> None:
        self.seen = Seen(service)
        self._desk = desk
        self._clock = clock
        self._on_news = on_news
        self._stopping = threading.Event()
        self.looked_machine_s = clock.machine_s()

    def stop(self) -> None:
        """Have :meth:`run` return soon; any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Watch until :meth:`stop`; blocks its thread."""
        cursor: int | None = None
        while not self._stopping.is_set():
            try:
                self._look()
                cursor = self._wait_for_news(cursor)
            except CtmoError as error:
                cursor = None  # a service that was started again counts anew
                self._lost(str(error))
                self._stopping.wait(AGAIN_S)
            except Exception as error:  # noqa: BLE001 - outermost line of a thread
                _log.exception("desk_watch_failed service=%s", self.seen.service)
                cursor = None
                self._lost(f"{type(error).__name__}: {error}")
                self._stopping.wait(AGAIN_S)

    def _look(self) -> None:
        reply = self._desk.front_desk({"WOType": "Status"})
        devices = reply.get("Devices")
        found = devices.items() if isinstance(devices, Mapping) else ()
        connected = {
            key for key, part in found if isinstance(part, Mapping) and part.get("Connected")
        }
        frames = frames_of(reply.get("Current"))
        self._tell(
            replace(
                self.seen,
                reply=reply,
                last_frame=frames[-1] if frames else self.seen.last_frame,
                error="",
                utc=self._clock.utc(),
                at_machine_s=self._clock.machine_s(),
                once_connected=self.seen.once_connected | connected,
            )
        )

    def _lost(self, reason: str) -> None:
        if not self.seen.error:
            _log.warning("desk_lost service=%s error=%s", self.seen.service, reason)
        self._tell(replace(self.seen, error=reason, utc=self._clock.utc()))

    def _tell(self, seen: Seen) -> None:
        if self.seen.error and not seen.error:
            _log.info("desk_found service=%s", seen.service)
        self.seen = seen
        self.looked_machine_s = self._clock.machine_s()
        self._on_news(seen)

    def _wait_for_news(self, cursor: int | None) -> int:
        begun_s = self._clock.machine_s()
        order: dict[str, object] = {
            "WOType": "Events",
            "Wait": PERIOD_IN_MOTION_S if is_in_motion(self.seen.reply) else PERIOD_S,
            "Limit": _PAGE,
        }
        if cursor is not None:
            order["Cursor"] = cursor
        page = self._desk.front_desk(order)
        self.seen = after_events(self.seen, page.get("Events", ()))
        rest_s = begun_s + SHORTEST_S - self._clock.machine_s()
        if rest_s > 0.0:
            self._stopping.wait(rest_s)
        return int(page["Cursor"])


def is_in_motion(reply: Mapping[str, Any]) -> bool:  # Any: as on the wire
    """Whether something moves or exposes, so that its place or rest changes by itself."""
    devices = reply.get("Devices")
    parts = devices.values() if isinstance(devices, Mapping) else ()
    return any(
        isinstance(part, Mapping) and (part.get("Slewing") or part.get("Moving")) for part in parts
    ) or bool(reply.get("Busy"))


def after_events(seen: Seen, events: Sequence[Mapping[str, Any]]) -> Seen:  # Any: as on the wire
    """Return what is known after events: those whose news a Status does not hold."""
    for event in events:
        data = event.get("Data")
        if not isinstance(data, Mapping):
            continue
        if event.get("Kind") == "ticket":
            seen = replace(
                seen, command=(str(data.get("Command", "")), str(data.get("Status", "")))
            )
        elif event.get("Kind") == "attempt":
            made = frames_of(data)
            # A Status that came later than the event knows more of the same attempt.
            if made and made[-1] not in frames_of(seen.at("Current")):
                seen = replace(seen, last_frame=made[-1])
    return seen


def frames_of(attempt: object) -> list[str]:
    """Return the paths of the frames that an attempt has on disk, in their order."""
    made = attempt.get("Exposures", ()) if isinstance(attempt, Mapping) else ()
    return [str(each["Path"]) for each in made if isinstance(each, Mapping) and each.get("Path")]
