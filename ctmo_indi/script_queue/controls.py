"""Give the telescope one Control order and wait until it is carried out."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.script_queue.attempts import LONG_POLL_S
from ctmo_indi.script_queue.peer import BackOff, FrontDesk, Refusal, meaning
from ctmo_indi.script_queue.script import ScriptFailed, Slot

_log = logging.getLogger(__name__)

DONE = "COMPLETED"
FAILED = frozenset({"FAILED", "ABORTED", "CANCELED", "INTERRUPTED", "REJECTED"})


class ControlScript:
    """One Control order; the reply, or the Status of its receipt, says when it is done.

    Parameters
    ----------
    command
        The order's Command and what belongs to it.
    timeout_s
        Sky seconds.
    """

    def __init__(
        self,
        name: str,
        telescope: FrontDesk,
        command: Mapping[str, object],
        *,
        timeout_s: float,
        long_poll_s: float = LONG_POLL_S,
    ) -> None:
        self.name = name
        self.subject = ""
        self.timeout_s = timeout_s
        self._telescope = telescope
        self._order: dict[str, object] = {"WOType": "Control", "User": "scheduler", **command}
        self._long_poll_s = long_poll_s

    def run(self, slot: Slot) -> None:
        """Return when it is done; ScriptFailed with the telescope's words when it cannot be."""
        reply = self._ask(slot, self._order)
        receipt = str(reply.get("Receipt") or "")
        while True:
            state = str(reply.get("Status") or DONE)
            if state == DONE:
                return
            if state in FAILED or not receipt:
                why = str(reply.get("Failure") or reply.get("Message") or state)
                raise ScriptFailed(f"{self.name}: {why}")
            slot.check()
            question: dict[str, object] = {
                "WOType": "Status",
                "User": "scheduler",
                "Receipt": receipt,
                "Since": reply.get("Revision", 0),
                "Wait": self._long_poll_s,
            }
            reply = self._ask(slot, question)

    def stop(self, reason: str) -> None:
        """Nothing to cancel: these orders lead toward safe, the telescope finishes them."""
        _log.info("script stops waiting name=%s reason=%r", self.name, reason)

    def _ask(self, slot: Slot, order: dict[str, object]) -> dict[str, object]:
        back_off = BackOff()
        while True:
            slot.check()
            try:
                return self._telescope.front_desk(order)
            except ServiceUnreachable as error:
                _log.warning("peer silent script=%s error=%s", self.name, error)
            except DeskFault as fault:
                if meaning(fault) is not Refusal.ASK_AGAIN:
                    raise ScriptFailed(f"{self.name}: {fault}") from fault
            slot.wait(back_off.next_s())
