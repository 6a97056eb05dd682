"""For how long something has been so without interruption."""

from __future__ import annotations

from collections.abc import Callable


class Since:
    """One thread only.

    Parameters
    ----------
    now_s
        The clock that counts, seconds.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._begun_s: float | None = None

    def note(self, is_so: bool) -> None:
        """It is so now, or it is not."""
        if not is_so:
            self._begun_s = None
        elif self._begun_s is None:
            self._begun_s = self._now_s()

    @property
    def seconds(self) -> float:
        """Since it was first noted; 0 while it is not so."""
        return 0.0 if self._begun_s is None else self._now_s() - self._begun_s

    def seconds_or(self, least_s: float) -> float:
        """As :attr:`seconds`, but at least ``least_s`` while it is so."""
        return 0.0 if self._begun_s is None else max(self.seconds, least_s)
