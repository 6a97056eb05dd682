"""How long deeds that run side by side take: what a plan's overheads are corrected by."""

from __future__ import annotations

from ctmo_indi.clock import Clock
from ctmo_indi.telescope.hands import Deed


class DeedTimes:
    """Made when the deeds are begun; used in the engine thread, deeds may end in any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun_s = clock.elapsed_s()
        self._ended_s: dict[str, float | None] = {}

    def follow(self, name: str, deed: Deed) -> Deed:
        """Note when a deed ends; returns it."""
        self._ended_s[name] = None
        deed.add_done_callback(lambda _: self._ended(name))
        return deed

    def seconds(self) -> dict[str, float]:
        """Return elapsed seconds of each; ask when all have ended."""
        now_s = self._clock.elapsed_s()  # a deed is done a moment before it tells so
        return {
            name: (now_s if ended_s is None else ended_s) - self._begun_s
            for name, ended_s in self._ended_s.items()
        }

    def _ended(self, name: str) -> None:
        self._ended_s[name] = self._clock.elapsed_s()
