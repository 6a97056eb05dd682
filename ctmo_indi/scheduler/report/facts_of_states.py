"""Facts of the ledger that states tell: verdict, humans, the scheduler, the dome. Pure.

A state lasts from its event to the next one of its kind; a start of the scheduler ends those that
it does not publish anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ctmo_indi.models.states import ObservatoryState, SummaryState
from ctmo_indi.models.verdict import VerdictLevel
from ctmo_indi.scheduler.report.ledger import Fact
from ctmo_indi.scheduler.report.loss_classes import LossClass
from ctmo_indi.scheduler.report.night_data import BIRTH, NightData
from ctmo_indi.scheduler.states import DetailedState

WEATHER_RULES = frozenset(
    {
        "weather_alert",
        "weather_limits",
        "weather_warning",
        "weather_warning_closes",
        "weather_settled",
        "watched_good",
    }
)
"""Rules of ``safety/rules.py`` that say that the weather is bad, not that it is not known."""

_ENDED_BY_BIRTH = frozenset({"verdict", "held", "safetyLink", "observatory", "scriptQueue"})
_PARK = "park"


@dataclass(frozen=True, slots=True)
class Lasting:
    """A state and when it lasted, Unix seconds."""

    begin_utc_s: float
    end_utc_s: float
    data: Mapping[str, object]

    def fact(self, loss: LossClass, why: str) -> Fact:
        """Return it as a fact."""
        return Fact(loss, self.begin_utc_s, self.end_utc_s, why)


def lasting(data: NightData, kind: str) -> Iterator[Lasting]:
    """Give the states of a kind, in their order; without what is not known."""
    resets = {kind, BIRTH} if kind in _ENDED_BY_BIRTH else {kind}
    rows = [row for one in sorted(resets) if (row := data.before.get(one)) is not None]
    rows = [max(rows, key=lambda row: (row.at_utc_s, row.cursor))] if rows else []
    rows += [row for row in data.events if row.kind in resets]
    ends_s = [row.at_utc_s for row in rows[1:]] + [data.end_utc_s]
    for row, end_s in zip(rows, ends_s, strict=False):  # one end is left where there is no row
        if row.kind == kind:
            yield Lasting(max(row.at_utc_s, data.begin_utc_s), end_s, row.data)


def state_facts(data: NightData) -> list[Fact]:
    """Return every fact that a state tells."""
    found = [fact for kind, rule in _RULES for one in lasting(data, kind) for fact in rule(one)]
    found += _detailed(data)
    found += _in_fault(data)
    found += _scripts(data)
    found += [
        Fact(
            LossClass.UNKNOWN,
            one.begin_utc_s,
            one.end_utc_s,
            f"the scheduler kept no record for {one.end_utc_s - one.begin_utc_s:.0f} s",
        )
        for one in data.silences
    ]
    return found


def _verdict(one: Lasting) -> Iterator[Fact]:
    level = one.data.get("Level")
    if level == VerdictLevel.SAFE:
        return
    rules = _structs(one.data.get("Rules"))
    of_weather = [rule for rule in rules if rule.get("Rule") in WEATHER_RULES]
    if of_weather:
        yield one.fact(LossClass.WEATHER, str(of_weather[0].get("Text", "")))
    elif rules:
        yield one.fact(LossClass.SAFETY, str(rules[0].get("Text", "")))
    elif not (one.data.get("Lock") or one.data.get("Latch")):
        reasons = one.data.get("Reasons")
        told = str(reasons[0]) if isinstance(reasons, list) and reasons else f"{level}, no reason"
        yield one.fact(LossClass.SAFETY, told)


def _held(one: Lasting) -> Iterator[Fact]:
    if one.data.get("Held"):
        yield one.fact(LossClass.HELD, str(one.data["Held"]))


def _safety_link(one: Lasting) -> Iterator[Fact]:
    if one.data.get("Answers") is not True:
        yield one.fact(
            LossClass.SAFETY, f"the safety service did not answer: {one.data.get('Reason', '')}"
        )


def _observatory(one: Lasting) -> Iterator[Fact]:
    state = one.data.get("Observatory")
    if one.data.get("Answers") is not True:
        why = f"the telescope service did not answer: {one.data.get('Reason', '')}"
        yield one.fact(LossClass.FAULT, why)
    elif one.data.get("Link") == "DOWN":
        yield one.fact(LossClass.FAULT, "the telescope had no link to the INDI server")
    elif state in (ObservatoryState.ALARM, ObservatoryState.UNKNOWN):
        yield one.fact(LossClass.FAULT, f"the observatory's state was {state}")
    elif state == ObservatoryState.OPENING:
        yield one.fact(LossClass.MOVING_ROOF, "opening")
    elif state == ObservatoryState.CLOSING:
        yield one.fact(LossClass.MOVING_ROOF, "closing")


def _summary(one: Lasting) -> Iterator[Fact]:
    state = str(one.data.get("Summary State", ""))
    if state not in (SummaryState.ENABLED, SummaryState.FAULT):
        yield one.fact(LossClass.DISABLED, f"the scheduler was {state}")


def _script_queue(one: Lasting) -> Iterator[Fact]:
    if one.data.get("Paused") is True:
        why = str(one.data.get("Reason", ""))
        loss = LossClass.FAULT if " failed: " in why else LossClass.DISABLED
        yield one.fact(loss, f"the script queue was paused: {why}" if why else "the queue paused")


_RULES: tuple[tuple[str, Callable[[Lasting], Iterator[Fact]]], ...] = (
    ("verdict", _verdict),
    ("held", _held),
    ("safetyLink", _safety_link),
    ("observatory", _observatory),
    ("summaryState", _summary),
    ("scriptQueue", _script_queue),
)


def _in_fault(data: NightData) -> Iterator[Fact]:
    """Give the scheduler's own FAULT, with what it reported last."""
    reports = list(lasting(data, "errorCode"))
    for one in lasting(data, "summaryState"):
        if one.data.get("Summary State") == SummaryState.FAULT:
            last = [each for each in reports if each.begin_utc_s <= one.begin_utc_s]
            told = last[-1].data if last else {}
            why = f"{told.get('Meaning', 'FAULT')}: {told.get('Report', '')}"
            yield one.fact(LossClass.FAULT, f"the scheduler was in FAULT: {why}")


