"""The safety loop: look, judge, decide, close; once a second, in a plain thread.

Never APScheduler, never a disk or network wait: the INDI snapshots are in memory, the Sun is
computed, closing runs in a thread of its own. A cycle that fails is itself a reason for UNSAFE.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from ctmo_indi.clock import Clock
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.profiles import SafetyPolicy
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.closer import Closer
from ctmo_indi.safety.decision import Situation, reason_to_close
from ctmo_indi.safety.holds import Holds
from ctmo_indi.safety.rules import Facts, judge
from ctmo_indi.safety.weather_memory import WeatherMemory

_log = logging.getLogger(__name__)

PERIOD_S = 1.0  # machine seconds


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the observatory gave."""

    facts: Facts
    state: ObservatoryState


class SafetyLoop:
    """Owns the verdict.

    Parameters
    ----------
    look
        Reads the present facts; called in the loop's thread with the elapsed seconds since the
        last bad weather (None when none was seen); must not block.
    publish
        Called in the loop's thread with (kind, data) whenever something changed.
    on_verdict
        Called in the loop's thread with every verdict: our own interlocks go by it.
    """

    def __init__(
        self,
        *,
        policy: SafetyPolicy,
        clock: Clock,
        look: Callable[[float | None], Look],
        holds: Holds,
        beats: Beats,
        closer: Closer,
        weather: WeatherMemory,
        publish: Callable[[str, dict[str, object]], object],
        on_verdict: Callable[[Verdict], None] = lambda _verdict: None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._look = look
        self._holds = holds
        self._beats = beats
        self._closer = closer
        self._publish = publish
        self._on_verdict = on_verdict
        self._weather = weather
        self._cause_since_elapsed_s: float | None = None
        self._latched_since_elapsed_s: float | None = None
        self._unreachable_since_machine_s: float | None = None
        self._cycle = 0
        self.failures = 0
        self._verdict: Verdict | None = None
        self._state = ObservatoryState.UNKNOWN
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def verdict(self) -> Verdict:
        """The newest verdict with the holds as they are now; UNSAFE before the first cycle.

        UNSAFE, too, while a closing runs, whatever it is for: nobody shall open against it.
        """
        verdict = self._verdict
        if verdict is None:
            return self._make_verdict(("no safety cycle was completed yet",))
        if verdict.is_safe and self._closer.is_closing:
            verdict = replace(verdict, level=VerdictLevel.UNSAFE, reasons=("safety is closing",))
        return replace(verdict, lock=self._holds.lock, latch=self._holds.latch)

    @property
    def state(self) -> ObservatoryState:
        """The observatory's state as of the last cycle; ALARM while a closing is not confirmed."""
        return ObservatoryState.ALARM if self._closer.alarm is not None else self._state

    def start(self) -> None:
        """Start the loop's thread."""
        self._thread = threading.Thread(target=self._run, name="safety-loop", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the loop's thread within ``timeout_s`` machine seconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def cycle(self) -> Verdict:
        """Do one cycle; the loop's thread calls it, and tests."""
        now_s = self._clock.elapsed_s()
        try:
            look = self._look(self._since(self._weather.last_elapsed_s, now_s))
            judgement = judge(look.facts, self._policy)
        except Exception as error:  # noqa: BLE001 - a broken look is unknown, hence unsafe
            _log.exception("safety_look_failed")
            self._state = ObservatoryState.UNKNOWN
            is_reachable = False
            reasons: tuple[str, ...] = (f"the safety cycle failed: {error!r}",)
        else:
            self._state = look.state
            reasons = judgement.reasons
            is_reachable = look.facts.link_up and not look.facts.unknown_devices
            if judgement.is_bad_weather:
                self._weather.note()
        self._note_reach(is_reachable)
        alarm = self._closer.alarm
        if alarm is not None and self._state is not ObservatoryState.CLOSED:
            # What could not be closed must not stay open, let alone be used, in fine weather.
            reasons += (f"ALARM: {alarm}",)
        if self._holds.latch is None:
            self._latched_since_elapsed_s = None
        elif self._latched_since_elapsed_s is None:
            self._latched_since_elapsed_s = now_s
        self._cycle += 1
        before = self._verdict
        self._verdict = self._make_verdict(reasons)
        self._on_verdict(self._verdict)
        if _differs(before, self._verdict):
            _log.info("verdict level=%s reasons=%r", self._verdict.level, list(reasons))
            self._publish("verdict", self._verdict.to_wire())
        self._act(reasons, now_s)
        return self._verdict

    def _note_reach(self, is_reachable: bool) -> None:
        if is_reachable:
            self._unreachable_since_machine_s = None
        elif self._unreachable_since_machine_s is None:
            self._unreachable_since_machine_s = self._clock.machine_s()

    def _act(self, reasons: tuple[str, ...], now_s: float) -> None:
        if self._state is ObservatoryState.CLOSED and not self._closer.is_closing:
            self._closer.confirm_closed()
        silent = self._beats.silent(self._policy)
        if not (reasons or silent):
            self._cause_since_elapsed_s = None
        elif self._cause_since_elapsed_s is None:
            self._cause_since_elapsed_s = now_s
        situation = Situation(
            state=self._state,
            reasons=reasons,
            silent=silent,
            lock=self._holds.lock,
            latch=self._holds.latch,
            cause_for_s=self._since(self._cause_since_elapsed_s, now_s) or 0.0,
            unreachable_for_s=self._unreachable_for_s(),
            latched_for_s=self._since(self._latched_since_elapsed_s, now_s) or 0.0,
        )
        reason = reason_to_close(situation, self._policy)
        if reason is not None:
            self._closer.demand(reason)

    def _unreachable_for_s(self) -> float:
        since_s = self._unreachable_since_machine_s
        # At least a moment: 0 says that all is there.
        return 0.0 if since_s is None else max(self._clock.machine_s() - since_s, 1e-3)

    def _make_verdict(self, reasons: tuple[str, ...]) -> Verdict:
        return Verdict(
            level=VerdictLevel.UNSAFE if reasons else VerdictLevel.SAFE,
            reasons=reasons,
            cycle=self._cycle,
            utc=self._clock.utc().isoformat(timespec="milliseconds"),
            machine_s=self._clock.machine_s(),
            lock=self._holds.lock,
            latch=self._holds.latch,
        )

    @staticmethod
    def _since(then_s: float | None, now_s: float) -> float | None:
        return None if then_s is None else now_s - then_s

    def _run(self) -> None:
        next_s = self._clock.machine_s()
        while not self._stop.is_set():
            try:
                self.cycle()
            except Exception:  # noqa: BLE001 - the loop must live; its old verdict ages meanwhile
                self.failures += 1
                _log.exception("safety_cycle_failed failures=%d", self.failures)
            next_s = max(next_s + PERIOD_S, self._clock.machine_s())
            self._stop.wait(next_s - self._clock.machine_s())


def _differs(before: Verdict | None, after: Verdict) -> bool:
    """Whether a verdict is news: numbers inside a reason change each second and are none."""
    if before is None:
        return True
    return (
        before.level is not after.level
        or before.lock != after.lock
        or before.latch != after.latch
        or len(before.reasons) != len(after.reasons)
    )
