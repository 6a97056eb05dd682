"""Carry out a closing in a thread of its own, so that the loop goes on judging meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.devices.closing import ClosingReport, close_observatory, until_stopped
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CtmoError
from ctmo_indi.models.verdict import Latch
from ctmo_indi.profiles import SafetyPolicy

_log = logging.getLogger(__name__)

# Elapsed seconds between two closings that were not confirmed.
RETRY_PAUSE_S = 30.0


class Closer:
    """Closes on demand, one closing at a time; tries again while it is demanded.

    Parameters
    ----------
    announce
        Called with one line for each step and result; any thread.
    latch
        The stop latch as it is: whoever sets it while a closing runs stops that closing.
    """

    def __init__(
        self,
        observatory: Observatory,
        policy: SafetyPolicy,
        clock: Clock,
        announce: Callable[[str], None],
        latch: Callable[[], Latch | None] = lambda: None,
    ) -> None:
        self._observatory = observatory
        self._policy = policy
        self._clock = clock
        self._announce = announce
        self._latch = latch
        self._mutex = threading.Lock()  # the loop and the desk both demand
        self._thread: threading.Thread | None = None
        self._last_end_elapsed_s: float | None = None
        self.report: ClosingReport | None = None
        self.alarm: str | None = None

    @property
    def is_closing(self) -> bool:
        """True while a closing is under way."""
        return self._thread is not None and self._thread.is_alive()

    def demand(self, reason: str) -> None:
        """Close for ``reason`` unless a closing runs or just failed; returns at once."""
        with self._mutex:
            if self.is_closing:
                return
            last_s = self._last_end_elapsed_s
            if (
                self.alarm is not None
                and last_s is not None
                and self._clock.elapsed_s() - last_s < RETRY_PAUSE_S
            ):
                return
            self._announce(f"closing: {reason}")
            self._thread = threading.Thread(target=self._close, name="safety-closing", daemon=True)
            self._thread.start()

    def confirm_closed(self) -> None:
        """The observatory was seen closed: an alarm is over."""
        if self.alarm is not None:
            self._announce("closed after an alarm")
        self.alarm = None

    def join(self, timeout_s: float) -> None:
        """Wait for a closing under way, at most ``timeout_s`` machine seconds."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _close(self) -> None:
        try:
            report = close_observatory(
                self._observatory,
                self._policy,
                self._clock,
                report=self._announce,
                give_way=until_stopped(self._latch),
            )
        except CtmoError as error:
            self.alarm = f"closing failed: {error}"
            _log.critical("closing_failed error=%s", error)
        except Exception as error:  # noqa: BLE001 - a bug here must raise the alarm, not end quietly
            self.alarm = f"closing failed: {error!r}"
            _log.exception("closing_failed")
        else:
            self.report = report
            self.alarm = None if report.confirmed else f"not closed: {'; '.join(report.failures)}"
        finally:
            self._last_end_elapsed_s = self._clock.elapsed_s()
        if self.alarm is not None:
            self._announce(f"ALARM: {self.alarm}")
