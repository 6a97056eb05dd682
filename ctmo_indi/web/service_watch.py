"""Ask one service again and again how it is and what happened, for all who look at the page.

Two loops: Status, and Events from a cursor. Each waits for its answer, so a slow service has one
question of each kind open, and one that does not answer is asked less and less often. On the front
desk's loop; what it is given to ask with does not block.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.work_orders.desk import Reply

_log = logging.getLogger(__name__)

Ask: TypeAlias = Callable[[Mapping[str, object]], Awaitable[Reply]]
"""Sends an order to the service; CtmoError when it refuses or does not answer."""

TELEMETRY = frozenset(
    {"telemetry", "heartbeat", "observatoryState", "generalInfo", "timeToNextTarget"}
)
"""Kinds that come every second or so."""

WORTH_TELLING = frozenset(
    {
        "alarm",
        "attempt",
        "closed",
        "closing",
        "control",
        "detailedState",
        "duty",
        "errorCode",
        "frame",
        "held",
        "limit",
        "logMessage",
        "notice",
        "observation",
        "observatory",
        "observatoryStatus",
        "order",
        "recovery",
        "safetyLink",
        "script",
        "scriptQueue",
        "started",
        "summaryState",
        "takeover",
        "target",
        "ticket",
        "verdict",
    }
)
"""Kinds of which those from before are told: an order may name 32."""

EVENTS_PERIOD_S = 0.1
"""Between two questions for events, at least: answers that come empty at once are no race."""

EVENTS_WAIT_S = 10.0
GRACE_S = 15.0
"""Beside an order's Wait: then its answer is not waited for any longer."""

REFRESH_S = 5.0
"""A status that did not change is told again: ages in it have."""

PARTS_S = 2.0
"""A status of which only devices changed: each of them is told by itself, at once."""

BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
PAGE = 500
LOOK_BACK = (1000, 20_000, 220_000)
"""Numbers of events to go back for the last ones: telemetry takes many, a restart 100,000."""

MOST_PAGES = 6
ENOUGH = 300

_VOLATILE = frozenset(
    {
        "Age",
        "Age (s)",
        "Ages (s)",
        "Cycle",
        "Cycles",
        "Events",
        "Machine Seconds",
        "Revision",
        "Rounds",
        "Telemetry",
        "Time Spent",
        "UTC",
        "Verdict Age",
    }
)
"""Keys that change by themselves; alone they are no news."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a service is asked.

    Parameters
    ----------
    period_s
        Machine seconds between two questions for its Status, at least.
    wait_s
        ``Wait`` of that question: for a service that tells when its status changed.
    """

    period_s: float
    wait_s: float


