"""One service as a child process of the supervisor: how it is started, watched and ended.

It does as systemd does for the units: a growing pause before a service that died is started again,
an end for one that hangs, and time to close the observatory for one that is stopped.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi import units
from ctmo_indi.child_beats import ChildBeats
from ctmo_indi.clock import ENVIRONMENT_VARIABLE, Clock, Deadline, SystemClock

_log = logging.getLogger(__name__)

WATCH_PERIOD_S = 0.05
RESTART_PAUSE_S = (0.2, 0.5, 1.0, 2.0, 5.0)
# A child that lived this long starts again at the first pause.
HEALTHY_AFTER_S = 60.0
STOP_TIMEOUT_S = 60.0
# Sky seconds more for those that may be closing the observatory: killed half-way, they would leave
# it open with nobody to watch over it. Together longer than a service gives itself.
CLOSING_TIMEOUT_S = 640.0
CLOSERS = ("telescope", "safety")
# From the signal that makes a hanging child write where it hangs to the one that ends it.
LAST_WORDS_S = 2.0
# As systemd is told for the units: a service that hangs longer is ended and started again.
_WATCHDOG_S = {unit.name: float(unit.watchdog_s) for unit in units.SERVICES}
_OTHERS_WATCHDOG_S = 60.0
# As the units have it; glibc's, others do not know the name.
_FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}


@dataclass
class SupervisedChild:
    """One service process and how often it was started; of one thread, but for ``process``.

    Parameters
    ----------
    failures
        How often in a row it died young.
    next_start_machine_s
        When one that ended is to be started again; 0 before that is planned.
    last_words_machine_s
        When it was told to write where it hangs; None while it does not hang.
    """

    name: str
    process: subprocess.Popen[bytes]
    beats: ChildBeats
    started_machine_s: float
    failures: int = 0
    next_start_machine_s: float = 0.0
    last_words_machine_s: float | None = None

    def end_if_hanging(self, now_machine_s: float) -> float | None:
        """End it when it lives but does not beat: first by a signal that shows where it hangs.

        Returns
        -------
        float or None
            How long it has been silent, once: when it is found to hang.
        """
        silent_s = self.beats.silent_s()
        if silent_s is None:
            return None
        if self.last_words_machine_s is None:
            self.last_words_machine_s = now_machine_s
            _log.error("service_hangs service=%s silent_s=%.1f", self.name, silent_s)
            self.process.send_signal(signal.SIGABRT)
            return silent_s
        if now_machine_s - self.last_words_machine_s > LAST_WORDS_S:
            self.process.kill()
        return None

    def plan_restart(self, now_machine_s: float) -> float:
        """Decide when one that ended is started again; return in how many seconds."""
        lived_s = now_machine_s - self.started_machine_s
        self.failures = 1 if lived_s > HEALTHY_AFTER_S else self.failures + 1
        pause_s = RESTART_PAUSE_S[min(self.failures, len(RESTART_PAUSE_S)) - 1]
        self.next_start_machine_s = now_machine_s + pause_s
        _log.error(
            "service_died service=%s exit=%s lived_s=%.1f restart_in_s=%g",
            self.name, self.process.returncode, lived_s, pause_s,
        )  # fmt: skip
        return pause_s

    def stop(self, timeout_s: float, cut_short: threading.Event) -> None:
        """Tell it to end, and wait; kill it after ``timeout_s``, or when ``cut_short`` is set."""
        self.process.send_signal(signal.SIGTERM)
        deadline = Deadline(SystemClock(), timeout_s)
        while self.process.poll() is None and not deadline.expired:
            if cut_short.wait(WATCH_PERIOD_S):
                break
        if self.process.poll() is None:
            _log.error(
                "service_killed service=%s timeout_s=%g cut_short=%s",
                self.name, timeout_s, cut_short.is_set(),
            )  # fmt: skip
            self.process.kill()
            self.process.wait(timeout=10.0)


def start_child(
    name: str, config: Path, output_path: Path, clock: Clock, failures: int
) -> SupervisedChild:
    """Start a service; its desk may answer a second later.

    Parameters
    ----------
    config
        The configuration it reads.
    output_path
        What it writes to its standard streams is appended there.
    clock
        The night's, which it gets as it is.
    failures
        Of the child it comes after.

    Raises
    ------
    OSError
        No process, no memory, no disk.
    """
    command = [
        sys.executable, "-m", "ctmo_indi", "serve", name,
        "--config", str(config), "--parent-pid", str(os.getpid()),
    ]  # fmt: skip
    beats = ChildBeats(SystemClock(), _WATCHDOG_S.get(name, _OTHERS_WATCHDOG_S))
    with output_path.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**_environment(clock), **beats.environment},
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the children in order
        )
    return SupervisedChild(
        name, process, beats, started_machine_s=SystemClock().machine_s(), failures=failures
    )


def stop_timeout_s(service: str, speed: float) -> float:
    """Machine seconds a service may take to end before it is killed."""
    return STOP_TIMEOUT_S + (CLOSING_TIMEOUT_S / speed if service in CLOSERS else 0.0)


def _environment(clock: Clock) -> Mapping[str, str]:
    environment = {**_FEW_HEAPS, **os.environ}
    environment.pop(ENVIRONMENT_VARIABLE, None)
    if isinstance(clock, SystemClock) and clock.anchor is not None:
        environment[ENVIRONMENT_VARIABLE] = clock.anchor.encode()
    return environment
