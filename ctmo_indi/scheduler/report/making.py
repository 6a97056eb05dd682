"""Make the report of a night: what the stores know, what the preprocessor says, in one struct.

A report is a struct as it stands on the wire and in the file: text and HTML are made of it alone.
Blocks for queries and for the preprocessor; never in an engine or a desk's loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from ctmo_indi.clock import Clock
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import CtmoError
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.report.as_html import article
from ctmo_indi.scheduler.report.as_text import report_text
from ctmo_indi.scheduler.report.attention import attention
from ctmo_indi.scheduler.report.dead_night import why_dead
from ctmo_indi.scheduler.report.facts_of_states import state_facts
from ctmo_indi.scheduler.report.facts_of_work import work_facts
from ctmo_indi.scheduler.report.faults_part import faults_part, iso
from ctmo_indi.scheduler.report.frames_part import Looks, frames_part, quality_part
from ctmo_indi.scheduler.report.ledger import Span, ledger, shown, sums_ms
from ctmo_indi.scheduler.report.loss_classes import CLASSES
from ctmo_indi.scheduler.report.night_data import NightEdges, NightReader
from ctmo_indi.scheduler.report.night_sky import NightSky
from ctmo_indi.scheduler.report.orders_part import orders_part
from ctmo_indi.script_queue.peer import FrontDesk

_log = logging.getLogger(__name__)

Report: TypeAlias = dict[str, object]

MOST_SPANS = 400
"""What a bar can show, and what the desk's loop can write in some milliseconds."""

MOST_LOOKS = 500
USER = "scheduler"


@dataclass(frozen=True, slots=True)
class MakerParts:
    """What a report is made with.

    Parameters
    ----------
    preprocessor
        Its desk, with a short time-out: without its answer the report says so.
    """

    profile: Profile
    clock: Clock
    reader: NightReader
    sky: NightSky
    preprocessor: FrontDesk


class ReportMaker:
    """Makes reports; any thread, one at a time is enough."""

    def __init__(self, parts: MakerParts) -> None:
        self._parts = parts

    def make(self, edges: NightEdges) -> Report:
        """Return the report of a night, up to now; StoreUnavailable when it cannot be read."""
        parts = self._parts
        data = parts.reader.read(edges)
        facts = [*state_facts(data), *work_facts(data, parts.profile.kinematics.readout_s)]
        spans = ledger(facts, data.begin_utc_s, data.end_utc_s)
        orders = orders_part(data, parts.sky.words(data))
        looks = self._looks(edges.night)
        debt, debt_note = self._debt(edges.night)
        shown_spans = shown(spans, MOST_SPANS)
        report: Report = {
            "Night": edges.night,
            "Site": parts.profile.site.name,
            "Begin": iso(data.begin_utc_s) if edges.dark else "",
            "End": iso(data.end_utc_s) if edges.dark else "",
            "Length": (spans[-1].end_ms - spans[0].begin_ms) / 1000.0 if spans else 0.0,
            "Whole": data.is_whole,
            "Made": iso(parts.clock.utc().timestamp()),
            "Ledger": ledger_wire(spans),
            "Spans": [_span(one) for one in shown_spans],
            "Spans Joined": len(spans) - len(shown_spans),
            "Orders": [dict(one) for one in orders.listed],
            "Order Counts": dict(orders.counts),
            "Frames": frames_part(data, looks),
            "Quality": quality_part(looks),
            "Faults": [dict(one) for one in faults_part(data)],
            "Debt": debt,
            "Debt Note": debt_note,
            "Alarm": why_dead(data, spans, orders.observable),
        }
        return with_words(report)

    def _looks(self, night: str) -> Looks:
        order = {"WOType": "Frames", "User": USER, "Night": night, "Limit": MOST_LOOKS}
        reply, why = self._ask(order)
        if why:
            return Looks(note=why)
        frames = tuple(_structs(reply.get("Frames")))
        count = reply.get("Number of Frames", len(frames))
        is_part = isinstance(count, int) and count > len(frames)
        return Looks(frames, f"of the last {len(frames)} of {count} frames" if is_part else "")

    def _debt(self, night: str) -> tuple[list[dict[str, object]], str]:
        reply, why = self._ask({"WOType": "Status", "User": USER, "Debt": night})
        return [dict(one) for one in _structs(reply.get("Debt"))], why

    def _ask(self, order: dict[str, object]) -> tuple[Mapping[str, object], str]:
        """Ask the preprocessor; the reply, or why there is none."""
        try:
            return self._parts.preprocessor.front_desk(order), ""
        except (DeskFault, CtmoError) as error:
            _log.info("the preprocessor adds nothing to the report: %s", error)
            return {}, f"the preprocessor does not say: {error}"


def with_words(report: Report) -> Report:
    """Return a report with what is made of the rest of it: Attention, Text, HTML."""
    told = {**report, "Attention": attention(report)}
    return {**told, "Text": report_text(told), "HTML": article(told)}


def ledger_wire(spans: Sequence[Span]) -> list[dict[str, object]]:
    """Return a struct for each class, in the table's order; the seconds sum to the length."""
    sums = sums_ms(spans)
    total_ms = sum(sums.values())
    return [
        {
            "Class": row.loss.value,
            "Words": row.words,
            "Group": row.group.value,
            "Seconds": sums[row.loss] / 1000.0,
            "Share": sums[row.loss] / total_ms if total_ms else 0.0,
        }
        for row in CLASSES
    ]


def _span(span: Span) -> dict[str, object]:
    begin, end = (
        datetime.fromtimestamp(each / 1000.0, UTC).isoformat(timespec="milliseconds")
        for each in (span.begin_ms, span.end_ms)
    )
    return {"Class": span.loss.value, "From": begin, "To": end, "Why": span.why}


def _structs(value: object) -> Iterator[Mapping[str, object]]:
    for one in value if isinstance(value, list) else []:
        if isinstance(one, Mapping):
            yield one


Make: TypeAlias = Callable[[NightEdges], Report]
