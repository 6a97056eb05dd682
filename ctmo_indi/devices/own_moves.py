"""Which devices we are moving, so that others' moves can be told from ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ctmo_indi.clock import Clock


class OwnMoves:
    """Which devices have an operation of ours under way, or had one just now; thread-safe.

    Parameters
    ----------
    grace_s, floor_machine_s
        A device stays ours that long after our last operation ended (elapsed seconds, and at
        least as many machine seconds): a simulated mount resumes tracking 1 s after an abort.
    """

    def __init__(self, clock: Clock, grace_s: float = 5.0, floor_machine_s: float = 0.5) -> None:
        self._clock = clock
        self._grace_machine_s = max(grace_s / clock.speed, floor_machine_s)
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._ended_machine_s: dict[str, float] = {}

    @contextmanager
    def moving(self, device: str) -> Iterator[None]:
        """Mark ``device`` as moved by us while the block runs."""
        with self._lock:
            self._running[device] = self._running.get(device, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[device] -= 1
                self._ended_machine_s[device] = self._clock.machine_s()

    def announce(self, device: str, for_machine_s: float) -> None:
        """Count moves of ``device`` as ours for a while: another service of ours told of them."""
        with self._lock:
            until_s = self._clock.machine_s() + for_machine_s - self._grace_machine_s
            self._ended_machine_s[device] = max(self._ended_machine_s.get(device, until_s), until_s)

    def is_ours(self, device: str) -> bool:
        """Whether a change seen now comes from an operation of ours."""
        with self._lock:
            if self._running.get(device, 0) > 0:
                return True
            ended_s = self._ended_machine_s.get(device)
        return ended_s is not None and self._clock.machine_s() - ended_s <= self._grace_machine_s
