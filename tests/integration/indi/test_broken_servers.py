"""Servers that lie, break off, fall silent or send rubbish: one suite for both transports."""

from __future__ import annotations

import base64
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ctmo_indi.errors import BadFrame, CommandTimeout, DeviceError, ServerLost
from ctmo_indi.indi.client import IndiClient, LinkState, LinkTiming
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.events import LinkDown
from ctmo_indi.testing.fake_indi import (
    FakeIndiServer,
    blob_definition,
    blob_update,
    number_definition,
    number_update,
)

QUICK = LinkTiming(ping_period_s=0.2)
GOOD_WITHIN_S = 10.0

OpenClient = Callable[..., IndiClient]


@pytest.fixture
def server() -> Iterator[FakeIndiServer]:
    server = FakeIndiServer(number_definition() + blob_definition())
    yield server
    server.close()


def connect(open_client: OpenClient, server: FakeIndiServer, timing: LinkTiming) -> IndiClient:
    client = open_client(Endpoint("127.0.0.1", server.port), timing=timing)
    client.wait_for("Fake", "CCD1", 5.0)
    return client


def loss_bell(client: IndiClient) -> queue.Queue[LinkDown]:
    bell: queue.Queue[LinkDown] = queue.Queue()
    client.subscribe(lambda event: bell.put(event) if isinstance(event, LinkDown) else None)
    return bell


MALFORMED = {
    "wrong closing tag": b"<setNumberVector device='Fake' name='POSITION'></setTextVector>\n",
    "random bytes": random.Random(1).randbytes(5000),
    "nul bytes": b"\x00" * 100 + b"\n",
    "unknown tag": b"<whatever device='Fake' name='POSITION'/>\n",
    "bad state": number_update(state="Perfect", value="1"),
    "bad number": number_update(value="twelve"),
    "unknown element": number_update(element="Z", value="1"),
    "undefined property": number_update(name="NOTHING", value="1"),
    "unknown device": number_update(device="Ghost", value="1"),
    "definition twice": number_definition() * 2,
    "removed twice": b"<delProperty device='Fake' name='NOTHING'/>\n" * 2,
    "broken base64": blob_update(b"!!!not base64!!!", 12),
    "cut BLOB": blob_update(base64.b64encode(b"x" * 100), 4000),
    # libindiclient waits for the announced length and is deaf until then: only pings tell
    "BLOB that never ends": blob_update(b"QUJD" * 100_000, 300_000).replace(
        b" size=", b" enclen='9000000' size="
    ),
    "not UTF-8": b"<message device='Fake' message='\xff\xfe\xc3'/>\n",
    "no attributes": b"<setNumberVector/><defNumberVector/><delProperty/>\n",
    "empty BLOB": blob_update(b"", 0),
}


def test_rubbish_never_ends_the_client(open_client: OpenClient, server: FakeIndiServer) -> None:
    client = connect(open_client, server, QUICK)
    for number, (name, rubbish) in enumerate(MALFORMED.items(), start=1):
        server.push(rubbish)
        end_s = time.monotonic() + GOOD_WITHIN_S
        while True:
            server.push(number_update(value=str(number)))
            try:
                client.wait_for(
                    "Fake",
                    "POSITION",
                    0.0,
                    lambda one, wanted=float(number): one.number("X") == wanted,
                    floor_machine_s=0.1,
                )
                break
            except DeviceError:
                if time.monotonic() > end_s:
                    pytest.fail(f"{name}: deaf for good")
    assert client.devices() == ("Fake",)


def test_message_cut_anywhere_costs_only_the_connection(
    open_client: OpenClient, server: FakeIndiServer
) -> None:
    client = connect(open_client, server, LinkTiming(backoff_first_s=0.01))
    message = number_update(value="7")
    for cut in range(1, len(message) - 2, 23):
        connections = server.connections
        server.push(message[:cut])
        server.hang_up()
        end_s = time.monotonic() + GOOD_WITHIN_S
        while server.connections == connections or client.get("Fake", "CCD1") is None:
            assert time.monotonic() < end_s
            try:
                client.wait_for("Fake", "CCD1", 0.0, floor_machine_s=0.1)
            except DeviceError:
                continue
    server.push(message)
    client.wait_for("Fake", "POSITION", 5.0, lambda one: one.number("X") == 7.0)


def test_unterminated_element_is_noticed_as_a_lost_link(
    open_client: OpenClient, server: FakeIndiServer
) -> None:
    client = connect(open_client, server, QUICK)
    bell = loss_bell(client)
    server.push(b"<setTextVector device='Fake' name='T'><oneText name='x'>" + b"x" * 4_000_000)
    bell.get(timeout=10.0)
    client.wait_link(10.0)


