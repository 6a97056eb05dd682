"""The engine on a fake observatory, turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.models.orders import ExposureRecord, ObservationRequest
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, Verdict, VerdictLevel
from ctmo_indi.store.journal import Outcome
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.engine import Engine
from ctmo_indi.telescope.engine_parts import EngineParts
from ctmo_indi.telescope.hands import RawFrame
from ctmo_indi.telescope.lamp import Lamp
from ctmo_indi.telescope.safety_link import VerdictNews
from ctmo_indi.telescope.scene import ExposurePlan, Observed, StepTimes, fixed_place
from ctmo_indi.telescope.verdict_rules import VerdictTimes
from ctmo_indi.telescope.vigil import Vigil
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_observatory import FakeHands


def done(value=None) -> Future:
    future: Future = Future()
    future.set_result(value)
    return future


class FakeFrames:
    """Keeps frames in memory; ``hold`` leaves their storing to the test.

    With ``is_slow`` no INTENT becomes durable; ``refused`` are not even taken.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.hold = False
        self.is_slow = False
        self.refused: set[str] = set()
        self.fail: Exception | None = None
        self.held: list[tuple[Future, ExposureRecord]] = []

    def plan(self, attempt: Attempt, number: int, sequence: int) -> ExposurePlan:
        return ExposurePlan(
            exposure_id=f"{attempt.attempt_id}-{number:03d}",
            attempt_id=attempt.attempt_id,
            parent=attempt.parent,
            sequence=sequence,
            path=f"/nights/{attempt.attempt_id}-{number:03d}.fits",
            request=attempt.request,
        )

    def intend(self, plan: ExposurePlan) -> Future:
        if plan.exposure_id in self.refused:
            raise StoreUnavailable("the journal takes nothing")
        self.log.append(f"intend {plan.exposure_id}")
        return Future() if self.is_slow else done()

    def keep(self, plan: ExposurePlan, raw: RawFrame, observed: Observed) -> Future:
        self.log.append(f"keep {plan.exposure_id}")
        if self.fail is not None:
            future: Future = Future()
            future.set_exception(self.fail)
            return future
        record = ExposureRecord(
            plan.exposure_id,
            plan.attempt_id,
            plan.parent,
            plan.sequence,
            plan.path,
            plan.request.frame_type,
            plan.request.filter_name or "",
            plan.request.exposure_s,
            61000.0,
            61000.1,
            None,
            None,
            "",
            "0" * 64,
        )
        if self.hold:
            future = Future()
            self.held.append((future, record))
            return future
        return done(record)

    def forget(self, plan: ExposurePlan, outcome: str) -> Future:
        self.log.append(f"forget {plan.exposure_id}: {outcome}")
        return done()


class FakeLampBook:
    """Keeps the panel's intents in memory; with ``is_slow`` none becomes durable."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.is_slow = False

    def intend(self, attempt_id: str) -> Future:
        self.log.append(f"intend {attempt_id}")
        return Future() if self.is_slow else done(1)

    def settle(self, outcome: Outcome, detail: str = "") -> None:
        self.log.append(f"settle {outcome}")


@dataclass
class FakeSafety:
    """Where the verdict comes from."""

    clock: FakeClock
    news: VerdictNews | None = None
    cycle: int = 0

    def say(
        self,
        level: VerdictLevel = VerdictLevel.SAFE,
        *reasons: str,
        lock: Lock | None = None,
        latch: Latch | None = None,
        safety_is_closing: bool = False,
    ) -> None:
        self.cycle += 1
        verdict = Verdict(
            level, reasons, self.cycle, "", self.clock.machine_s(), lock=lock, latch=latch
        )
        self.news = VerdictNews(verdict, self.clock.machine_s(), {}, safety_is_closing)


@dataclass
class Rig:
    """Engine, fakes, and what was published."""

    state: ObservatoryState = ObservatoryState.CLOSED
    clock: FakeClock = field(default_factory=FakeClock)
    unobservable: tuple[str, ...] = ()
    hands_off_s: float | None = 0.0
    blame_machine_s: float = 0.0
    place: Callable[[ObservationRequest], tuple[float, float] | None] = fixed_place

    def __post_init__(self) -> None:
        self.hands = FakeHands(self.state)
        self.frames = FakeFrames()
        self.safety = FakeSafety(self.clock)
        self.safety.say()
        self.events: list[tuple[str, str, dict]] = []
        self.states: list[str] = []
        self.lamp_book = FakeLampBook()
        self.lamp = Lamp(self.hands, self.lamp_book, self.clock, self._publish)
        self.engine = Engine(
            EngineParts(
                hands=self.hands,
                lamp=self.lamp,
                frames=self.frames,
                vigil=Vigil(self.safety, self.clock, VerdictTimes()),
                clock=self.clock,
                observable=lambda request, seconds: self.unobservable,
                publish=self._publish,
                on_state=lambda attempt: self.states.append(attempt.state.value),
                step_times=StepTimes(blame_machine_s=self.blame_machine_s),
                hands_off_s=self.hands_off_s,
                place=self.place,
            )
        )

    def _publish(self, kind: str, subject: str, data: dict) -> int:
        self.events.append((kind, subject, data))
        return len(self.events)

    def turn(self, machine_s: float = 0.0) -> None:
        """Let time pass, then run what is posted and the engine's turns until it waits."""
        while 2.0 < machine_s < 3600.0:  # a longer gap would be taken for a sleep of our own
            self.clock.advance(2.0)
            self.engine._turn()
            machine_s -= 2.0
        self.clock.advance(machine_s)
        for _ in range(20):
            self.engine.inbox.run_pending(0)
            self.engine._turn()

    def attempt(self, attempt_id: str = "A-1", **changes: object) -> Attempt:
        request = ObservationRequest(
            order_id=attempt_id,
            user="scheduler",
            frame_type=FrameType.LIGHT,
            exposure_s=30.0,
            count=1,
            ra_deg=10.0,
            dec_deg=20.0,
            filter_name="I",
        )
        return Attempt(attempt_id, "O-1", "scheduler", attempt_id, replace(request, **changes))

    def submit(self, attempt: Attempt) -> Attempt:
        self.engine.enqueue(attempt)
        self.turn()
        return attempt

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.events]
