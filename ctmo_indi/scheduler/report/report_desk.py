"""Report at the scheduler's desk: from the file of a past night, or made now in a thread.

One report is made at a time; who asks for the same night meanwhile gets the same one. Coroutines on
the front desk's loop.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from datetime import timedelta

from ctmo_indi.clock import Clock
from ctmo_indi.errors import BadOrder, WrongState
from ctmo_indi.scheduler.report.making import Make, Report
from ctmo_indi.scheduler.report.night_data import NightEdges
from ctmo_indi.scheduler.report.night_sky import NightSky
from ctmo_indi.scheduler.report.report_files import ReportFiles
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.desk import Reply, order_reply
from ctmo_indi.work_orders.model import CheckedOrder, ReportRequest

MOST_WAITING = 4
ANSWER_S = 60.0
FRESH_MACHINE_S = 30.0
"""A report of the night that lasts is answered with again for so long."""

_DAY = timedelta(days=1)


class ReportDesk:
    """Answers Report orders.

    Parameters
    ----------
    make
        Makes a report; blocks.
    """

    def __init__(self, clock: Clock, sky: NightSky, make: Make, files: ReportFiles) -> None:
        self._clock = clock
        self._sky = sky
        self._make = make
        self._files = files
        self._worker = Worker("night-report")
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Report]] = {}
        self._fresh: dict[str, tuple[float, Report]] = {}

    def start(self) -> None:
        """Start the thread that makes reports."""
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        """End it; a report that is being made is not waited for longer than that."""
        self._worker.stop(timeout_s)

    async def handle(self, checked: CheckedOrder, _caller: Caller) -> Reply:
        """Answer one order; WrongState for a night of which nothing can be known."""
        request = checked.request
        if not isinstance(request, ReportRequest):
            raise BadOrder(f"WOType: came {checked.kind.value}, expected Report")
        future = self._ask(request.night)
        try:
            report = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), ANSWER_S)
        except TimeoutError:
            raise WrongState(f"the report was not made within {ANSWER_S:g} s") from None
        return order_reply(checked, status="OK", message=_sentence(report), extra=report)

    def _ask(self, night: str) -> Future[Report]:
        with self._lock:
            known = self._under_way.get(night)
            if known is not None:
                return known
            if len(self._under_way) >= MOST_WAITING:
                raise WrongState("the scheduler is busy with other reports, ask again")
            future = self._worker.ask(lambda: self._report(night))
            self._under_way[night] = future
        future.add_done_callback(lambda _: self._ended(night))
        return future

    def _ended(self, night: str) -> None:
        with self._lock:
            self._under_way.pop(night, None)

    # -- in the worker's thread --------------------------------------------------------------------

    def _report(self, night: str) -> Report:
        edges = self._sky.of_label(night) if night else self._last_whole()
        now = self._clock.utc()
        if now < edges.noon:
            raise WrongState(
                f"Night: {edges.night} has not begun, it does at {edges.noon:%H:%M} UTC"
            )
        stored = self._files.read(edges.night)
        if stored is not None and (stored.get("Whole") is True or now >= edges.next_noon):
            return stored
        machine_s = self._clock.machine_s()
        made_machine_s, fresh = self._fresh.get(edges.night, (0.0, None))
        if fresh is not None and machine_s - made_machine_s < FRESH_MACHINE_S:
            return fresh
        made = self._make(edges)
        self._fresh = {edges.night: (machine_s, made)}
        return made

    def _last_whole(self) -> NightEdges:
        """Return the last night whose dark is over: this morning's, else that of before."""
        tonight = self._sky.now()
        if tonight.dark is not None and self._clock.utc() >= tonight.dark[1]:
            return tonight
        return self._sky.of_instant(tonight.noon - _DAY / 2)


def _sentence(report: Report) -> str:
    text = str(report.get("Text", ""))
    lines = [line for line in text.splitlines() if line.strip()]
    return ". ".join(lines[:3])[:300]
