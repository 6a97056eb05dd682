"""Keeps a link to the INDI server: connects, pings, notices losses, connects again.

The library's own word is never taken for it (PyIndi's ``isServerConnected`` stays true after the
server died; indipyclient notices after 40 s; neither notices a server that accepts and stays
silent): the link is up from the first answer and lost when the transport says so, when nothing
came for three seconds, or when pings are not answered for as long although something comes: a
connection may be open in one direction only.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError, NotConnected
from ctmo_indi.indi.transport import RawDown, RawEvent, RawHeard, RawPing, RawUp, Transport

_log = logging.getLogger(__name__)

_BEAT_S = 0.05
_CLOSE_S = 3.0
_STARVED_SHARE = 0.4


class LinkState(StrEnum):
    """How the link to the server stands."""

    DOWN = "DOWN"
    CONNECTING = "CONNECTING"
    UP = "UP"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTiming:
    """Machine seconds: how often to ping, when to give up, how long to wait in between.

    With the defaults a loss is noticed after 3.3 to 3.6 s, and a round trip that grows at once by
    3 s is none. Longer periods narrow the room between the two.
    """

    ping_period_s: float = 0.25
    missed_pings: int = 13
    connect_timeout_s: float = 10.0
    backoff_first_s: float = 0.1
    backoff_limit_s: float = 3.0

    @property
    def silence_limit_s(self) -> float:
        """How long the server may say nothing, or not answer a ping."""
        return (self.missed_pings + 0.25) * self.ping_period_s


class LinkOwner(Protocol):
    """Whom the link tells. Every call holds the lock; none may block."""

    def link_up(self) -> None:
        """The server answers."""
        ...

    def link_down(self, reason: str) -> None:
        """The server that answered is lost."""
        ...

    def received(self, raw: RawEvent) -> None:
        """The server's news, in order."""
        ...

    def beat(self, lag_s: float) -> None:
        """About 20 times a second of machine time; ``lag_s`` as :attr:`Link.lag_s`."""
        ...


