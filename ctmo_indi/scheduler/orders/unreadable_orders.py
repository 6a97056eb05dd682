"""What can be read of a stored order that no longer keeps the contract, to be rid of it in order.

Its filter was renamed in the profile, say, while an attempt at it was under way. Nothing is begun
for it; but its frames count, its windows end, and its user may cancel it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.models.orders import Cadence, ObservationRequest, Window
from ctmo_indi.models.states import FrameType
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.work_orders.instants import read_instant
from ctmo_indi.work_orders.times import START_TOLERANCE_S

_FRAME_TYPES = {one.value: one for one in FrameType}


def readable_part(row: OrderRow) -> ObservationRequest:
    """Return what an order asks for as far as that can be read; never raises.

    Enough to settle its attempt by its frames, to tell what they are of, and to let it expire. What
    cannot be read is as if it had not been said: an order whose windows are not all understood has
    none and does not expire by itself.
    """
    wire = row.wire
    latest_start_utc_s = _instant(wire.get("Start"))
    if latest_start_utc_s is not None:
        tolerance_s = _number(wire.get("Start Tolerance"))
        latest_start_utc_s += START_TOLERANCE_S if tolerance_s is None else tolerance_s
    cadence = _cadence(wire.get("Cadence"))
    visits = 1 if cadence is None else cadence.visits
    ra_deg, dec_deg = _number(wire.get("RA")), _number(wire.get("Dec"))
    is_place = ra_deg is not None and dec_deg is not None and -90.0 <= dec_deg <= 90.0
    return ObservationRequest(
        order_id=row.order_id,
        user=row.user,
        frame_type=_frame_type(wire.get("Frame Type")),
        exposure_s=_number(wire.get("Exposure Time")) or 0.0,
        count=_count(wire.get("Number of Exposures")) or max(1, row.wanted_count // visits),
        ra_deg=ra_deg if is_place else None,
        dec_deg=dec_deg if is_place else None,
        object_name=_text(wire.get("Object")),
        filter_name=_text(wire.get("Filter")) or None,
        windows=_windows(wire.get("Windows")),
        latest_start_utc_s=latest_start_utc_s,
        cadence=cadence,
    )


def _frame_type(value: object) -> FrameType:
    return _FRAME_TYPES.get(_text(value), FrameType.LIGHT)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)  # finite: the store takes no other


def _count(value: object) -> int | None:
    """Return a whole number above 0."""
    number = _number(value)
    return int(number) if number is not None and number >= 1.0 else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _instant(value: object) -> float | None:
    try:
        return read_instant(_text(value))
    except ValueError:
        return None


def _windows(value: object) -> tuple[Window, ...]:
    """Return all windows, or none when there is one that cannot be read."""
    windows = []
    for one in value if isinstance(value, list) else ():
        start_utc_s = _instant(one.get("Start")) if isinstance(one, Mapping) else None
        end_utc_s = _instant(one.get("End")) if isinstance(one, Mapping) else None
        if start_utc_s is None or end_utc_s is None:
            return ()
        windows.append(Window(start_utc_s, end_utc_s))
    return tuple(windows)


def _cadence(value: object) -> Cadence | None:
    """Return how many visits there are, and how far apart."""
    if not isinstance(value, Mapping):
        return None
    period_s, visits = _number(value.get("Period")), _count(value.get("Visits"))
    if period_s is None or visits is None:
        return None
    return Cadence(period_s, _number(value.get("Tolerance")) or 0.0, visits)
