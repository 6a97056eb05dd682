"""The telescope's beat to safety, and the verdict that comes back with it.

One thread, once a machine second. The verdict's age is what counts: it grows while safety is dead,
unreachable, or alive but no longer completing cycles (the cycle number stands still).
``verdict_rules`` says what follows from it.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.models.states import SummaryState
from ctmo_indi.models.verdict import Latch, Verdict, VerdictLevel
from ctmo_indi.telescope.hold_memory import HoldMemory

_log = logging.getLogger(__name__)

BEAT_PERIOD_S = 1.0
_QUIET_FAILURES = 60


class SafetyDesk(Protocol):
    """What is needed of ``desk_client.client.DeskClient``."""

    def front_desk(self, order: Mapping[str, object]) -> dict[str, object]:
        """Send an order; CtmoError when refused or unreachable; blocks for its own time-out."""
        ...


@dataclass(frozen=True, slots=True)
class VerdictNews:
    """The newest verdict and when it was learned.

    Parameters
    ----------
    learned_machine_s
        Our machine time when the beat that brought this cycle number was sent, less the verdict's
        age then, as safety told.
    beats
        Service at work -> seconds since safety last heard it, as safety told. A scheduler that is
        not ENABLED is not at work.
    safety_is_closing
        Whether a closing of safety's is under way: then we keep our hands off.
    safety_moved_machine_s
        Our machine time when safety last moved or stopped anything.
    resting
        As ``beats``, of those that are heard and are not at work.
    """

    verdict: Verdict
    learned_machine_s: float
    beats: Mapping[str, float]
    safety_is_closing: bool = False
    safety_moved_machine_s: float = -math.inf
    resting: Mapping[str, float] = field(default_factory=dict)

    def age_machine_s(self, now_machine_s: float) -> float:
        """Machine seconds since this verdict was news."""
        return max(0.0, now_machine_s - self.learned_machine_s)


class SafetyLink:
    """Beats once a machine second in a thread of its own.

    Parameters
    ----------
    desk
        Safety's desk; its time-out should be a few seconds at most.
    state
        Called for each beat: what the telescope is doing, for safety's eyes; must not block.
    on_news
        Called in the link's thread with each new verdict and its age, machine seconds; must not
        block.
    is_alive
        A beat says that the telescope does its work: none is sent while this is False, so that
        safety closes over an engine that hangs.
    memory
        Keeps lock and latch over a restart; None: they are not kept.
    """

    def __init__(
        self,
        desk: SafetyDesk,
        clock: Clock,
        state: Callable[[], dict[str, object]],
        *,
        on_news: Callable[[Verdict, float], None] = lambda verdict, age_machine_s: None,
        is_alive: Callable[[], bool] = lambda: True,
        period_machine_s: float = BEAT_PERIOD_S,
        memory: HoldMemory | None = None,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._state = state
        self._on_news = on_news
        self._is_alive = is_alive
        self._period_machine_s = period_machine_s
        self._memory = memory
        self._news: VerdictNews | None = None
        self._beating = threading.Lock()
        self._mutex = threading.Lock()  # of the news; never held while the desk is asked
        self._own: Latch | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failures = 0

    @property
    def news(self) -> VerdictNews | None:
        """The newest verdict, None until the first; any thread."""
        return self._news

    def age_machine_s(self) -> float:
        """Age of the newest verdict, machine seconds; infinite when there was none."""
        news = self._news
        return news.age_machine_s(self._clock.machine_s()) if news else float("inf")

    def start(self) -> None:
        """Recall lock and latch, and begin to beat; returns at once unless the disk hangs."""
        recalled = self._memory.recall() if self._memory else None
        if recalled is not None:
            self._news = VerdictNews(recalled, self._clock.machine_s(), {})
            self._on_news(recalled, 0.0)
        self._thread = threading.Thread(target=self._run, name="safety-link", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; waits up to ``timeout_s`` machine seconds for a beat under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        if self._memory is not None:
            self._memory.close(1.0)

    def beat(self) -> None:
        """Beat once; blocks for the desk's time-out. A failure only makes the verdict older."""
        with self._beating:
            if not self._beat():
                self._drop_expired_lock()

    def _beat(self) -> bool:
        """Whether safety answered."""
        sent_machine_s = self._clock.machine_s()
        order = {
            "WOType": "Heartbeat",
            "User": "telescope",
            "Service": "telescope",
            "State": self._state(),
        }
        try:
            reply = self._desk.front_desk(order)
            self.take(reply, sent_machine_s)
        except (CtmoError, KeyError, TypeError, ValueError, OSError) as error:
            self.failures += 1
            if self.failures % _QUIET_FAILURES == 1:
                _log.warning("safety_unreachable failures=%d error=%s", self.failures, error)
            return False
        if self.failures:
            _log.info("safety_reached after_failures=%d", self.failures)
        self.failures = 0
        return True

    def refresh(self) -> None:
        """Learn the newest verdict, lock and latch now, before an order by hand; blocks as a beat.

        Any thread. Does nothing while the engine hangs: a beat would say that it works.
        """
        if self._is_alive():
            self.beat()

    def press_stop(self, latch: Latch) -> None:
        """Latch a human's stop here, at once; safety is told by who calls. Any thread, no waiting.

        It counts until safety says that there is a latch, or :meth:`forget_stop`: a verdict without
        one may be older than the stop, or of a safety that was dead when stop was pressed.
        """
        with self._mutex:
            self._own = latch
            if self._news is None:
                now_machine_s = self._clock.machine_s()
                why = "stopped, and no verdict of safety since the start"
                utc = self._clock.utc().isoformat(timespec="milliseconds")
                verdict = Verdict(VerdictLevel.HOLD, (why,), -1, utc, now_machine_s)
                self._know(VerdictNews(verdict, now_machine_s, {}))
            else:
                self._know(self._news)

    def forget_stop(self) -> None:
        """End a latch that safety never heard of; any thread."""
        with self._mutex:
            own, self._own = self._own, None
            if own is not None and self._news is not None:
                self._know(replace(self._news, verdict=replace(self._news.verdict, latch=None)))

    def _know(self, news: VerdictNews) -> None:
        """Remember what is known of safety, with our own latch while it has none; under mutex."""
        if self._own is not None:
            news = replace(news, verdict=replace(news.verdict, latch=self._own))
        if self._memory is not None:
            self._memory.note(news.verdict)
        self._news = news
        self._on_news(news.verdict, self.age_machine_s())

    def take(self, reply: Mapping[str, object], sent_machine_s: float) -> None:
        """Remember the verdict of a reply; the cycle and the holds that we have are no news.

        A lock or latch that came since the cycle counts at once; the verdict's age does not change.
        """
        wire = reply["Verdict"]
        if not isinstance(wire, Mapping):
            raise TypeError(f"Verdict is {wire!r}, expected a struct")
        verdict = Verdict.from_wire(wire)
        with self._mutex:
            self._take(verdict, reply, sent_machine_s)

    def _take(self, verdict: Verdict, reply: Mapping[str, object], sent_machine_s: float) -> None:
        if verdict.latch is not None:
            self._own = None
        elif self._own is not None:
            verdict = replace(verdict, latch=self._own)
        known = self._news
        if known is not None and known.verdict.cycle == verdict.cycle:
            if (known.verdict.lock, known.verdict.latch) != (verdict.lock, verdict.latch):
                self._know(replace(known, verdict=verdict))
            return
        if known is None or known.verdict.level is not verdict.level:
            _log.info("verdict level=%s reasons=%s", verdict.level, "; ".join(verdict.reasons))
        # Old already when safety answers but judges no more: at our start its number says nothing.
        age_s = reply.get("Verdict Age")
        age_s = max(0.0, float(age_s)) if isinstance(age_s, int | float) else 0.0
        moved_ago_s = reply.get("Moved")
        at_work, resting = _beats(reply)
        self._know(
            VerdictNews(
                verdict,
                sent_machine_s - age_s,
                at_work,
                reply.get("Closing") is True,
                sent_machine_s - moved_ago_s if isinstance(moved_ago_s, int | float) else -math.inf,
                resting,
            )
        )

    def _drop_expired_lock(self) -> None:
        """End a lock whose time is over while safety, which would say so, does not answer.

        One that safety tells is not over, whatever our clock says, which somebody may have set.
        """
        with self._mutex:
            news = self._news
            if self._memory is None or news is None or news.verdict.lock is None:
                return
            if self._memory.is_lock_over:
                self._know(replace(news, verdict=replace(news.verdict, lock=None)))

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun_machine_s = self._clock.machine_s()
            try:
                if self._is_alive():
                    self.beat()
                else:
                    _log.critical("no_beat reason=%r", "the engine does not turn")
            except Exception:  # noqa: BLE001 - the thread must live: without a beat we hold and close
                self.failures += 1
                _log.exception("beat_failed failures=%d", self.failures)
            spent_s = self._clock.machine_s() - begun_machine_s
            self._stopping.wait(max(0.05, self._period_machine_s - spent_s))


def _beats(reply: Mapping[str, object]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the ages of the beats of services at work, and of those that are not."""
    at_work: dict[str, float] = {}
    resting: dict[str, float] = {}
    wire = reply.get("Beats")
    for service, beat in wire.items() if isinstance(wire, Mapping) else ():
        if not isinstance(beat, Mapping):
            continue
        state, age_s = beat.get("State"), beat.get("Age")
        summary = state.get("Summary State") if isinstance(state, Mapping) else None
        if isinstance(age_s, int | float):
            ages = at_work if summary in (None, SummaryState.ENABLED) else resting
            ages[str(service)] = float(age_s)
    return at_work, resting
