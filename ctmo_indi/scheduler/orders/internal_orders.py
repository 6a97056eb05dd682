"""Orders for a scheduling driver's own targets: an observing list, a field of a survey.

Such an order is made together with its only attempt, so nothing ever waits with it; it ends
COMPLETED, or CANCELED with the reason. Whether it is observed again is the driver's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ctmo_indi.models.orders import Constraints
from ctmo_indi.models.states import OrderState
from ctmo_indi.scheduling.target import DriverTarget
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.store.recent_attempts import RecentAttempt
from ctmo_indi.work_orders.limit_names import LIMIT_NAMES
from ctmo_indi.work_orders.receipts import new_receipt
from ctmo_indi.work_orders.targets import motion_to_wire

_HASH = "driver:"  # the content of an order that came from outside has a hash of hex digits only


def is_internal(row: OrderRow | RecentAttempt) -> bool:
    """Whether the order was made for a driver's own target."""
    return row.content_hash.startswith(_HASH)


def driver_user(driver: str) -> str:
    """Return the user of the orders made for the own targets of the driver of that name."""
    return f"driver:{driver}"


def internal_order(target: DriverTarget, driver: str, utc: datetime) -> OrderRow:
    """Make the order of a driver's own target; PENDING until its attempt is stored with it.

    Parameters
    ----------
    driver
        Name of the scheduling driver: the order's user is "driver:NAME".
    """
    receipt = new_receipt("O", utc)
    user = driver_user(driver)
    order_id = target.target_id or receipt
    now_utc_s = utc.timestamp()
    return OrderRow(
        receipt=receipt,
        user=user,
        order_id=order_id,
        kind="Observation",
        state=OrderState.PENDING,
        priority=min(10.0, max(0.0, target.priority)),
        content_hash=f"{_HASH}{receipt}",
        wire=_to_wire(target, user, order_id),
        created_utc_s=now_utc_s,
        updated_utc_s=now_utc_s,
        wanted_count=target.count,
        reason=target.note,
    )


def _to_wire(target: DriverTarget, user: str, order_id: str) -> Mapping[str, object]:
    """Return the Work Order that asks for the target."""
    request = target.request
    wire: dict[str, object] = {
        "WOType": "Observation",
        "User": user,
        "ID": order_id,
        "Object": request.object_name,
        "Frame Type": request.frame_type.value,
        "Exposure Time": request.exposure_s,
        "Number of Exposures": target.count,
        "Binning": request.binning,
        "Output": request.output,
    }
    optional = {
        "RA": request.ra_deg,
        "Dec": request.dec_deg,
        "Filter": request.filter_name,
        "Telescope Name": request.telescope_name or None,
        "Type of job": request.job_type or None,
        "Type of object": request.object_type or None,
        "Calibration Frames": request.calibration_frames or None,
        "Constraints": _limits(request.constraints) or None,
        "Windows": [
            {"Start": _iso(window.start_utc_s), "End": _iso(window.end_utc_s)}
            for window in request.windows
        ]
        or None,
    }
    wire |= motion_to_wire(request.motion)
    return wire | {key: value for key, value in optional.items() if value is not None}


def _limits(constraints: Constraints) -> dict[str, object]:
    values = ((key, getattr(constraints, field)) for field, key in LIMIT_NAMES.items())
    return {key: value for key, value in values if value is not None}


def _iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat()