def _detailed(data: NightData) -> Iterator[Fact]:
    """Give what an ENABLED scheduler did: chose, or waited, with orders or without."""
    enabled = [
        one
        for one in lasting(data, "summaryState")
        if one.data.get("Summary State") == SummaryState.ENABLED
    ]
    open_orders = open_spans(data)
    for one in lasting(data, "detailedState"):
        state = one.data.get("Detailed State")
        if state == DetailedState.IDLE:
            for each in enabled:
                begin_s = max(one.begin_utc_s, each.begin_utc_s)
                end_s = min(one.end_utc_s, each.end_utc_s)
                why = "the scheduler was enabled, but nobody resumed it"
                yield Fact(LossClass.DISABLED, begin_s, end_s, why)
        elif state == DetailedState.WAITING_NEXT_TARGET_TIMER_TASK:
            yield one.fact(LossClass.NO_ORDERS, "no order for the sky waited")
            for begin_s, end_s in open_orders:
                yield Fact(
                    LossClass.NOTHING_VISIBLE,
                    max(begin_s, one.begin_utc_s),
                    min(end_s, one.end_utc_s),
                    "orders waited, none could be observed",
                )
        else:
            yield one.fact(LossClass.OVERHEAD, "choosing, and waiting between scripts")


def open_spans(data: NightData) -> list[tuple[float, float]]:
    """Return when orders for frames of the sky were open, Unix seconds; they may overlap."""
    settled = data.settled_utc_s()
    return [
        (row.created_utc_s, settled.get(row.receipt, data.end_utc_s))
        for row in data.orders
        if row.wire.get("Frame Type", "Light") == "Light"
    ]


def _scripts(data: NightData) -> Iterator[Fact]:
    """Give the scripts of the queue: park closes, the others are handling."""
    births_s = [row.at_utc_s for row in data.events if row.kind == BIRTH]
    last = {
        (row.data.get("Index"), row.data["Started"]): row
        for row in data.events
        if row.kind == "script" and row.data.get("Started")
    }
    for row in last.values():
        begin_s, end_s = (_unix_s(row.data.get(key)) for key in ("Started", "Ended"))
        if begin_s is None:
            continue
        if end_s is None:  # it runs still, or a start of the scheduler ended it
            end_s = min((one for one in births_s if one > row.at_utc_s), default=data.end_utc_s)
        name = str(row.data.get("Script", ""))
        if name == _PARK:
            yield Fact(LossClass.MOVING_ROOF, begin_s, end_s, "closing: script park")
        else:
            yield Fact(LossClass.HANDLING, begin_s, end_s, f"script {name}")


def _unix_s(instant: object) -> float | None:
    try:
        return datetime.fromisoformat(str(instant)).timestamp()
    except ValueError:
        return None


def _structs(value: object) -> Sequence[Mapping[str, object]]:
    listed = value if isinstance(value, list) else []
    return [one for one in listed if isinstance(one, Mapping)]
