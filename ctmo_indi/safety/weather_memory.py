"""When the weather was last bad, kept across restarts: a restart must not shorten the delay.

A small JSON file, written in a thread of its own, since the loop waits for no disk. What cannot be
read counts as bad weather just now.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from ctmo_indi.clock import Clock

_log = logging.getLogger(__name__)

_WRITE_EVERY_S = 30.0  # elapsed
_WRITE_FLOOR_MACHINE_S = 1.0


class WeatherMemory:
    """Remembers the last bad weather; :meth:`note` in the loop's thread only."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._write_every_machine_s = max(_WRITE_EVERY_S / clock.speed, _WRITE_FLOOR_MACHINE_S)
        self._written_machine_s: float | None = None
        self._writer: threading.Thread | None = None
        self.last_elapsed_s = self._read()

    def note(self) -> None:
        """Bad weather now; never blocks."""
        self.last_elapsed_s = self._clock.elapsed_s()
        now_s = self._clock.machine_s()
        if self._written_machine_s is not None:
            if now_s - self._written_machine_s < self._write_every_machine_s:
                return
            if self._writer is not None and self._writer.is_alive():
                return
        self._written_machine_s = now_s
        self._writer = threading.Thread(
            target=self._write,
            args=(self._clock.utc().timestamp(),),
            name="weather-memory",
            daemon=True,
        )
        self._writer.start()

    def join(self, timeout_s: float) -> None:
        """Wait for a writing under way, at most ``timeout_s`` machine seconds."""
        if self._writer is not None:
            self._writer.join(timeout_s)

    def _read(self) -> float | None:
        now_s = self._clock.elapsed_s()
        try:
            utc_s = float(json.loads(self._path.read_text())["last_bad_utc_s"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("weather_memory_unreadable path=%s error=%r", self._path, error)
            return now_s
        # In the future when the clock was set back: then it was just now, for all we know.
        return now_s - max(0.0, self._clock.utc().timestamp() - utc_s)

    def _write(self, utc_s: float) -> None:
        temporary = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"last_bad_utc_s": utc_s}))
            temporary.replace(self._path)
        except OSError as error:
            _log.error("weather_memory_not_written path=%s error=%r", self._path, error)
