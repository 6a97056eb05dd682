"""A mode with all it works with but the engine: its thread is the test's, its time is quick.

The telescope is a fake one that is called directly; database, script queue and driver's thread are
real. Restarts build a new rig on the same folder and the same telescope.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ctmo_indi.clock import ClockAnchor, SystemClock
from ctmo_indi.errors import BadOrder, ConfigError
from ctmo_indi.inbox import Inbox
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import AttemptState, FrameType, OrderState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.profiles import NightPolicy, Profile
from ctmo_indi.scheduler.blocks.book import BlockBook
from ctmo_indi.scheduler.configuration import SchedulerCscParameters, SchedulerModes
from ctmo_indi.scheduler.modes.choice import make_mode
from ctmo_indi.scheduler.modes.mode import Mode, ModeContext
from ctmo_indi.scheduler.orders.attempt_runner import AttemptRunner
from ctmo_indi.scheduler.orders.orders_book import OrdersBook
from ctmo_indi.scheduler.safety_link import SafetyLink, VerdictNews
from ctmo_indi.scheduler.snapshots import newest_first
from ctmo_indi.scheduler.states import DetailedState, ErrorCode
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import DriverTarget, Observation, SurveyTopology
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.queueing import ScriptQueue
from ctmo_indi.script_queue.registry import ScriptParts, ScriptRegistry
from ctmo_indi.script_queue.script import ScriptRun
from ctmo_indi.store import attempts, observations, orders
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_desk import FakeSafety, FakeTelescope
from ctmo_indi.testing.fake_sky import FakeSky, fake_models
from ctmo_indi.work_orders.contract import Contract

SPEED = 60.0
QUICK = SchedulerCscParameters(n_targets=3, driver_timeout_s=5.0)
FIELDS = tuple(f"field-{number}" for number in range(5))


class FieldsDriver(Driver):
    """A survey of five fields: which one is next depends on everything registered, in order.

    One that rests is passed over; the note of a target names those that do.
    """

    name = "fields"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the base takes them
        self.memory = ""
        self.registered: list[str] = []

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        return SurveyTopology(self.name)

    def select_next_target(self) -> DriverTarget | None:
        conditions = self.conditions
        assert conditions is not None
        utc_s, rests_until_s = conditions.utc.timestamp(), conditions.not_before_utc_s
        resting = [name for name in FIELDS if rests_until_s.get(name, 0.0) > utc_s]
        first = int(hashlib.sha256(self.memory.encode()).hexdigest(), 16)
        names = [FIELDS[(first + step) % len(FIELDS)] for step in range(len(FIELDS))]
        name = next((one for one in names if one not in resting), None)
        if name is None:
            return None
        request = field_request(name)
        if conditions.sky_forbidden or self.models.sky.obstacles(request, conditions.utc):
            return None
        note = " ".join(resting)
        return DriverTarget(request, conditions.utc, 40.0, target_id=name, note=note)

    def register_observation(self, observation: Observation) -> None:
        super().register_observation(observation)
        self.memory += f" {observation.target_id}"
        if observation.number:
            self.registered.append(observation.attempt_id)

    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "memory": self.memory}

    def set_state(self, state: Mapping[str, object]) -> None:
        memory = state["memory"]
        super().set_state(state)
        self.memory = str(memory)


def field_request(name: str) -> ObservationRequest:
    return ObservationRequest(
        name,
        "survey",
        FrameType.LIGHT,
        30.0,
        1,
        ra_deg=30.0,
        dec_deg=20.0,
        object_name=name,
        filter_name="V",
    )


class SettableClock(SystemClock):
    """A clock whose sky time can be set; ``set_s``: by how much."""

    set_s = 0.0

    def utc(self) -> datetime:
        return super().utc() + timedelta(seconds=self.set_s)


@dataclass
class World:
    """What outlives a scheduler: its folder, the telescope, the sky, the time."""

    folder: Path
    profile: Profile
    sky: FakeSky = field(default_factory=FakeSky)
    is_safe: bool = True
    speed: float = SPEED

    def __post_init__(self) -> None:
        anchor = ClockAnchor(SystemClock().machine_s(), EVENING.timestamp(), self.speed)
        self.clock = SettableClock(anchor)
        self.telescope = FakeTelescope(self.profile, self.clock)
        self.contract = Contract.load(self.profile, self.clock)

    @property
    def names(self) -> list[str]:
        """Objects of the attempts that reached the telescope, in order."""
        return [one.request.object_name for one in self.telescope.attempts.values()]


class Rig:
    """One life of a scheduler's mode.

    Parameters
    ----------
    blocks
        Folder of observing blocks, beside the shipped ones; None: no blocks at all.
    """

    def __init__(
        self,
        world: World,
        parameters: SchedulerCscParameters = QUICK,
        make_driver: Callable[[Models], Driver] = SequentialScheduler,
        *,
        is_auto: bool = False,
        blocks: Path | None = None,
    ) -> None:
        self.world = world
        self.clock = world.clock
        self.events: list[tuple[str, str, dict[str, object]]] = []
        self.detailed = [DetailedState.IDLE]
        self.fault: tuple[ErrorCode, str] | None = None
        self.inbox = Inbox("test")
        self.database = open_database("scheduler", world.folder / "scheduler.sqlite3")
        self.writer = Writer(self.database)
        self.book = OrdersBook(
            self.database,
            self.writer,
            self.clock,
            NightPolicy(),
            self._read,
            self._publish,
            world.profile.site,
        )
        self.queue = ScriptQueue(
            self.clock,
            self.inbox.post,
            on_change=self._script_changed,
            on_report=lambda _run, report: self.runner.script_reported(report),
        )
        self.blocks = None if blocks is None else self._block_book(blocks)
        self.runner = AttemptRunner(self.book, self.queue, world.telescope, self.clock, self.blocks)
        self.safety = SafetyLink(
            FakeSafety(world.profile, self.clock), self.clock, self.inbox.post, lambda _news: None
        )
        self.worker = Worker("test-driver")
        self.worker.start()
        self.snapshots = world.folder / "snapshots"
        self.driver = make_driver(fake_models(world.sky))
        self.driver.configure_scheduler({})
        self.book.load()
        with self.database.read() as connection:
            if is_auto:
                self._recall(self.driver)
            else:
                self.driver.observation_number = observations.newest_number(connection)
        self._tell_verdict()
        is_dry = parameters.mode is SchedulerModes.DRY
        self.mode: Mode = make_mode(parameters)(
            ModeContext(
                clock=self.clock,
                profile=world.profile,
                driver=None if is_dry else self.driver,
                worker=self.worker,
                book=self.book,
                runner=self.runner,
                queue=self.queue,
                telescope=world.telescope,
                safety=self.safety,
                publish=self._publish,
                post=self.inbox.post,
                set_detailed=self._set_detailed,
                fault=self._fault,
                parameters=parameters,
                snapshots_folder=self.snapshots,
            )
        )

    # -- the world to the scheduler ----------------------------------------------------------------

    def order(self, name: str, priority: float = 5.0, **more: object) -> str:
        """Hand in an order; return its receipt."""
        now_s = self.clock.utc().timestamp()
        wire: dict[str, object] = {
            "WOType": "Observation",
            "User": "ana",
            "ID": name,
            "Object": name,
            "RA": 30.0,
            "Dec": 20.0,
            "Filter": "V",
            "Exposure Time": 30.0,
            "Number of Exposures": 2,
            **{key.replace("_", " "): value for key, value in more.items()},
        }
        wire = {key: value for key, value in wire.items() if value is not None}
        checked = self.world.contract.check(wire)
        assert isinstance(checked.request, ObservationRequest)
        row = OrderRow(
            receipt=f"O-{name}",
            user="ana",
            order_id=name,
            kind="Observation",
            state=OrderState.PENDING,
            priority=priority,
            content_hash=checked.content_hash,
            wire=dict(checked.wire),
            created_utc_s=now_s,
            updated_utc_s=now_s,
            wanted_count=checked.request.count,
        )
        self.writer.run(lambda connection: orders.insert_order(connection, row))
        self.book.adopt(row)
        self.mode.poke()
        return row.receipt

    def verdict(self, *, is_safe: bool) -> None:
        """Let safety say something else."""
        self.world.is_safe = is_safe
        self._tell_verdict()
        self.mode.poke()

    def run_until(self, is_true: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Be the engine until ``is_true``; AssertionError at the deadline."""
        end_s = self.clock.machine_s() + timeout_s
        while not is_true():
            assert self.clock.machine_s() < end_s, f"not within {timeout_s} s: {self.story()}"
            self.tick()
            self.inbox.run_pending(0.02)

    def run_idle(self) -> None:
        """Be the engine until nothing is under way and nothing was decided to be done."""
        self.run_until(
            lambda: (
                self.fault is not None
                or (
                    self.runner.is_idle
                    and self.detailed[-1] is DetailedState.WAITING_NEXT_TARGET_TIMER_TASK
                )
            )
        )

    def tick(self) -> None:
        """What the engine's cycle does."""
        self._tell_verdict()
        self.queue.tick()
        self.runner.reconcile()
        self.mode.tick()

    def pump(self) -> None:
        """Run what is posted by now."""
        self.inbox.post(lambda: None)
        self.inbox.run_pending(0.0)

    def end(self) -> None:
        """Be gone, as after a kill: what is under way at the telescope goes on."""
        self.mode.stop()
        thread = self.queue.leave()
        self.world.telescope.close()
        if thread is not None:
            thread.join(5.0)
        self.world.telescope.is_closed = False
        self.worker.stop(5.0)
        self.writer.close()
        self.database.close()

    # -- what it did -------------------------------------------------------------------------------

    def order_state(self, receipt: str) -> OrderState:
        with self.database.read() as connection:
            row = orders.get(connection, receipt)
        assert row is not None
        return row.state

    def attempt_rows(self) -> list[tuple[str, str, str]]:
        """Parent, state and reason of every attempt, oldest first."""
        with self.database.read() as connection:
            found = attempts.in_states(connection, tuple(AttemptState))
        return [(row.parent, row.state.value, row.reason) for row in found]

    def stored(self) -> list[Observation]:
        with self.database.read() as connection:
            return observations.after(connection, 0)

    def published(self, kind: str) -> list[dict[str, object]]:
        return [data for known, _, data in self.events if known == kind]

    def driver_state(self) -> dict[str, object]:
        """State of the driver when what it was asked by now is over."""
        return self.worker.ask(self.driver.get_state).result(10.0)

    def waiting(self) -> list[str]:
        """Objects that wait on the queue."""
        targets = [self.runner.target_of(run) for run in self.queue.waiting]
        return [one.request.object_name for one in targets if one is not None]

    def story(self) -> str:
        """What happened, for a failing test."""
        return (
            f"fault={self.fault} detailed={[one.value for one in self.detailed[-6:]]}"
            f" attempts={self.attempt_rows()} waiting={self.waiting()}"
            f" report={json.dumps(self.mode.report(), default=str)[:600]}"
        )

    # -- the engine's part -------------------------------------------------------------------------

    def _recall(self, driver: Driver) -> None:
        """AUTO: the newest snapshot, and what was observed since."""
        for path in newest_first(self.snapshots):
            try:
                driver.reset_from_state(path)
                break
            except ConfigError:
                continue
        with self.database.read() as connection:
            for made in observations.after(connection, driver.observation_number):
                driver.register_observation(made)

    def _tell_verdict(self) -> None:
        level = VerdictLevel.SAFE if self.world.is_safe else VerdictLevel.UNSAFE
        now_s = self.clock.machine_s()
        reasons = () if self.world.is_safe else ("rain",)
        verdict = Verdict(level, reasons, 1, self.clock.utc().isoformat(), now_s)
        self.safety.news = VerdictNews(verdict, now_s)

    def _block_book(self, folder: Path) -> BlockBook:
        desk = self.world.telescope
        book = BlockBook(
            self.queue,
            self.clock,
            self.world.folder / "blocks.json",
            self._publish,
            lambda attempt: ScriptParts(desk, desk, attempt),
        )
        book.use(BlockLibrary.load(folder, ScriptRegistry.load()))
        return book

    def _script_changed(self, run: ScriptRun) -> None:
        if self.blocks is not None:
            self.blocks.script_changed(run)
        if not run.is_final:
            return
        settled = self.runner.script_ended(run)
        if settled is not None:
            self.mode.attempt_settled(settled)
        else:
            self.mode.script_ended(run)

    def _read(self, row: OrderRow) -> ObservationRequest:
        request = self.world.contract.check(row.wire).request
        if not isinstance(request, ObservationRequest):
            raise BadOrder("not an Observation")
        return request

    def _publish(self, kind: str, subject: str, data: dict[str, object]) -> None:
        self.events.append((kind, subject, data))

    def _set_detailed(self, state: DetailedState) -> None:
        state = state if self.mode.is_running else DetailedState.IDLE
        if state is not self.detailed[-1]:
            self.detailed.append(state)

    def _fault(self, code: ErrorCode, report: str) -> None:
        self.fault = self.fault or (code, report)
        self.mode.stop()
        self.runner.stop_all(report)
