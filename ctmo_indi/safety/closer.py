"""Carry out a closing in a thread of its own, so that the loop goes on judging meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.devices.closing import ClosingReport, close_observatory, until_stopped
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CommandCanceled, CtmoError, Locked
from ctmo_indi.kept_value import KeptValue
from ctmo_indi.models.verdict import Latch, Lock
from ctmo_indi.safety_policy import SafetyPolicy

_log = logging.getLogger(__name__)

# Elapsed seconds between two closings that were not confirmed.
RETRY_PAUSE_S = 30.0
HANGS_FLOOR_MACHINE_S = 60.0


class Announce(Protocol):
    """Where steps and results go; any thread, must not block."""

    def __call__(self, kind: str, text: str) -> None:
        """Tell a ``closing`` step, ``closing_begun``, ``_stopped``, ``closed``, or an ``alarm``."""
        ...


class Closer:
    """Closes on demand, one closing at a time; tries again while it is demanded.

    An alarm survives a restart: what could not be closed must not be used by a process that does
    not know of it. One that cannot be read counts as an alarm, and ends when all is seen closed. A
    closing that a human stopped is none: the latch or the lock tells of it, and says when to close.

    Parameters
    ----------
    memory
        The file that keeps the alarm.
    latch
        The stop latch as it is: whoever sets it while a closing runs stops that closing.
    lock
        The lock as it is: so does whoever takes a maintenance lock.
    """

    def __init__(
        self,
        observatory: Observatory,
        policy: SafetyPolicy,
        clock: Clock,
        announce: Announce,
        memory: KeptValue,
        latch: Callable[[], Latch | None] = lambda: None,
        lock: Callable[[], Lock | None] = lambda: None,
    ) -> None:
        self._observatory = observatory
        self._policy = policy
        self._clock = clock
        self._announce = announce
        self._memory = memory
        self._latch = latch
        self._lock = lock
        self._mutex = threading.Lock()  # the loop and the desk both demand
        self._thread: threading.Thread | None = None
        self._begun_machine_s = 0.0
        self._last_end_elapsed_s: float | None = None
        self.report: ClosingReport | None = None
        self.alarm: str | None = _remembered(memory)

    @property
    def is_closing(self) -> bool:
        """True while a closing is under way."""
        return self._thread is not None and self._thread.is_alive()

    def demand(self, reason: str) -> None:
        """Close for ``reason`` unless a closing runs or just failed; returns at once.

        A closing that takes longer than all its time limits together hangs: that is an alarm, and
        another one is begun beside it.
        """
        with self._mutex:
            now_machine_s = self._clock.machine_s()
            if self.is_closing:
                if now_machine_s - self._begun_machine_s < self._longest_machine_s():
                    return
                self._raise_alarm("a closing hangs and is begun anew")
            last_s = self._last_end_elapsed_s
            if (
                self.alarm is not None
                and last_s is not None
                and self._clock.elapsed_s() - last_s < RETRY_PAUSE_S
            ):
                return
            self._announce("closing_begun", f"closing: {reason}")
            self._begun_machine_s = now_machine_s
            self._thread = threading.Thread(target=self._close, name="safety-closing", daemon=True)
            self._thread.start()

    def confirm_closed(self) -> None:
        """The observatory was seen closed: an alarm is over."""
        if self.alarm is not None:
            self.alarm = None
            self._memory.write({"alarm": None})
            self._announce("closed", "closed after an alarm")

    def join(self, timeout_s: float) -> None:
        """Wait for a closing under way, at most ``timeout_s`` machine seconds."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _longest_machine_s(self) -> float:
        policy = self._policy
        longest_s = policy.park_timeout_s + 4.0 * policy.shutter_timeout_s + 180.0
        return max(longest_s / self._clock.speed, HANGS_FLOOR_MACHINE_S)

    def _close(self) -> None:
        alarm = None
        try:
            report = close_observatory(
                self._observatory,
                self._policy,
                self._clock,
                report=lambda text: self._announce("closing", text),
                give_way=until_stopped(self._latch, self._lock),
            )
        except (CommandCanceled, Locked) as error:
            _log.warning("closing_stopped by=%r", str(error))
            self._announce("closing_stopped", str(error))
            return
        except CtmoError as error:
            alarm = f"closing failed: {error}"
            _log.critical("closing_failed error=%s", error)
        except Exception as error:  # noqa: BLE001 - a bug here must raise the alarm, not end quietly
            alarm = f"closing failed: {error!r}"
            _log.exception("closing_failed")
        else:
            self.report = report
            if not report.confirmed:
                alarm = f"not closed: {'; '.join(dict.fromkeys(report.failures))}"
        finally:
            self._last_end_elapsed_s = self._clock.elapsed_s()
        if alarm is not None:
            self._raise_alarm(alarm)
        else:
            was_alarmed, self.alarm = self.alarm is not None, None
            if was_alarmed:
                self._memory.write({"alarm": None})
            self._announce("closed", "closed and read back")

    def _raise_alarm(self, text: str) -> None:
        self.alarm = text
        self._memory.write({"alarm": text})
        self._announce("alarm", f"ALARM: {text}")


def _remembered(memory: KeptValue) -> str | None:
    try:
        data = memory.read()
        if not isinstance(data, dict):
            raise TypeError(f"came {type(data).__name__}, expected an object")  # noqa: TRY301 - handled like the others below
        alarm = data["alarm"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.error("alarm_unreadable path=%s error=%r", memory.path, error)
        return f"it is not known whether there was an alarm before the restart: {error}"
    if alarm is None:
        return None
    _log.critical("alarm_remembered alarm=%r", alarm)
    return f"before the restart: {str(alarm).removeprefix('before the restart: ')}"
