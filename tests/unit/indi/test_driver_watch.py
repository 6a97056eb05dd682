"""A driver that says nothing is asked; one that does not answer is lost until it speaks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from ctmo_indi.errors import DriverLost
from ctmo_indi.indi.client import IndiClient, LinkTiming
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.driver_watch import DriverTiming, DriverWatch
from ctmo_indi.indi.events import DeviceRemoved, DeviceRestored, Event, PropertyDefined
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_transport import FakeServer

TIMING = DriverTiming(suspect_s=5.0, ask_every_s=2.5, lost_s=12.5)
WAIT_S = 5.0


class Watched:
    """A watch whose beats a test makes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.watch = DriverWatch(self.clock, TIMING)
        self.asked: list[tuple[float, str, int]] = []

    def pass_s(self, seconds: float, *, answered: bool = False) -> None:
        for _ in range(round(seconds / 0.1)):
            self.clock.advance(0.1)
            self.watch.look()
            for device, number in self.watch.to_ask():
                self.asked.append((round(self.clock.machine_s(), 1), device, number))
                if answered:
                    self.watch.heard(device)


def test_a_driver_that_speaks_is_never_asked() -> None:
    watched = Watched()
    for _ in range(20):
        watched.watch.heard("Mount")
        watched.pass_s(4.0)
    assert watched.asked == []


def test_a_silent_driver_is_asked_at_intervals_and_then_lost() -> None:
    watched = Watched()
    watched.watch.heard("Mount")
    watched.pass_s(12.4)
    assert [number for *_, number in watched.asked] == [1, 2, 3]
    assert list(watched.watch.lost()) == []
    watched.pass_s(0.3)
    assert list(watched.watch.lost()) == ["Mount"]


def test_a_driver_that_answers_is_asked_seldom_and_never_lost() -> None:
    watched = Watched()
    watched.watch.heard("Mount")
    watched.pass_s(60.0, answered=True)
    assert 10 <= len(watched.asked) <= 12
    assert list(watched.watch.lost()) == []


def test_a_driver_that_blocks_may_have_longer() -> None:
    watched = Watched()
    watched.watch.set_limit("Camera", 60.0)
    watched.watch.heard("Camera")
    watched.pass_s(59.0)
    assert list(watched.watch.lost()) == []
    watched.pass_s(2.0)
    assert list(watched.watch.lost()) == ["Camera"]


def test_our_own_sleep_is_nobody_elses_silence() -> None:
    watched = Watched()
    watched.watch.heard("Mount")
    watched.pass_s(4.0)
    watched.clock.advance(3600.0)
    watched.watch.look()
    assert list(watched.watch.to_ask()) == []
    watched.pass_s(1.5)
    assert len(watched.asked) == 1


@pytest.fixture
def server() -> FakeServer:
    server = FakeServer()
    server.text("Mount", "DRIVER_INFO", {"DRIVER_NAME": "x"})
    server.switch("Mount", "CONNECTION", {"CONNECT": True, "DISCONNECT": False})
    server.number("Mount", "POSITION", {"RA": 1.0})
    server.number("Dome", "AZ", {"AZ": 1.0})
    return server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(server: FakeServer, clock: FakeClock) -> Iterator[IndiClient]:
    client = IndiClient(server.connect, clock, timing=LinkTiming(), drivers=TIMING)
    client.start()
    client.wait_link(WAIT_S)
    yield client
    client.close()


def let_pass(client: IndiClient, clock: FakeClock, until: Callable[[], bool]) -> None:
    """Let time pass in beats of the link, which really come 20 times a second."""
    beats: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(400):
        if until():
            return
        clock.advance(0.25)
        client._link.post(lambda: beats.put(None))
        beats.get(timeout=WAIT_S)
    pytest.fail("never")


def heard(client: IndiClient) -> queue.SimpleQueue[Event]:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    kinds = DeviceRemoved | DeviceRestored | PropertyDefined
    client.subscribe(lambda event: events.put(event) if isinstance(event, kinds) else None)
    return events


def test_what_a_hanging_driver_said_is_unknown(
    client: IndiClient, server: FakeServer, clock: FakeClock
) -> None:
    server.hanging.add("Mount")
    rule = CompletionRule(ack_timeout_s=600.0, timeout_s=600.0)
    command = client.command("Mount", "POSITION", {"RA": 2.0}, rule=rule)
    let_pass(client, clock, lambda: "Mount" not in client.devices())
    assert client.devices() == ("Dome",)
    assert client.get("Mount", "POSITION") is None
    assert isinstance(command.exception(), DriverLost)
    with pytest.raises(DriverLost, match=r"silent for 1\d s"):
        client.require("Mount", "POSITION")
    assert server.questions.count(("Mount", "DRIVER_INFO")) >= 2
    assert ("Mount", None) in server.questions
    assert ("Dome", None) in server.questions  # it has no DRIVER_INFO


def test_a_driver_heard_again_is_known_again_and_restored(
    client: IndiClient, server: FakeServer, clock: FakeClock
) -> None:
    client.connect_device("Mount")
    server.hanging.add("Mount")
    let_pass(client, clock, lambda: client.get("Mount", "POSITION") is None)
    events = heard(client)
    server.update("Mount", "POSITION", RA=7.0)
    position = client.require("Mount", "POSITION")
    assert position.number("RA") == 7.0
    defined = []
    while (event := events.get(timeout=WAIT_S)) != DeviceRestored("Mount"):
        if isinstance(event, PropertyDefined) and event.snapshot.device == "Mount":
            defined.append(event.snapshot.name)
    assert defined == ["DRIVER_INFO", "CONNECTION", "POSITION"]


def test_a_hanging_driver_that_is_killed_is_lost_once(
    client: IndiClient, server: FakeServer, clock: FakeClock
) -> None:
    server.hanging.add("Mount")
    let_pass(client, clock, lambda: client.get("Mount", "POSITION") is None)
    server.remove("Mount")
    assert client.stats.driver_losses == 1
    server.hanging.clear()
    server.number("Mount", "POSITION", {"RA": 3.0})
    assert client.require("Mount", "POSITION").number("RA") == 3.0


def test_a_server_lost_meanwhile_begins_anew(
    client: IndiClient, server: FakeServer, clock: FakeClock
) -> None:
    server.hanging.add("Mount")
    let_pass(client, clock, lambda: client.get("Mount", "POSITION") is None)
    server.lose()
    let_pass(client, clock, lambda: client.get("Mount", "POSITION") is not None)


def test_what_is_missing_is_asked_for_while_connecting(
    client: IndiClient, server: FakeServer, clock: FakeClock
) -> None:
    del clock
    lost = server._properties["Mount", "POSITION"]
    server.remove("Mount", "POSITION")
    server._properties["Mount", "POSITION"] = lost  # its definition was torn on the way
    pump = Pump(client)
    try:
        client.connect_device("Mount", requires=["POSITION"], timeout_s=30.0)
    finally:
        pump.stop()
    assert client.require("Mount", "POSITION").number("RA") == 1.0


class Pump:
    """Lets fake time pass while something blocks."""

    def __init__(self, client: IndiClient) -> None:
        self._over = threading.Event()
        self._clock = client.clock
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            assert isinstance(self._clock, FakeClock)
            self._clock.advance(0.2)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
