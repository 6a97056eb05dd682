"""The safety loop: look, judge, decide, close; once a second, in a plain thread.

Never APScheduler, never a disk or network wait: the INDI snapshots are in memory, the Sun is
computed, the disk is measured and written by other threads, closing runs in a thread of its own. A
cycle that fails is itself a reason for UNSAFE.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from ctmo_indi.clock import Clock
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Finding, Latch, Verdict, VerdictLevel
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.closer import Closer
from ctmo_indi.safety.decision import Situation, causes, reason_to_close
from ctmo_indi.safety.holds import Holds
from ctmo_indi.safety.look import Look
from ctmo_indi.safety.pulse import Pulse
from ctmo_indi.safety.rules import judge, level_of
from ctmo_indi.safety.since import Since
from ctmo_indi.safety.weather_memory import WeatherMemory
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.wakefulness import Wakefulness

_log = logging.getLogger(__name__)

PERIOD_S = 1.0  # machine seconds
HALF_WAY_FLOOR_MACHINE_S = 10.0
_SETTLED = (ObservatoryState.OPEN, ObservatoryState.CLOSED)


class SafetyLoop:
    """Owns the verdict.

    Parameters
    ----------
    look
        Reads the present facts; called in the loop's thread with the elapsed seconds since the
        last bad weather (None when none was seen) and those for which there has been an alert;
        must not block.
    publish
        Called in the loop's thread with (kind, data) whenever something changed.
    on_verdict
        Called in the loop's thread with every verdict: our own interlocks go by it.
    on_cycle
        Called in the loop's thread after each completed cycle, whatever its verdict.

    Attributes
    ----------
    pulse
        How regularly cycles are completed.
    """

    def __init__(
        self,
        *,
        policy: SafetyPolicy,
        clock: Clock,
        look: Callable[[float | None, float], Look],
        holds: Holds,
        beats: Beats,
        closer: Closer,
        weather: WeatherMemory,
        publish: Callable[[str, dict[str, object]], object],
        on_verdict: Callable[[Verdict], None] = lambda _verdict: None,
        on_cycle: Callable[[], None] = lambda: None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._look = look
        self._holds = holds
        self._beats = beats
        self._closer = closer
        self._publish = publish
        self._on_verdict = on_verdict
        self._on_cycle = on_cycle
        self._watchdog_closes = False
        self._weather = weather
        self._alert = Since(clock.elapsed_s)
        self._cause = Since(clock.elapsed_s)
        self._latched = Since(clock.elapsed_s)
        self._latch: Latch | None = None
        self._unreachable = Since(clock.machine_s)
        self._half_way = Since(clock.machine_s)
        self._wakefulness = Wakefulness(clock)
        self._cycle = 0
        self.failures = 0
        self.pulse = Pulse(clock)
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
            text = "no safety cycle was completed yet"
            return self._make_verdict((Finding("cycle", VerdictLevel.UNSAFE, text),))
        if not verdict.is_unsafe and self._closer.is_closing:
            closing = Finding("closing", VerdictLevel.UNSAFE, "safety is closing")
            verdict = replace(
                verdict,
                level=VerdictLevel.UNSAFE,
                reasons=(*verdict.reasons, closing.text),
                findings=(*verdict.findings, closing),
            )
        return replace(verdict, lock=self._holds.lock, latch=self._holds.latch)

    @property
    def state(self) -> ObservatoryState:
        """The observatory's state as of the last cycle; ALARM while a closing is not confirmed."""
        return ObservatoryState.ALARM if self._closer.alarm is not None else self._state

    def tell_holds(self) -> None:
        """Have lock and latch count now, and not with the next cycle; any thread."""
        self._on_verdict(self.verdict)

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
        findings = self._findings()
        self._note_latch(self._holds.latch)
        self._cycle += 1
        before = self._verdict
        verdict = self._make_verdict(findings)
        self._verdict = verdict
        self._on_verdict(verdict)
        if _differs(before, verdict):
            _log.info("verdict level=%s reasons=%r", verdict.level, list(verdict.reasons))
            self._publish("verdict", verdict.to_wire())
        self._act(verdict)
        self.pulse.beat(self._cycle)
        self._on_cycle()
        return verdict

    def _note_latch(self, latch: Latch | None) -> None:
        """The notice counts from the newest press."""
        if latch != self._latch:
            self._latched.note(False)
        self._latch = latch
        self._latched.note(latch is not None)

    def _findings(self) -> tuple[Finding, ...]:
        since_s = self._weather.last_elapsed_s
        since_bad_s = None if since_s is None else self._clock.elapsed_s() - since_s
        try:
            look = self._look(since_bad_s, self._alert.seconds)
            judgement = judge(look.facts, self._policy)
        except Exception as error:  # noqa: BLE001 - a broken look is unknown, hence unsafe
            _log.exception("safety_look_failed")
            self._state = ObservatoryState.UNKNOWN
            self._watchdog_closes = False
            self._unreachable.note(True)
            text = f"the safety cycle failed: {error!r}"
            findings: tuple[Finding, ...] = (Finding("cycle", VerdictLevel.UNSAFE, text),)
        else:
            self._state = look.state
            self._watchdog_closes = look.facts.watchdog_closes
            self._unreachable.note(not look.facts.link_up or bool(look.facts.unknown_devices))
            self._alert.note(judgement.is_alerted)
            findings = judgement.findings
            if judgement.is_bad_weather:
                self._weather.note()
        alarm = self._closer.alarm
        if alarm is not None and self._state is not ObservatoryState.CLOSED:
            # What could not be closed must not stay open, let alone be used, in fine weather.
            findings = (*findings, Finding("alarm", VerdictLevel.UNSAFE, f"ALARM: {alarm}"))
        return findings

    def _act(self, verdict: Verdict) -> None:
        if self._wakefulness.look():
            # Stopped for a while: the readings are from before, and another may be closing. A PARK
            # sent now would end its parking; in a second we know.
            _log.warning("safety_slept nothing is begun in this cycle")
            return
        if self._state is ObservatoryState.CLOSED and not self._closer.is_closing:
            self._closer.confirm_closed()
        self._half_way.note(self._state not in _SETTLED and self._beats.is_idle("telescope"))
        situation = Situation(
            state=self._state,
            reasons=tuple(
                finding.text for finding in verdict.findings if finding.level is VerdictLevel.UNSAFE
            ),
            silent=self._beats.silent(self._policy),
            lock=self._holds.lock,
            latch=self._holds.latch,
            cause_for_s=0.0,
            unreachable_for_s=self._unreachable.seconds_or(1e-3),  # 0 says that all is there
            latched_for_s=self._latched.seconds,
            half_way_for_s=self._half_way_for_s(),
            watchdog_closes=self._watchdog_closes,
        )
        self._cause.note(bool(causes(situation)))
        situation = replace(situation, cause_for_s=self._cause.seconds)
        reason = reason_to_close(situation, self._policy)
        if reason is not None:
            self._closer.demand(reason)

    def _half_way_for_s(self) -> float:
        """Elapsed seconds; none at first, since under a fast clock a beat is minutes old."""
        machine_s = self._half_way.seconds
        return machine_s * self._clock.speed if machine_s >= HALF_WAY_FLOOR_MACHINE_S else 0.0

    def _make_verdict(self, findings: tuple[Finding, ...]) -> Verdict:
        return Verdict(
            level=level_of(findings),
            reasons=tuple(finding.text for finding in findings),
            cycle=self._cycle,
            utc=self._clock.utc().isoformat(timespec="milliseconds"),
            machine_s=self._clock.machine_s(),
            lock=self._holds.lock,
            latch=self._holds.latch,
            findings=findings,
        )

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

    def news(verdict: Verdict) -> tuple[object, ...]:
        found = tuple((finding.rule, finding.level) for finding in verdict.findings)
        return verdict.level, verdict.lock, verdict.latch, found

    return news(before) != news(after)
