"""Life cycle, priority, receipts."""

from __future__ import annotations

import math
import multiprocessing
from datetime import timedelta

import pytest

from ctmo_indi.errors import WrongState
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.profiles import PriorityPolicy
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.lifecycle import (
    ATTEMPT_TABLE,
    ORDER_TABLE,
    SETTLED_ATTEMPTS,
    SETTLED_ORDERS,
)
from ctmo_indi.work_orders.priority import assign
from ctmo_indi.work_orders.receipts import new_receipt


def test_tables_know_every_state() -> None:
    assert ORDER_TABLE.states == frozenset(OrderState)
    assert ATTEMPT_TABLE.states == frozenset(AttemptState)


def test_every_order_state_but_the_first_can_be_reached() -> None:
    reached = {OrderState.RECEIVED}
    while more := {after for state in reached for after in ORDER_TABLE.successors(state)} - reached:
        reached |= more
    assert reached == set(OrderState)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("WINDOW_EXPIRED", "COMPLETED"),
        ("CANCELED", "COMPLETED"),
        ("FAILURE_LIMIT_REACHED", "COMPLETED"),
        ("COMPLETED", "PENDING"),
        ("SCHEDULED", "PENDING"),
        ("HELD", "PENDING"),
        ("IN_PROGRESS", "FAILURE_LIMIT_REACHED"),
    ],
)
def test_order_may_become(before: str, after: str) -> None:
    ORDER_TABLE.check(OrderState(before), OrderState(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("REJECTED", "PENDING"),
        ("RECEIVED", "SCHEDULED"),
        ("CANCELED", "PENDING"),
        ("COMPLETED", "CANCELED"),
        ("HELD", "SCHEDULED"),
        ("PENDING", "IN_PROGRESS"),
    ],
)
def test_order_may_not_become(before: str, after: str) -> None:
    with pytest.raises(WrongState, match=f"{before} cannot become {after}"):
        ORDER_TABLE.check(OrderState(before), OrderState(after))


def test_only_a_completed_attempt_turns_out_bad() -> None:
    assert ATTEMPT_TABLE.predecessors(AttemptState.BAD_DATA) == {AttemptState.COMPLETED}


def test_settled_states_are_those_nobody_works_on() -> None:
    working = {OrderState.RECEIVED, OrderState.PENDING, OrderState.HELD}
    working |= {OrderState.SCHEDULED, OrderState.IN_PROGRESS}
    assert frozenset(OrderState) - SETTLED_ORDERS == working
    assert frozenset(AttemptState) - SETTLED_ATTEMPTS == {"PENDING", "IN_PROGRESS"}


REQUEST = ObservationRequest(
    "1", "Ada", FrameType.LIGHT, 30.0, 1, job_type="Research", object_type="Galaxy"
)


@pytest.mark.parametrize(
    ("policy", "wish", "priority"),
    [
        (PriorityPolicy(), None, 5.0),
        (PriorityPolicy(), 9.0, 5.0),
        (PriorityPolicy(wish_weight=1.0), 9.0, 9.0),
        (PriorityPolicy(wish_weight=0.5), 9.0, 7.0),
        (PriorityPolicy(wish_weight=1.0), math.nan, 5.0),
        (PriorityPolicy(wish_weight=1.0), 1e300, 10.0),
        (PriorityPolicy(wish_weight=1.0), -4.0, 0.0),
        (PriorityPolicy(users={"ADA": 1.0, "Bob": 3.0}), None, 6.0),
        (PriorityPolicy(job_types={"research": 0.5}, object_types={"Galaxy": 0.25}), None, 5.75),
        (PriorityPolicy(base=9.0, users={"Ada": 4.0}), None, 10.0),
        (PriorityPolicy(base=1.0, users={"Ada": -4.0}), None, 0.0),
    ],
)
def test_priority(policy: PriorityPolicy, wish: float | None, priority: float) -> None:
    assert assign(REQUEST, wish, policy) == priority


def test_receipts_are_unique_and_sort_by_time() -> None:
    utc = FakeClock().utc()
    receipts = [new_receipt("O", utc + timedelta(milliseconds=n)) for n in range(200)]
    assert receipts == sorted(receipts)
    assert len({new_receipt("O", utc) for _ in range(200)}) == 200
    assert all(len(receipt) == 28 and receipt.startswith("O-") for receipt in receipts)


def test_a_receipt_begins_with_its_milliseconds_in_crockfords_base_32() -> None:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    utc = FakeClock().utc()
    part = new_receipt("A", utc).removeprefix("A-")[:10]
    born_ms = sum(alphabet.index(letter) << 5 * n for n, letter in enumerate(reversed(part)))
    assert born_ms == int(utc.timestamp() * 1000)


def test_a_forked_process_makes_other_receipts() -> None:
    utc = FakeClock().utc()
    with multiprocessing.get_context("fork").Pool(1) as children:
        assert children.apply(new_receipt, ("O", utc)) != new_receipt("O", utc)
