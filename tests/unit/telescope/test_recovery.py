"""What a crash left is settled by asking disk and devices; nothing is done again."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import BadOrder, StoreUnavailable
from ctmo_indi.models.states import AttemptState, ObservatoryState
from ctmo_indi.store.hand_orders import HandOrder
from ctmo_indi.store.journal import Effect, Outcome
from ctmo_indi.telescope import recovery
from ctmo_indi.telescope.hand_targets import NotKnown, shortfalls
from ctmo_indi.telescope.hands import Sight
from ctmo_indi.telescope.leftovers import Leftovers
from ctmo_indi.telescope.recovery import Recovery, RecoveryParts
from ctmo_indi.work_orders.model import ControlCommand, ControlRequest, DomeRequest, ShutterWish

CLOSED = Sight(
    ObservatoryState.CLOSED,
    True,
    ra_deg=10.0,
    dec_deg=20.0,
    parked=True,
    tracking=False,
    dome_azimuth_deg=359.0,
    dome_parked=True,
    shutter="CLOSED",
    filter_name="R",
    exposing=False,
    focus_position=100.0,
    switches={"Blink01": True},
)
OPEN_DOME = DomeRequest("1", "ada", {}, shutter=ShutterWish.OPEN)
BLINK = DomeRequest("1", "ada", {"Blink01": True})


def control(command: ControlCommand, **keys) -> ControlRequest:
    return ControlRequest("1", "ada", command, **keys)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (BLINK, ()),
        (OPEN_DOME, ("shutter is CLOSED, wanted OPEN",)),
        (DomeRequest("1", "ada", {}, azimuth_deg=1.0), ()),
        (
            DomeRequest("1", "ada", {}, azimuth_deg=10.0),
            ("the dome is at 359.0 deg, wanted 10.0",),
        ),
        (DomeRequest("1", "ada", {}, park=True), ()),
        (control(ControlCommand.PARK), ()),
        (control(ControlCommand.UNPARK), ("mount parked is yes, wanted no",)),
        (control(ControlCommand.CLOSE), ()),
        (control(ControlCommand.OPEN), ("observatory is CLOSED, wanted OPEN",)),
        (control(ControlCommand.FILTER, filter_name="V"), ("filter is R, wanted V",)),
        (control(ControlCommand.FOCUS, position=101.0), ()),
        (control(ControlCommand.FOCUS, position=50.0), ("the focuser is at 100, wanted 50",)),
        (control(ControlCommand.STOP), ()),
        (control(ControlCommand.ABORT), ()),
        (control(ControlCommand.TRACK), ("tracking is no, wanted yes",)),
        (
            control(ControlCommand.SLEW, ra_deg=10.0, dec_deg=25.0),
            ("tracking is no, wanted yes", "the mount points 5.0 deg beside the target"),
        ),
    ],
)
def test_the_devices_tell_whether_an_order_was_carried_out(request_, told):
    assert shortfalls(request_, CLOSED) == told


@pytest.mark.parametrize(
    "sight",
    [
        Sight(ObservatoryState.UNKNOWN, False),
        Sight(ObservatoryState.UNKNOWN, True),
        Sight(ObservatoryState.OPENING, True, shutter="OPENING"),
        Sight(ObservatoryState.OPEN, True, shutter="OPEN", dome_moving=True),
    ],
)
def test_what_is_not_known_yet_is_not_judged(sight):
    with pytest.raises(NotKnown):
        shortfalls(OPEN_DOME, sight)


def done(value) -> Future:
    future: Future = Future()
    future.set_result(value)
    return future


@dataclass
class World:
    """Rows and devices after a crash."""

    sights: list[Sight] = field(default_factory=lambda: [CLOSED])
    effects: list[Effect] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    hands: list[HandOrder] = field(default_factory=list)
    request: object = OPEN_DOME
    outcome: Outcome = Outcome.NOT_DONE
    disk_is_full_for: int = 0
    log: list[str] = field(default_factory=list)
    ends: dict[str, tuple[AttemptState, Outcome, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.recovery = Recovery(
            RecoveryParts(
                frames=self,
                attempts=self.Attempts(self),
                hand_orders=self.Hands(self),
                sight=lambda: done(self.sights.pop(0) if len(self.sights) > 1 else self.sights[0]),
                abort_exposure=lambda: done(done(self.log.append("abort"))),
                read_request=self._read,
                publish=lambda kind, subject, data: self.log.append(str(data["Notice"])) or 1,
                clock=SystemClock(),
            )
        )

    def _read(self, _row):
        if isinstance(self.request, Exception):
            raise self.request
        return self.request

    def open_exposures(self):
        return self.effects

    def reconcile(self, effect):
        if self.disk_is_full_for:
            self.disk_is_full_for -= 1
            raise StoreUnavailable("the disk is full")
        self.log.append(f"reconcile {effect.effect_id}")
        return self.outcome

    def look_around(self):
        self.log.append("look around")
        return Leftovers(temporary=("/x/.y.part",))

    @dataclass
    class Attempts:
        world: World

        def cut_off(self):
            return self.world.begun

        def settle(self, attempt_id):
            self.world.log.append(f"settle {attempt_id}")
            return AttemptState.INTERRUPTED

    @dataclass
    class Hands:
        world: World

        def open_orders(self):
            return self.world.hands

        def settle(self, receipt, state, outcome, reason):
            self.world.ends[receipt] = (state, outcome, reason)

    def run(self) -> World:
        self.recovery.begin()
        assert not self.recovery.may_attempt()
        self.recovery.start()
        end_s = time.monotonic() + 10.0
        while self.recovery.to_wire()["Doing"]:
            assert time.monotonic() < end_s, self.recovery.to_wire()
            time.sleep(0.01)
        assert self.recovery.may_attempt()
        self.recovery.stop(1.0)
        return self


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(recovery, "LOOK_MACHINE_S", 0.01)
    monkeypatch.setattr(recovery, "AGAIN_MACHINE_S", 0.01)
    monkeypatch.setattr(recovery, "MOTION_S", 0.1)
    monkeypatch.setattr(recovery, "DEVICES_MACHINE_S", 0.1)


def exposure(effect_id: int = 1, age_s: float = 1.0) -> Effect:
    intent_s = SystemClock().utc().timestamp() - age_s
    target = {"exposure_id": f"A-1-{effect_id:03d}", "exposure_s": 100.0}
    return Effect(effect_id, "A-1", "expose", target, intent_s, None, None, "")


def order(command: str = "dome") -> HandOrder:
    return HandOrder("O-1", "ada", "1", "Dome", command, {}, AttemptState.IN_PROGRESS, 0.0)


def test_exposures_come_before_their_attempts():
    world = World(effects=[exposure()], begun=["A-1"]).run()

    assert [line for line in world.log if " " in line and "restart" not in line] == [
        "reconcile 1",
        "settle A-1",
        "look around",
        "1 files half-written, the first: /x/.y.part",
    ]


def test_a_full_disk_is_waited_for():
    world = World(effects=[exposure()], begun=["A-1"], disk_is_full_for=3).run()

    assert "settle A-1" in world.log


def test_the_exposure_the_camera_still_makes_is_aborted_once():
    silent = Sight(ObservatoryState.UNKNOWN, False)
    world = World(
        effects=[exposure()],
        sights=[silent, Sight(ObservatoryState.OPEN, True, exposing=True), CLOSED],
    ).run()

    assert world.log.count("abort") == 1


def test_an_exposure_of_somebody_else_goes_on():
    exposing = Sight(ObservatoryState.OPEN, True, exposing=True)
    world = World(effects=[exposure(age_s=1000.0)], sights=[exposing]).run()

    assert "abort" not in world.log


def test_an_order_that_the_devices_show_done_is_completed():
    world = World(hands=[order()], request=BLINK).run()

    assert world.ends == {"O-1": (AttemptState.COMPLETED, Outcome.FOUND_DONE, "")}


def test_a_motion_away_from_safe_is_told_and_not_done_again():
    world = World(hands=[order()]).run()

    state, outcome, reason = world.ends["O-1"]
    assert (state, outcome) == (AttemptState.INTERRUPTED, Outcome.NOT_DONE)
    assert "shutter is CLOSED, wanted OPEN" in reason
    assert any("dome by ada was cut off" in line for line in world.log)


def test_a_motion_that_goes_on_is_waited_for():
    moving = Sight(ObservatoryState.OPENING, True, shutter="OPENING")
    opened = Sight(ObservatoryState.OPEN, True, shutter="OPEN")
    world = World(hands=[order()], sights=[moving, moving, opened]).run()

    assert world.ends["O-1"][1] is Outcome.FOUND_DONE


@pytest.mark.parametrize("request_", [OPEN_DOME, BadOrder("not any more")])
def test_what_cannot_be_learned_is_said_to_be_unknown(request_):
    silent = Sight(ObservatoryState.UNKNOWN, False)
    world = World(hands=[order()], sights=[silent], request=request_).run()

    state, outcome, _reason = world.ends["O-1"]
    assert (state, outcome) == (AttemptState.INTERRUPTED, Outcome.UNKNOWN)
