"""Keep INDI's WatchDog driver armed, and beat it once for each completed cycle of the safety loop.

Whatever the verdict was: a beat says "safety works". No timer of its own sends one, so a loop that
hangs stops them. What is done at each cycle, the first row that fits:

==============================================  ================================================
the driver                                      is
==============================================  ================================================
any, under a maintenance lock                   disarmed: somebody may be in the dome
needs a longer threshold than it can be told    disarmed: a fast clock; there is no last closer
not there                                       missed (ABSENT)
closes by itself, not yet for too long          left alone: a beat would hold its closing up
not armed, set otherwise, forgotten too long,   armed anew; that forgets a closing that was begun,
or has closed                                   which else would go on in its middle
armed                                           beaten
==============================================  ================================================

A WatchDog that is missing, silent or cannot be armed is told (state, event, log) and no reason to
close: it matters when safety and telescope both are dead, and a night is not given up for that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum

from ctmo_indi.clock import Clock
from ctmo_indi.devices.placeholders import Value
from ctmo_indi.devices.watchdog import Watchdog, WatchdogStatus
from ctmo_indi.errors import CommandTimeout, CtmoError, NotConnected
from ctmo_indi.models.verdict import Latch, Lock, LockKind
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.wakefulness import Wakefulness

_log = logging.getLogger(__name__)

# Machine seconds.
_START_GRACE_S = 15.0
_RETRY_S = 5.0
_MUTE_S = 10.0
_MARGIN_S = 5.0  # forgotten that near to the threshold, it may be closing already
_CLOSES_FLOOR_S = 30.0
_MUTEX_S = 30.0
_SETTLING_S = 120.0  # elapsed: what its closing may take beside mount and shutter


class WatchdogState(StrEnum):
    """How the last closer stands."""

    STARTING = "STARTING"
    ARMED = "ARMED"
    CLOSING = "CLOSING"
    DISARMED = "DISARMED"  # maintenance lock
    TOO_FAST = "TOO_FAST"
    ABSENT = "ABSENT"
    UNARMED = "UNARMED"
    MUTE = "MUTE"


_TROUBLE = frozenset({WatchdogState.ABSENT, WatchdogState.UNARMED, WatchdogState.MUTE})


class WatchdogBeats:
    """Owns the WatchDog of one observatory; public methods from any thread.

    Parameters
    ----------
    context
        What the placeholders of its device file stand for.
    link_is_up
        Whether the INDI server answers.
    lock, latch
        The human's holds as they are; must not block.
    publish
        Called with (kind, data) when its state changes; in the thread of the beats.
    """

    def __init__(
        self,
        watchdog: Watchdog,
        policy: SafetyPolicy,
        clock: Clock,
        *,
        context: Callable[[], Mapping[str, Value]],
        link_is_up: Callable[[], bool],
        lock: Callable[[], Lock | None],
        latch: Callable[[], Latch | None],
        publish: Callable[[str, dict[str, object]], object],
    ) -> None:
        self._watchdog = watchdog
        self._policy = policy
        self._clock = clock
        self._context = context
        self._link_is_up = link_is_up
        self._lock = lock
        self._latch = latch
        self._publish = publish
        self._closes_s = max(
            (policy.park_timeout_s + policy.shutter_timeout_s + _SETTLING_S) / clock.speed,
            _CLOSES_FLOOR_S,
        )
        self._mutex = threading.Lock()  # arming and disarming, one after the other
        self._begun_machine_s = clock.machine_s()
        self._beat_machine_s: float | None = None
        self._not_before_machine_s = 0.0
        self._closing_since_machine_s: float | None = None
        self._wakefulness = Wakefulness(clock)
        self._must_arm = True  # what it went through before us is not known
        self._told: tuple[WatchdogState, str] | None = None
        self.state = WatchdogState.STARTING
        self.message = "not looked at yet"
        self._completed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog-beats", daemon=True)

    # -- what others see ---------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """What is wrong with the last closer, for people; empty when nothing is."""
        return f"WatchDog {self.state}: {self.message}" if self.state in _TROUBLE else ""

    @property
    def is_closing(self) -> bool:
        """Whether it closes the observatory now, and not for too long already."""
        status = self._watchdog.status()
        if not status.closing:
            return False
        since_s = self._closing_since_machine_s
        return since_s is None or self._clock.machine_s() - since_s < self._closes_s

    def to_wire(self) -> dict[str, object]:
        """For Status; ages and the threshold in machine seconds."""
        status = self._watchdog.status()
        wire: dict[str, object] = {
            "State": self.state.value,
            "Armed": status.armed is True,
            "Message": self.message,
        }
        if self._beat_machine_s is not None:
            wire["Last Beat Age"] = round(self._clock.machine_s() - self._beat_machine_s, 3)
        if status.threshold_s is not None:
            wire["Threshold"] = round(status.threshold_s / self._clock.speed, 3)
        return wire

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; nothing is sent before the first cycle is completed."""
        self._thread.start()

    def cycle_completed(self) -> None:
        """Take note of a completed cycle of the safety loop; never blocks."""
        self._completed.set()

    def stop(self, timeout_s: float, *, is_closed: bool) -> None:
        """Beat no more; a closed observatory needs no last closer, so it is disarmed.

        Parameters
        ----------
        timeout_s
            Machine seconds to wait for what is under way.
        """
        self._stopping.set()
        self._completed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if is_closed:
            try:
                self.disarm()
            except CtmoError as error:
                _log.warning("watchdog_left_armed error=%s", error)

    def disarm(self) -> None:
        """Switch it off now and read that back; blocks some seconds.

        Raises
        ------
        CtmoError
            It is not known to be off.
        """
        if not self._mutex.acquire(timeout=_MUTEX_S):
            raise CommandTimeout(f"{self._watchdog.name}: still being armed after {_MUTEX_S:g} s")
        try:
            if not self._link_is_up():
                raise NotConnected(f"{self._watchdog.name}: no link to the INDI server")
            if self._watchdog.status().connected:
                self._watchdog.disarm()
                self._must_arm = True
        finally:
            self._mutex.release()

    def tend(self) -> None:
        """Do what one completed cycle asks for; the thread calls it, and tests."""
        with self._mutex:
            self.state, self.message = self._tend()
        if self._told != (self.state, self.message):
            self._told = (self.state, self.message)
            level = logging.WARNING if self.state in _TROUBLE else logging.INFO
            _log.log(level, "watchdog state=%s message=%s", self.state, self.message)
            # People are told of the one, see ``notices``.
            kind = "watchdog_lost" if self.state in _TROUBLE else "watchdog"
            message = self.trouble or f"WatchDog {self.state}"
            self._publish(kind, {"State": self.state.value, "Message": message})

    # -- one cycle ---------------------------------------------------------------------------------

    def _tend(self) -> tuple[WatchdogState, str]:
        if self._wakefulness.look():
            return self.state, self.message  # it may be closing: that is still to be read
        status = self._watchdog.status()
        threshold_s = self._threshold_s()
        lock = self._lock()
        if lock is not None and lock.kind is LockKind.MAINTENANCE:
            return self._keep_off(status, WatchdogState.DISARMED, f"lock of {lock.owner}")
        if self._policy.watchdog_silence_s * self._clock.speed > self._watchdog.threshold_max_s:
            why = (
                f"speed {self._clock.speed:g}: it can be told {self._watchdog.threshold_max_s:g} s"
            )
            return self._keep_off(status, WatchdogState.TOO_FAST, why)
        if not self._watchdog.is_there:
            self._must_arm = True
            return self._in_grace(WatchdogState.ABSENT, "the driver is not there")
        if status.closing and not self._closes_too_long():
            self._must_arm = True
            return WatchdogState.CLOSING, "it closes the observatory"
        if not status.closing:
            self._closing_since_machine_s = None
        problem = self._reason_to_arm(status)
        if problem:
            return self._arm(status, problem, threshold_s)
        self._beat(threshold_s)
        answer_age_s = (status.answer_age_s or 0.0) / self._clock.speed
        if answer_age_s > _MUTE_S:
            return WatchdogState.MUTE, "it does not answer beats"
        return WatchdogState.ARMED, ""

    def _threshold_s(self) -> float:
        """Elapsed seconds; a human who pressed stop is given the same notice as by safety."""
        silence_s = self._policy.watchdog_silence_s * self._clock.speed
        notice_s = self._policy.latched_close_notice_s if self._latch() is not None else 0.0
        return min(silence_s + notice_s, self._watchdog.threshold_max_s)

    def _keep_off(
        self, status: WatchdogStatus, state: WatchdogState, why: str
    ) -> tuple[WatchdogState, str]:
        self._must_arm = True
        if not status.connected or status.armed is False:
            return state, why
        try:
            self._watchdog.disarm()
        except CtmoError as error:
            self._beat(self._threshold_s())  # armed it must not close as long as we live
            return WatchdogState.MUTE, f"cannot be disarmed ({why}): {error}"
        return state, why

    def _reason_to_arm(self, status: WatchdogStatus) -> str:
        if self._must_arm:
            return "it is armed anew"
        if not status.connected or status.armed is not True:
            return "it is not armed"
        since_s = self._clock.machine_s() - (self._beat_machine_s or 0.0)
        if since_s > self._policy.watchdog_silence_s - _MARGIN_S:
            return f"it was not beaten for {since_s:.0f} s"
        return "; ".join(self._watchdog.wrong_settings(self._context()))

    def _arm(
        self, status: WatchdogStatus, problem: str, threshold_s: float
    ) -> tuple[WatchdogState, str]:
        now_machine_s = self._clock.machine_s()
        if now_machine_s < self._not_before_machine_s:
            if status.armed is True and not status.closing:
                self._beat(threshold_s)
            return self.state, self.message
        try:
            self._watchdog.arm(self._context(), threshold_s)
        except CtmoError as error:
            self._must_arm = True
            self._not_before_machine_s = self._clock.machine_s() + _RETRY_S
            return self._in_grace(WatchdogState.UNARMED, f"{problem}; {error}")
        self._must_arm = False
        self._closing_since_machine_s = None
        self._beat_machine_s = self._clock.machine_s()
        return WatchdogState.ARMED, ""

    def _beat(self, threshold_s: float) -> None:
        try:
            self._watchdog.beat(threshold_s)
        except CtmoError as error:
            _log.warning("watchdog_not_beaten error=%s", error)
        else:
            self._beat_machine_s = self._clock.machine_s()

    def _closes_too_long(self) -> bool:
        now_machine_s = self._clock.machine_s()
        if self._closing_since_machine_s is None:
            self._closing_since_machine_s = now_machine_s
        return now_machine_s - self._closing_since_machine_s >= self._closes_s

    def _in_grace(self, state: WatchdogState, why: str) -> tuple[WatchdogState, str]:
        """Return ``state``, but not while everything is just starting."""
        is_new = self.state is WatchdogState.STARTING
        if is_new and self._clock.machine_s() - self._begun_machine_s < _START_GRACE_S:
            return WatchdogState.STARTING, why
        return state, why

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._completed.wait(1.0):
                continue
            self._completed.clear()
            if self._stopping.is_set():
                return
            try:
                self.tend()
            except Exception:  # noqa: BLE001 - without this thread there are no beats: say why, go on
                _log.exception("watchdog_beats_failed")
