"""The telescope service: wires store, INDI link, engine, safety link, watches, cycles and desks.

It starts, and its desks answer, whether or not an INDI server is there; it connects when one
appears. Stopping it closes the observatory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.cycles import Cycle, Cycles
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_desk
from ctmo_indi.devices.closable import require_closable
from ctmo_indi.devices.foreign import ForeignMove, ForeignWatch
from ctmo_indi.devices.keep_connected import KeepConnected
from ctmo_indi.devices.left_alone import LeftAlone
from ctmo_indi.devices.limits_watch import LimitWatch
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.stopping import endpoint_of
from ctmo_indi.indi.client import IndiClient
from ctmo_indi.indi.opening import transport_maker
from ctmo_indi.models.moving_targets import place_icrs_deg
from ctmo_indi.models.observability import observable_now
from ctmo_indi.models.observing_rules import flips_within
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.service_addresses import Address
from ctmo_indi.service_health import Health
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.telescope.attempt_book import AttemptBook
from ctmo_indi.telescope.desk_handlers import DeskHandlers, DeskParts
from ctmo_indi.telescope.device_hands import DeviceHands
from ctmo_indi.telescope.elements import read_elements
from ctmo_indi.telescope.engine import Engine
from ctmo_indi.telescope.engine_parts import EngineParts
from ctmo_indi.telescope.event_store import PRUNE_CYCLE_S, open_event_log
from ctmo_indi.telescope.frame_keeper import JournaledFrames
from ctmo_indi.telescope.hand_book import HandBook
from ctmo_indi.telescope.hold_memory import HoldMemory
from ctmo_indi.telescope.lamp import Lamp
from ctmo_indi.telescope.lamp_book import JournaledLamp
from ctmo_indi.telescope.late_writes import LateWrites
from ctmo_indi.telescope.recovery import Recovery, RecoveryParts
from ctmo_indi.telescope.safety_link import SafetyDesk, SafetyLink
from ctmo_indi.telescope.scene import StepTimes
from ctmo_indi.telescope.settling import SettlingWatch
from ctmo_indi.telescope.verdict_rules import VerdictTimes
from ctmo_indi.telescope.vigil import Vigil
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Desk, DispatchDesk
from ctmo_indi.work_orders.revisions import RevisionBoard

SAFETY_TIMEOUT_S = 3.0
DOME_CYCLE_S = 5.0
LATE_WRITES_MACHINE_S = 2.0
SHORTEST_CYCLE_MACHINE_S = 0.2
CYCLES_AT_STOP_S = 3.0
STORE_AT_STOP_S = 5.0
TELEMETRY_CYCLE_S = 30.0
EVENTS_CLOSE_S = 4.0


class TelescopeService:
    """The telescope and the dome of one observatory.

    Parameters
    ----------
    client
        INDI client instead of the one made from configuration and profile.
    safety
        Safety's desk instead of the one at its address; for tests.
    verdict_times, step_times
        None: from the profile, and the defaults.
    closes_on_stop
        Whether :meth:`stop` leaves the observatory closed.
    """

    def __init__(
        self,
        config: Config,
        profile: Profile,
        clock: Clock,
        *,
        client: IndiClient | None = None,
        safety: SafetyDesk | None = None,
        verdict_times: VerdictTimes | None = None,
        step_times: StepTimes | None = None,
        closes_on_stop: bool = True,
    ) -> None:
        self._config = config
        self._profile = profile
        self._clock = clock
        self._closes_on_stop = closes_on_stop
        self._ending = threading.Event()
        require_closable(profile)
        endpoint = endpoint_of(config.indi, profile.indiserver)
        self.client = client or IndiClient(
            transport_maker(endpoint, clock), clock, name="telescope"
        )
        self.observatory = Observatory.build(profile, self.client, clock)
        self._database = open_database(
            "telescope", config.database_url or Path(config.data_dir) / "telescope.sqlite3"
        )
        self._writer = Writer(self._database)
        self._events = open_event_log(config, self._database, self._writer, clock)
        self.board = RevisionBoard(clock, store=self._events)
        self._own_safety_client = None if safety else self._safety_client()
        desk = safety or self._own_safety_client
        assert desk is not None  # one of the two
        self._link = SafetyLink(
            desk,
            clock,
            self._beat_state,
            on_news=self.observatory.hear_verdict,
            is_alive=lambda: self.engine.is_turning,
            memory=HoldMemory(Path(config.data_dir) / "telescope" / "holds.json", clock),
        )
        self._vigil = Vigil(self._link, clock, verdict_times or _verdict_times(profile))
        self._late = LateWrites(self._writer)
        self._frames = JournaledFrames(
            self._database,
            self._writer,
            profile,
            Path(config.data_dir),
            clock,
            self._drivers,
            late=self._late,
        )
        self._hands = DeviceHands(self.observatory, self.client, profile, clock)
        book = AttemptBook(self._database, self._writer, clock, self._late)
        hand_book = HandBook(self._database, self._writer, clock, self._late)
        self._lamp_book = JournaledLamp(self._database, self._writer, clock, self._late)
        self._lamp = Lamp(self._hands, self._lamp_book, clock, self.board.publish)
        contract = Contract.load(profile, clock)
        self._recovery = self._make_recovery(book, hand_book, contract)
        self._cycles = Cycles(clock, self._cycle_table())
        self.engine = self._make_engine(book, hand_book, step_times or StepTimes())
        self._limits = self._limit_watch()
        self._settling = SettlingWatch(self.observatory.moves, clock)
        self._foreign = ForeignWatch(self.observatory, self._heed_foreign_motion)
        self._handlers = self._make_handlers(desk, book, hand_book)
        self.telescope_desk: Desk = DispatchDesk("telescope", contract, self._handlers.telescope())
        self.dome_desk: Desk = DispatchDesk("dome", contract, self._handlers.dome_desk())
        self._left_alone = LeftAlone(self.client, clock)
        self._connecting = KeepConnected(self.observatory, self.client, "telescope", self._leave)

    @property
    def desks(self) -> Sequence[tuple[Desk, Address]]:
        """The desks it serves and where they listen."""
        return [
            (self.telescope_desk, self._config.telescope),
            (self.dome_desk, self._config.dome),
        ]

    def start(self) -> None:
        """Read what a crash left, then begin; returns when orders can be taken.

        Needs no INDI server: it is connected to in the background.
        """
        self._recovery.begin()
        self._lamp.recall(self._lamp_book.still_lit())
        self.client.subscribe(self._settling.on_event)
        self.client.subscribe(self._left_alone.on_event)
        self._foreign.start()
        self.client.start()
        self._connecting.start()
        self.engine.start()
        self._link.start()
        if self._limits is not None:
            self._limits.start()
        self._cycles.start()

    def on_ready(self) -> None:
        """Settle what a crash left, and load what frames need; both import astropy (1 s)."""
        self._recovery.start()
        self._frames.warm_up()

    def health(self) -> Health:
        """Whether the engine does its work."""
        return Health(
            is_alive=self.engine.is_turning,
            status=f"{self.observatory.state()}, link {self.client.link}, "
            f"{self.engine.busy or 'idle'}",
            is_over=self.engine.is_over or not self._writer.is_alive,
        )

    def stop(self, timeout_s: float) -> None:
        """End what is under way, close the observatory, end everything; may be repeated.

        Blocks ``timeout_s`` machine seconds at most, most of it for the closing.
        """
        if self._ending.is_set():
            return
        self._ending.set()
        self._connecting.stop()
        self._recovery.stop(5.0)
        self._cycles.stop(CYCLES_AT_STOP_S)
        if self._limits is not None:
            self._limits.stop()
        self._foreign.stop()
        self.engine.stop(max(1.0, timeout_s - 15.0), close=self._closes_on_stop)
        self.engine.takeover.close(1.0)
        self._link.stop(SAFETY_TIMEOUT_S)
        self._hands.shut()
        self._frames.close()
        self.observatory.close()
        self.client.close()
        self._connecting.join(5.0)
        self._events.close(EVENTS_CLOSE_S)
        self._late.flush(STORE_AT_STOP_S)
        self._writer.close()
        self._database.close()
        if self._own_safety_client is not None:
            self._own_safety_client.close()

    # -- pieces ------------------------------------------------------------------------------------

    def _make_recovery(
        self, book: AttemptBook, hand_book: HandBook, contract: Contract
    ) -> Recovery:
        return Recovery(
            RecoveryParts(
                frames=self._frames,
                attempts=book,
                hand_orders=hand_book,
                sight=lambda: self.engine.inbox.ask(self.engine.sight),
                abort_exposure=lambda: self.engine.inbox.ask(self._hands.abort_exposure),
                read_request=lambda row: contract.check(row.wire).request,
                publish=self.board.publish,
                clock=self._clock,
            )
        )

    def _make_engine(self, book: AttemptBook, hand_book: HandBook, step_times: StepTimes) -> Engine:
        return Engine(
            EngineParts(
                hands=self._hands,
                lamp=self._lamp,
                frames=self._frames,
                vigil=self._vigil,
                clock=self._clock,
                observable=self._not_observable,
                place=self._place,
                publish=self.board.publish,
                on_state=book.on_state,
                on_hand_state=hand_book.on_state,
                may_attempt=self._recovery.may_attempt,
                recovery=self._recovery.to_wire,
                hands_off_s=self._profile.safety.foreign_hands_off_s,
                takeover_path=Path(self._config.data_dir) / "telescope" / "takeover.json",
                step_times=step_times,
            )
        )

    def _make_handlers(
        self, desk: SafetyDesk, book: AttemptBook, hand_book: HandBook
    ) -> DeskHandlers:
        return DeskHandlers(
            DeskParts(
                engine=self.engine,
                vigil=self._vigil,
                book=book,
                hand_book=hand_book,
                board=self.board,
                clock=self._clock,
                safety=desk,
                scheduler_age_machine_s=self._scheduler_age_machine_s,
                scheduler_rests_machine_s=self._scheduler_rests_machine_s,
                refresh=self._link.refresh,
                press_stop=self._link.press_stop,
                forget_stop=self._link.forget_stop,
                read_elements=lambda names: read_elements(
                    names, self.observatory.devices, self.client, self._clock
                ),
                frames=self._frames.to_wire,
            )
        )

    def _heed_foreign_motion(self, move: ForeignMove) -> None:
        """Tell the engine of a motion that is not ours; any thread."""
        self.engine.inbox.post(
            lambda: self.engine.foreign_motion(
                str(move),
                move.role,
                may_be_closer=move.may_be_closer,
                heard_elapsed_s=move.elapsed_s,
            )
        )

    def _safety_client(self) -> DeskClient:
        return open_desk(
            self._config,
            "safety",
            timeout_s=SAFETY_TIMEOUT_S,
            user="telescope",
            clock=self._clock,
        )

    def _cycle_table(self) -> tuple[Cycle, ...]:
        """One cycle for each device, and the dome's following."""

        def telemetry(role: Role) -> Callable[[], None]:
            return lambda: self.engine.inbox.post(lambda: self.engine.publish_telemetry(role))

        def every(sky_s: float) -> float:
            return max(sky_s / self._clock.speed, SHORTEST_CYCLE_MACHINE_S)

        devices = (
            Cycle(role.value, every(TELEMETRY_CYCLE_S), telemetry(role))
            for role in self.observatory.devices
        )
        return (
            Cycle("dome follows", every(DOME_CYCLE_S), self._post_follow_dome),
            Cycle("late writes", LATE_WRITES_MACHINE_S, self._late.again),
            Cycle("events", every(PRUNE_CYCLE_S), self._events.prune),
            *devices,
        )

    def _limit_watch(self) -> LimitWatch | None:
        mount = self.observatory.mount
        if mount is None:
            return None
        return LimitWatch(
            mount.status,
            self._profile.site,
            self._profile.limits,
            self._clock,
            lambda violation: self.engine.inbox.post(
                lambda: self.engine.limit_violated(violation.message)
            ),
        )

    def _not_observable(self, request: ObservationRequest, after_s: float) -> tuple[str, ...]:
        """Say why not, now and at the end of the exposure."""
        profile, now = self._profile, self._clock.utc()
        reasons: dict[str, None] = {}
        for utc in (now, now + timedelta(seconds=after_s)):
            found = observable_now(request, profile.site, profile.limits, utc, profile.night)[1]
            reasons.update(dict.fromkeys(found))
        later = now + timedelta(seconds=after_s)
        across = flips_within(request, profile.site, profile.limits, now, later)
        return (*reasons, *across)

    def _place(self, request: ObservationRequest) -> tuple[float, float] | None:
        if not request.has_place:
            return None
        return place_icrs_deg(request, self._profile.site, self._clock.utc())

    def _scheduler_age_machine_s(self) -> float:
        news = self._link.news
        if news is None or "scheduler" not in news.beats:
            return float("inf")
        return news.beats["scheduler"] + news.age_machine_s(self._clock.machine_s())

    def _scheduler_rests_machine_s(self) -> float:
        news = self._link.news
        if news is None or "scheduler" not in news.resting:
            return float("inf")
        return news.resting["scheduler"] + news.age_machine_s(self._clock.machine_s())

    def _beat_state(self) -> dict[str, object]:
        return {
            "Observatory": self.observatory.state().value,
            "Link": self.client.link.value,
            "Busy": self.engine.busy,
            "Held": self.engine.takeover.reason,
            "Foreign Motion": self.engine.takeover.is_active,
        }

    def _drivers(self) -> str:
        """Executable and version of each driver that tells them, for the header."""
        told = []
        for device in self.observatory.devices.values():
            info = self.client.get(device.name, "DRIVER_INFO")
            if info is not None:
                executable = info.values.get("DRIVER_EXEC", device.name)
                told.append(f"{executable} {info.values.get('DRIVER_VERSION', '')}".strip())
        return ", ".join(told)

    def _leave(self) -> frozenset[str]:
        """Devices that are not connected now: after a takeover a human decides about all of them.

        A driver that dies meanwhile is connected again by the client.
        """
        if self.engine.takeover.is_active:
            return frozenset(device.name for device in self.observatory.devices.values())
        self._left_alone.forget()  # released, or the site goes on by itself
        return frozenset()

    def _post_follow_dome(self) -> None:
        self.engine.inbox.post(self.engine.follow_dome)


def _verdict_times(profile: Profile) -> VerdictTimes:
    """Safety's own time to close: park, three tries at the shutter, the dome."""
    policy = profile.safety
    closes_s = policy.park_timeout_s + 3.0 * policy.shutter_timeout_s + 120.0
    return VerdictTimes(
        close_machine_s=policy.safety_silence_s,
        safety_closes_s=closes_s,
        latch_notice_s=policy.latched_close_notice_s,
    )
