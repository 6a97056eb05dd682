"""The safety service: its own INDI link, its loop, its desk, wired together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.devices.closable import require_closable
from ctmo_indi.devices.keep_connected import KeepConnected
from ctmo_indi.devices.left_alone import LeftAlone
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.stopping import endpoint_of, stop_everything
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.link import LinkState
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.kept_value import KeptValue
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.clock_watch import ClockWatch
from ctmo_indi.safety.closer import Closer
from ctmo_indi.safety.desk_handlers import SafetyHandlers
from ctmo_indi.safety.disk_watch import DiskWatch
from ctmo_indi.safety.event_file import EventFile
from ctmo_indi.safety.holds import Holds
from ctmo_indi.safety.look import Lookout
from ctmo_indi.safety.loop import SafetyLoop
from ctmo_indi.safety.notices import Notices, apprise_sender
from ctmo_indi.safety.watchdog_beats import WatchdogBeats
from ctmo_indi.safety.watched import KeepWatchedConnected
from ctmo_indi.safety.weather_memory import WeatherMemory
from ctmo_indi.service_addresses import Address
from ctmo_indi.service_health import Health
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Desk, DispatchDesk
from ctmo_indi.work_orders.revisions import RevisionBoard

CYCLE_LATE_MACHINE_S = 5.0


class SafetyService:
    """Judges every second and closes first; see the package's docstring."""

    def __init__(self, config: Config, profile: Profile, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        policy, folder = profile.safety, config.data_dir / "safety"
        require_closable(profile)
        endpoint = endpoint_of(config.indi, profile.indiserver)
        # The real port, for the WatchDog driver, which connects to the server it runs in.
        profile = replace(profile, indiserver=replace(profile.indiserver, port=endpoint.port))
        self._client = IndiClient(lambda: IndipyTransport(endpoint, clock), clock, name="safety")
        self.observatory = Observatory.build(profile, self._client, clock)
        self._events = EventFile(folder / "events.jsonl", clock)
        self._board = RevisionBoard(clock, store=self._events)
        addresses = config.notify.addresses if config.notify else None
        self._notices = Notices(
            profile.site.name,
            clock,
            (lambda: apprise_sender(addresses())) if addresses else None,
        )
        self._holds = Holds(folder / "holds.json", clock)
        self._beats = Beats(clock)
        self._weather = WeatherMemory(folder / "weather.json", clock)
        self._disk = DiskWatch(config.data_dir, clock)
        self._clock_watch = ClockWatch(clock, policy.clock_step_max_s, self._clock_stepped)
        self._alarm = KeptValue(folder / "alarm.json")
        self._closer = Closer(
            self.observatory,
            policy,
            clock,
            lambda kind, text: self._publish(kind, {"Message": text}),
            self._alarm,
            lambda: self._holds.latch,
            lambda: self._holds.lock,
        )
        self._watchdog = self._watchdog_beats(profile)
        lookout = Lookout(
            self.observatory,
            self._client,
            clock,
            self._clock_watch,
            self._disk,
            watchdog_closes=lambda: self._watchdog is not None and self._watchdog.is_closing,
        )
        self.loop = SafetyLoop(
            policy=policy,
            clock=clock,
            look=lookout.look,
            holds=self._holds,
            beats=self._beats,
            closer=self._closer,
            weather=self._weather,
            publish=self._publish,
            on_verdict=self.observatory.hear_verdict,
            on_cycle=lambda: self._watchdog.cycle_completed() if self._watchdog else None,
        )
        handlers = SafetyHandlers(
            loop=self.loop,
            holds=self._holds,
            beats=self._beats,
            closer=self._closer,
            board=self._board,
            clock=clock,
            stop_all=lambda: stop_everything(self.observatory),
            moved_ago_s=self.observatory.moves.idle_machine_s,
            observatory_status=lambda: self.observatory.status().to_wire(),
            clock_watch=self._clock_watch,
            notices=self._notices,
            disk=self._disk.facts,
            watchdog=self._watchdog,
        )
        self._desk = DispatchDesk("safety", Contract.load(profile), handlers.table())
        vital = [
            device.name
            for role, device in self.observatory.devices.items()
            if role in (Role.MOUNT, Role.DOME, Role.WEATHER)
        ]
        self._left_alone = LeftAlone(
            self._client, clock, vital, is_held=lambda: self._holds.lock is not None
        )
        self._client.subscribe(self._left_alone.on_event)
        self._connecting = KeepConnected(
            self.observatory, self._client, "safety", self._left_alone.devices
        )
        roles = [device.name for device in self.observatory.devices.values()]
        self._watching = KeepWatchedConnected(policy.watch, roles, self._client)

    @property
    def desks(self) -> Sequence[tuple[Desk, Address]]:
        """The desk and where it listens."""
        return [(self._desk, self._config.safety)]

    def start(self) -> None:
        """Start the link and the loop; the first verdicts are UNSAFE until the devices are read."""
        self._notices.start()
        self._publish("started", {"Message": f"alarm: {self._closer.alarm or 'none'}"})
        self._disk.start()
        self._client.start()
        self._connecting.start()
        self._watching.start()
        if self._watchdog is not None:
            self._watchdog.start()
        self.loop.start()

    def on_ready(self) -> None:
        """Nothing heavy is left."""

    def health(self) -> Health:
        """Whether a cycle was completed lately."""
        verdict = self.loop.verdict
        why = "; ".join(verdict.reasons) or "all well"
        return Health(
            is_alive=self.loop.pulse.health.since_cycle_s <= CYCLE_LATE_MACHINE_S,
            status=f"{verdict.level}, {self.loop.state}: {why}",
        )

    def stop(self, timeout_s: float) -> None:
        """End loop and link; a closing under way is finished first. Nothing is opened or closed."""
        self._closer.join(timeout_s / 2)
        self._connecting.stop()
        self._watching.stop()
        self._disk.stop()
        self.loop.stop(timeout_s / 4)
        if self._watchdog is not None:
            is_closed = self.observatory.state() is ObservatoryState.CLOSED
            self._watchdog.stop(5.0, is_closed=is_closed)
        for file in (self._holds, self._alarm, self._events, self._notices):
            file.close(1.0)
        self._weather.join(1.0)
        self._client.close()
        self._connecting.join(timeout_s / 4)

    def _watchdog_beats(self, profile: Profile) -> WatchdogBeats | None:
        if self.observatory.watchdog is None:
            return None
        return WatchdogBeats(
            self.observatory.watchdog,
            profile.safety,
            self._clock,
            context=self.observatory.context,
            link_is_up=lambda: self._client.link is LinkState.UP,
            lock=lambda: self._holds.lock,
            latch=lambda: self._holds.latch,
            publish=self._publish,
        )

    def _publish(self, kind: str, data: dict[str, object]) -> None:
        self._board.publish(kind, "safety", data)
        self._notices.note(kind, data)

    def _clock_stepped(self, step_s: float) -> None:
        text = (
            f"the computer's clock was set by {step_s:+.1f} s; until a release the Sun is judged "
            "at both times"
        )
        self._publish("clock_step", {"Step": step_s, "Message": text})
