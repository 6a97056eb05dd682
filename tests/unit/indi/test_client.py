"""The client on a server in memory: commands to their end, losses, ghosts, subscribers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import pytest

from ctmo_indi.errors import (
    CommandCanceled,
    CommandRejected,
    CommandTimeout,
    DriverLost,
    InvalidCommand,
    NotConnected,
    ServerLost,
    UnknownDevice,
    UnknownProperty,
)
from ctmo_indi.indi.client import IndiClient, LinkState
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.events import DeviceRemoved, Event, LinkDown, LinkUp, PropertyUpdated
from ctmo_indi.indi.snapshot import Permission, PropertyState
from ctmo_indi.indi.transport import RawUpdate
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_transport import FakeServer

OK, BUSY, ALERT = PropertyState.OK, PropertyState.BUSY, PropertyState.ALERT
AZ = "DOME_ABSOLUTE_POSITION"
WAIT_S = 5.0  # machine seconds a test waits for another thread, never reached


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for another thread, which beats about 20 times a second."""
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, "not within the time"
        threading.Event().wait(0.005)


class Listener:
    """Collects events; a test waits for the one it wants."""

    def __init__(self, client: IndiClient) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        client.subscribe(self._events.put)

    def wait_for(self, kind: type[Event]) -> Event:
        while True:
            event = self._events.get(timeout=WAIT_S)
            if isinstance(event, kind):
                return event


@pytest.fixture
def dome(server: FakeServer) -> FakeServer:
    server.number("Dome", "ABS_DOME_POSITION", {AZ: 90.0}, (0.0, 360.0), state=OK)
    return server


def test_command_is_sent_whole_and_done_at_the_target(client: IndiClient, dome: FakeServer) -> None:
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0}, label="turn")
    assert dict(dome.sent[0].values) == {AZ: 180.0}
    dome.update("Dome", "ABS_DOME_POSITION", BUSY, **{AZ: 100.0})
    assert not command.done()
    dome.update("Dome", "ABS_DOME_POSITION", OK, **{AZ: 180.0})
    assert command.wait().number(AZ) == 180.0
    assert [state for state, _ in command.transitions] == [BUSY, OK]
    assert command.exception() is None


def test_sending_does_not_touch_the_snapshot(client: IndiClient, dome: FakeServer) -> None:
    client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    known = client.require("Dome", "ABS_DOME_POSITION")
    assert (known.state, known.number(AZ)) == (OK, 90.0)


def test_refusal_names_what_came_what_was_wanted_and_what_the_driver_said(
    client: IndiClient, dome: FakeServer
) -> None:
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0}, label="turn")
    dome.message("Dome", "[ERROR] parked")
    dome.update("Dome", "ABS_DOME_POSITION", ALERT)
    with pytest.raises(CommandRejected, match=r"turn \(Dome.*wanted 180.0.*parked"):
        command.wait()


def test_silence_times_out_at_the_acknowledgement_deadline(
    client: IndiClient, dome: FakeServer, clock: FakeClock
) -> None:
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    clock.advance(2.1)
    with pytest.raises(CommandTimeout, match="no answer"):
        command.wait()


def test_stuck_busy_times_out_at_the_finish_deadline(
    client: IndiClient, dome: FakeServer, clock: FakeClock
) -> None:
    rule = CompletionRule(timeout_s=30.0)
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0}, rule=rule)
    dome.update("Dome", "ABS_DOME_POSITION", BUSY)
    clock.advance(30.1)
    with pytest.raises(CommandTimeout, match=r"not complete after 30\.1 s: state Busy"):
        command.wait()


def test_second_command_is_refused_or_supersedes(client: IndiClient, dome: FakeServer) -> None:
    first = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0}, label="first")
    with pytest.raises(InvalidCommand, match="first is still under way"):
        client.command("Dome", "ABS_DOME_POSITION", {AZ: 200.0})
    second = client.command("Dome", "ABS_DOME_POSITION", {AZ: 200.0}, supersede=True)
    with pytest.raises(CommandCanceled, match="superseded"):
        first.wait()
    dome.update("Dome", "ABS_DOME_POSITION", OK, **{AZ: 200.0})
    second.wait()


