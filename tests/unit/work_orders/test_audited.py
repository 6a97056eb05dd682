"""What is written down of an order: all that would change something, with its outcome."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from ctmo_indi.audit_log import AuditEntry
from ctmo_indi.errors import CtmoError, DeviceError, Interlocked, NotPermitted
from ctmo_indi.testing.desks import FakeDesk, accept
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.audited import AuditedDesk
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder

ADA = Caller("ada", Role.OPERATE, "10.0.0.7", is_known=True)
READER = Caller("bob", Role.READ, "10.0.0.8", is_known=True)
STOP = {"WOType": "Control", "Command": "stop", "ID": "7", "Reason": "cloud"}


class Site:
    """An audited desk and what it recorded."""

    def __init__(self, answer: Callable[[CheckedOrder], Reply] = accept, **more: object) -> None:
        self.entries: list[AuditEntry] = []
        fake = FakeDesk("telescope", answer=answer)
        self.desk = AuditedDesk(fake, self.entries.append, **more)  # type: ignore[arg-type]  # see callers


async def test_an_accepted_order_is_told_with_its_receipt() -> None:
    site = Site()
    reply = await site.desk.handle(STOP, ADA)
    (entry,) = site.entries
    assert (entry.caller, entry.role, entry.address) == ("ada", "operate", "10.0.0.7")
    assert (entry.service, entry.kind, entry.command, entry.id) == (
        "telescope", "Control", "stop", "7",
    )  # fmt: skip
    assert (entry.outcome, entry.fault, entry.text) == ("accepted", 0, "cloud")
    assert entry.receipt == reply["Receipt"]


def raising(error: Exception) -> Callable[[CheckedOrder], Reply]:
    def answer(_checked: CheckedOrder) -> Reply:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "outcome", "fault", "text"),
    [
        (Interlocked("too low"), "refused", 424, "too low"),
        (NotPermitted("not yours"), "refused", 403, "not yours"),
        (DeviceError("stuck"), "failed", 520, "stuck"),
        (RuntimeError("a detail"), "failed", 500, "RuntimeError"),
    ],
)
async def test_a_fault_is_told_with_code_and_reason(
    error: Exception, outcome: str, fault: int, text: str
) -> None:
    site = Site(raising(error))
    with pytest.raises(type(error)):
        await site.desk.handle(STOP, ADA)
    (entry,) = site.entries
    assert (entry.outcome, entry.fault, entry.text, entry.receipt) == (outcome, fault, text, "")


@pytest.mark.parametrize(
    "order",
    [
        STOP,
        {"WOType": "nonsense\n"},
        {"WOType": 7},
        {},
        {"WOType": "Observation", "User": "ada", "RA": "nowhere"},
    ],
)
async def test_what_a_reader_or_a_confused_sender_tries_is_told(order: dict[str, object]) -> None:
    site = Site()
    with pytest.raises(CtmoError):
        await site.desk.handle(order, READER)
    (entry,) = site.entries
    assert (entry.caller, entry.outcome) == ("bob", "refused")


@pytest.mark.parametrize("kind", ["Status", "Events"])
async def test_questions_are_not_written_down(kind: str) -> None:
    site = Site()
    await site.desk.handle({"WOType": kind}, READER)
    assert site.entries == []


async def test_beats_are_not_written_down() -> None:
    site = Site()
    beat = {"WOType": "Heartbeat", "Service": "scheduler"}
    await site.desk.handle(beat, Caller("services", Role.ADMIN, "127.0.0.1", is_known=True))
    assert site.entries == []


async def test_the_caller_behind_a_service_is_told() -> None:
    site = Site()
    await site.desk.handle(
        STOP, Caller("ada", Role.OPERATE, "127.0.0.1", is_known=True, via="services")
    )
    assert (site.entries[0].caller, site.entries[0].via) == ("ada", "services")


async def test_warnings_are_in_the_status_of_the_service_only() -> None:
    site = Site(warnings=("Insecure Network",))
    assert (await site.desk.handle({"WOType": "Status"}, READER))["Warnings"] == [
        "Insecure Network"
    ]
    other = await site.desk.handle({"WOType": "Status", "Receipt": "O-1"}, READER)
    assert "Warnings" not in other


async def test_who_was_revoked_while_he_waited_gets_no_news() -> None:
    site = Site(still_knows=lambda _caller: False)
    with pytest.raises(NotPermitted, match="no longer valid"):
        await site.desk.handle({"WOType": "Events", "Wait": 1.0}, READER)
    await site.desk.handle({"WOType": "Events"}, READER)


@pytest.mark.parametrize(
    ("order", "is_synced"),
    [
        ({"WOType": "Control", "User": "ada", "Command": "stop"}, True),
        ({"WOType": "Dome", "User": "ada", "Shutter": "open"}, True),
        ({"WOType": "Scheduler", "User": "ada", "Command": "resume"}, True),
        ({"WOType": "Observation", "User": "ada"}, False),
        ({"WOType": "nonsense"}, False),
    ],
)
@pytest.mark.parametrize("answer", [accept, raising(NotPermitted("no"))])
async def test_what_an_operator_orders_is_durable_whether_taken_or_not(
    order: dict[str, object], is_synced: bool, answer: Callable[[CheckedOrder], Reply]
) -> None:
    site = Site(answer)
    with contextlib.suppress(CtmoError):
        await site.desk.handle(order, ADA)
    assert [entry.is_synced for entry in site.entries] == [is_synced]
