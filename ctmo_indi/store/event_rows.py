"""Events as rows of the database and back, whatever a publisher put into their data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ctmo_indi.models.event import Event
from ctmo_indi.store.events import EventRow


def to_row(event: Event) -> EventRow:
    """Return the row of an event; never fails for what its data are."""
    at_utc_s = datetime.fromisoformat(event.utc).timestamp()
    data = _storable(event.data)
    return EventRow(event.revision, at_utc_s, event.kind, _text(event.subject), data)


def from_row(row: EventRow) -> Event:
    """Return the event of a row."""
    utc = datetime.fromtimestamp(row.at_utc_s, UTC).isoformat()
    return Event(row.cursor, row.kind, row.subject, utc, row.data)


def _storable(data: Mapping[str, object]) -> Mapping[str, object]:
    """Return ``data`` as JSON can carry it; one odd value must not hold up all that follows."""
    try:
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        return {_text(key): _plain(value) for key, value in data.items()}
    return data


def _plain(value: object) -> object:
    """JSON's own types: not finite becomes null, which a reply leaves out; the unknown text."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_text(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    return _text(value)


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode().replace("\0", "�")
