"""The telescope's own closings: one at a time, repeated after a pause while demanded.

The sequence itself is ``devices/closing.py``, the same that safety uses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CommandCanceled, Locked
from ctmo_indi.telescope.control import ControlTask
from ctmo_indi.telescope.hands import Hands
from ctmo_indi.telescope.procedure import All, Procedure, Steps

_log = logging.getLogger(__name__)

LIMIT_S = 3600.0
PAUSE_MACHINE_S = 30.0


class ClosingRun:
    """Engine thread only.

    Parameters
    ----------
    wake
        See :class:`~ctmo_indi.telescope.procedure.Procedure`.
    """

    def __init__(
        self,
        hands: Hands,
        clock: Clock,
        publish: Callable[[str, str, dict[str, object]], int],
        wake: Callable[[], None],
    ) -> None:
        self._hands = hands
        self._clock = clock
        self._publish = publish
        self._wake = wake
        self._procedure: Procedure | None = None
        self._not_before_machine_s = 0.0
        self._orders: list[ControlTask] = []
        self.alarm = ""

    @property
    def is_under_way(self) -> bool:
        """Whether a closing of ours runs."""
        return self._procedure is not None

    def demand(
        self, reason: str, order: ControlTask | None = None, *, is_last: bool = False
    ) -> bool:
        """Close unless a closing runs or failed a moment ago; an order does not wait.

        Parameters
        ----------
        is_last
            There is no later try, since the service ends: this one does not wait either.

        Returns
        -------
        bool
            Whether a closing is under way now.
        """
        if order is not None:
            self._orders.append(order)
        now_machine_s = self._clock.machine_s()
        if self._procedure is not None:
            return True
        may_wait = order is None and not is_last
        if may_wait and now_machine_s < self._not_before_machine_s:
            return False
        self._not_before_machine_s = now_machine_s + PAUSE_MACHINE_S
        _log.warning("closing reason=%s", reason)
        self._publish("closing", "telescope", {"Reason": reason})
        self._procedure = Procedure("closing", self._steps(), self._clock, self._wake)
        return True

    def seen_closed(self) -> None:
        """Everything was read as closed, whoever closed it: an alarm is over."""
        if self.alarm and self._procedure is None:
            self._end_alarm()

    def _end_alarm(self) -> None:
        self.alarm, self._not_before_machine_s = "", 0.0
        self._publish("closed", "telescope", {})

    def advance(self) -> list[tuple[ControlTask, BaseException | None]]:
        """Go on; at the end return the orders it was for, with the error or None."""
        if self._procedure is None or not self._procedure.advance():
            return []
        error, self._procedure = self._procedure.error, None
        if error is None:
            self._end_alarm()
        elif isinstance(error, CommandCanceled | Locked):
            # No alarm: a human's latch or lock tells of it.
            _log.warning("closing_stopped by=%r", str(error))
            self._publish("closing_stopped", "telescope", {"Reason": str(error)})
        else:
            self.alarm = str(error)
            _log.critical("closing_failed error=%s", error)
            self._publish("alarm", "telescope", {"Reason": str(error)})
        orders, self._orders = self._orders, []
        return [(order, error) for order in orders]

    def _steps(self) -> Steps[None]:
        yield All((self._hands.close(self._report),), LIMIT_S, "closing")

    def _report(self, text: str) -> None:
        self._publish("closing_step", "telescope", {"Step": text})