def test_cancel_ends_the_wait_and_calls_back(client: IndiClient, dome: FakeServer) -> None:
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    called = threading.Event()
    command.add_done_callback(lambda _: called.set())
    command.cancel("stop")
    with pytest.raises(CommandCanceled, match="stop"):
        command.wait()
    assert called.wait(WAIT_S)
    late = threading.Event()
    command.add_done_callback(lambda _: late.set())
    assert late.wait(WAIT_S)


def test_nothing_is_sent_for_a_refused_command(client: IndiClient, dome: FakeServer) -> None:
    dome.number("Dome", "INFO", {"A": 1.0}, permission=Permission.RO)
    for prop, values, error in [
        ("INFO", {"A": 2.0}, InvalidCommand),
        ("ABS_DOME_POSITION", {AZ: 361.0}, InvalidCommand),
        ("NOTHING", {"A": 1.0}, UnknownProperty),
    ]:
        with pytest.raises(error):
            client.command("Dome", prop, values)
    with pytest.raises(UnknownDevice, match="the server has Dome"):
        client.command("Mount", "INFO", {"A": 1.0})
    assert dome.sent == []
    assert client.stats.commands_under_way == 0


def test_server_loss_fails_every_waiter_and_voids_the_snapshots(
    client: IndiClient, dome: FakeServer
) -> None:
    dome.blob("Camera")
    listener = Listener(client)
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    frame = client.expect_frame("Camera")
    dome.accepts = False
    dome.lose("killed")
    assert command.done()
    with pytest.raises(ServerLost, match="killed"):
        command.wait()
    with pytest.raises(ServerLost):
        frame.wait(1.0)
    assert client.get("Dome", "ABS_DOME_POSITION") is None
    with pytest.raises(NotConnected, match=r"refused|killed"):
        client.require("Dome", "ABS_DOME_POSITION")
    with pytest.raises(NotConnected):
        client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    assert listener.wait_for(LinkDown) == LinkDown("killed")


def test_link_comes_back_with_a_new_transport(client: IndiClient, dome: FakeServer) -> None:
    listener = Listener(client)
    dome.lose()
    listener.wait_for(LinkUp)
    assert client.wait_for("Dome", "ABS_DOME_POSITION", WAIT_S).number(AZ) == 90.0
    assert dome.connections == 2


