"""Send bytes to a front desk and see what comes back, byte for byte."""

from __future__ import annotations

import contextlib
import re
import socket
import time
import xmlrpc.client
from dataclasses import dataclass
from functools import cache

from ctmo_indi.testing.desks import wire_contract

LINGERING_S = 3.0
"""A refused body is still read for a second, so that the refusal arrives."""

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")
_BETRAYING = (b"Traceback", b"aiohttp", b"Python", b'File "', b"site-packages")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Parameters
    ----------
    status
        None when nothing came.
    fault
        Code of a fault in a 200.
    reply
        The struct of a 200 that is no fault.
    is_closed
        Whether the server closed the connection.
    wrong
        Why it is no answer a client can read; "" when it is one.
    """

    status: int | None = None
    fault: int | None = None
    reply: object = None
    is_closed: bool = False
    wrong: str = ""


@cache
def listed_codes() -> tuple[frozenset[int], frozenset[int]]:
    """HTTP statuses and fault codes that ``xmlrpc/front_desk.yaml`` lists."""
    contract = wire_contract()
    faults = {*contract["faults"], *contract["call_faults"]}
    return frozenset({200, *contract["http"]}), frozenset(faults)


def read_answer(data: bytes) -> tuple[Answer | None, bytes]:
    """Return the first whole answer in ``data`` and what follows it; None when it is not whole."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None, data
    length = _LENGTH.search(head + b"\r\n")
    size = int(length[1]) if length else 0
    if len(rest) < size:
        return None, data
    return _judged(head, rest[:size]), rest[size:]


def _judged(head: bytes, body: bytes) -> Answer:
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Answer(wrong=f"no HTTP answer: {head[:80]!r}")
    status = int(words[1])
    statuses, faults = listed_codes()
    if status not in statuses:
        return Answer(status, wrong=f"status {status} is not in front_desk.yaml")
    refusal = body if status != 200 or b"<fault>" in body else b""  # events tell the versions
    told = next((word for word in _BETRAYING if word in head + refusal), None)
    if told is not None:
        return Answer(status, wrong=f"tells {told!r}")
    if b"access-control" in head.lower():
        return Answer(status, wrong="lets foreign pages read it")
    if status != 200:
        return Answer(status)
    try:
        (reply,), _ = xmlrpc.client.loads(body)
    except xmlrpc.client.Fault as fault:
        known = fault.faultCode in faults
        return Answer(
            status, fault.faultCode, wrong="" if known else f"fault {fault.faultCode} is not listed"
        )
    except Exception as error:  # whatever a client may raise over it
        return Answer(status, wrong=f"no XML-RPC: {error}: {body[:200]!r}")
    if not isinstance(reply, dict) or "Status" not in reply:
        return Answer(status, wrong=f"no reply of a desk: {reply!r:.200}")
    return Answer(status, reply=reply)


def ask(port: int, sent: bytes, *, until_closed: bool, timeout_s: float = 5.0) -> Answer:
    """Send to a new connection; return the first answer and whether the server closed.

    Parameters
    ----------
    until_closed
        Wait for the server to close; else it is looked for a moment whether it does.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as peer:
        with contextlib.suppress(ConnectionError):
            peer.sendall(sent)
        data, answer, is_closed = b"", None, False
        end_s = time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > 0:
            if answer is not None:
                left_s = min(left_s, LINGERING_S if until_closed else 0.05)
            peer.settimeout(left_s)
            try:
                chunk = peer.recv(65536)
            except TimeoutError:
                break
            except ConnectionError:
                chunk = b""
            if not chunk:
                is_closed = True
                break
            data += chunk
            if answer is None:
                answer, data = read_answer(data)
    if answer is None and is_closed and data.endswith(b"\r\n\r\n"):
        answer = _judged(data, b"")  # to HEAD: a length, and nothing of that length
    if answer is None:
        answer = Answer(wrong=f"cut off: {data[:80]!r}" if data else "")
    return Answer(answer.status, answer.fault, answer.reply, is_closed, answer.wrong)
