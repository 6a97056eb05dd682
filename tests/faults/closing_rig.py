"""Real simulators, the real safety service, a second hand as the telescope, and an observer.

The observer is a client of its own that hears every property: what was sent and when is read from
what the drivers answer, by the machine's clock. A soak may use it, too.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.devices.closing import close_observatory
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.errors import CtmoError
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.events import Event, PropertyDefined, PropertyUpdated
from ctmo_indi.indi.indiserver import IndiServer
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.models.coordinates import altaz_to_icrs
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.profiles import Profile
from ctmo_indi.safety.service import SafetyService
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.service_addresses import Address, IndiAddress
from ctmo_indi.testing.fake_instruments import DOME, MOUNT, WEATHER

from ..running_fleet import until

_TELL_S = 0.2
# What a closing may begin with.
_CLOSING = {
    ("TELESCOPE_PARK", "PARK"),
    ("DOME_SHUTTER", "SHUTTER_CLOSE"),
    ("DOME_PARK", "PARK"),
}
_ABORTS = {"TELESCOPE_ABORT_MOTION", "CCD_ABORT_EXPOSURE", "DOME_ABORT_MOTION"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One word of a driver and when the observer heard it."""

    machine_s: float
    elapsed_s: float
    snapshot: PropertySnapshot


class ClosingRig:
    """Made by :func:`closing_rig`.

    Attributes
    ----------
    hands
        The telescope's observatory: gets safety's verdict as the telescope does.
    heard
        Every word of every driver, in order.
    said
        What safety said of its closings, with the machine's time.
    """

    def __init__(self, server: IndiServer, profile: Profile, folder: Path) -> None:
        self.server, self.profile = server, profile
        self.clock: Clock = server.clock
        endpoint = server.endpoint
        config = Config(
            data_dir=folder,
            safety=Address("http://127.0.0.1", "127.0.0.1", 0),
            indi=IndiAddress(endpoint.host, endpoint.port, str(endpoint.socket)),
        )
        self.safety = SafetyService(config, profile, self.clock)
        self._clients = [self._client(name) for name in ("hands", "observer")]
        self.hands = Observatory.build(profile, self._clients[0], self.clock)
        self.observer = self._clients[1]
        self.heard: list[Heard] = []
        self.said: list[tuple[float, str]] = []
        announce = self.safety._closer._announce

        def tell(kind: str, text: str) -> None:
            self.said.append((self.clock.machine_s(), f"{kind}: {text}"))
            announce(kind, text)

        self.safety._closer._announce = tell  # type: ignore[assignment]  # heard on its way
        self.observer.subscribe(self._hear)
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()

    def _client(self, name: str) -> IndiClient:
        return IndiClient(
            lambda: IndipyTransport(self.server.endpoint, self.clock), self.clock, name=name
        )

    def start(self) -> None:
        for client in self._clients:
            client.start()
            client.wait_link(10.0)
        self.safety.start()
        self.hands.connect_all()
        self.in_thread(self._tell_verdict)

    def stop(self) -> None:
        self._over.set()
        self.safety.stop(10.0)
        self.hands.close()
        for client in self._clients:
            client.close()
        for thread in self._threads:
            thread.join(10.0)

    def _tell_verdict(self) -> None:
        while not self._over.wait(_TELL_S):
            verdict = self.safety.loop.verdict
            age_s = max(0.0, self.clock.machine_s() - verdict.machine_s)
            self.hands.hear_verdict(verdict, age_s)

    def _hear(self, event: Event) -> None:
        if isinstance(event, PropertyUpdated | PropertyDefined):
            now_s, elapsed_s = self.clock.machine_s(), self.clock.elapsed_s()
            self.heard.append(Heard(now_s, elapsed_s, event.snapshot))

    def in_thread(self, run: Callable[[], object]) -> threading.Thread:
        """Run what blocks; a refusal is an answer."""

        def body() -> None:
            try:
                run()
            except CtmoError:
                return

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def is_idle(self) -> bool:
        """Whether nothing that was begun by hand goes on: it would disturb what comes next."""
        running = any(thread.is_alive() for thread in self._threads[1:])
        slots = [(self.hands.mount, "pointing"), (self.hands.dome, "azimuth")]
        return not running and not any(role.occupied(slot) for role, slot in slots if role)

    # -- states ------------------------------------------------------------------------------------

    def target(self, alt_deg: float, az_deg: float) -> tuple[float, float]:
        return altaz_to_icrs(alt_deg, az_deg, self.profile.site, self.clock.utc())

    def be_safe(self) -> None:
        """Calm weather, and everybody knows it."""
        self.observer.keep(WEATHER, "WEATHER_CONTROL", {"Wind": 1.0})
        until(
            lambda: (
                self.safety.loop.verdict.is_safe
                and self.hands.verdict is not None
                and self.hands.verdict.is_safe
            ),
            "SAFE",
            30.0,
            lambda: self.safety.loop.verdict,
        )

    def open(self) -> None:
        self.be_safe()
        open_observatory(self.hands, self.profile.safety, self.clock, report=lambda _line: None)

    def arrange(self, state: str, choose: random.Random) -> None:
        """Bring the observatory, closed and SAFE, into one of :data:`STATES`; motions go on."""
        STATES[state](self, choose)

    def is_closed(self) -> bool:
        """As the observer hears it."""
        mount, dome = self._word(MOUNT, "TELESCOPE_PARK"), self._word(DOME, "DOME_SHUTTER")
        return (
            mount is not None
            and dome is not None
            and mount.switch("PARK")
            and dome.switch("SHUTTER_CLOSE")
            and PropertyState.BUSY not in (mount.state, dome.state)
            and PropertyState.ALERT not in (mount.state, dome.state)
        )

    def _word(self, device: str, prop: str) -> PropertySnapshot | None:
        return self.observer.get(device, prop)

    # -- what was seen -----------------------------------------------------------------------------

    def first(
        self, since: int, condition: Callable[[PropertySnapshot], bool], timeout_s: float, what: str
    ) -> Heard:
        """Wait for the first word from index ``since`` on that is as wanted."""
        at = since

        def found() -> bool:
            nonlocal at
            while at < len(self.heard):
                if condition(self.heard[at].snapshot):
                    return True
                at += 1
            return False

        until(found, what, timeout_s)
        return self.heard[at]

    def index_of(self, word: Heard) -> int:
        return self.heard.index(word)

    @staticmethod
    def begins_to_close(snapshot: PropertySnapshot) -> bool:
        """Whether a word answers a command of a closing."""
        if snapshot.name in _ABORTS:
            return True
        return any(
            snapshot.name == prop and snapshot.values.get(element) is True
            for prop, element in _CLOSING
        )


