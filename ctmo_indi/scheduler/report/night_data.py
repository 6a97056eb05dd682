"""What the scheduler's own stores know of one night; blocks for queries, never in an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ctmo_indi.clock import Clock
from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.scheduler.orders.book_rows import first_born
from ctmo_indi.store import night_records, observations
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Database
from ctmo_indi.store.event_log import EventLog
from ctmo_indi.store.events import EventRow
from ctmo_indi.store.night_records import Silence
from ctmo_indi.store.orders import OrderChange, OrderRow
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS
from ctmo_indi.work_orders.model import OrderKind

BIRTH = "softwareVersions"
"""Published once, when the scheduler starts."""

STATES = (
    "verdict",
    "held",
    "safetyLink",
    "observatory",
    "summaryState",
    "detailedState",
    "scriptQueue",
    "errorCode",
)
"""Kinds of events that tell of a state that lasts until the next one."""

MOST_EVENTS = 50_000
SILENT_MACHINE_S = 10.0
"""Longer without any event, machine seconds, is silence: heartbeats come every second."""

FLUSH_S = 5.0
_BIRTH_AFTER_S = 60.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NightEdges:
    """When a night is.

    Parameters
    ----------
    noon
        Mean local noon; it lasts until the next one.
    dark
        When the Sun is below the limit for frames of the sky; None: not in this night.
    """

    night: str
    noon: datetime
    dark: tuple[datetime, datetime] | None

    @property
    def next_noon(self) -> datetime:
        """Its end."""
        return self.noon + _DAY


@dataclass(frozen=True, slots=True)
class NightData:
    """Of one night; Unix seconds.

    Parameters
    ----------
    begin_utc_s, end_utc_s
        The dark, until now at the latest; both of noon where it does not get dark.
    is_whole
        Whether the dark is over.
    before
        Kind -> the event that holds when the dark begins.
    events
        Of the dark, oldest first.
    frames
        From noon to noon, and whether each is good.
    took
        Attempt -> what its steps took, where that is known.
    orders
        Observations that were open in a part of the dark.
    first_record_utc_s
        When the oldest event that is kept was published.
    """

    edges: NightEdges
    begin_utc_s: float
    end_utc_s: float
    is_whole: bool
    before: Mapping[str, EventRow] = field(default_factory=dict)
    events: tuple[EventRow, ...] = ()
    silences: tuple[Silence, ...] = ()
    frames: tuple[tuple[ExposureRecord, bool], ...] = ()
    attempts: tuple[AttemptRow, ...] = ()
    took: Mapping[str, StepDurations] = field(default_factory=dict)
    orders: tuple[OrderRow, ...] = ()
    changes: tuple[OrderChange, ...] = ()
    first_record_utc_s: float | None = None

    def settled_utc_s(self) -> Mapping[str, float]:
        """Return when each order was settled, receipt -> Unix seconds; without those still open."""
        found = {
            row.receipt: row.updated_utc_s for row in self.orders if row.state in SETTLED_ORDERS
        }
        for change in self.changes:
            if change.state_after in SETTLED_ORDERS:
                found[change.receipt] = change.at_utc_s
        return found


class NightReader:
    """Reads nights; any thread but the engine's and a desk's loop."""

    def __init__(self, database: Database, log: EventLog, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._clock = clock

    def read(self, edges: NightEdges) -> NightData:
        """Return what is known of a night; StoreUnavailable when it cannot be read now."""
        noon_s, next_noon_s = edges.noon.timestamp(), edges.next_noon.timestamp()
        dark = edges.dark or (edges.noon, edges.noon)
        now_s = self._clock.utc().timestamp()
        begin_s = dark[0].timestamp()
        end_s = max(begin_s, min(now_s, dark[1].timestamp()))
        self._log.flush(FLUSH_S)
        events = self._log.within((*STATES, BIRTH, "script"), begin_s, end_s, MOST_EVENTS)
        before = {kind: self._log.before(kind, begin_s) for kind in (*STATES, BIRTH)}
        with self._database.read() as connection:
            frames = night_records.frames_within(connection, noon_s, next_noon_s)
            first_id = first_born(edges.noon - _DAY)
            attempts = night_records.attempts_within(connection, first_id, begin_s, end_s)
            took = observations.took_of(connection, [one.attempt_id for one in attempts])
            orders = night_records.orders_within(
                connection, OrderKind.OBSERVATION.value, SETTLED_ORDERS, begin_s, end_s
            )
            changes = night_records.changes_within(connection, noon_s, next_noon_s)
        return NightData(
            edges=edges,
            begin_utc_s=begin_s,
            end_utc_s=end_s,
            is_whole=now_s >= dark[1].timestamp(),
            before={kind: row for kind, row in before.items() if row is not None},
            events=tuple(events),
            silences=tuple(self._silences(begin_s, end_s)),
            frames=tuple(frames),
            attempts=tuple(attempts),
            took=took,
            orders=tuple(orders),
            changes=tuple(changes),
            first_record_utc_s=self._log.first_utc_s(),
        )

    def _births(self, begin_s: float, end_s: float, longest_s: float) -> Iterator[Silence]:
        """Give what lies before each start of the scheduler where that is no long silence."""
        for row in self._log.within((BIRTH,), begin_s, end_s, MOST_EVENTS):
            last_s = self._log.last_utc_s(row.at_utc_s)
            if last_s is not None and row.at_utc_s - last_s <= longest_s:
                yield Silence(max(begin_s, last_s), row.at_utc_s)

    def _silences(self, begin_s: float, end_s: float) -> list[Silence]:
        """Return when no event was published at all: the scheduler did not run, or hung."""
        if end_s <= begin_s:
            return []
        longest_s = SILENT_MACHINE_S * max(1.0, self._clock.speed)
        first_s = self._log.first_utc_s()
        has_beats = self._log.within(("heartbeat",), begin_s - _DAY.total_seconds(), begin_s, 1)
        if has_beats or first_s is None or first_s >= begin_s:
            return [
                *self._log.silences(begin_s, end_s, longest_s),
                *self._births(begin_s, end_s, longest_s),
            ]
        # Heartbeats are kept for days only. Without them a start tells that nothing ran before it.
        later_s = end_s + _DAY.total_seconds()
        births = [row.at_utc_s for row in self._log.within((BIRTH,), begin_s, later_s, MOST_EVENTS)]
        return [
            one
            for one in self._log.silences(begin_s, later_s, longest_s)
            if any(0.0 <= birth_s - one.end_utc_s <= _BIRTH_AFTER_S for birth_s in births)
        ]
