"""Configuration and connection come back after a loss; motion never."""

from __future__ import annotations

import queue

import pytest

from ctmo_indi.errors import CommandRejected, InvalidCommand, UnknownProperty
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.events import DeviceRestored, Event, LinkUp
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.indi.transport import NewVector
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_transport import FakeServer

WAIT_S = 5.0


class Driver:
    """A driver that connects on command and takes every configuration."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.commands: queue.Queue[NewVector] = queue.Queue()
        server.drivers["Mount"] = self
        self.boot()

    def boot(self) -> None:
        """Come up as after a restart: not connected, nothing configured."""
        self.server.switch("Mount", "CONNECTION", {"CONNECT": False, "DISCONNECT": True})
        self.server.switch("Mount", "SIMULATION", {"ENABLE": False, "DISABLE": True})

    def __call__(self, command: NewVector) -> None:
        self.commands.put(command)
        self.server.accept(command)
        if command.name == "CONNECTION":
            self.server.number("Mount", "TELESCOPE_INFO", {"TELESCOPE_FOCAL_LENGTH": 0.0})
            self.server.number("Mount", "EQUATORIAL_EOD_COORD", {"RA": 0.0, "DEC": 0.0})

    def next_commands(self, count: int) -> list[str]:
        return [self.commands.get(timeout=WAIT_S).name for _ in range(count)]


@pytest.fixture
def driver(server: FakeServer) -> Driver:
    return Driver(server)


def connect(client: IndiClient) -> None:
    client.keep("Mount", "TELESCOPE_INFO", {"TELESCOPE_FOCAL_LENGTH": 400.0})
    client.connect_device(
        "Mount", before=[("SIMULATION", {"ENABLE": True})], requires=["EQUATORIAL_EOD_COORD"]
    )


FIRST = ["SIMULATION", "CONNECTION", "TELESCOPE_INFO"]


def test_device_is_configured_before_it_is_connected(client: IndiClient, driver: Driver) -> None:
    connect(client)
    assert driver.next_commands(3) == FIRST
    client.wait_for(
        "Mount", "TELESCOPE_INFO", WAIT_S, lambda one: one.number("TELESCOPE_FOCAL_LENGTH") == 400.0
    )


@pytest.mark.parametrize("loss", ["driver", "server"])
def test_configuration_returns_after_a_loss_and_motion_does_not(
    client: IndiClient, driver: Driver, server: FakeServer, loss: str
) -> None:
    connect(client)
    driver.next_commands(3)
    client.command("Mount", "EQUATORIAL_EOD_COORD", {"RA": 5.0, "DEC": 20.0}).wait()
    driver.next_commands(1)
    restored: queue.Queue[Event] = queue.Queue()
    client.subscribe(lambda one: restored.put(one) if isinstance(one, DeviceRestored) else None)
    server.remove("Mount")
    if loss == "server":
        server.lose()
    driver.boot()
    assert restored.get(timeout=WAIT_S) == DeviceRestored("Mount")
    client.wait_for(
        "Mount", "TELESCOPE_INFO", WAIT_S, lambda one: one.number("TELESCOPE_FOCAL_LENGTH") == 400.0
    )
    assert driver.next_commands(3) == FIRST
    assert driver.commands.empty()


def test_driver_that_loads_its_own_settings_is_corrected_but_a_later_change_stays(
    client: IndiClient, server: FakeServer, clock: FakeClock
) -> None:
    sent: queue.Queue[NewVector] = queue.Queue()
    server.drivers["Camera"] = sent.put
    client.keep("Camera", "CCD_GAIN", {"GAIN": 10.0})
    server.number("Camera", "CCD_GAIN", {"GAIN": 10.0})
    server.update("Camera", "CCD_GAIN", PropertyState.OK, GAIN=90.0)  # its configuration file
    assert dict(sent.get(timeout=WAIT_S).values) == {"GAIN": 10.0}
    server.update("Camera", "CCD_GAIN", PropertyState.OK, GAIN=10.0)
    clock.advance(3.0)
    server.update("Camera", "CCD_GAIN", PropertyState.OK, GAIN=10.0)
    clock.advance(3.0)
    server.update("Camera", "CCD_GAIN", PropertyState.OK, GAIN=50.0)  # somebody's decision
    client.keep("Camera", "OTHER", {"A": 1.0})
    server.number("Camera", "OTHER", {"A": 0.0})
    assert sent.get(timeout=WAIT_S).name == "OTHER"


@pytest.mark.parametrize(
    ("prop", "values"),
    [
        ("EQUATORIAL_EOD_COORD", {"RA": 1.0, "DEC": 1.0}),
        ("TELESCOPE_TRACK_STATE", {"TRACK_ON": True}),
        ("TELESCOPE_PARK", {"UNPARK": True}),
        ("DOME_PARK", {"UNPARK": True}),
        ("DOME_SHUTTER", {"SHUTTER_OPEN": True}),
        ("DOME_AUTOSYNC", {"DOME_AUTOSYNC_ENABLE": True}),
        ("ABS_DOME_POSITION", {"DOME_ABSOLUTE_POSITION": 1.0}),
        ("CCD_EXPOSURE", {"CCD_EXPOSURE_VALUE": 1.0}),
        ("CONNECTION", {"CONNECT": True}),
    ],
)
def test_motion_is_never_kept(
    client: IndiClient, prop: str, values: dict[str, float | bool]
) -> None:
    with pytest.raises(InvalidCommand, match="only ever commanded"):
        client.keep("D", prop, values)
    with pytest.raises(InvalidCommand, match="before connecting"):
        client.connect_device("D", before=[(prop, values)])


def test_switching_dome_following_off_may_be_kept(client: IndiClient) -> None:
    client.keep("Dome", "DOME_AUTOSYNC", {"DOME_AUTOSYNC_DISABLE": True})


def test_kept_values_that_do_not_fit_are_refused_at_once(
    client: IndiClient, server: FakeServer
) -> None:
    server.number("Camera", "CCD_GAIN", {"GAIN": 1.0}, (0.0, 100.0))
    with pytest.raises(InvalidCommand, match="expected 0 to 100"):
        client.keep("Camera", "CCD_GAIN", {"GAIN": 101.0})


def test_elements_kept_one_after_the_other_are_kept_together(
    client: IndiClient, server: FakeServer
) -> None:
    sent: queue.Queue[NewVector] = queue.Queue()
    server.drivers["Camera"] = sent.put
    client.keep("Camera", "ACTIVE_DEVICES", {"ACTIVE_TELESCOPE": "M"})
    client.keep("Camera", "ACTIVE_DEVICES", {"ACTIVE_FILTER": "W"})
    server.text("Camera", "ACTIVE_DEVICES", {"ACTIVE_TELESCOPE": "", "ACTIVE_FILTER": ""})
    assert dict(sent.get(timeout=WAIT_S).values) == {"ACTIVE_TELESCOPE": "M", "ACTIVE_FILTER": "W"}


def test_failed_connection_names_the_driver_s_refusal(
    client: IndiClient, server: FakeServer
) -> None:
    server.switch("Mount", "CONNECTION", {"CONNECT": False, "DISCONNECT": True})

    def refuse(command: NewVector) -> None:
        server.message("Mount", "[ERROR] Failed to connect to port")
        server.update("Mount", "CONNECTION", PropertyState.ALERT)

    server.drivers["Mount"] = refuse
    with pytest.raises(CommandRejected, match="Failed to connect to port"):
        client.connect_device("Mount")


def test_missing_required_property_is_named(
    client: IndiClient, driver: Driver, server: FakeServer, clock: FakeClock
) -> None:
    def connect_and_let_time_pass(command: NewVector) -> None:
        driver(command)
        clock.advance(11.0)

    server.drivers["Mount"] = connect_and_let_time_pass
    with pytest.raises(UnknownProperty, match="TELESCOPE_TRACK_STATE did not appear"):
        client.connect_device("Mount", requires=["TELESCOPE_TRACK_STATE"], timeout_s=0.5)


def test_frame_is_awaited_as_bytes_or_as_path(client: IndiClient, server: FakeServer) -> None:
    server.blob("Camera")
    by_bytes = client.expect_frame("Camera")
    server.frame("Camera", b"SIMPLE")
    assert by_bytes.wait(WAIT_S).data == b"SIMPLE"
    by_path = client.expect_frame("Camera")
    server.text("Camera", "CCD_FILE_PATH", {"FILE_PATH": "/data/a_001.fits"})
    frame = by_path.wait(WAIT_S)
    assert (str(frame.path), frame.format, frame.data) == ("/data/a_001.fits", ".fits", None)
    again = client.expect_frame("Camera")
    server.update("Camera", "CCD_FILE_PATH", PropertyState.OK, FILE_PATH="/data/a_001.fits")
    assert again.wait(WAIT_S).path is not None


def test_repeated_definition_of_the_path_is_no_frame(
    client: IndiClient, server: FakeServer
) -> None:
    server.text("Camera", "CCD_FILE_PATH", {"FILE_PATH": "/data/a_001.fits"})
    future = client.expect_frame("Camera")
    server.text("Camera", "CCD_FILE_PATH", {"FILE_PATH": "/data/a_001.fits"})
    assert not future.done()
    future.cancel()


def test_blobs_are_asked_for_and_compression_is_off_after_each_connection(
    client: IndiClient, server: FakeServer
) -> None:
    sent: queue.Queue[NewVector] = queue.Queue()
    server.drivers["Camera"] = sent.put
    client.expect_frame("Camera").cancel()
    for _ in range(2):
        server.switch("Camera", "CCD_COMPRESSION", {"INDI_ENABLED": True, "INDI_DISABLED": False})
        assert dict(sent.get(timeout=WAIT_S).values) == {"INDI_DISABLED": True}
        server.blob("Camera")
        future = client.expect_frame("Camera")
        # the mode is set on the link's thread, which sends this after it
        client.keep("Camera", "MARK", {"A": 1.0})
        server.number("Camera", "MARK", {"A": 0.0})
        assert sent.get(timeout=WAIT_S).name == "MARK"
        server.frame("Camera", b"x")
        assert future.wait(WAIT_S).size == 1
        server.remove("Camera")
        up: queue.Queue[Event] = queue.Queue()
        unsubscribe = client.subscribe(
            lambda one, up=up: up.put(one) if isinstance(one, LinkUp) else None
        )
        server.lose()
        up.get(timeout=WAIT_S)
        unsubscribe()