def test_waiting_for_a_property_fails_with_the_server(client: IndiClient, dome: FakeServer) -> None:
    failed: queue.Queue[Exception] = queue.Queue()
    started = threading.Event()

    def wait() -> None:
        try:
            client.wait_for(
                "Dome", "ABS_DOME_POSITION", 1e6, lambda one: started.set() or one.number(AZ) > 200
            )
        except ServerLost as error:
            failed.put(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert started.wait(WAIT_S)
    dome.accepts = False
    dome.lose()
    assert isinstance(failed.get(timeout=WAIT_S), ServerLost)
    thread.join()


def test_black_hole_is_lost_after_three_pings(
    client: IndiClient, dome: FakeServer, clock: FakeClock
) -> None:
    pings = client.stats.pings_sent
    dome.answers_pings = False
    command = client.command(
        "Dome", "ABS_DOME_POSITION", {AZ: 180.0}, rule=CompletionRule(ack_timeout_s=100.0)
    )
    while not command.done():
        clock.advance(1.12)
        wait_until(lambda seen=pings: client.stats.pings_sent > seen or command.done())
        pings = client.stats.pings_sent
    with pytest.raises(ServerLost, match=r"no answer for 3\.4 s"):
        command.wait()


def test_own_standstill_is_no_loss(client: IndiClient, dome: FakeServer, clock: FakeClock) -> None:
    pings = client.stats.pings_sent
    clock.advance(60.0)  # the machine slept
    wait_until(lambda: client.stats.pings_sent > pings)
    assert client.link is LinkState.UP
    assert client.stats.server_losses == 0


def test_driver_loss_fails_its_own_waiters_only(client: IndiClient, dome: FakeServer) -> None:
    dome.number("Mount", "COORD", {"RA": 1.0})
    listener = Listener(client)
    lost = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    kept = client.command("Mount", "COORD", {"RA": 2.0})
    dome.remove("Dome")
    with pytest.raises(DriverLost, match="Dome went away"):
        lost.wait()
    assert not kept.done()
    assert client.devices() == ("Mount",)
    assert listener.wait_for(DeviceRemoved) == DeviceRemoved("Dome")
    assert client.stats.driver_losses == 1


def test_connection_defined_off_again_is_a_lost_driver(
    client: IndiClient, dome: FakeServer
) -> None:
    dome.switch("Dome", "CONNECTION", {"CONNECT": True, "DISCONNECT": False})
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    dome.switch("Dome", "CONNECTION", {"CONNECT": False, "DISCONNECT": True})
    with pytest.raises(DriverLost):
        command.wait()
    assert [one.name for one in client.properties("Dome")] == ["CONNECTION"]


def test_removed_property_fails_its_command(client: IndiClient, dome: FakeServer) -> None:
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    dome.number("Dome", "OTHER", {"A": 1.0})
    dome.remove("Dome", "ABS_DOME_POSITION")
    with pytest.raises(NotConnected, match="removed ABS_DOME_POSITION"):
        command.wait()


def test_ghosts_are_refused_and_counted(client: IndiClient, server: FakeServer) -> None:
    server.update("Ghost", "P", OK, A=1.0)
    server.ghost("Other")
    assert client.devices() == ()
    assert client.stats.ghosts == 2


def test_broken_subscriber_hurts_nobody_else(client: IndiClient, dome: FakeServer) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("bug in a subscriber")

    client.subscribe(broken)
    listener = Listener(client)
    dome.update("Dome", "ABS_DOME_POSITION", OK, **{AZ: 91.0})
    event = listener.wait_for(PropertyUpdated)
    assert isinstance(event, PropertyUpdated)
    assert event.snapshot.number(AZ) == 91.0
    assert client.stats.subscriber_failures >= 1


def test_blocked_subscriber_delays_no_command(client: IndiClient, dome: FakeServer) -> None:
    release = threading.Event()
    client.subscribe(lambda _: release.wait(WAIT_S) and None)
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    dome.update("Dome", "ABS_DOME_POSITION", OK, **{AZ: 180.0})
    assert command.wait().number(AZ) == 180.0
    release.set()


def test_events_keep_their_order_and_generations_grow(client: IndiClient, dome: FakeServer) -> None:
    seen: list[tuple[float, int]] = []
    enough = threading.Event()

    def take(event: Event) -> None:
        if isinstance(event, PropertyUpdated):
            seen.append((event.snapshot.number(AZ), event.snapshot.generation))
            if len(seen) == 100:
                enough.set()

    client.subscribe(take)
    for number in range(100):
        dome.update("Dome", "ABS_DOME_POSITION", BUSY, **{AZ: float(number)})
    assert enough.wait(WAIT_S)
    assert [value for value, _ in seen] == [float(number) for number in range(100)]
    generations = [generation for _, generation in seen]
    assert generations == sorted(set(generations))


def test_unsubscribed_callback_is_not_called(client: IndiClient, dome: FakeServer) -> None:
    called: list[Event] = []
    unsubscribe = client.subscribe(called.append)
    unsubscribe()
    listener = Listener(client)
    dome.update("Dome", "ABS_DOME_POSITION", OK)
    listener.wait_for(PropertyUpdated)
    assert called == []


def test_late_news_of_an_old_connection_is_ignored(client: IndiClient, dome: FakeServer) -> None:
    old = dome.link()
    listener = Listener(client)
    dome.lose()
    listener.wait_for(LinkDown)
    client.wait_for("Dome", "ABS_DOME_POSITION", WAIT_S)  # of the new connection
    old.receive(RawUpdate("Dome", "ABS_DOME_POSITION", OK, {AZ: 1.0}, None))
    assert client.require("Dome", "ABS_DOME_POSITION").number(AZ) == 90.0


def test_close_fails_what_is_under_way(dome: FakeServer, clock: FakeClock) -> None:
    client = IndiClient(dome.connect, clock)
    client.start()
    client.wait_link(WAIT_S)
    command = client.command("Dome", "ABS_DOME_POSITION", {AZ: 180.0})
    client.close()
    with pytest.raises(ServerLost, match="closed"):
        command.wait()