def test_black_hole_is_noticed_within_four_seconds(
    open_client: OpenClient, server: FakeIndiServer
) -> None:
    client = connect(open_client, server, LinkTiming())
    rule = CompletionRule(ack_timeout_s=60.0)
    server.answers_pings = False
    begin_s = time.monotonic()
    command = client.command("Fake", "POSITION", {"X": 5.0}, rule=rule)
    with pytest.raises(ServerLost):
        command.wait()
    assert time.monotonic() - begin_s <= 4.0


def test_hang_up_fails_every_waiter_at_once(
    open_client: OpenClient, server: FakeIndiServer
) -> None:
    client = connect(open_client, server, LinkTiming())
    command = client.command("Fake", "POSITION", {"X": 5.0})
    frame = client.expect_frame("Fake")
    begin_s = time.monotonic()
    server.hang_up()
    for waiter in (command, frame):
        with pytest.raises(ServerLost):
            waiter.wait(5.0)
    assert time.monotonic() - begin_s <= 0.5  # noticing takes up to 0.05 s with indipyclient


def test_ignored_command_leaves_no_trace_in_later_snapshots(
    open_client: OpenClient, server: FakeIndiServer
) -> None:
    pair = number_definition(name="PAIR").replace(
        b"</defNumberVector>",
        b"<defNumber name='Y' label='Y' format='%g' min='0' max='9' step='0'>0</defNumber>"
        b"</defNumberVector>",
    )
    server.greeting += pair
    client = connect(open_client, server, LinkTiming())
    client.wait_for("Fake", "PAIR", 5.0)
    with pytest.raises(CommandTimeout, match="no answer"):
        client.command("Fake", "PAIR", {"X": 5.0, "Y": 5.0}).wait()
    server.push(number_update(name="PAIR", element="X", value="1", state="Idle"))
    known = client.wait_for("Fake", "PAIR", 5.0, lambda one: one.number("X") == 1.0)
    assert (known.state, known.number("Y")) == ("Idle", 0.0)


def test_ghosts_are_refused_and_counted(open_client: OpenClient, server: FakeIndiServer) -> None:
    client = connect(open_client, server, LinkTiming())
    server.push(number_update(device="Ghost") + number_update(value="3"))
    client.wait_for("Fake", "POSITION", 5.0, lambda one: one.number("X") == 3.0)
    assert client.devices() == ("Fake",)
    assert client.stats.ghosts == 1


def test_compressed_blob_is_refused_untouched(
    open_client: OpenClient, server: FakeIndiServer
) -> None:
    client = connect(open_client, server, LinkTiming())
    future = client.expect_frame("Fake")
    server.wait_received(lambda data: b"Also</enableBLOB>" in data, 5.0)
    packed = base64.b64encode(b"p" * 1000)
    server.push(blob_update(packed, 2_626_560, ".fits.fz"))
    with pytest.raises(BadFrame, match="1000 bytes came, 2626560 announced"):
        future.wait(5.0)
    again = client.expect_frame("Fake")
    server.push(blob_update(base64.b64encode(b"SIMPLE"), 6))
    assert again.wait(5.0).data == b"SIMPLE"
    assert client.stats.bad_frames == 1


def test_commands_of_four_threads_are_whole_on_the_wire(
    open_client: OpenClient, server: FakeIndiServer
) -> None:
    names = [f"P{number}" for number in range(4)]
    server.push(b"".join(number_definition(name=name) for name in names))
    server.greeting += b"".join(number_definition(name=name) for name in names)
    client = connect(open_client, server, LinkTiming())
    client.wait_for("Fake", names[-1], 5.0)
    each = 200

    def send(name: str) -> None:
        for value in range(each):
            client.command("Fake", name, {"X": float(value)}, supersede=True)

    threads = [threading.Thread(target=send, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = re.compile(
        rb"<newNumberVector[^<>]*name=['\"](P\d)['\"][^<>]*>\s*"
        rb"<oneNumber name=['\"]X['\"]>\s*([\d.]+)\s*</oneNumber>\s*</newNumberVector>"
    )
    data = server.wait_received(lambda got: len(whole.findall(got)) >= each * 4, 10.0)
    for name in names:
        values = [float(value) for found, value in whole.findall(data) if found == name.encode()]
        assert values == [float(value) for value in range(each)]


def test_link_state_is_down_while_nobody_listens(open_client: OpenClient) -> None:
    server = FakeIndiServer(number_definition() + blob_definition())
    client = connect(open_client, server, LinkTiming(backoff_limit_s=0.2))
    bell = loss_bell(client)
    server.close()
    bell.get(timeout=10.0)
    assert client.link is not LinkState.UP
    assert client.devices() == ()
