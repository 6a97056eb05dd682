"""Dome and Control orders are durable before anything moves, and known after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ctmo_indi.errors import StoreUnavailable, UnknownOrder, WrongState
from ctmo_indi.models.states import AttemptState
from ctmo_indi.store import hand_orders, journal
from ctmo_indi.store.hand_orders import BY_HAND
from ctmo_indi.store.journal import Outcome

from .test_desks import ATTEMPT, Office, control

BLINK = {"WOType": "Dome", "User": "ada", "ID": "blink", "Blink01": True}


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def restarted(office: Office) -> Office:
    """Forget all that is in memory."""
    office.engine.stop(5.0, close=False)
    office.open_engine()
    return office


def effects(office: Office, receipt: str) -> list[tuple[str, Outcome | None]]:
    with office.database.read() as connection:
        return [(one.kind, one.outcome) for one in journal.of_attempt(connection, receipt)]


def until_stored(office: Office, receipt: str) -> hand_orders.HandOrder:
    """Wait for the end of an order in the database."""
    end_s = time.monotonic() + 10.0
    while True:
        with office.database.read() as connection:
            row = hand_orders.get(connection, receipt)
        if row is not None and row.ended_utc_s is not None:
            return row
        assert time.monotonic() < end_s, row
        time.sleep(0.01)


@pytest.mark.parametrize("order", [BLINK, control("park"), control("close"), control("stop")])
def test_a_receipt_is_found_after_a_restart(office: Office, order: dict) -> None:
    receipt = str(office.ask(order)["Receipt"])
    row = until_stored(office, receipt)

    known = restarted(office).ask({"WOType": "Status", "Receipt": receipt})

    assert row.state is AttemptState.COMPLETED
    assert (known["Status"], known["Receipt"]) == ("COMPLETED", receipt)
    assert effects(office, receipt) == [(BY_HAND, Outcome.DONE)]


def test_an_id_that_came_twice_is_two_orders_and_the_newest_is_named(office: Office) -> None:
    first, second = (str(office.ask(BLINK)["Receipt"]) for _ in range(2))
    for receipt in (first, second):
        until_stored(office, receipt)

    named = restarted(office).ask({"WOType": "Status", "User": "ada", "ID": "blink"})

    assert first != second
    assert named["Receipt"] == second


def test_the_intent_is_durable_before_the_device_is_told(office: Office) -> None:
    seen: list[list[journal.Effect]] = []
    switch = office.hands.switch

    def look(key: str, on: bool):
        with office.database.read() as connection:
            seen.append(journal.open_intents(connection))
        return switch(key, on)

    office.hands.switch = look
    receipt = str(office.ask(BLINK)["Receipt"])

    assert [one.attempt_id for one in seen[0]] == [receipt]


def test_a_failure_is_stored_with_its_reason(office: Office) -> None:
    office.hands.failing["switch"] = StoreUnavailable("the wheel is stuck")
    receipt = str(office.ask(BLINK)["Receipt"])

    row = until_stored(office, receipt)

    assert row.state is AttemptState.FAILED
    assert "stuck" in row.reason
    assert effects(office, receipt) == [(BY_HAND, Outcome.FAILED)]


def test_an_order_the_engine_refuses_is_not_attempted(office: Office) -> None:
    office.hands.slow.add("expose")
    office.ask(ATTEMPT)
    with pytest.raises(WrongState):
        office.ask(control("filter", ID="f-1", Filter="V"))

    with office.database.read() as connection:
        row = hand_orders.newest_named(connection, "ada", "f-1")
    assert row is not None
    until_stored(office, row.receipt)
    view = office.hand_book.view(row.receipt)
    assert view is not None
    assert view["Status"] == "NOT_ATTEMPTED"
    assert "under way" in str(view["Failure"])


def refuse_writes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(_function):
        raise StoreUnavailable("disk is full")

    monkeypatch.setattr(office.writer, "submit", submit)


def test_without_a_disk_nothing_moves_away_from_safe(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_writes(office, monkeypatch)

    for order in (BLINK, control("unpark"), control("open"), ATTEMPT):
        with pytest.raises(StoreUnavailable):
            office.ask(order)
    assert office.hands.done == []


@pytest.mark.parametrize("command", ["park", "close", "abort", "stop"])
def test_without_a_disk_what_is_toward_safe_is_done_and_says_so(
    office: Office, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    refuse_writes(office, monkeypatch)

    reply = office.ask(control(command))

    assert reply["Status"] == "COMPLETED"
    assert "will not be known after a restart: disk is full" in str(reply["Message"])
    assert office.hands.done


def test_an_order_that_never_was_has_no_end(office: Office) -> None:
    with pytest.raises(UnknownOrder):
        office.hand_book.settle("O-none", AttemptState.COMPLETED, Outcome.DONE, "")


def test_an_order_ends_once(office: Office) -> None:
    receipt = str(office.ask(BLINK)["Receipt"])
    until_stored(office, receipt)

    with pytest.raises(WrongState):
        office.hand_book.settle(receipt, AttemptState.ABORTED, Outcome.ABORTED, "again")