class ServiceWatch:
    """What is known of one service.

    Parameters
    ----------
    on_status
        Called when there is something new to tell of how it is.
    on_event
        Called with each event, in order; first with the last ones from before, after which
        ``has_begun`` is set.
    on_part
        Called with each device of the status that changed: its name and what it says.
    """

    def __init__(
        self,
        service: str,
        ask: Ask,
        pace: Pace,
        clock: Clock,
        *,
        on_status: Callable[[ServiceWatch], object],
        on_event: Callable[[Mapping[str, object]], object],
        on_part: Callable[[str, Mapping[str, object]], object] = lambda _name, _part: None,
    ) -> None:
        self.service = service
        self._ask = ask
        self._pace = pace
        self._clock = clock
        self._on_status = on_status
        self._on_event = on_event
        self._on_part = on_part
        self.reply: Reply | None = None
        self.error = "not asked yet"
        self.has_begun = asyncio.Event()
        self._cursor: int | None = None
        self._heard_machine_s = clock.machine_s()
        self._told: object = None
        self._told_machine_s = float("-inf")
        self._parts: dict[str, object] = {}
        self._are_parts_told = True

    def to_wire(self) -> dict[str, object]:
        """Return the message of the stream."""
        age_s = self._clock.machine_s() - self._heard_machine_s
        return {
            "service": self.service,
            "reply": self.reply,
            "error": self.error,
            "age_s": round(age_s, 3),
        }

    async def statuses(self) -> None:
        """Ask how it is, for ever."""
        failures = 0
        while True:
            began_s = self._clock.machine_s()
            order: dict[str, object] = {"WOType": "Status"}
            if self._pace.wait_s and self.reply is not None and not self.error:
                order |= {"Since": self.reply.get("Revision", 0), "Wait": self._pace.wait_s}
            try:
                reply = await self._answer(order, self._pace.wait_s)
            except CtmoError as error:
                pause_s = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
                failures += 1
                self.error = str(error) or type(error).__name__
                self._tell(self.error)
            else:
                failures = 0
                pause_s = max(0.0, began_s + self._pace.period_s - self._clock.machine_s())
                self._heard(reply)
            await asyncio.sleep(pause_s)

    async def events(self) -> None:
        """Ask what happened, for ever; first for what happened lately."""
        failures = 0
        while True:
            began_s = self._clock.machine_s()
            try:
                if self._cursor is None:
                    await self._begin()
                    self.has_begun.set()
                await self._next()
                failures = 0
                pause_s = max(0.0, began_s + EVENTS_PERIOD_S - self._clock.machine_s())
            except CtmoError:
                pause_s = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
                failures += 1
            await asyncio.sleep(pause_s)

    async def _begin(self) -> None:
        """Tell what happened before; from then on all is new."""
        latest = _cursor(await self._answer({"WOType": "Events", "Limit": 1}))
        found: list[Mapping[str, object]] = []
        for span in LOOK_BACK:
            start = max(0, latest - span)
            more = await self._between(start, latest)
            if more is None:
                break  # too many: the newest are found already
            found = more
            if start == 0 or len(found) >= ENOUGH:
                break
        self._cursor = latest
        for event in found[-ENOUGH:]:
            self._on_event(event)

    async def _between(self, start: int, end: int) -> list[Mapping[str, object]] | None:
        """Return the events worth telling between two cursors; None when there are too many."""
        found: list[Mapping[str, object]] = []
        kinds = sorted(WORTH_TELLING)
        for _ in range(MOST_PAGES):
            order = {"WOType": "Events", "Cursor": start, "Limit": PAGE, "Kinds": kinds}
            page = await self._answer(order)
            found += [event for event in _events(page) if _revision(event) <= end]
            start = _cursor(page)
            if start >= end:
                return found
        return None

    async def _next(self) -> None:
        order: dict[str, object] = {
            "WOType": "Events",
            "Cursor": self._cursor,
            "Limit": PAGE,
            "Wait": EVENTS_WAIT_S,
        }
        page = await self._answer(order, EVENTS_WAIT_S)
        self._cursor = _cursor(page)  # first: what cannot be told is not asked for again
        for event in _events(page):
            self._on_event(event)

    async def _answer(self, order: Mapping[str, object], wait_s: float = 0.0) -> Reply:
        try:
            return await asyncio.wait_for(self._ask(order), wait_s + GRACE_S)
        except TimeoutError as error:
            raise CtmoError(f"no answer within {wait_s + GRACE_S:g} s") from error

    def _heard(self, reply: Reply) -> None:
        self.reply = reply
        self.error = ""
        self._heard_machine_s = self._clock.machine_s()
        devices = reply.get("Devices")
        parts = devices if isinstance(devices, Mapping) else {}
        for name, part in parts.items():
            lasting = steady(part)
            if self._parts.get(name) != lasting:
                self._parts[name] = lasting
                self._are_parts_told = False
                if isinstance(part, Mapping):
                    self._on_part(name, part)
        self._tell(steady({key: reply[key] for key in reply if key != "Devices"}))

    def _tell(self, lasting: object) -> None:
        now_s = self._clock.machine_s()
        longest_s = REFRESH_S if self._are_parts_told else PARTS_S
        if lasting != self._told or now_s - self._told_machine_s >= longest_s:
            self._told = lasting
            self._told_machine_s = now_s
            self._are_parts_told = True
            self._on_status(self)


def steady(value: object) -> object:
    """Return ``value`` without the keys that change by themselves."""
    if isinstance(value, Mapping):
        return {key: steady(item) for key, item in value.items() if key not in _VOLATILE}
    if isinstance(value, list | tuple):
        return [steady(item) for item in value]
    return value


def _cursor(page: Mapping[str, object]) -> int:
    cursor = page.get("Cursor")
    if not isinstance(cursor, int):
        raise CtmoError(f"Cursor is {cursor!r:.80}, expected a whole number")
    return cursor


def _revision(event: Mapping[str, object]) -> int:
    revision = event.get("Revision")
    return revision if isinstance(revision, int) else 0


def _events(page: Mapping[str, object]) -> list[Mapping[str, object]]:
    events = page.get("Events")
    return [one for one in events if isinstance(one, Mapping)] if isinstance(events, list) else []
