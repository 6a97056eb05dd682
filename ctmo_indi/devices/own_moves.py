"""Which devices we are moving and what we told them, so that others' doings can be told from ours.

Everything is judged at the instant at which news was *received*, not at which it is looked at:
under load a subscriber may be seconds behind.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from ctmo_indi.clock import Clock

# How many past operations of a device are remembered: more than any backlog of news spans.
_REMEMBERED = 32
_BURST_MACHINE_S = 0.1
# How long a driver may have hung and still carry out what it was told meanwhile. Longer, and a
# human who moves it is more likely: better wrongly told than missed.
_LATE_S, _LATE_MACHINE_S = 600.0, 30.0


@dataclass(slots=True)
class _Span:
    """Elapsed seconds; ``end_s`` None while it lasts."""

    begin_s: float
    end_s: float | None = None
    is_announced: bool = False

    def holds(self, at_s: float, grace_s: float) -> bool:
        """Whether that instant lies in it, or a little after it."""
        return self.begin_s <= at_s and (self.end_s is None or at_s <= self.end_s + grace_s)


@dataclass(frozen=True, slots=True)
class Sent:
    """A command of ours to one property."""

    elapsed_s: float
    values: Mapping[str, object]


class OwnMoves:
    """Which devices have an operation of ours under way, or had one just now; thread-safe.

    Parameters
    ----------
    grace_s, floor_machine_s
        A device stays ours that long after our last operation ended (elapsed seconds, and at
        least as many machine seconds): a simulated mount resumes tracking 1 s after an abort.
    echo_s, echo_floor_machine_s
        How long after a command of ours the driver's answer may come, likewise.
    """

    def __init__(
        self,
        clock: Clock,
        grace_s: float = 5.0,
        floor_machine_s: float = 0.5,
        *,
        echo_s: float = 15.0,
        echo_floor_machine_s: float = 1.0,
    ) -> None:
        self._clock = clock
        self._grace_s = max(grace_s, floor_machine_s * clock.speed)
        self._echo_s = max(echo_s, echo_floor_machine_s * clock.speed)
        self._lock = threading.Lock()
        self._spans: dict[str, deque[_Span]] = {}
        self._sent: dict[tuple[str, str], deque[Sent]] = {}

    @property
    def grace_s(self) -> float:
        """Elapsed seconds for which a motion may show after its end."""
        return self._grace_s

    @property
    def echo_s(self) -> float:
        """Elapsed seconds within which a living driver answers."""
        return self._echo_s

    @property
    def late_s(self) -> float:
        """Elapsed seconds after which nothing that we did explains what a hung device does."""
        return max(_LATE_S, _LATE_MACHINE_S * self._clock.speed)

    @property
    def burst_s(self) -> float:
        """Elapsed seconds within which a driver sends all updates that answer one command."""
        return max(1.0, _BURST_MACHINE_S * self._clock.speed)

    @contextmanager
    def moving(self, device: str) -> Iterator[None]:
        """Mark ``device`` as moved by us while the block runs."""
        span = _Span(self._clock.elapsed_s())
        with self._lock:
            self._spans_of(device).append(span)
        try:
            yield
        finally:
            with self._lock:
                span.end_s = self._clock.elapsed_s()

    def announce(
        self, device: str, for_machine_s: float, since_elapsed_s: float | None = None
    ) -> None:
        """Count whatever ``device`` does as ours for a while: it has just been connected.

        Parameters
        ----------
        since_elapsed_s
            When the news of that was received; None: now.
        """
        now_s = self._clock.elapsed_s()
        end_s = now_s + for_machine_s * self._clock.speed - self._grace_s
        begin_s = now_s if since_elapsed_s is None else min(now_s, since_elapsed_s)
        span = _Span(begin_s, end_s, is_announced=True)
        with self._lock:
            self._spans_of(device).append(span)

    def sending(self, device: str, prop: str, values: Mapping[str, object]) -> None:
        """Note a command of ours, right before it is sent."""
        with self._lock:
            sent = self._sent.setdefault((device, prop), deque(maxlen=_REMEMBERED))
            sent.append(Sent(self._clock.elapsed_s(), dict(values)))

    def is_ours(self, device: str, at_elapsed_s: float | None = None) -> bool:
        """Whether a change received then, or now, comes from an operation of ours."""
        at_s = self._clock.elapsed_s() if at_elapsed_s is None else at_elapsed_s
        with self._lock:
            return any(span.holds(at_s, self._grace_s) for span in self._spans.get(device, ()))

    def were_under_way(self, device: str, begin_elapsed_s: float, end_elapsed_s: float) -> bool:
        """Whether an operation of ours on that device lasted at any instant between those.

        One that ended with the last news before ``begin_elapsed_s`` does not count, nor one that
        ended longer than :attr:`late_s` before ``end_elapsed_s``.
        """
        since_s = max(begin_elapsed_s + self._grace_s, end_elapsed_s - self.late_s)
        with self._lock:
            return any(
                span.begin_s <= end_elapsed_s and (span.end_s is None or span.end_s > since_s)
                for span in self._spans.get(device, ())
                if not span.is_announced
            )

    def idle_machine_s(self) -> float:
        """Machine seconds since an operation of ours ended; 0 while one lasts, inf before any."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            ends_s = [
                now_s if span.end_s is None else span.end_s
                for spans in self._spans.values()
                for span in spans
                if not span.is_announced
            ]
        return (now_s - max(ends_s)) / self._clock.speed if ends_s else math.inf

    def is_announced(self, device: str, at_elapsed_s: float) -> bool:
        """Whether whatever that device does then counts as ours; see :meth:`announce`."""
        with self._lock:
            return any(
                span.is_announced and span.holds(at_elapsed_s, self._grace_s)
                for span in self._spans.get(device, ())
            )

    def last_sent(
        self,
        device: str,
        prop: str,
        at_elapsed_s: float,
        switches: Mapping[str, object] = MappingProxyType({}),
    ) -> Sent | None:
        """Return our last command to that property before that instant.

        Parameters
        ----------
        switches
            What it must have switched, to tell opening from closing by the same property.
        """
        with self._lock:
            return self._before(device, prop, at_elapsed_s, switches)

    def may_answer(self, device: str, sent: Sent, at_elapsed_s: float) -> bool:
        """Whether news received then may be the answer to that command of ours.

        It may come a moment after the command, or as long as the operation lasts that sent it.
        """
        if at_elapsed_s - sent.elapsed_s <= self._echo_s:
            return True
        with self._lock:
            return any(
                span.begin_s <= sent.elapsed_s and span.holds(at_elapsed_s, self._grace_s)
                for span in self._spans.get(device, ())
            )

    def _before(
        self, device: str, prop: str, at_s: float, switches: Mapping[str, object]
    ) -> Sent | None:
        """Holds the lock."""
        for one in reversed(self._sent.get((device, prop), ())):
            if one.elapsed_s <= at_s and switches.items() <= one.values.items():
                return one
        return None

    def _spans_of(self, device: str) -> deque[_Span]:
        """Holds the lock; forgets what ended longest ago, never what lasts."""
        spans = self._spans.setdefault(device, deque())
        while len(spans) >= _REMEMBERED and spans[0].end_s is not None:
            spans.popleft()
        return spans
