"""Neither our own motions nor a closer's are taken for a human's when news comes late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.devices.closing import close_observatory
from ctmo_indi.devices.foreign import ForeignMove, ForeignWatch
from ctmo_indi.devices.observatory import Observatory, driver_executables
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.events import Event
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.telescope.settling import SettlingWatch
from ctmo_indi.testing.tcp_proxy import TcpProxy
from ctmo_indi.testing.verdicts import SAFE

from ..conftest import StartSimulators
from ..promises import IS_LONG
from ..running_fleet import until

pytestmark = [
    pytest.mark.indi,
    pytest.mark.faults,
    pytest.mark.skipif(not IS_LONG, reason="a minute: make faults"),
]

SPEED = 15.0
DELAY_S = 0.9  # each way, machine seconds: a ping may take 2.9


class Scene:
    """The telescope behind a slow link, or with a slow listener; safety beside it."""

    def __init__(self, start: StartSimulators) -> None:
        self.profile = profiles.load("simulators")
        self.server = start(driver_executables(self.profile), speed=SPEED)
        self.clock = self.server.clock
        self.proxy = TcpProxy("127.0.0.1", self.server.endpoint.port)
        self.clients: list[IndiClient] = []
        self.found: list[ForeignMove] = []
        self.backlog = 0
        behind = Endpoint(self.proxy.host, self.proxy.port, None)
        self.telescope = self._observatory("telescope", behind)
        self.safety = self._observatory("safety", self.server.endpoint)
        self.watch = ForeignWatch(self.telescope, self.found.append)

    def _observatory(self, name: str, endpoint: Endpoint) -> Observatory:
        client = IndiClient(lambda: IndipyTransport(endpoint, self.clock), self.clock, name=name)
        self.clients.append(client)
        client.start()
        client.wait_link(10.0)
        observatory = Observatory.build(self.profile, client, self.clock)
        client.subscribe(SettlingWatch(observatory.moves, self.clock).on_event)
        observatory.connect_all()
        observatory.hear_verdict(SAFE)
        return observatory

    def listen_slowly(self) -> None:
        """Hold up each piece of news, as a listener under load does."""
        pause = threading.Event()

        def listener(_event: Event) -> None:
            self.backlog += 1
            pause.wait(0.03)

        self.clients[0].subscribe(listener)

    def until_all_is_heard(self) -> None:
        """Wait until the listener has nothing new for a while."""
        seen, since_s = -1, SystemClock().machine_s()

        def is_quiet() -> bool:
            nonlocal seen, since_s
            heard = self.clients[0].stats.events
            now_s = SystemClock().machine_s()
            if not any(device.is_connected for device in self.telescope.devices.values()):
                return False
            if heard != seen:
                seen, since_s = heard, now_s if seen == -1 else since_s
            return now_s - since_s > 2.0 * DELAY_S + 3.0

        until(is_quiet, "all is heard", 30.0)

    def close(self) -> None:
        self.watch.stop()
        for client in self.clients:
            client.close()
        self.proxy.close()


@pytest.fixture
def scene(indi_simulators: StartSimulators) -> Iterator[Scene]:
    made = Scene(indi_simulators)
    yield made
    made.close()


def slow_link(scene: Scene) -> None:
    scene.proxy.delay(DELAY_S)


@pytest.mark.parametrize("lag", [slow_link, Scene.listen_slowly], ids=["link", "listener"])
def test_what_we_and_safety_do_is_no_takeover(scene: Scene, lag: Callable[[Scene], None]) -> None:
    lag(scene)
    scene.watch.start()
    telescope, clock = scene.telescope, scene.clock
    policy = telescope.profile.safety
    open_observatory(telescope, policy, clock, report=lambda _line: None)
    telescope.hear_verdict(SAFE)
    target = altaz_to_icrs(40.0, 250.0, telescope.profile.site, clock.utc())
    assert telescope.mount is not None
    assert telescope.dome is not None
    assert telescope.camera is not None
    assert telescope.filter_wheel is not None
    motions = (
        telescope.mount.start_slew(*target),
        telescope.dome.goto(250.0),
        telescope.filter_wheel.select("R"),
    )
    for motion in motions:
        motion.wait(600.0)
    for seconds in (5.0, 20.0):
        telescope.hear_verdict(SAFE)
        telescope.camera.expose(seconds, FrameType.DARK, 2).wait(600.0)
    exposure = telescope.camera.expose(600.0, FrameType.DARK)
    until(lambda: scene.safety.camera.status().exposing, "an exposure")  # type: ignore[union-attr]  # the profile has one
    scene.until_all_is_heard()
    ours = list(scene.found)

    report = close_observatory(scene.safety, policy, clock, report=lambda _line: None)
    until(lambda: telescope.state() is ObservatoryState.CLOSED, "the telescope sees it", 30.0)
    scene.until_all_is_heard()

    assert exposure.join(30.0)
    assert ours == []
    assert report.confirmed
    assert scene.found
    assert [move for move in scene.found if not move.may_be_closer] == []
