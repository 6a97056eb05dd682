"""When the weather was last bad, kept across restarts: a restart must not shorten the delay.

What cannot be read counts as bad weather just now.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.kept_value import KeptValue

_log = logging.getLogger(__name__)

_WRITE_EVERY_S = 30.0  # elapsed
_WRITE_FLOOR_MACHINE_S = 1.0


class WeatherMemory:
    """Remembers the last bad weather; :meth:`note` in the loop's thread only."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = KeptValue(path)
        self._clock = clock
        self._write_every_machine_s = max(_WRITE_EVERY_S / clock.speed, _WRITE_FLOOR_MACHINE_S)
        self._written_machine_s: float | None = None
        self.last_elapsed_s = self._read()

    def note(self) -> None:
        """Bad weather now; never blocks."""
        self.last_elapsed_s = self._clock.elapsed_s()
        now_s = self._clock.machine_s()
        written_s = self._written_machine_s
        if written_s is not None and now_s - written_s < self._write_every_machine_s:
            return
        self._written_machine_s = now_s
        self._file.write({"last_bad_utc_s": self._clock.utc().timestamp()})

    def join(self, timeout_s: float) -> None:
        """Wait for a writing under way, at most ``timeout_s`` machine seconds."""
        self._file.trouble(timeout_s)

    def _read(self) -> float | None:
        now_s = self._clock.elapsed_s()
        try:
            data = self._file.read()
            if not isinstance(data, dict):
                raise TypeError(f"came {type(data).__name__}, expected an object")  # noqa: TRY301 - handled like the others below
            utc_s = float(data["last_bad_utc_s"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("weather_memory_unreadable path=%s error=%r", self._file.path, error)
            return now_s
        # In the future when the clock was set back: then it was just now, for all we know.
        return now_s - max(0.0, self._clock.utc().timestamp() - utc_s)
