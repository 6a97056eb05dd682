"""What the scheduler's own store and clock know of its last nights; any thread, blocks for queries.

The sky's models are imported at the first question, not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.profiles import Profile, TakeFrames
from ctmo_indi.scheduler.nights.record import Facts, NightRecord
from ctmo_indi.store import exposures, orders
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS

LOOK_BACK_NIGHTS = 3
"""Nights before this one that are looked at; older ones are calibrated by order only."""

AFTER_DAWN = timedelta(minutes=5)
"""From the end of the dark until a night is over: its last frame is being written."""

DAY = timedelta(days=1)
_RAW = "raw"


@dataclass(frozen=True, slots=True)
class NightSpan:
    """A night: from noon to noon, and when it is over."""

    night: str
    noon: datetime
    over: datetime

    @property
    def next_noon(self) -> datetime:
        """Its end."""
        return self.noon + DAY


class NightFacts:
    """Answers about the last nights."""

    def __init__(self, profile: Profile, clock: Clock, database: Database, user: str) -> None:
        self._profile = profile
        self._clock = clock
        self._database = database
        self._user = user
        self._span = lru_cache(maxsize=16)(self._new_span)

    def last_nights(self) -> list[NightSpan]:
        """Return this night and those before it, oldest first."""
        with FIRST_IMPORT:
            from ctmo_indi.models import nights

        noon_s = nights.noon_before(self._profile.site, self._clock.utc())
        return [
            self._span(noon_s - back * DAY.total_seconds())
            for back in range(LOOK_BACK_NIGHTS, -1, -1)
        ]

    def look(self, span: NightSpan, record: NightRecord) -> tuple[Facts, str]:
        """Return the facts about a night, and its folder; "" while it has no frames."""
        utc = self._clock.utc()
        with self._database.read() as connection:
            frames, path = exposures.in_span(connection, span.noon, span.next_noon)
            settled = all(self._is_settled(connection, one) for one in record.ordered)
            is_asked = record.rounds > 0 and not record.is_debt_told
            takes = is_asked and self._takes_frames(connection, span)
        facts = Facts(
            frames=frames,
            is_over=utc >= span.over,
            is_noon_past=utc >= span.next_noon,
            are_ordered_settled=settled,
            takes_frames=takes,
        )
        folder = Path(path).parent if path else None
        if folder is not None and folder.name == _RAW:
            folder = folder.parent
        return facts, str(folder or "")

    def _is_settled(self, connection: Connection, order_id: str) -> bool:
        row = orders.get_by_id(connection, self._user, order_id)
        return row is None or row.state in SETTLED_ORDERS

    def _takes_frames(self, connection: Connection, span: NightSpan) -> bool:
        take = self._profile.calibration.take_frames
        if take is not TakeFrames.ASKED:
            return take is TakeFrames.ALWAYS
        receipts = exposures.orders_of_lights(connection, span.noon, span.next_noon)
        rows = (orders.get(connection, receipt) for receipt in receipts)
        return any(row is not None and asks_for_calibration(row.wire) for row in rows)

    def _new_span(self, noon_s: float) -> NightSpan:
        with FIRST_IMPORT:
            from ctmo_indi.models import nights
            from ctmo_indi.models.coordinates import from_unix_s

        site, limit_deg = self._profile.site, self._profile.night.sun_max_altitude_deg
        noon = from_unix_s(noon_s)
        middle = noon + DAY / 2
        bounds = nights.night_bounds(site, middle, limit_deg)
        dawn = noon + DAY if bounds is None else bounds[1]
        return NightSpan(nights.night_of(site, middle), noon, min(dawn + AFTER_DAWN, noon + DAY))


def asks_for_calibration(wire: object) -> bool:
    """Whether an order asks for calibration frames, or for more than raw ones."""
    if not isinstance(wire, dict):
        return False
    return wire.get("Calibration Frames") in ("Yes", True) or wire.get("Output", "Raw") != "Raw"
