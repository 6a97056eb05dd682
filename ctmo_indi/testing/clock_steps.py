"""Wall clocks that jump: one in this process, and that of a real process under libfaketime.

The monotonic clock goes on as it was in both, as it does when NTP or a person sets a machine's
clock: whatever counts ages and deadlines by the wall is found out.

Examples
--------
>>> clock = SteppedClock(SystemClock())
>>> with clock.stepped(3600.0):
...     assert decide(clock) is HOLD

>>> wall = ProcessWall(tmp_path)
>>> process = subprocess.Popen(command, env={**os.environ, **wall.environment()})
>>> with wall.stepped(-3600.0):
...     ...
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.errors import ConfigError
from ctmo_indi.indi.indiserver import fake_time_available

_LOOK_AGAIN_S = 1


class SteppedClock:
    """A :class:`~ctmo_indi.clock.Clock` whose sky time jumps; elapsed and machine time do not.

    Any thread. Hand :meth:`wall_s` to whoever asks for ``clock.wall_s``.

    Parameters
    ----------
    clock
        Tells the time otherwise.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._offset_s = 0.0

    @property
    def speed(self) -> float:
        """Sky seconds per machine second."""
        return self._clock.speed

    @property
    def offset_s(self) -> float:
        """The sum of all steps so far."""
        return self._offset_s

    def step(self, seconds: float) -> None:
        """Put the wall clock forward, or with a negative number back."""
        with self._lock:
            self._offset_s += seconds

    @contextmanager
    def stepped(self, seconds: float) -> Iterator[None]:
        """Step now and step back at the end of the block."""
        self.step(seconds)
        try:
            yield
        finally:
            self.step(-seconds)

    def utc(self) -> datetime:
        """Sky time, with every step so far."""
        return self._clock.utc() + timedelta(seconds=self._offset_s)

    def wall_s(self) -> float:
        """Unix seconds of the machine's wall clock, with every step so far."""
        return time.time() + self._offset_s

    def elapsed_s(self) -> float:
        """Monotonic sky seconds, without any step."""
        return self._clock.elapsed_s()

    def machine_s(self) -> float:
        """Monotonic machine seconds, without any step."""
        return self._clock.machine_s()


class ProcessWall:
    """The wall clock of processes started with :meth:`environment`; needs libfaketime.

    libfaketime reads the offset from a file once a second of the process's own time, so a step is
    seen within a second.

    Parameters
    ----------
    folder
        Where the file is kept.

    Raises
    ------
    ConfigError
        libfaketime is not installed.
    """

    def __init__(self, folder: Path) -> None:
        library = fake_time_available()
        if library is None:
            raise ConfigError("clock steps of a process need libfaketime (Debian: libfaketime)")
        self._library = library
        self._file = folder / "faketime.txt"
        self._offset_s = 0.0
        self._write()

    def environment(self) -> dict[str, str]:
        """What to add to the environment of the process."""
        name = "DYLD_INSERT_LIBRARIES" if self._library.suffix == ".dylib" else "LD_PRELOAD"
        return {
            name: str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(_LOOK_AGAIN_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",  # its children go by the same file
        }

    def step(self, seconds: float) -> None:
        """Put the wall clock forward, or with a negative number back; seen within a second."""
        self._offset_s += seconds
        self._write()

    @contextmanager
    def stepped(self, seconds: float) -> Iterator[None]:
        """Step now and step back at the end of the block."""
        self.step(seconds)
        try:
            yield
        finally:
            self.step(-seconds)

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{self._offset_s:+.3f}\n")
        os.replace(new, self._file)  # never half a number
