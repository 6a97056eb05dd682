"""What is published when an order, an attempt or an observation changes: keys of the events."""

from __future__ import annotations

from ctmo_indi.models.observation import Observation
from ctmo_indi.store.attempts import AttemptRow
from ctmo_indi.store.orders import OrderRow


def order_event(row: OrderRow) -> dict[str, object]:
    """Keys of the event "order"."""
    return {
        "Receipt": row.receipt,
        "User": row.user,
        "ID": row.order_id,
        "Status": row.state.value,
        "Revision": row.revision,
        "Priority": row.priority,
        "Good Exposures": row.good_count,
        "Number of Exposures": row.wanted_count,
        "Reason": row.reason,
    }


def attempt_event(row: AttemptRow) -> dict[str, object]:
    """Keys of the event "attempt"."""
    return {
        "Receipt": row.attempt_id,
        "Parent": row.parent,
        "Status": row.state.value,
        "Reason": row.reason,
    }


def observation_event(made: Observation) -> dict[str, object]:
    """Keys of the event "observation"."""
    wire: dict[str, object] = {
        "Receipt": made.attempt_id,
        "Parent": made.receipt,
        "Number": made.number,
        "Target": made.target_id,
        "Object": made.target_name,
        "MJD": made.mjd,
        "Exposure Time": made.exposure_s,
        "Frames": made.frames,
        "Filter": made.filter_name or "",
    }
    if made.ra_deg is not None and made.dec_deg is not None:
        wire |= {"RA": made.ra_deg, "Dec": made.dec_deg}
    return wire
