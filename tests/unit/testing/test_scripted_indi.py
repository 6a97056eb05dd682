"""The scripted server says what its script says; the client is a plain socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from ctmo_indi.testing.scripted_indi import (
    FLOOD_UPDATES,
    HUGE_BYTES,
    Answer,
    Scripted,
    ScriptedIndi,
)

LIMIT_S = 5.0
FOCUS = Scripted("Focuser", "ABS_FOCUS_POSITION", {"STEP": 100.0}, limits=(0.0, 1000.0))
SHUTTER = Scripted("Dome", "DOME_SHUTTER", {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True})
TITLE = Scripted("Camera", "FITS_HEADER", {"OBJECT": 'a "b" & <c>'}, permission="wo")


@pytest.fixture
def server() -> Iterator[ScriptedIndi]:
    with ScriptedIndi([FOCUS, SHUTTER, TITLE]) as server:
        yield server


class Client:
    def __init__(self, server: ScriptedIndi) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), LIMIT_S)
        self.heard = b""
        self.send("<getProperties version='1.7'/>")
        self.until(b"FITS_HEADER", b"</defTextVector>")
        self.defined = self.take()

    def send(self, text: str) -> None:
        self._socket.sendall(text.encode())

    def focus(self, step: float = 500.0) -> None:
        self.send(
            "<newNumberVector device='Focuser' name='ABS_FOCUS_POSITION'>"
            f"<oneNumber name='STEP'>{step}</oneNumber></newNumberVector>"
        )

    def until(self, *words: bytes) -> bytes:
        end_s = time.monotonic() + LIMIT_S
        while not all(word in self.heard for word in words):
            assert time.monotonic() < end_s, self.heard[-300:]
            self.heard += self._socket.recv(1_000_000)
        return self.heard

    def ping(self) -> bytes:
        """Everything said before the answer to a ping."""
        self.send("<pingRequest uid='7'/>")
        self.until(b"pingReply uid='7'")
        return self.take()

    def take(self) -> bytes:
        heard, self.heard = self.heard, b""
        return heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def client(server: ScriptedIndi) -> Iterator[Client]:
    client = Client(server)
    yield client
    client.close()


def test_definitions_carry_type_range_and_text(client):
    assert b"<defNumber name=\"STEP\" label=\"STEP\" format='%g' min='0.0' max='1000.0'" in (
        client.defined
    )
    assert b'rule="OneOfMany"' in client.defined
    assert b'a "b" &amp; &lt;c&gt;' in client.defined


def test_one_device_may_be_asked_alone(client):
    client.send("<getProperties version='1.7' device='Dome' name='DOME_SHUTTER'/>")
    said = client.until(b"</defSwitchVector>")
    assert b"Focuser" not in said


def test_an_honest_device_is_busy_and_then_there(server, client):
    client.focus()
    said = client.until(b'state="Ok"')
    assert said.index(b'state="Busy"') < said.index(b'state="Ok"') < said.index(b">500.0<")
    assert server.commands[0].values == {"STEP": 500.0}


def test_switches_of_one_rule_go_off_when_another_goes_on(client):
    client.send(
        "<newSwitchVector device='Dome' name='DOME_SHUTTER'>"
        "<oneSwitch name='SHUTTER_OPEN'>On</oneSwitch></newSwitchVector>"
    )
    said = client.until(b'state="Ok"', b"</setSwitchVector>")
    assert said.rstrip().endswith(b'"SHUTTER_CLOSE">Off</oneSwitch></setSwitchVector>')


@pytest.mark.parametrize(
    ("answer", "words", "never"),
    [
        (Answer.OK_UNDONE, [b'state="Ok"', b">100.0<"], b">500.0<"),
        (Answer.STUCK_BUSY, [b'state="Busy"'], b'state="Ok"'),
        (Answer.ALERT, [b'state="Alert"', b"<message"], b">500.0<"),
        (Answer.NOT_FINITE, [b'state="Ok"', b">nan<"], b">500.0<"),
        (Answer.OUT_OF_RANGE, [b'state="Ok"', b">1010000.0<"], b">500.0<"),
        (Answer.WRONG_ELEMENTS, [b'state="Ok"', b'"NO_STEP"'], b'"STEP"'),
        (Answer.WRONG_TYPE, [b"<setSwitchVector", b">On<"], b"<setNumberVector"),
        (Answer.UNKNOWN_STATE, [b'state="Perfect"'], b'state="Ok"'),
        (Answer.MALFORMED, [b"</</one"], b">500.0<"),
        (Answer.REMOVED, [b"<delProperty"], b"<set"),
    ],
)
def test_a_wrong_answer_is_as_named(server, client, answer, words, never):
    server.script("Focuser", "ABS_FOCUS_POSITION", answer)
    client.focus()
    client.until(*words)
    assert never not in client.heard + client.ping()


def test_ignored_is_nothing_at_all(server, client):
    server.script("Focuser", "ABS_FOCUS_POSITION", Answer.IGNORED)
    client.focus()
    server.wait_commands(1, LIMIT_S)
    assert b"<set" not in client.ping()


def test_late_is_honest_after_a_while(server, client):
    server.late_s = 0.3
    server.script("Focuser", "ABS_FOCUS_POSITION", Answer.LATE)
    begun_s = time.monotonic()
    client.focus()
    said = client.until(b'state="Ok"')
    assert time.monotonic() - begun_s >= 0.3
    assert b"Busy" not in said


def test_huge_and_flood_are_followed_by_obedience(server, client):
    server.script("Focuser", "ABS_FOCUS_POSITION", Answer.HUGE, Answer.FLOOD)
    client.focus(500.0)
    assert len(client.until(b">500.0<")) > HUGE_BYTES
    client.take()
    client.focus(600.0)
    assert client.until(b">600.0<").count(b'state="Busy"') == FLOOD_UPDATES + 1


def test_a_mute_device_lets_the_server_and_the_others_live(server, client):
    server.script("Focuser", "ABS_FOCUS_POSITION", Answer.MUTE)
    client.focus()
    client.send("<getProperties version='1.7'/>")
    client.until(b"FITS_HEADER", b"</defTextVector>")
    assert b"Focuser" not in client.ping()
    server.unmute("Focuser")
    client.send("<getProperties version='1.7' device='Focuser'/>")
    client.until(b"</defNumberVector>")


def test_a_script_goes_on_with_its_last_answer(server, client):
    server.script("Focuser", "ABS_FOCUS_POSITION", Answer.IGNORED, Answer.OK_UNDONE)
    for _ in range(3):
        client.focus()
    server.wait_commands(3, LIMIT_S)
    assert client.ping().count(b'state="Ok"') == 2


def test_two_clients_do_not_mix_their_streams(server, client):
    other = Client(server)
    client.send("<newNumberVector device='Focuser' name='ABS_FOCUS")
    other.focus(200.0)
    server.wait_commands(1, LIMIT_S)
    client.send("_POSITION'><oneNumber name='STEP'>300</oneNumber></newNumberVector>")
    values = [one.values["STEP"] for one in server.wait_commands(2, LIMIT_S)]
    other.close()
    assert values == [200.0, 300.0]
