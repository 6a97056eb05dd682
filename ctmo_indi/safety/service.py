"""The safety service: its own INDI link, its loop, its desk, wired together."""

from __future__ import annotations

from collections.abc import Sequence

from ctmo_indi.clock import Clock
from ctmo_indi.config import Address, Config
from ctmo_indi.devices.keep_connected import KeepConnected
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.stopping import endpoint_of, stop_everything
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.wire_transport import IndipyTransport
from ctmo_indi.profiles import Profile
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.closer import Closer
from ctmo_indi.safety.desk_handlers import SafetyHandlers
from ctmo_indi.safety.holds import Holds
from ctmo_indi.safety.look import take_look
from ctmo_indi.safety.loop import SafetyLoop
from ctmo_indi.safety.weather_memory import WeatherMemory
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
        endpoint = endpoint_of(config.indi, profile.indiserver)
        self._client = IndiClient(lambda: IndipyTransport(endpoint, clock), clock, name="safety")
        self.observatory = Observatory.build(profile, self._client, clock)
        self._board = RevisionBoard(clock)
        self._holds = Holds(config.data_dir / "safety" / "holds.json", clock)
        self._beats = Beats(clock)
        self._weather = WeatherMemory(config.data_dir / "safety" / "weather.json", clock)
        self._closer = Closer(
            self.observatory, profile.safety, clock, self._announce, lambda: self._holds.latch
        )
        self.loop = SafetyLoop(
            policy=profile.safety,
            clock=clock,
            look=lambda since_s: take_look(self.observatory, self._client, clock, since_s),
            holds=self._holds,
            beats=self._beats,
            closer=self._closer,
            weather=self._weather,
            publish=lambda kind, data: self._board.publish(kind, "safety", data),
            on_verdict=self.observatory.hear_verdict,
        )
        handlers = SafetyHandlers(
            loop=self.loop,
            holds=self._holds,
            beats=self._beats,
            closer=self._closer,
            board=self._board,
            clock=clock,
            stop_all=lambda: stop_everything(self.observatory),
            observatory_status=lambda: self.observatory.status().to_wire(),
        )
        self._desk = DispatchDesk("safety", Contract.load(profile), handlers.table())
        self._connecting = KeepConnected(self.observatory, self._client, "safety")

    @property
    def desks(self) -> Sequence[tuple[Desk, Address]]:
        """The desk and where it listens."""
        return [(self._desk, self._config.safety)]

    def start(self) -> None:
        """Start the link and the loop; the first verdicts are UNSAFE until the devices are read."""
        self._client.start()
        self._connecting.start()
        self.loop.start()

    def on_ready(self) -> None:
        """Nothing heavy is left."""

    def health(self) -> Health:
        """Whether a cycle was completed lately."""
        verdict = self.loop.verdict
        age_s = self._clock.machine_s() - verdict.machine_s
        why = "; ".join(verdict.reasons) or "all well"
        return Health(
            is_alive=age_s <= CYCLE_LATE_MACHINE_S,
            status=f"{verdict.level}, {self.loop.state}: {why}",
        )

    def stop(self, timeout_s: float) -> None:
        """End loop and link; a closing under way is finished first. Nothing is opened or closed."""
        self._closer.join(timeout_s / 2)
        self._connecting.stop()
        self.loop.stop(timeout_s / 4)
        self._weather.join(1.0)
        self._client.close()
        self._connecting.join(timeout_s / 4)

    def _announce(self, text: str) -> None:
        self._board.publish("closing", "safety", {"Message": text})
