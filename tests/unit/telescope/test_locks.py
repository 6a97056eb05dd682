"""Both kinds of lock in every state: nothing moves but what may, all goes on after the unlock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ctmo_indi.errors import CommandRejected
from ctmo_indi.models.states import AttemptState, ObservatoryState
from ctmo_indi.models.verdict import NOBODY, Hand, Lock, LockKind, VerdictLevel
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.control import ControlTask, control_steps
from ctmo_indi.telescope.verdict_rules import VerdictTimes, refusal
from ctmo_indi.testing.verdicts import SAFE
from ctmo_indi.work_orders.model import ControlCommand, ControlRequest

from .rig import Rig

OPEN, CLOSED = ObservatoryState.OPEN, ObservatoryState.CLOSED
STOPS = ("abort", "let go", "report")


def lock(kind: LockKind) -> Lock:
    return Lock(kind, "ada", "at work", "2026-11-22T00:30:00+00:00", None)


def idle(rig: Rig) -> None:
    rig.turn()


def waiting_for(deed: str, state: ObservatoryState = OPEN) -> Callable[[Rig], None]:
    """An attempt that waits for a slow deed."""

    def arrange(rig: Rig) -> None:
        rig.hands.see(state=state, parked=state is CLOSED)
        rig.hands.slow.add(deed)
        rig.submit(rig.attempt())

    return arrange


def storing(rig: Rig) -> None:
    rig.frames.hold = True
    rig.submit(rig.attempt())


def closing(rig: Rig) -> None:
    rig.hands.slow.add("close")
    task = ControlTask(
        "O-1", "1", "ada", "Control", "close",
        control_steps(ControlRequest("1", "ada", ControlCommand.CLOSE)), is_urgent=True,
    )  # fmt: skip
    rig.engine.close_by_order(task)
    rig.turn()


def safety_closing(rig: Rig) -> None:
    rig.safety.say(VerdictLevel.UNSAFE, "rain")
    assert rig.safety.news is not None
    rig.safety.news = replace(rig.safety.news, safety_is_closing=True)
    rig.hands.see(state=ObservatoryState.CLOSING)
    rig.turn()


def shutter_moving(rig: Rig) -> None:
    rig.hands.see(state=ObservatoryState.OPENING, parked=True)
    rig.turn()


def alarm(rig: Rig) -> None:
    rig.hands.failing["close"] = CommandRejected("shutter stuck")
    closing(rig)
    rig.hands.slow.clear()
    rig.hands.see(state=ObservatoryState.ALARM)
    rig.turn()


# name -> (the observatory at first, what happens)
STATES: dict[str, tuple[ObservatoryState, Callable[[Rig], None]]] = {
    "closed and idle": (CLOSED, idle),
    "open and idle": (OPEN, idle),
    "opening": (CLOSED, waiting_for("open", CLOSED)),
    "slewing": (OPEN, waiting_for("slew")),
    "dome turning": (OPEN, waiting_for("dome")),
    "filter turning": (OPEN, waiting_for("filter")),
    "exposing": (OPEN, waiting_for("expose")),
    "storing": (OPEN, storing),
    "closing by the telescope": (OPEN, closing),
    "closing by safety": (OPEN, safety_closing),
    "parked, shutter moving": (CLOSED, shutter_moving),
    "alarm": (OPEN, alarm),
    "unknown at start": (ObservatoryState.UNKNOWN, lambda rig: None),
}


def hold(rig: Rig, kind: LockKind, seconds: int = 700) -> list[str]:
    """Let a locked night go by; return what was done meanwhile."""
    before = len(rig.hands.done)
    for _ in range(seconds // 7):
        rig.safety.say(lock=lock(kind))
        rig.engine.follow_dome(0.0)
        rig.turn(7.0)
    return rig.hands.done[before:]


@pytest.mark.parametrize("kind", LockKind)
@pytest.mark.parametrize("name", STATES)
def test_a_lock_stops_what_is_under_way_and_nothing_begins_before_the_unlock(
    name: str, kind: LockKind
) -> None:
    state, arrange = STATES[name]
    rig = Rig(state)
    if name == "unknown at start":
        rig.safety.say(lock=lock(kind))
    arrange(rig)
    running = [task for task in rig.engine.tasks._tasks.values() if isinstance(task, Attempt)]

    begun = len(rig.hands.done)
    rig.safety.say(lock=lock(kind))
    rig.turn()
    for future, record in rig.frames.held:
        future.set_result(record)
    hold(rig, kind)
    done = rig.hands.done[begun:]
    refused = rig.submit(rig.attempt("A-2"))
    if rig.hands.is_waiting("close"):
        rig.hands.finish("close")
    rig.turn()
    ends = [task.state for task in running]
    rig.hands.slow.clear()
    rig.hands.see(state=OPEN, parked=False, tracking=True, shutter="OPEN")
    rig.frames.hold = False
    rig.safety.say()
    again = rig.submit(rig.attempt("A-3"))

    assert [deed for deed in done if not deed.startswith(STOPS)] == []
    assert refused.state is AttemptState.NOT_ATTEMPTED
    assert f"{kind} lock of ada" in refused.reason
    # What was exposed is stored: there is nothing left to interrupt.
    whole = AttemptState.COMPLETED if name == "storing" else AttemptState.INTERRUPTED
    assert set(ends) <= {whole}
    assert again.state is AttemptState.COMPLETED


@pytest.mark.parametrize("kind", LockKind)
def test_a_restart_under_a_lock_changes_nothing(kind: LockKind) -> None:
    rig = Rig(OPEN)
    rig.safety.say(lock=lock(kind))
    assert hold(rig, kind) == []
    assert rig.submit(rig.attempt()).state is AttemptState.NOT_ATTEMPTED
    rig.safety.say()
    assert rig.submit(rig.attempt("A-2")).state is AttemptState.COMPLETED


@pytest.mark.parametrize(("kind", "closes"), [("observer", True), ("maintenance", False)])
def test_in_the_rain_an_observers_observatory_is_closed_a_maintainers_is_not(
    kind: str, closes: bool
) -> None:
    rig = Rig(OPEN)
    for _ in range(30):
        rig.safety.say(VerdictLevel.UNSAFE, "rain", lock=lock(LockKind(kind)))
        rig.turn(1.0)
    assert ("close" in rig.hands.done) is closes


@pytest.mark.parametrize(
    ("kind", "by_token", "acts_for", "is_allowed"),
    [
        (LockKind.OBSERVER, False, Hand("ada"), True),
        (LockKind.OBSERVER, False, Hand("ada", is_proved=True), True),
        (LockKind.OBSERVER, True, Hand("ada", is_proved=True), True),
        (LockKind.OBSERVER, True, Hand("ada"), False),  # anybody may say so
        (LockKind.OBSERVER, True, Hand("bob", is_proved=True), False),
        (LockKind.OBSERVER, False, Hand("bob"), False),
        (LockKind.OBSERVER, False, NOBODY, False),
        (LockKind.MAINTENANCE, False, Hand("ada"), False),
    ],
)
def test_the_holder_of_an_observer_lock_may_operate_by_hand(
    kind: LockKind, by_token: bool, acts_for: Hand, is_allowed: bool
) -> None:
    verdict = replace(SAFE, lock=replace(lock(kind), is_proved=by_token))
    found = refusal(verdict, 0.0, VerdictTimes(), needs_safe=True, acts_for=acts_for)
    assert (found is None) is is_allowed


def test_weather_and_age_hold_for_the_holder_as_well() -> None:
    rain = replace(SAFE, level=VerdictLevel.UNSAFE, reasons=("rain",), lock=lock(LockKind.OBSERVER))
    wet = refusal(rain, 0.0, VerdictTimes(), needs_safe=True, acts_for=Hand("ada"))
    old = refusal(
        replace(SAFE, lock=lock(LockKind.OBSERVER)),
        11.0,
        VerdictTimes(),
        needs_safe=True,
        acts_for=Hand("ada"),
    )
    assert "rain" in str(wet)
    assert "11 s old" in str(old)


def test_an_order_by_hand_is_carried_out_as_its_givers_deed() -> None:
    rig = Rig(OPEN)
    rig.safety.say(lock=lock(LockKind.OBSERVER))
    request = ControlRequest("1", "ada", ControlCommand.SLEW, ra_deg=10.0, dec_deg=20.0)
    steps = control_steps(request)
    task = ControlTask("O-1", "1", "ada", "Control", "slew", steps, acts_for=Hand("ada"))
    rig.engine.enqueue(task)
    rig.turn()

    assert task.state is AttemptState.COMPLETED
    assert "slew 10.0 20.0" in rig.hands.done
    assert rig.hands.hands_of == [Hand("ada")]
