"""Devices that another INDI client had disconnected: we do not fight for them.

Somebody gives them to other software, or to his own hands. Safety alone connects some of them again
after a moment: without mount, dome and weather station it is blind, and blind is unsafe; but not
while somebody holds a lock.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from ctmo_indi.clock import Clock
from ctmo_indi.devices.foreign import is_disconnected_by_hand
from ctmo_indi.devices.link import DeviceLink
from ctmo_indi.indi import names
from ctmo_indi.indi.events import DeviceRemoved, Event, LinkDown, PropertyDefined, PropertyUpdated
from ctmo_indi.indi.snapshot import PropertySnapshot

_log = logging.getLogger(__name__)

GRACE_MACHINE_S = 10.0


class LeftAlone:
    """Subscribe :meth:`on_event`; :meth:`devices` may be asked from any thread.

    Parameters
    ----------
    vital
        Devices that are left alone for a moment only.
    is_held
        Whether a human holds a lock: then those as well are left alone.
    """

    def __init__(
        self,
        client: DeviceLink,
        clock: Clock,
        vital: Collection[str] = (),
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._clock = clock
        self._vital = frozenset(vital)
        self._is_held = is_held
        self._lock = threading.Lock()
        self._last: dict[str, PropertySnapshot] = {}
        self._since_machine_s: dict[str, float] = {}

    def devices(self) -> frozenset[str]:
        """Return which devices are not to be connected now."""
        now_machine_s = self._clock.machine_s()
        with self._lock:
            since = dict(self._since_machine_s)
        if not since:
            return frozenset()
        is_held = self._is_held()
        return frozenset(
            device
            for device, since_machine_s in since.items()
            if device not in self._vital
            or is_held
            or now_machine_s - since_machine_s < GRACE_MACHINE_S
        )

    def forget(self) -> None:
        """The human is done: connect them all again."""
        with self._lock:
            self._since_machine_s.clear()

    def on_event(self, event: Event) -> None:
        """Take one event of the client; dispatcher thread."""
        with self._lock:
            left = self._take(event)
        if left:
            _log.warning("disconnected_by_another_client device=%r", left)
            self._client.leave_device(left)

    def _take(self, event: Event) -> str:
        """Return the device that was just disconnected by hand, else nothing."""
        if isinstance(event, LinkDown):
            self._last.clear()
            self._since_machine_s.clear()
        elif isinstance(event, DeviceRemoved):
            self._last.pop(event.device, None)
            self._since_machine_s.pop(event.device, None)
        elif isinstance(event, PropertyDefined | PropertyUpdated):
            after = event.snapshot
            if after.name == names.CONNECTION:
                before = self._last.get(after.device)
                self._last[after.device] = after
                if after.values.get(names.CONNECT) is True:
                    self._since_machine_s.pop(after.device, None)
                elif before is not None and is_disconnected_by_hand(before, after):
                    self._since_machine_s[after.device] = self._clock.machine_s()
                    return after.device
        return ""
