"""The scheduler's beat to safety, and the verdict that comes back.

The engine asks for each beat, so a beat means that the engine lives; the call itself is made in a
worker thread and never waited for. A beat that is still under way makes the next one be skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.models.verdict import Verdict
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.script_queue.peer import FrontDesk

_log = logging.getLogger(__name__)

_LOG_EVERY = 60


@dataclass(frozen=True, slots=True)
class VerdictNews:
    """A verdict and when it was asked for, machine seconds of this process' clock.

    Parameters
    ----------
    takeover
        Why the telescope keeps its hands off, as it told safety; empty while nobody took over.
    """

    verdict: Verdict
    asked_machine_s: float
    takeover: str = ""

    @property
    def held(self) -> tuple[str, ...]:
        """Which humans hold the observatory; while any does, nothing is attempted."""
        reasons = []
        if self.verdict.lock is not None:
            lock = self.verdict.lock
            reasons.append(f"{lock.kind} lock of {lock.owner}: {lock.reason}")
        if self.verdict.latch is not None:
            latch = self.verdict.latch
            reasons.append(f"stopped by {latch.owner}: {latch.reason}")
        if self.takeover:
            reasons.append(self.takeover)
        return tuple(reasons)


class SafetyLink:
    """Beats to safety's desk; engine thread only, but for what the worker does.

    Parameters
    ----------
    on_news
        Called in the engine thread with each new verdict.
    on_answers
        Called there with whether safety answers, and if not why, when that changes.
    """

    def __init__(
        self,
        desk: FrontDesk,
        clock: Clock,
        post: Callable[[Callable[[], object]], None],
        on_news: Callable[[VerdictNews], None],
        on_answers: Callable[[bool, str], None] = lambda _does, _why: None,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._post = post
        self._on_news = on_news
        self._on_answers = on_answers
        self._worker = Worker("scheduler-safety-link")
        self._is_under_way = False
        self.news: VerdictNews | None = None
        self.failures = 0

    def start(self) -> None:
        """Start the worker thread."""
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        """End the worker thread."""
        self._worker.stop(timeout_s)

    def verdict_age_s(self) -> float:
        """Machine seconds since the last verdict was asked for; infinite before the first."""
        if self.news is None:
            return float("inf")
        return self._clock.machine_s() - self.news.asked_machine_s

    def beat(self, state: Mapping[str, object]) -> None:
        """Send a beat unless one is under way; never blocks."""
        if self._is_under_way:
            return
        self._is_under_way = True
        order: dict[str, object] = {
            "WOType": "Heartbeat",
            "User": "scheduler",
            "Service": "scheduler",
            "State": dict(state),
        }
        self._worker.ask(lambda: self._send(order))

    def _send(self, order: dict[str, object]) -> None:
        """In the worker: one call, and its outcome back to the engine."""
        asked_machine_s = self._clock.machine_s()
        try:
            reply = self._desk.front_desk(order)
            wire, age_s = reply.get("Verdict"), reply.get("Verdict Age")
            if isinstance(age_s, int | float):  # old already: safety answers but judges no more
                asked_machine_s -= max(0.0, age_s)
            if not isinstance(wire, Mapping):
                raise ValueError(f"Verdict is {wire!r}, expected a struct")  # noqa: TRY004, TRY301
            news = VerdictNews(Verdict.from_wire(wire), asked_machine_s, _takeover(reply))
        except (CtmoError, KeyError, ValueError) as error:
            text = str(error)
            self._post(lambda: self._failed(text))
        except Exception as error:
            text = repr(error)
            self._post(lambda: self._failed(text))
            raise
        else:
            self._post(lambda: self._answered(news))

    def _failed(self, text: str) -> None:
        self._is_under_way = False
        self.failures += 1
        if self.failures == 1:
            self._on_answers(False, text)
        if self.failures % _LOG_EVERY == 1:
            _log.warning("safety unreachable failures=%d error=%s", self.failures, text)

    def _answered(self, news: VerdictNews) -> None:
        self._is_under_way = False
        if self.failures:
            self._on_answers(True, "")
        self.failures = 0
        if self.news is not None and self.news.verdict.cycle == news.verdict.cycle:
            return  # safety answers but judges no more: the verdict grows old
        if self.news is None or self.news.verdict.level is not news.verdict.level:
            _log.info("verdict %s reasons=%r", news.verdict.level, news.verdict.reasons)
        self.news = news
        self._on_news(news)


def _takeover(reply: Mapping[str, object]) -> str:
    """What the telescope's last beat said of another INDI client; safety hands it on."""
    part: object = reply
    for key in ("Beats", "telescope", "State", "Held"):
        part = part.get(key) if isinstance(part, Mapping) else None
    return part if isinstance(part, str) else ""
