"""Give a desk one Control or Dome order and wait until it is carried out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import CtmoError, ServiceUnreachable
from ctmo_indi.script_queue.attempts import LONG_POLL_S
from ctmo_indi.script_queue.peer import BackOff, FrontDesk, Refusal, meaning
from ctmo_indi.script_queue.script import (
    PlainScript,
    ScriptFailed,
    ScriptMetadata,
    ScriptStopped,
    Slot,
)

_log = logging.getLogger(__name__)

DONE = "COMPLETED"
FAILED = frozenset({"FAILED", "REJECTED"})
CUT_SHORT = frozenset({"ABORTED", "CANCELED", "INTERRUPTED", "NOT_ATTEMPTED"})
"""States in which nobody failed: weather, safety, a human."""


class ControlScript(PlainScript):
    """One order by hand; the reply, or the Status of its receipt, says when it is done.

    Parameters
    ----------
    command
        The order's keys; WOType is Control unless they say another.
    timeout_s
        Sky seconds.
    cancels
        Whether stopping the script cancels the order. Not so for orders that lead toward safe: the
        desk finishes them.
    """

    def __init__(
        self,
        name: str,
        desk: FrontDesk,
        command: Mapping[str, object],
        *,
        timeout_s: float,
        cancels: bool = False,
        metadata: ScriptMetadata | None = None,
        long_poll_s: float = LONG_POLL_S,
    ) -> None:
        super().__init__(name, timeout_s=timeout_s, metadata=metadata)
        self._desk = desk
        self._order: dict[str, object] = {"WOType": "Control", "User": "scheduler", **command}
        self._cancels = cancels
        self._long_poll_s = long_poll_s
        self._lock = threading.Lock()
        self._receipt = ""
        self._is_stopped = False

    def run(self, slot: Slot) -> None:
        """Return when it is done.

        Raises
        ------
        ScriptFailed
            With the desk's words, when it cannot be done.
        ScriptStopped
            The script was stopped, or the order refused or cut short for weather, safety, a human.
        """
        reply = self._ask(slot, self._order)
        receipt = str(reply.get("Receipt") or "")
        self._begun(receipt)
        while True:
            state = str(reply.get("Status") or DONE)
            if state == DONE:
                return
            why = str(reply.get("Failure") or reply.get("Message") or state)
            if state in CUT_SHORT:
                raise ScriptStopped(f"{self.name}: {why}")
            if state in FAILED or not receipt:
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
        """Cancel what is under way, when it is to be cancelled; blocks for the desk's answer."""
        _log.info("script stops name=%s reason=%r", self.name, reason)
        if not self._cancels:
            return
        with self._lock:
            self._is_stopped = True
            receipt = self._receipt
        if receipt:
            self._cancel(receipt)

    def copy(self) -> ControlScript:
        """Return a script that gives the same order."""
        return ControlScript(
            self.name,
            self._desk,
            self._order,
            timeout_s=self.timeout_s,
            cancels=self._cancels,
            metadata=self.metadata,
            long_poll_s=self._long_poll_s,
        )

    def _begun(self, receipt: str) -> None:
        """Note what to cancel; cancel it when the script was stopped while it was handed in."""
        with self._lock:
            self._receipt = receipt
            is_late = self._is_stopped
        if is_late and receipt:
            self._cancel(receipt)

    def _cancel(self, receipt: str) -> None:
        order: dict[str, object] = {
            "WOType": "Cancel",
            "User": "scheduler",
            "Receipt": receipt,
            "Reason": "the script was stopped",
        }
        try:
            self._desk.front_desk(order)
        except CtmoError as error:
            _log.warning("cancel not taken script=%s error=%s", self.name, error)

    def _ask(self, slot: Slot, order: dict[str, object]) -> dict[str, object]:
        back_off = BackOff()
        while True:
            slot.check()
            try:
                return self._desk.front_desk(order)
            except ServiceUnreachable as error:
                _log.warning("peer silent script=%s error=%s", self.name, error)
            except DeskFault as fault:
                kind = meaning(fault)
                if kind is Refusal.NOT_NOW:
                    raise ScriptStopped(f"{self.name}: {fault}") from fault
                if kind is not Refusal.ASK_AGAIN:
                    raise ScriptFailed(f"{self.name}: {fault}") from fault
            slot.wait(back_off.next_s())
