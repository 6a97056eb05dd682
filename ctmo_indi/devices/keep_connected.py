"""Connect what is missing, and only that, as long as there is something; a thread of its own.

A device may take its time to connect, and a server or driver may come back at any moment: neither
may hold up the safety loop or the telescope's engine.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CtmoError
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.link import LinkState

_log = logging.getLogger(__name__)

# Machine seconds between two looks when all is well or a connection just failed, and else.
PERIOD_S = 2.0
IMPATIENT_S = 0.2


class KeepConnected:
    """Keeps the devices of one observatory connected over one client.

    Parameters
    ----------
    leave
        Names of devices that are left alone now, since somebody else has disconnected them.
    """

    def __init__(
        self,
        observatory: Observatory,
        client: IndiClient,
        name: str,
        leave: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._observatory = observatory
        self._leave = leave
        self._was_missing = False
        self._client = client
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-connect", daemon=True)
        self.failures = 0

    def start(self) -> None:
        """Start the thread; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further connection; returns at once, see :meth:`join`."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, at most ``timeout_s`` machine seconds."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def look(self) -> float:
        """Connect once if something is missing; return the machine seconds until the next look."""
        try:
            if self._client.link is not LinkState.UP:
                return IMPATIENT_S
            missing = self._observatory.missing(self._leave())
            # Looked at twice: who has disconnected it is heard a moment later.
            if missing and not self._was_missing:
                self._was_missing = True
                return IMPATIENT_S
            self._was_missing = False
            if missing:
                self._observatory.connect_all(leave=self._leave())
        except CtmoError as error:
            self.failures += 1
            _log.warning("devices_not_connected failures=%d error=%s", self.failures, error)
        except Exception:  # noqa: BLE001 - the thread must live: try again, say why
            self.failures += 1
            _log.exception("connecting_failed failures=%d", self.failures)
        return PERIOD_S

    def _run(self) -> None:
        pause_s = IMPATIENT_S
        while not self._stopping.wait(pause_s):
            pause_s = self.look()
