"""Whether a mount or a dome is parked, by its description's reading ``parked``."""

from __future__ import annotations

from ctmo_indi.devices.device import Device
from ctmo_indi.indi.snapshot import PropertyState


def is_parked(device: Device) -> bool | None:
    """Return whether it is parked, for good; None where it does not tell, or its driver balks."""
    snapshot = device.snapshot("parked")
    if snapshot is None or snapshot.state is PropertyState.ALERT:
        return None
    if device.switch("parked", "yes") is True:
        return snapshot.state is not PropertyState.BUSY
    return False if device.switch("parked", "no") is True else None


def is_parking(device: Device) -> bool:
    """Whether it is on its way to its park position."""
    snapshot = device.snapshot("parked")
    is_busy = snapshot is not None and snapshot.state is PropertyState.BUSY
    return is_busy and device.switch("parked", "yes") is True
