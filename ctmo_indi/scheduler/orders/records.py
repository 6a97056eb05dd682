"""Status replies about orders, attempts and tickets, read from the store. Any thread; blocks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from ctmo_indi.errors import UnknownOrder
from ctmo_indi.models.orders import Cadence, ExposureRecord
from ctmo_indi.models.states import OrderState
from ctmo_indi.scheduler.tickets import TicketBook
from ctmo_indi.store import attempts, exposures, observations, orders
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.instants import read_instant
from ctmo_indi.work_orders.lifecycle import SETTLED_ORDERS
from ctmo_indi.work_orders.model import OrderName, StatusRequest

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0
EXPOSURES_SHOWN = 500


class Records:
    """Reads what Status answers with."""

    def __init__(self, database: Database, tickets: TicketBook) -> None:
        self._database = database
        self._tickets = tickets

    def status(self, name: OrderName) -> Reply:
        """Return the state of what ``name`` names; UnknownOrder when there is no such thing."""
        if name.receipt.startswith("T-"):
            return self._tickets.get(name.receipt).to_wire()
        with self._database.read() as connection:
            attempt = attempts.get(connection, name.receipt) if name.receipt else None
            if attempt is not None:
                return _attempt_reply(connection, attempt)
            return _order_reply(connection, require(connection, name))

    def find(self, name: OrderName) -> OrderRow:
        """Return the order ``name`` names; UnknownOrder when there is none."""
        with self._database.read() as connection:
            return require(connection, name)

    def labels(self, receipts: Collection[str]) -> dict[str, dict[str, str]]:
        """Return Object (where it has a name) and ID of orders; those not known are left out."""
        with self._database.read() as connection:
            rows = [orders.get(connection, receipt) for receipt in receipts]
        found = {}
        for row in rows:
            if row is not None:
                name = str(brief(row)["Object"])
                found[row.receipt] = {"ID": row.order_id} | ({"Object": name} if name else {})
        return found

    def listing(self, request: StatusRequest) -> Reply:
        """Return the orders that changed last, in brief."""
        state = OrderState(request.state) if request.state else None
        with self._database.read() as connection:
            rows = orders.recent(connection, request.limit, state)
        listed = [brief(row) for row in rows]
        return {
            "Kind": "Orders",
            "Status": "OK",
            "Orders": listed,
            "Message": f"{len(rows)} orders",
        }

    def counts(self) -> dict[str, int]:
        """How many orders there are in each state."""
        with self._database.read() as connection:
            counted = orders.count_by_state(connection)
        return {state.value: count for state, count in counted.items()}


def require(connection: Connection, name: OrderName) -> OrderRow:
    """Return the order's row; UnknownOrder when there is none."""
    if name.receipt:
        row = orders.get(connection, name.receipt)
        if row is None:
            raise UnknownOrder(f"no order, attempt or ticket with receipt {name.receipt!r}")
        return row
    row = orders.get_by_id(connection, name.user, name.order_id)
    if row is None:
        raise UnknownOrder(f"no order with ID {name.order_id!r} of user {name.user!r}")
    return row


def brief(row: OrderRow) -> dict[str, object]:
    """Keys that every answer about an order has."""
    wire: dict[str, object] = {
        "ID": row.order_id,
        "Receipt": row.receipt,
        "User": row.user,
        "Kind": row.kind,
        "Status": row.state.value,
        "Revision": row.revision,
        "Priority": row.priority,
        "Message": row.reason or row.state.value,
        "Reasons": [row.reason] if row.reason else [],
        "Object": str(row.wire.get("Object") or row.wire.get("Solar System Body", "")),
        "Frame Type": str(row.wire.get("Frame Type", "Light")),
        "Filter": str(row.wire.get("Filter", "")),
        "Exposure Time": row.wire.get("Exposure Time", 0.0),
        "Number of Exposures": row.wanted_count,
        "Good Exposures": row.good_count,
        "Failures": row.failures,
        "Created": _iso(row.created_utc_s),
        "Updated": _iso(row.updated_utc_s),
    }
    for key in ("RA", "Dec"):
        if key in row.wire:
            wire[key] = row.wire[key]
    visits = _cadence(row).get("Visits")
    if visits is not None:
        wire |= {"Visits": int(visits), "Visits Made": _visits_made(row)}
    return wire


