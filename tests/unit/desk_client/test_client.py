"""DeskClient: faults keep their codes, dropped connections are replaced, waits end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from ctmo_indi.desk_client import DeskClient, DeskFault, StillWaiting
from ctmo_indi.errors import (
    BadOrder,
    CommandRejected,
    ConfigError,
    CtmoError,
    Interlocked,
    Locked,
    ServiceUnreachable,
    Stopped,
    Unsafe,
)
from ctmo_indi.front_desk.encoder import encode_reply
from ctmo_indi.front_desk.limits import Limits
from ctmo_indi.testing.desks import FakeDesk, accept, serving
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.desk import Reply
from ctmo_indi.work_orders.model import CheckedOrder

LIGHT = {
    "WOType": "Observation",
    "User": "Ada",
    "RA": 23.1,
    "Dec": 13.2,
    "Filter": "I",
    "Exposure Time": 30.0,
}
PATIENCE_S = 10.0


@contextmanager
def client_of(desk: FakeDesk, **options: Any) -> Iterator[DeskClient]:
    """Serve ``desk`` and yield a client of it."""
    with serving(desk, limits=options.pop("limits", None)) as (url,):
        client = DeskClient(url, **options)
        try:
            yield client
        finally:
            client.close()


def test_reply_comes_back() -> None:
    desk = FakeDesk("scheduler")
    with client_of(desk, user="night script") as client:
        reply = client.front_desk({"WOType": "Scheduler", "Command": "start"})
        assert client.status("O-1")["Kind"] == "Status"
    assert reply["Kind"] == "Scheduler"
    assert desk.orders[0].user == "night script"


def test_text_beyond_ascii_arrives() -> None:
    desk = FakeDesk("scheduler")
    with client_of(desk) as client:
        client.front_desk(LIGHT | {"User": "Žofie <&> 望", "Priority": None})
    assert desk.orders[0].user == "Žofie <&> 望"


def test_observation_gets_an_id_so_that_it_can_be_repeated() -> None:
    desk = FakeDesk("scheduler")
    with client_of(desk) as client:
        reply = client.front_desk(LIGHT)
    assert reply["ID"].startswith("W-")
    assert desk.orders[0].id == reply["ID"]


@pytest.mark.parametrize(
    ("error", "exit_code", "is_safety"),
    [
        (BadOrder("RA: missing"), 2, False),
        (Unsafe("Sun is up"), 4, True),
        (Interlocked("horizon"), 4, True),
        (Locked("Ada"), 4, True),
        (Stopped("Ada"), 4, True),
        (ServiceUnreachable("telescope"), 3, False),
        (CommandRejected("Alert"), 5, False),
    ],
)
def test_fault_keeps_code_and_text_and_maps_to_the_exit_code(
    error: CtmoError, exit_code: int, is_safety: bool
) -> None:
    def refuse(_checked: CheckedOrder) -> Reply:
        raise error

    with client_of(FakeDesk("scheduler", answer=refuse)) as client:
        with pytest.raises(DeskFault) as fault:
            client.front_desk(LIGHT)
    assert (fault.value.code, fault.value.text) == (error.fault_code, str(error))
    assert fault.value.exit_code == exit_code == error.exit_code
    assert fault.value.fault_code == error.fault_code
    assert fault.value.is_safety is is_safety
    assert fault.value.is_senders is (exit_code == 2)


def test_refusal_by_http_is_a_fault() -> None:
    with client_of(FakeDesk("scheduler")) as client, pytest.raises(DeskFault) as fault:
        client.front_desk(LIGHT | {"Object": "x" * 70_000})
    assert fault.value.code == 413
    assert fault.value.exit_code == 2


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = DeskClient(f"http://127.0.0.1:{port}")
    with pytest.raises(ServiceUnreachable, match="cannot be reached") as unreachable:
        client.front_desk(LIGHT)
    assert unreachable.value.exit_code == 3


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "http://x:y", ""])
def test_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        DeskClient(url)


def test_password_is_not_shown() -> None:
    client = DeskClient("http://ada:secret@127.0.0.1:1/")
    with pytest.raises(ServiceUnreachable) as unreachable:
        client.front_desk(LIGHT)
    assert "secret" not in str(unreachable.value)
    assert "secret" not in client.url


class ScriptedPeer:
    """Accepts connections one after the other and does with each what the script says.

    "answer": one exchange, then the next step on the same connection; "drop": read a request, close
    without a word; "half": close in the midst of an answer; "silent": read, never answer;
    "nonsense": answer in HTML; "hang up": close without reading.
    """

    ANSWER = encode_reply({"Receipt": "O-1", "Status": "PENDING"})

    def __init__(self, *script: str) -> None:
        self.requests = 0
        self._script = list(script)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        self._listener.close()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while self._script:
            peer, _ = self._listener.accept()
            with peer:
                while self._script:
                    if not self._step(peer, self._script.pop(0)):
                        break

    def _step(self, peer: socket.socket, step: str) -> bool:
        if step == "hang up":
            return False
        self._read_request(peer)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
        if step == "answer":
            peer.sendall(head % len(self.ANSWER) + self.ANSWER)
            return True
        if step == "half":
            peer.sendall(head % len(self.ANSWER) + self.ANSWER[:40])
        elif step == "nonsense":
            peer.sendall(head % 13 + b"<html></html>")
        elif step == "silent":
            self._done.wait(PATIENCE_S)
        return False

    def _read_request(self, peer: socket.socket) -> None:
        data = b""
        while b"</methodCall>" not in data:
            data += peer.recv(65536)
        self.requests += 1


@contextmanager
def scripted(*script: str) -> Iterator[ScriptedPeer]:
    peer = ScriptedPeer(*script)
    try:
        yield peer
    finally:
        peer.close()


def test_kept_connection_that_was_dropped_is_replaced_once() -> None:
    with scripted("answer", "drop", "answer") as peer:
        client = DeskClient(peer.url)
        client.front_desk(LIGHT)
        assert client.front_desk(LIGHT)["Receipt"] == "O-1"
        client.close()
        assert peer.requests == 3


def test_a_connection_in_use_when_the_client_is_closed_is_kept_no_more() -> None:
    has_come, may_answer = threading.Event(), threading.Event()

    def slow(checked: CheckedOrder) -> Reply:
        has_come.set()
        assert may_answer.wait(PATIENCE_S)
        return accept(checked)

    with serving(FakeDesk("scheduler", answer=slow)) as (url,), ThreadPoolExecutor(1) as pool:
        client = DeskClient(url)
        asked = pool.submit(client.front_desk, LIGHT)
        assert has_come.wait(PATIENCE_S)
        client.close()
        may_answer.set()
        asked.result(PATIENCE_S)
        assert client._connections._kept == []


def test_replaced_connection_that_drops_too_is_unreachable() -> None:
    with scripted("answer", "drop", "drop") as peer:
        client = DeskClient(peer.url)
        client.front_desk(LIGHT)
        with pytest.raises(ServiceUnreachable):
            client.front_desk(LIGHT)
        assert peer.requests == 3


def test_new_connection_that_drops_is_not_tried_again() -> None:
    with scripted("drop", "answer") as peer:
        client = DeskClient(peer.url)
        with pytest.raises(ServiceUnreachable):
            client.front_desk(LIGHT)
        assert peer.requests == 1
        assert client.front_desk(LIGHT)["Receipt"] == "O-1"
        client.close()


def test_half_an_answer_is_never_asked_for_again() -> None:
    with scripted("answer", "half", "answer") as peer:
        client = DeskClient(peer.url)
        client.front_desk(LIGHT)
        with pytest.raises(ServiceUnreachable):
            client.front_desk(LIGHT)
        assert peer.requests == 2
        client.front_desk(LIGHT)
        client.close()


def test_silent_peer_is_unreachable_in_time() -> None:
    with scripted("silent") as peer:
        client = DeskClient(peer.url, timeout_s=0.1)
        began = time.monotonic()
        with pytest.raises(ServiceUnreachable, match=r"no answer within 0.1 s"):
            client.front_desk(LIGHT)
        assert time.monotonic() - began < PATIENCE_S / 2


def test_peer_that_speaks_something_else_is_unreachable() -> None:
    with scripted("nonsense") as peer:
        client = DeskClient(peer.url)
        with pytest.raises(ServiceUnreachable, match="does not answer in XML-RPC"):
            client.front_desk(LIGHT)
        client.close()


def test_connection_is_kept_between_calls_and_survives_the_servers_idle_time() -> None:
    limits = Limits(idle_s=0.1, sweep_s=0.02)
    with client_of(FakeDesk("scheduler"), limits=limits) as client:
        for pause_s in (0.0, 0.3, 0.0):
            threading.Event().wait(pause_s)  # longer than the server keeps a connection
            assert client.front_desk(LIGHT)["Status"] == "PENDING"


def test_threads_do_not_wait_for_each_other() -> None:
    """A long poll in one thread does not hold up the others."""
    both = threading.Barrier(2)
    desk = FakeDesk("scheduler")
    with client_of(desk) as client, ThreadPoolExecutor(8) as pool:

        def call(number: int) -> str:
            if number < 2:
                both.wait(PATIENCE_S)
            return str(client.front_desk(LIGHT | {"ID": str(number)})["ID"])

        assert sorted(pool.map(call, range(40)), key=int) == [str(number) for number in range(40)]


def states(*sequence: str) -> FakeDesk:
    """Return a desk whose Status goes through ``sequence``."""
    left = list(sequence)

    def answer(checked: CheckedOrder) -> Reply:
        status = left.pop(0) if len(left) > 1 else left[0]
        return accept(checked) | {"Status": status, "Revision": 10 - len(left)}

    return FakeDesk("scheduler", answer=answer)


def test_submit_and_wait_follows_the_order_to_its_end() -> None:
    desk = states("PENDING", "SCHEDULED", "IN_PROGRESS", "COMPLETED")
    with client_of(desk) as client:
        assert client.submit_and_wait(LIGHT, PATIENCE_S)["Status"] == "COMPLETED"
    polls = [order.wire for order in desk.orders[1:]]
    assert "Since" not in polls[0]
    assert [poll["Since"] for poll in polls[1:]] == [8, 9]
    assert all(0 < float(str(poll["Wait"])) <= 60 for poll in polls)


def test_waiting_for_another_state() -> None:
    with client_of(states("PENDING", "IN_PROGRESS", "COMPLETED")) as client:
        assert client.wait_for("O-1", PATIENCE_S, until={"IN_PROGRESS"})["Status"] == "IN_PROGRESS"


def test_waiting_ends_at_the_deadline_with_the_last_word() -> None:
    clock = FakeClock()
    desk = states("PENDING")

    with client_of(desk, clock=clock) as client:
        ticking = threading.Event()

        def tick() -> None:
            while not ticking.wait(0.005):
                clock.advance(5.0)

        ticker = threading.Thread(target=tick)
        ticker.start()
        try:
            with pytest.raises(StillWaiting, match="O-1 is PENDING after 30 s") as waiting:
                client.wait_for("O-1", 30.0)
        finally:
            ticking.set()
            ticker.join()
    assert waiting.value.last["Status"] == "PENDING"


def test_waiting_can_be_given_up() -> None:
    give_up = threading.Event()
    give_up.set()
    with client_of(states("PENDING")) as client, pytest.raises(StillWaiting):
        client.wait_for("O-1", PATIENCE_S, give_up=give_up)


def test_waiting_outlasts_a_service_that_restarts() -> None:
    with scripted("hang up", "hang up", "answer") as peer:
        client = DeskClient(peer.url)
        assert client.wait_for("O-1", PATIENCE_S, until={"PENDING"})["Receipt"] == "O-1"
        client.close()


def test_waiting_for_a_service_that_stays_away_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ServiceUnreachable):
        DeskClient(url).wait_for("O-1", 0.05)