class Link:
    """The link of one client.

    Parameters
    ----------
    lock
        The client's; guards the state here too, so that news and losses have one order.
    """

    def __init__(
        self,
        make_transport: Callable[[], Transport],
        clock: Clock,
        owner: LinkOwner,
        lock: threading.RLock,
        timing: LinkTiming,
        name: str,
    ) -> None:
        self._make_transport = make_transport
        self._clock = clock
        self._owner = owner
        self._lock = lock
        self._timing = timing
        self._name = name
        self._state = LinkState.DOWN
        self._reason = "not started"
        self._transport: Transport | None = None
        self._number = 0
        self._alive_s = 0.0
        self._beat_s = 0.0
        self._ping_at_s = 0.0
        self._unanswered: deque[tuple[str, float]] = deque()  # pings: identifier, when sent
        self._round_trip_s = 0.0
        self._connected = False
        self._closing = False
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"{name}-link", daemon=True)
        self.pings_sent = 0
        self.pings_answered = 0
        self.attempts = 0

    @property
    def state(self) -> LinkState:
        """How the link stands now."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it is not up."""
        return self._reason

    @property
    def lag_s(self) -> float:
        """Machine seconds to the server and back: of the last ping, or of one still on its way."""
        waiting = self._unanswered
        try:
            return max(self._round_trip_s, self._clock.machine_s() - waiting[0][1])
        except IndexError:
            return self._round_trip_s

    def start(self) -> None:
        """Start connecting; returns at once."""
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """End the link and its thread, within machine seconds."""
        with self._lock:
            self._closing = True
            self._lose(self._number, "closed")
        self._calls.put(lambda: None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def post(self, call: Callable[[], None]) -> None:
        """Run ``call`` soon in the link's thread: for sending from where blocking is forbidden."""
        self._calls.put(call)

    def transport(self) -> Transport:
        """The transport in use; NotConnected when the link is not up."""
        transport = self._transport
        if self._state is not LinkState.UP or transport is None:
            raise NotConnected(f"{self._name}: no link to the INDI server: {self._reason}")
        return transport

    def _run(self) -> None:
        wait_s = self._timing.backoff_first_s
        while not self._closing:
            was_up = self._one_link()
            wait_s = self._timing.backoff_first_s if was_up else wait_s
            # Jitter, so that several services do not knock at a starting server in step.
            end_s = self._clock.machine_s() + wait_s * random.uniform(0.8, 1.2)  # noqa: S311
            while not self._closing and self._clock.machine_s() < end_s:
                self._pause(min(_BEAT_S, wait_s))
            wait_s = min(2.0 * wait_s, self._timing.backoff_limit_s)

    def _one_link(self) -> bool:
        """Live through one transport; whether it ever came up."""
        with self._lock:
            if self._closing:
                return False
            self._number += 1
            number = self._number
            self.attempts += 1
            self._connected = False
            self._unanswered.clear()
            self._round_trip_s = 0.0
            self._state = LinkState.CONNECTING
            self._alive_s = self._beat_s = self._clock.machine_s()
        was_up = False
        transport: Transport | None = None
        try:
            transport = self._make_transport()
            self._transport = transport
            transport.start(lambda raw: self._receive(number, raw))
            while self._state is not LinkState.DOWN:
                self._pause(_BEAT_S)
                was_up = was_up or self._state is LinkState.UP
                self._check_alive(number, transport)
        except Exception as error:  # noqa: BLE001 - a transport that fails is a link that is lost
            _log.exception("transport_failed link=%s", self._name)
            self._lose(number, f"the transport failed: {error}")
        self._transport = None
        if transport is not None:
            self._close_transport(transport)
        return was_up

    def _close_transport(self, transport: Transport) -> None:
        try:
            transport.close(_CLOSE_S)
        except Exception:  # noqa: BLE001 - whatever it is, the next transport must come
            _log.exception("transport_close_failed link=%s", self._name)

    def _pause(self, seconds: float) -> None:
        """Wait for calls to run, at most ``seconds``, then beat."""
        try:
            call = self._calls.get(timeout=seconds)
            while True:
                try:
                    call()
                except CtmoError as error:
                    _log.info("link_call_failed link=%s error=%s", self._name, error)
                call = self._calls.get_nowait()
        except queue.Empty:
            pass
        with self._lock:
            self._owner.beat(self.lag_s)

    def _check_alive(self, number: int, transport: Transport) -> None:
        now_s = self._clock.machine_s()
        beat_s, self._beat_s = self._beat_s, now_s
        limit_s = self._timing.silence_limit_s
        if now_s - beat_s > max(_STARVED_SHARE * limit_s, 10 * _BEAT_S):
            # We did not run ourselves (a busy machine, a sleep), so silence says nothing yet.
            self._alive_s = now_s
            self._unanswered.clear()
        if not self._connected:
            if now_s - self._alive_s > self._timing.connect_timeout_s:
                self._lose(number, f"no connection in {self._timing.connect_timeout_s:g} s")
            return
        silent_s = now_s - self._alive_s
        if silent_s > limit_s:
            self._lose(number, f"no answer for {silent_s:.1f} s")
        elif self.lag_s > limit_s:
            self._lose(number, f"no ping was answered for {self.lag_s:.1f} s")
        elif now_s >= self._ping_at_s:
            self._ping(number, transport, now_s)

    def _ping(self, number: int, transport: Transport, now_s: float) -> None:
        self._ping_at_s = now_s + self._timing.ping_period_s
        self.pings_sent += 1
        uid = f"{self._name}-{number}-{self.pings_sent}"
        self._unanswered.append((uid, now_s))
        try:
            transport.ping(uid)
        except NotConnected as error:
            self._lose(number, str(error))

    def _answered(self, uid: str) -> None:
        """Take an answer; those to earlier pings were lost, or would have come first."""
        self.pings_answered += 1
        if all(one != uid for one, _ in self._unanswered):
            return
        while True:
            one, sent_s = self._unanswered.popleft()
            if one == uid:
                self._round_trip_s = self._clock.machine_s() - sent_s
                return

    def _receive(self, number: int, raw: RawEvent) -> None:
        with self._lock:
            if number != self._number or self._state is LinkState.DOWN:
                return
            if isinstance(raw, RawHeard):  # on a connection of its own: it says nothing of ours
                if self._state is LinkState.UP:
                    self._owner.received(raw)
                return
            self._alive_s = self._clock.machine_s()
            if isinstance(raw, RawDown):
                self._lose(number, raw.reason)
                return
            if isinstance(raw, RawUp):
                self._connected = True
                self._ping_at_s = 0.0
                self._calls.put(lambda: None)  # ping at once
                return
            if isinstance(raw, RawPing):
                self._answered(raw.uid)
            if self._state is LinkState.CONNECTING:
                self._connected = True
                self._state = LinkState.UP
                self._reason = ""
                _log.info("link_up link=%s attempts=%d", self._name, self.attempts)
                self._owner.link_up()
            self._owner.received(raw)

    def _lose(self, number: int, reason: str) -> None:
        with self._lock:
            if number != self._number or self._state is LinkState.DOWN:
                return
            was_up = self._state is LinkState.UP
            self._state = LinkState.DOWN
            repeated = reason == self._reason
            self._reason = reason
            if was_up:
                level = logging.INFO if self._closing else logging.WARNING
                _log.log(level, "link_down link=%s reason=%r", self._name, reason)
                self._owner.link_down(reason)
            elif not repeated:
                _log.info("link_failed link=%s reason=%r", self._name, reason)
            self._calls.put(lambda: None)
