"""An answer that is too dear for each scrape: asked for now and then, beside the scrapes.

A scrape takes the last one and never waits for the next. What could not be asked is not told: an
old plan would look like the plan that stands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError

_log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""Machine seconds until a question is given up."""

RETRY_MACHINE_S = 10.0
"""After a question without an answer."""

Ask = Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]


class SlowAnswer:
    """Keeps the last answer to one order; on the front desk's loop.

    Parameters
    ----------
    order
        What to ask now; None: nothing, and what was told before is forgotten. Gets the Status.
    period_s
        Machine seconds between two questions, given the last answer.
    """

    def __init__(
        self,
        order: Callable[[Mapping[str, object]], Mapping[str, object] | None],
        period_s: Callable[[Mapping[str, object]], float],
        clock: Clock,
    ) -> None:
        self._order = order
        self._period_s = period_s
        self._clock = clock
        self._last: Mapping[str, object] = {}
        self._task: asyncio.Task[None] | None = None
        self._due_machine_s = float("-inf")

    def latest(self, status: Mapping[str, object], ask: Ask) -> Mapping[str, object]:
        """Return the last answer, empty when there is none, and have a newer one fetched if due."""
        order = self._order(status)
        if order is None:
            self._last = {}
            return self._last
        is_asking = self._task is not None and not self._task.done()
        if not is_asking and self._clock.machine_s() >= self._due_machine_s:
            self._task = asyncio.get_running_loop().create_task(self._fetch(order, ask))
        return self._last

    async def _fetch(self, order: Mapping[str, object], ask: Ask) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                self._last = dict(await ask(order))
        except (CtmoError, TimeoutError) as error:
            _log.debug("not_told order=%s error=%s", order.get("WOType"), error)
            self._last = {}
        except Exception:  # noqa: BLE001 - outermost of the task: a scrape goes on without it
            _log.exception("not_told order=%s", order.get("WOType"))
            self._last = {}
        period_s = self._period_s(self._last) if self._last else RETRY_MACHINE_S
        self._due_machine_s = self._clock.machine_s() + period_s
