"""Feed the watchdog of a service's process from its own loops, and end what cannot go on.

A desk that answers proves nothing: a service lives while its engine turns, its cycle is completed.
Only then the watchdog (systemd's, or that of ``ctmo-indi up``) hears of it. Where nobody listens
(launchd, a terminal) a service that hangs for good ends itself, so that its supervisor starts a new
one: a process that lives on without its engine is worse than none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.notify import Notifier
from ctmo_indi.service_health import Health

_log = logging.getLogger(__name__)

LOOK_PERIOD_S = 1.0
GIVE_UP_MACHINE_S = 60.0
GIVE_UP_LOOKS = 10
"""Looks in a row: after a sleep of the machine every loop seems to have been silent for long."""


class Liveness:
    """Looks at one service; one thread only.

    Parameters
    ----------
    health
        Asked at every look; must not block, and what it raises counts as dead.
    """

    def __init__(self, health: Callable[[], Health], notifier: Notifier, clock: Clock) -> None:
        self._health = health
        self._notifier = notifier
        self._clock = clock
        self._told = ""
        self._dead_since_machine_s: float | None = None
        self._dead_looks = 0

    @property
    def period_s(self) -> float:
        """How often to :meth:`look`, machine seconds."""
        return min(LOOK_PERIOD_S, self._notifier.watchdog_period_s or LOOK_PERIOD_S)

    def look(self) -> bool:
        """Tell the watchdog if the service lives; False when the process must end now."""
        try:
            health = self._health()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody knows how the service is
            health = Health(is_alive=False, status=f"its health is not known: {error!r}")
        if health.status != self._told:
            self._told = health.status
            self._notifier.status(health.status)
        if health.is_over:
            _log.critical("service_dead status=%s", health.status)
            return False
        if health.is_alive:
            self._notifier.watchdog()
            self._dead_since_machine_s = None
            self._dead_looks = 0
            return True
        return self._may_come_back(health)

    def _may_come_back(self, health: Health) -> bool:
        now_s = self._clock.machine_s()
        if self._dead_since_machine_s is None:
            self._dead_since_machine_s = now_s
            _log.error("service_hangs status=%s", health.status)
        self._dead_looks += 1
        silent_s = now_s - self._dead_since_machine_s
        if silent_s < GIVE_UP_MACHINE_S or self._dead_looks < GIVE_UP_LOOKS:
            return True
        _log.critical("service_dead status=%s silent_s=%.0f", health.status, silent_s)
        return False
