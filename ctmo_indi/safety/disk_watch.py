"""How much room the data folder has, measured by a thread that may hang instead of the loop.

A dead network mount never answers: then the last measurement grows old, and the rule ``disk`` takes
an old one for a disk that is gone.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.safety.facts import DiskFacts

_log = logging.getLogger(__name__)

PERIOD_S = 5.0  # machine seconds


class DiskWatch:
    """Measures once in :data:`PERIOD_S`; :meth:`facts` never blocks."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="safety-disk", daemon=True)
        self._last: tuple[DiskFacts, float] | None = None

    def start(self) -> None:
        """Start the thread; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; one that hangs in the disk is left behind."""
        self._stopping.set()

    def facts(self) -> DiskFacts | None:
        """Return the last measurement and its age; None before the first."""
        last = self._last
        if last is None:
            return None
        found, begun_machine_s = last
        return replace(found, age_s=self._clock.machine_s() - begun_machine_s)

    def measure(self) -> None:
        """Ask the disk; blocks for as long as it takes."""
        begun_machine_s = self._clock.machine_s()
        try:
            found = os.statvfs(self._folder)
        except OSError as error:
            facts = DiskFacts(None, 0.0, str(error))
        else:
            trouble = ""
            if found.f_flag & os.ST_RDONLY:
                trouble = "it is read-only"
            elif found.f_files and not found.f_favail:
                trouble = "it can take no further file"
            facts = DiskFacts(found.f_bavail * found.f_frsize / 1e6, 0.0, trouble)
        self._last = (facts, begun_machine_s)

    def _run(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.error("data_folder_not_made path=%s error=%s", self._folder, error)
        while True:
            try:
                self.measure()
            except Exception:  # noqa: BLE001 - the thread must live; the measurement grows old
                _log.exception("disk_not_measured")
            if self._stopping.wait(PERIOD_S):
                return
