"""What a night meant to orders: done, failed, tried, waiting, and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.scheduler.report.night_data import NightData
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS

MOST_ORDERS = 100


class Outcome(StrEnum):
    """What became of an order in a night; from what is told first to last."""

    FAILED = "failed"  # its last attempt allowed has failed
    TRIED = "tried"  # attempts, but no frame
    PROGRESS = "progress"  # frames, but not all
    DONE = "done"
    ENDED = "ended"  # canceled, or its windows are over
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class SkyWord:
    """When an order could have been observed in the night, in words."""

    is_observable: bool
    words: str


@dataclass(frozen=True, slots=True)
class OrdersPart:
    """The part of the report about orders.

    Parameters
    ----------
    listed
        :data:`MOST_ORDERS` at most, those with work first.
    counts
        Outcome -> orders, of all; those that are none left out.
    observable
        Orders that could have been observed in the night.
    """

    listed: tuple[Mapping[str, object], ...]
    counts: Mapping[str, int]
    observable: int


def orders_part(data: NightData, sky_word: Callable[[OrderRow], SkyWord | None]) -> OrdersPart:
    """Return it.

    Parameters
    ----------
    sky_word
        Of an order that was open; None where it is not known.
    """
    ends = state_at_end(data)
    settled_s = data.settled_utc_s()
    good = Counter(frame.order_receipt for frame, is_good in data.frames if is_good)
    tried = Counter(one.parent for one in data.attempts)
    failed = Counter(one.parent for one in data.attempts if one.state is AttemptState.FAILED)
    last_why = {one.parent: one.reason for one in data.attempts if one.reason}
    told: list[tuple[Outcome, Mapping[str, object]]] = []
    observable = 0
    for row in data.orders:
        if settled_s.get(row.receipt, data.begin_utc_s) < data.begin_utc_s:
            continue
        needs_sky = row.wire.get("Frame Type", FrameType.LIGHT.value) == FrameType.LIGHT.value
        word = sky_word(row) if needs_sky else None
        observable += word is not None and word.is_observable
        state = ends[row.receipt]
        outcome = _outcome(state, good[row.receipt], tried[row.receipt])
        why = last_why.get(row.receipt, "") or row.reason
        if outcome is Outcome.DONE:
            why = ""
        elif outcome is Outcome.WAITING and word is not None:
            why = "; ".join(part for part in (word.words, why) if part)
        told.append((outcome, _wire(row, outcome, state, why) | {
            "Good Exposures": good[row.receipt],
            "Attempts": tried[row.receipt],
            "Failed Attempts": failed[row.receipt],
        }))  # fmt: skip
    counts = Counter(outcome for outcome, _ in told)
    places = list(Outcome)
    told.sort(key=lambda one: places.index(one[0]))  # stable: by priority within
    return OrdersPart(
        tuple(wire for _, wire in told[:MOST_ORDERS]),
        {outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]},
        observable,
    )


def state_at_end(data: NightData) -> Mapping[str, OrderState]:
    """Return the state of each order when the night ended, at noon."""
    noon_s = data.edges.next_noon.timestamp()
    found = {
        row.receipt: row.state if row.updated_utc_s < noon_s else OrderState.PENDING
        for row in data.orders
    }
    for change in data.changes:
        if change.receipt in found:
            found[change.receipt] = OrderState(change.state_after)
    return found


def _outcome(state: OrderState, good: int, tried: int) -> Outcome:
    if state is OrderState.COMPLETED:
        return Outcome.DONE
    if state is OrderState.FAILURE_LIMIT_REACHED:
        return Outcome.FAILED
    if state in SETTLED_ORDERS:
        return Outcome.ENDED
    if good:
        return Outcome.PROGRESS
    return Outcome.TRIED if tried else Outcome.WAITING


def _wire(row: OrderRow, outcome: Outcome, state: OrderState, why: str) -> dict[str, object]:
    return {
        "Receipt": row.receipt,
        "ID": row.order_id,
        "User": row.user,
        "Object": str(row.wire.get("Object") or row.wire.get("Solar System Body", "")),
        "Frame Type": str(row.wire.get("Frame Type", FrameType.LIGHT.value)),
        "Filter": str(row.wire.get("Filter", "")),
        "Outcome": outcome.value,
        "Status": state.value,
        "Number of Exposures": row.wanted_count,
        "Why": why,
    }