def weather_alert(snapshot: PropertySnapshot) -> bool:
    """Whether a word is the alert of the weather station."""
    return snapshot.name == "WEATHER_STATUS" and snapshot.state is PropertyState.ALERT


@contextmanager
def closing_rig(
    start_simulators: Callable[..., IndiServer],
    drivers: tuple[str, ...],
    folder: Path,
    *,
    speed: float | None,
    policy: Mapping[str, object] | None = None,
    **options: object,
) -> Iterator[ClosingRig]:
    """Start it all; ``policy`` changes the profile's, ``options`` go to the IndiServer."""
    profile = profiles.load("simulators")
    # Nobody beats here.
    silence = {"telescope_silence_s": 36_000.0, "scheduler_silence_s": 36_000.0}
    changes = {"reopen_delay_s": 1.0, "disk_free_min_mb": 1.0, **silence}
    safety: SafetyPolicy = replace(profile.safety, **{**changes, **(policy or {})})
    profile = replace(profile, safety=safety)
    rig = ClosingRig(start_simulators(drivers, speed=speed, **options), profile, folder)
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()


def _far(choose: random.Random) -> tuple[float, float]:
    return choose.uniform(30.0, 70.0), choose.uniform(0.0, 360.0)


def _slew(rig: ClosingRig, choose: random.Random) -> Motion[object]:
    return rig.hands.mount.start_slew(*rig.target(*_far(choose)))


def _point(rig: ClosingRig, choose: random.Random) -> None:
    _slew(rig, choose).wait(120.0)


def _shutter_opening(rig: ClosingRig, choose: random.Random) -> None:
    dome = rig.hands.dome
    # A dome that never parked here is not parked; unparking one opens the shutter.
    _ = dome.open_shutter() if dome.status().parked is False else dome.unpark()
    until(lambda: rig.hands.dome.status().shutter == "OPENING", "the shutter opens")


def _opening(rig: ClosingRig, choose: random.Random) -> None:
    rig.in_thread(rig.open)
    until(lambda: rig.hands.state() is not ObservatoryState.CLOSED, "it opens")


def _slewing(rig: ClosingRig, choose: random.Random) -> None:
    rig.open()
    _slew(rig, choose)
    until(lambda: rig.hands.mount.status().slewing, "it slews")


def _exposing(rig: ClosingRig, choose: random.Random) -> None:
    rig.open()
    _point(rig, choose)
    rig.hands.camera.expose(3000.0, FrameType.DARK)
    until(lambda: rig.hands.camera.status().exposing, "it exposes")


def _dome_turning(rig: ClosingRig, choose: random.Random) -> None:
    rig.open()
    rig.hands.dome.goto(270.0)
    until(lambda: rig.hands.dome.status().moving, "the dome turns")


def _parking(rig: ClosingRig, choose: random.Random) -> None:
    rig.open()
    _point(rig, choose)
    rig.hands.mount.park()


def _closing(rig: ClosingRig, choose: random.Random) -> None:
    rig.open()
    _point(rig, choose)
    rig.in_thread(
        lambda: close_observatory(
            rig.hands, rig.profile.safety, rig.clock, report=lambda _line: None
        )
    )


STATES: Mapping[str, Callable[[ClosingRig, random.Random], None]] = {
    "shutter opening": _shutter_opening,
    "opening": _opening,
    "open": lambda rig, _choose: rig.open(),
    "slewing": _slewing,
    "exposing": _exposing,
    "dome turning": _dome_turning,
    "parking": _parking,
    "closing": _closing,
}
