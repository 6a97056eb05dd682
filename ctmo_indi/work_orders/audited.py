"""A desk that writes down who ordered what: put around any other desk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ctmo_indi.audit_log import LONGEST_TEXT, AuditEntry
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.errors import CtmoError, NotPermitted, OrderError, SafetyError
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.desk import Desk, Reply
from ctmo_indi.work_orders.model import OrderKind
from ctmo_indi.work_orders.permissions import changes_something, needed

_KINDS = {kind.value: kind for kind in OrderKind}


class AuditedDesk:
    """Records each order that would change something, accepted or refused, and its outcome.

    Parameters
    ----------
    record
        Must not block.
    still_knows
        Whether a caller is known as before: asked again when he has waited for news.
    warnings
        What everybody shall see in the Status of the service.
    clock
        Real time.
    spared
        Asked about each order that commanded nothing (it was refused, or a service carries it out
        in its own time and keeps it): what to add to its text, None to leave it out. The log has a
        size, and nobody must be able to push deeds out of it.
    is_ours
        Asked about each outcome, an error or None for accepted, whether it is written here: what
        another service answered is in its own log.
    """

    def __init__(
        self,
        desk: Desk,
        record: Callable[[AuditEntry], None],
        *,
        still_knows: Callable[[Caller], bool] = lambda _caller: True,
        warnings: Sequence[str] = (),
        clock: Clock | None = None,
        spared: Callable[[Caller], str | None] = lambda _caller: "",
        is_ours: Callable[[CtmoError | None], bool] = lambda _error: True,
    ) -> None:
        self._desk = desk
        self._record = record
        self._still_knows = still_knows
        self._warnings = list(warnings)
        self._clock = clock or SystemClock()
        self._spared = spared
        self._is_ours = is_ours

    @property
    def service(self) -> str:
        """The desk's."""
        return self._desk.service

    async def handle(self, order: Mapping[str, object], caller: Caller) -> Reply:
        """Have the desk handle it; errors are the desk's."""
        kind = _kind(order)
        if kind is not None and not changes_something(kind, order.get("Command")):
            reply = await self._desk.handle(order, caller)
            if "Wait" in order and not self._still_knows(caller):
                raise NotPermitted(f"the token {caller.name} is no longer valid")
            if self._warnings and kind is OrderKind.STATUS and "Receipt" not in order:
                reply["Warnings"] = list(self._warnings)
            return reply
        try:
            reply = await self._desk.handle(order, caller)
        except CtmoError as error:
            if self._is_ours(error):
                is_refusal = isinstance(error, OrderError | SafetyError)
                outcome = "refused" if is_refusal else "failed"
                self._write(order, caller, outcome, fault=error.fault_code, text=str(error))
            raise
        except asyncio.CancelledError:
            self._write(order, caller, "failed", fault=500, text="cut off before it was answered")
            raise
        except Exception as error:
            self._write(order, caller, "failed", fault=500, text=type(error).__name__)
            raise
        if self._is_ours(None):
            self._write(order, caller, "accepted", reply=reply)
        return reply

    def _write(
        self,
        order: Mapping[str, object],
        caller: Caller,
        outcome: str,
        *,
        reply: Mapping[str, object] | None = None,
        fault: int = 0,
        text: str = "",
    ) -> None:
        answered = reply or {}
        is_harmless = outcome == "refused" or (outcome == "accepted" and _is_kept_elsewhere(order))
        more = self._spared(caller) if is_harmless else ""
        if more is None:
            return
        self._record(
            AuditEntry(
                utc=self._clock.utc(),
                service=self._desk.service,
                outcome=outcome,
                caller=caller.name,
                role=caller.role.name.lower(),
                address=caller.address,
                via=caller.via,
                user=_text(order, "User"),
                kind=_text(order, "WOType") or _text(order, "Request"),
                command=_text(order, "Command"),
                id=_text(order, "ID") or _text(answered, "ID"),
                receipt=_text(answered, "Receipt") or _text(order, "Receipt"),
                status=_text(answered, "Status"),
                fault=fault,
                text=(text or _text(order, "Reason"))[: LONGEST_TEXT - len(more)] + more,
                is_synced=_kind(order) is not None and not _is_kept_elsewhere(order),
            )
        )


def _kind(order: Mapping[str, object]) -> OrderKind | None:
    """Return the kind an order says it is; None for what is none, which is written down, too."""
    kind = order.get("WOType")
    if kind is None and "WOType" not in order:
        kind = order.get("Request")
    return _KINDS.get(kind) if isinstance(kind, str) else None


def _is_kept_elsewhere(order: Mapping[str, object]) -> bool:
    """Whether the store of the service has it with its sender: what a submitter may hand in."""
    kind = _kind(order)
    return kind is not None and needed(kind, order.get("Command")) <= Role.SUBMIT


def _text(order: Mapping[str, object], key: str) -> str:
    value = order.get(key)
    return str(value)[:1000] if isinstance(value, str | int | float) else ""
