"""Run mutations: against decoder and contract in this process, and through sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ctmo_indi.errors import BadOrder
from ctmo_indi.front_desk.decoder import decode_any_call, decode_call
from ctmo_indi.front_desk.exchange import order_of
from ctmo_indi.front_desk.faults import CallError
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.work_orders.contract import Contract

from .hostile_client import Answer, read_answer
from .mutations import Mutator, Request
from .order_oracle import Oracle, same

LIMITS = Limits()
HANG_S = 1.0
INTERNAL_ERROR = 500
_SILENT_S = 0.05
"""A request that is not answered for so long may be one whose rest is waited for."""


@dataclass(slots=True)
class Found:
    """What a run saw.

    Parameters
    ----------
    outcomes
        Status, fault code or "accepted" -> how often.
    wrong
        Everything that must not be, with the number of the mutation; a few at most.
    longest_s, slowest
        CPU of one body in this process, or the longest wait for an answer; and whose it was.
    """

    count: int = 0
    outcomes: Counter[object] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    slowest: str = ""

    def took(self, seed: int, number: int, seconds: float) -> None:
        """Keep the longest."""
        if seconds > self.longest_s:
            self.longest_s, self.slowest = seconds, f"seed={seed} number={number}"

    def note(self, seed: int, number: int, what: str, sent: bytes) -> None:
        """Note something wrong, with what brings it back."""
        if len(self.wrong) < 5:
            self.wrong.append(f"seed={seed} number={number}: {what}; sent {sent[:2000]!r}")

    def add(self, other: Found) -> None:
        """Add what another run saw."""
        self.count += other.count
        self.outcomes += other.outcomes
        self.wrong += other.wrong
        if other.longest_s > self.longest_s:
            self.longest_s, self.slowest = other.longest_s, other.slowest


def in_process(seed: int, count: int, contract: Contract, oracle: Oracle) -> Found:
    """Decode and check ``count`` bodies; compare what is accepted with the oracle."""
    found, mutator = Found(count), Mutator(seed)
    for number in range(count):
        body = mutator.body()
        began_s = time.thread_time()
        try:
            order = order_of(decode_call(body[: LIMITS.body_bytes], LIMITS))
            contract.check(order)
        except CallError as error:
            found.outcomes[int(error.code)] += 1
        except BadOrder as error:
            found.outcomes[error.fault_code] += 1
        except Exception as error:  # a crash is what is looked for
            found.note(seed, number, f"crash {error!r}", body)
        else:
            found.outcomes["accepted"] += 1
            if why := _why_wrong(order, body, oracle):
                found.note(seed, number, why, body)
        took_s = time.thread_time() - began_s
        found.took(seed, number, took_s)
        if took_s > HANG_S:
            found.note(seed, number, f"took {took_s:.1f} s", body)
    return found


def _why_wrong(order: object, body: bytes, oracle: Oracle) -> str:
    try:
        read = oracle.read(body)
    except ValueError as error:
        return f"accepted, but {error}"
    if not same(order, read):
        return f"read as {order!r}, by others as {read!r}"
    if not same(order, order_of(decode_any_call(body, LIMITS))):
        return "the short cut reads something else"
    why = oracle.why_not(order)
    return f"accepted, but {why}" if why else ""


class SocketFuzzer:
    """One connection after the other to a desk, each used as long as it is kept. One thread.

    Parameters
    ----------
    on_accepted
        Told of the Receipt of each order that was taken.
    """

    def __init__(
        self, port: int, seed: int, oracle: Oracle, on_accepted: Callable[[str], None]
    ) -> None:
        self._port = port
        self._seed = seed
        self._oracle = oracle
        self._on_accepted = on_accepted
        self._mutator = Mutator(seed, harmless=True)
        self._peer: socket.socket | None = None
        self.found = Found()

    def run(self, count: int, is_over: threading.Event) -> Found:
        """Send ``count`` requests, or until ``is_over``; return what was seen."""
        for number in range(count):
            if is_over.is_set():
                break
            request = self._mutator.request()
            try:
                self._one(number, request)
            except OSError as error:
                self.found.note(self._seed, number, f"{type(error).__name__}", request.sent)
                self._drop()
            self.found.count += 1
        self._drop()
        return self.found

    def _one(self, number: int, request: Request) -> None:
        if not request.is_framed:
            self._drop()  # nothing of a wrong frame may be taken for the next request's
        answers = self._exchange(number, request)
        for answer in answers:
            self._judge(number, request, answer)
        if request.is_framed:
            if not answers:
                self.found.note(self._seed, number, "no answer", request.sent)
        else:
            self._drop()

    def _judge(self, number: int, request: Request, answer: Answer) -> None:
        found = self.found
        if answer.wrong:
            found.note(self._seed, number, answer.wrong, request.sent)
            return
        if answer.status != 200 or answer.fault is not None:
            found.outcomes[answer.fault if answer.status == 200 else answer.status] += 1
            if answer.fault == INTERNAL_ERROR:
                found.note(self._seed, number, "an internal error", request.sent)
            if request.is_framed and answer.status != 200:
                found.note(self._seed, number, f"status {answer.status}", request.sent)
            return
        found.outcomes["accepted"] += 1
        if request.is_framed:
            try:
                why = self._oracle.why_not(self._oracle.read(request.body))
            except ValueError as error:
                why = str(error)
            if why:
                found.note(self._seed, number, f"accepted, but {why}", request.sent)
        reply = answer.reply
        assert isinstance(reply, dict)  # as hostile_client has seen
        if str(reply.get("Receipt", "")).startswith("O-") and reply["Kind"] == "Observation":
            self._on_accepted(str(reply["Receipt"]))

    def _exchange(self, number: int, request: Request) -> list[Answer]:
        """Send, and read all answers that come, each timed from the one before."""
        since_s = time.monotonic()
        peer = self._connected()
        with contextlib.suppress(ConnectionError):  # the answer may be on its way all the same
            peer.sendall(request.sent)
        data, answers = b"", []
        has_ended = False
        end_s = time.monotonic() + HANG_S
        while time.monotonic() < end_s:
            is_due = request.is_framed or has_ended
            peer.settimeout(HANG_S if is_due else _SILENT_S)
            try:
                chunk = peer.recv(65536)
            except TimeoutError:
                if is_due:
                    break
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_WR)  # the rest does not come
                has_ended = True
                end_s = time.monotonic() + HANG_S
                continue
            except ConnectionError:
                chunk = b""
            if not chunk:
                self._drop()
                if not answers:
                    self.found.took(self._seed, number, time.monotonic() - since_s)
                if data and not answers and not data.startswith(b"HTTP/1.1 100 "):
                    answers.append(Answer(wrong=f"half an answer: {data[:80]!r}"))
                return answers
            data += chunk
            while True:
                answer, data = read_answer(data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))
                if answer is None:
                    break
                answers.append(answer)
                answered_s = time.monotonic()
                self.found.took(self._seed, number, answered_s - since_s)
                since_s = answered_s
            if request.is_framed and answers:
                return answers
        if not answers:
            answers.append(Answer(wrong=f"nothing for {HANG_S:g} s: a hang"))
        self._drop()
        return answers

    def _connected(self) -> socket.socket:
        if self._peer is None:
            self._peer = socket.create_connection(("127.0.0.1", self._port), timeout=5.0)
        return self._peer

    def _drop(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None