def _cadence(row: OrderRow) -> Mapping[str, Any]:  # Any: numbers, and the text of Epoch
    """Return the order's cadence as the contract wrote it; empty without one."""
    cadence = row.wire.get("Cadence")
    return cadence if isinstance(cadence, Mapping) else {}


def _visits_made(row: OrderRow) -> int:
    visits = int(_cadence(row)["Visits"])
    return min(visits, row.good_count * visits // row.wanted_count)


def _next_visit(connection: Connection, row: OrderRow) -> Reply:
    """Return when the next visit is due; nothing without a cadence, or before the first one."""
    cadence = _cadence(row)
    last = observations.last_mjd(connection, [row.receipt]) if cadence else {}
    if row.receipt not in last or row.state in SETTLED_ORDERS:
        return {}
    epoch = cadence.get("Epoch")
    paced = Cadence(
        cadence["Period"],
        cadence["Tolerance"],
        int(cadence["Visits"]),
        None if epoch is None else read_instant(epoch),
    )
    due_s = paced.due_utc_s((last[row.receipt] - _UNIX_EPOCH_MJD) * _DAY_S)
    return {"Next Visit": _iso(due_s)}


def _order_reply(connection: Connection, row: OrderRow) -> Reply:
    made = attempts.of_order(connection, row.receipt)
    frames = exposures.of_order(connection, row.receipt)[-EXPOSURES_SHOWN:]
    return (
        brief(row)
        | _next_visit(connection, row)
        | {
            "Failure": next((one.reason for one in reversed(made) if one.reason), ""),
            "Attempts": [
                {
                    "Receipt": one.attempt_id,
                    "Status": one.state.value,
                    "Reason": one.reason,
                    "Started": _iso(one.started_utc_s),
                    "Ended": _iso(one.ended_utc_s),
                }
                for one in made
            ],
            "Exposures": [exposure_to_wire(frame) for frame in frames],
            "History": [
                {"State": change.state_after, "UTC": _iso(change.at_utc_s), "Reason": change.reason}
                for change in orders.history(connection, row.receipt)
            ],
        }
    )


def _attempt_reply(connection: Connection, row: AttemptRow) -> Reply:
    return {
        "ID": row.order_id,
        "Receipt": row.attempt_id,
        "Parent": row.parent,
        "Kind": "Attempt",
        "Status": row.state.value,
        "Revision": row.revision,
        "Message": row.reason or row.state.value,
        "Failure": row.reason,
        "Exposures": [
            exposure_to_wire(frame) for frame in exposures.of_attempt(connection, row.attempt_id)
        ],
    }


def exposure_to_wire(frame: ExposureRecord) -> dict[str, object]:
    """Keys of one frame."""
    wire: dict[str, object] = {
        "Exposure ID": frame.exposure_id,
        "Attempt": frame.attempt_id,
        "Path": frame.path,
        "Filter": frame.filter_name,
        "Exposure Time": frame.t_exptime_s,
        "Frame Type": frame.frame_type.value,
        "Sequence": frame.sequence,
        "SHA256": frame.sha256,
        "MJD Start": frame.t_min_mjd,
        "MJD End": frame.t_max_mjd,
    }
    if frame.s_ra_deg is not None and frame.s_dec_deg is not None:
        wire |= {"RA": frame.s_ra_deg, "Dec": frame.s_dec_deg}
    return wire


def _iso(utc_s: float | None) -> str:
    if utc_s is None:
        return ""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds")
