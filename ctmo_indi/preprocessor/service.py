"""The preprocessor's service: its desk is there, and says what it does not do yet.

Exposure Calibration orders are refused with a Fault instead of being accepted and forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

from ctmo_indi.clock import Clock
from ctmo_indi.config import Address, Config
from ctmo_indi.errors import NotServedHere
from ctmo_indi.profiles import Profile
from ctmo_indi.service_health import Health
from ctmo_indi.work_orders.access import Caller
from ctmo_indi.work_orders.contract import CheckedOrder, Contract
from ctmo_indi.work_orders.desk import Desk, DispatchDesk
from ctmo_indi.work_orders.model import OrderKind


class PreprocessorService:
    """Serves the preprocessor's desk; it holds no state."""

    def __init__(self, config: Config, profile: Profile, clock: Clock) -> None:
        self._address = config.preprocessor
        self._clock = clock
        self._desk = DispatchDesk(
            "preprocessor",
            Contract.load(profile),
            {OrderKind.CALIBRATION: self._refuse, OrderKind.STATUS: self._status},
        )

    @property
    def desks(self) -> Sequence[tuple[Desk, Address]]:
        """The desk and where it listens."""
        return [(self._desk, self._address)]

    def start(self) -> None:
        """Nothing to start; the desk answers."""

    def on_ready(self) -> None:
        """Nothing heavy is left."""

    def health(self) -> Health:
        """It has no loop of its own: its process lives, and so does it."""
        return Health(is_alive=True, status="takes no orders yet")

    def stop(self, timeout_s: float) -> None:
        """Nothing to stop."""

    async def _refuse(self, order: CheckedOrder, caller: Caller) -> dict[str, object]:
        raise NotServedHere(
            f"Exposure Calibration order {order.id!r} of {order.user or caller.name}: this release "
            "does not calibrate frames; raw frames are kept and can be calibrated later"
        )

    async def _status(self, order: CheckedOrder, caller: Caller) -> dict[str, object]:
        return {
            "Service": "preprocessor",
            "Status": "DISABLED",
            "Message": "calibration of frames is not part of this release",
            "UTC": self._clock.utc().isoformat(timespec="seconds"),
        }
