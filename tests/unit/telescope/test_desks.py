"""What the telescope's and the dome's desk take, refuse and answer."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Iterator

import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import (
    BadOrder,
    ConflictingOrder,
    InternalError,
    Locked,
    NotPermitted,
    NotServedHere,
    Stopped,
    UnknownOrder,
    Unsafe,
    WrongState,
)
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import (
    Latch,
    Lock,
    LockKind,
    VerdictLevel,
    lock_from_wire,
    lock_to_wire,
)
from ctmo_indi.own_thread import in_own_thread
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.telescope import desk_handlers
from ctmo_indi.telescope.attempt_book import AttemptBook
from ctmo_indi.telescope.desk_handlers import DeskHandlers, DeskParts
from ctmo_indi.telescope.engine import MAX_WAITING, Engine
from ctmo_indi.telescope.engine_parts import EngineParts
from ctmo_indi.telescope.hand_book import HandBook
from ctmo_indi.telescope.lamp import Lamp
from ctmo_indi.telescope.late_writes import LateWrites
from ctmo_indi.telescope.verdict_rules import VerdictTimes
from ctmo_indi.telescope.vigil import Vigil
from ctmo_indi.testing.fake_observatory import FakeHands
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import DispatchDesk
from ctmo_indi.work_orders.revisions import RevisionBoard

from ...running_fleet import until
from .rig import FakeFrames, FakeLampBook, FakeSafety

CALLER = Caller("anonymous", Role.OPERATE, "127.0.0.1")
PROFILE = profiles.load("simulators")
ATTEMPT = {
    "WOType": "Observation",
    "ID": "A-00000000000000000000000001",
    "User": "scheduler",
    "Parent": "O-00000000000000000000000001",
    "RA": 10.0,
    "Dec": 20.0,
    "Filter": "R",
    "Exposure Time": 30.0,
}


class SafetyDesk:
    """Remembers what was passed on."""

    def __init__(self) -> None:
        self.orders: list[dict] = []

    def front_desk(self, order):
        self.orders.append(dict(order))
        return {"Status": "COMPLETED", "Verdict": {"Level": "SAFE"}}


class Office:
    """Both desks on a running engine with fake hands and a real store."""

    def __init__(self, folder) -> None:
        self.clock = SystemClock()
        self.safety = FakeSafety(self.clock)
        self.safety.say()
        self.hands = FakeHands(ObservatoryState.OPEN)
        self.board = RevisionBoard(self.clock)
        self.database = open_database("telescope", folder / "telescope.sqlite3")
        self.writer = Writer(self.database)
        late = self.late = LateWrites(self.writer)
        self.book = AttemptBook(self.database, self.writer, self.clock, late)
        self.hand_book = HandBook(self.database, self.writer, self.clock, late)
        self.safety_desk = SafetyDesk()
        self.scheduler_age_s = float("inf")
        self.scheduler_rests_s = math.inf
        self.element: object = 1.0
        self.pressed: list[Latch] = []
        self.refresh = lambda: None
        self.open_engine()

    def open_engine(self) -> None:
        """Begin with nothing in memory, as after a restart."""
        vigil = Vigil(self.safety, self.clock, VerdictTimes())
        self.engine = Engine(
            EngineParts(
                hands=self.hands,
                lamp=Lamp(self.hands, FakeLampBook(), self.clock, self.board.publish),
                frames=FakeFrames(),
                vigil=vigil,
                clock=self.clock,
                observable=lambda request, seconds: (),
                publish=self.board.publish,
                on_state=self.book.on_state,
                on_hand_state=self.hand_book.on_state,
            )
        )
        handlers = DeskHandlers(
            DeskParts(
                self.engine,
                vigil,
                self.book,
                self.hand_book,
                self.board,
                self.clock,
                self.safety_desk,
                lambda: self.scheduler_age_s,
                lambda: self.refresh(),
                self.pressed.append,
                lambda: None,
                lambda names: {name: {"Value": self.element} for name in names},
                scheduler_rests_machine_s=lambda: self.scheduler_rests_s,
            )
        )
        contract = Contract.load(PROFILE, self.clock)
        self.telescope = DispatchDesk("telescope", contract, handlers.telescope())
        self.dome = DispatchDesk("dome", contract, handlers.dome_desk())
        self.engine.start()

    def ask(self, order, desk=None, caller=CALLER):
        return asyncio.run((desk or self.telescope).handle(order, caller))

    def ended(self, receipt: str) -> dict:
        """Long-poll until the order has ended."""
        view = self.ask({"WOType": "Status", "Receipt": receipt})
        end_s = time.monotonic() + 10.0
        while view["Status"] in ("PENDING", "IN_PROGRESS"):
            assert time.monotonic() < end_s, view
            order = {"WOType": "Status", "Receipt": receipt, "Since": view["Revision"], "Wait": 2.0}
            view = self.ask(order)
        return view

    def close(self) -> None:
        self.engine.stop(5.0, close=False)
        self.writer.close()
        self.database.close()


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def control(command: str, **keys: object) -> dict:
    return {"WOType": "Control", "User": "ada", "Command": command, **keys}


def test_the_schedulers_attempt_is_taken_under_its_own_id(office):
    reply = office.ask(ATTEMPT)
    view = office.ended(ATTEMPT["ID"])

    assert reply["Receipt"] == ATTEMPT["ID"]
    assert str(reply["Message"]).startswith("Work order received.")
    assert view["Status"] == "COMPLETED"
    assert view["Exposures"][0]["Exposure ID"] == f"{ATTEMPT['ID']}-001"


def test_the_same_attempt_again_is_not_carried_out_again(office):
    office.ask(ATTEMPT)
    office.ended(ATTEMPT["ID"])
    again = office.ask(ATTEMPT)

    assert again["Status"] == "COMPLETED"
    assert len(office.hands.exposures) == 1


def test_the_same_id_with_other_content_is_refused(office):
    office.ask(ATTEMPT)

    with pytest.raises(ConflictingOrder):
        office.ask({**ATTEMPT, "Exposure Time": 31.0})


def test_an_attempt_is_still_known_after_a_restart(office):
    office.ask(ATTEMPT)
    office.ended(ATTEMPT["ID"])
    office.engine.stop(5.0, close=False)
    assert office.late.flush(5.0)
    office.open_engine()

    by_id = office.ask({"WOType": "Status", "User": "scheduler", "ID": ATTEMPT["ID"]})
    again = office.ask(ATTEMPT)

    assert by_id["Status"] == "COMPLETED"
    assert again["Status"] == "COMPLETED"
    assert len(office.hands.exposures) == 1


def test_a_direct_observation_is_refused_beside_a_scheduler(office):
    order = {**ATTEMPT, "User": "ada", "ID": "1"}
    del order["Parent"]
    office.scheduler_age_s = 3.0

    with pytest.raises(WrongState, match="a scheduler is at work"):
        office.ask(order)


def test_a_direct_observation_is_carried_out_when_no_scheduler_is_heard(office):
    order = {**ATTEMPT, "User": "ada", "ID": "1"}
    del order["Parent"]

    reply = office.ask(order)

    assert str(reply["Receipt"]).startswith("A-")
    assert office.ended(str(reply["Receipt"]))["Status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("key", "value"), [("Cadence", {"Period": 3600.0, "Visits": 3}), ("Group", "pair")]
)
def test_only_an_attempt_has_keys_of_a_plan(office, key, value):
    order = {**ATTEMPT, key: value}
    assert office.ended(str(office.ask(order)["Receipt"]))["Status"] == "COMPLETED"
    order |= {"User": "ada", "ID": "1"}
    del order["Parent"]

    with pytest.raises(BadOrder, match=f"{key}: came .*, expected at the scheduler, which plans"):
        office.ask(order)

    assert len(office.hands.exposures) == 1


def test_a_debt_is_not_the_telescopes(office):
    with pytest.raises(BadOrder, match="Debt: came '20261121', which telescope does not answer"):
        office.ask({"WOType": "Status", "Debt": "20261121"})


def test_a_scheduler_that_rests_is_not_at_work_one_that_follows_its_attempt_is(office):
    order = {**ATTEMPT, "User": "ada", "ID": "1"}
    del order["Parent"]
    office.ask({"WOType": "Status", "User": "scheduler"})
    with pytest.raises(WrongState, match="scheduler is at work"):  # not known to rest
        office.ask({**order, "ID": "0"})

    office.scheduler_rests_s = 1.0
    receipt = str(office.ask(order)["Receipt"])
    office.ended(receipt)

    office.ask({"WOType": "Status", "User": "scheduler", "Receipt": receipt})

    with pytest.raises(WrongState, match="its command disable"):
        office.ask({**order, "ID": "2"})


def test_status_waits_for_a_revision_that_is_not_there_yet(office):
    office.hands.slow.add("expose")
    office.ask(ATTEMPT)
    view = office.ask({"WOType": "Status", "Receipt": ATTEMPT["ID"]})
    begun_s = time.monotonic()

    async def both():
        order = {
            "WOType": "Status",
            "Receipt": ATTEMPT["ID"],
            "Since": view["Revision"] + 100,
            "Wait": 0.3,
        }
        return await office.telescope.handle(order, CALLER)

    asyncio.run(both())

    assert 0.25 <= time.monotonic() - begun_s < 5.0


def test_an_unknown_order_is_said_to_be_unknown(office):
    with pytest.raises(UnknownOrder):
        office.ask({"WOType": "Status", "Receipt": "A-0000000000000000000000000Z"})


def test_cancel_ends_a_running_attempt(office):
    office.hands.slow.add("expose")
    office.ask(ATTEMPT)
    end_s = time.monotonic() + 5.0
    while not office.hands.exposures and time.monotonic() < end_s:
        office.ask({"WOType": "Status"})

    office.ask({"WOType": "Cancel", "User": "ada", "Receipt": ATTEMPT["ID"]})

    assert office.ended(ATTEMPT["ID"])["Status"] == "ABORTED"


CANCEL_ATTEMPT = {"WOType": "Cancel", "User": "scheduler", "ID": ATTEMPT["ID"]}


def together(office: Office, *orders: dict) -> list[dict]:
    """Hand the orders in one after the other while nothing can be committed; their answers."""
    holds, goes_on = threading.Event(), threading.Event()

    def hold(_connection: object) -> None:
        holds.set()
        goes_on.wait(30.0)

    async def ask() -> list[dict]:
        asked = []
        for order in orders:
            asked.append(asyncio.create_task(office.telescope.handle(order, CALLER)))
            waiting = len(asked)
            while len(office.writer._waiting) < waiting:
                assert not asked[-1].done(), asked[-1]
                await asyncio.sleep(0.01)
        goes_on.set()
        return await asyncio.gather(*asked)

    office.writer.submit(hold)
    assert holds.wait(10.0)
    try:
        return asyncio.run(ask())
    finally:
        goes_on.set()


def test_an_attempt_canceled_while_its_commit_is_under_way_does_not_run(office):
    """Its scheduler was killed; the one in its place is told that nobody knows the attempt."""
    office.hands.slow.add("expose")

    together(office, ATTEMPT, CANCEL_ATTEMPT)

    assert office.ended(ATTEMPT["ID"])["Status"] in ("CANCELED", "NOT_ATTEMPTED", "INTERRUPTED")
    assert office.engine.tasks.get(ATTEMPT["ID"]) is not None  # the same attempt, not another row


@pytest.mark.parametrize("is_restarted", [False, True])
def test_an_attempt_that_comes_after_its_cancel_does_not_run(office, is_restarted):
    office.ask({**CANCEL_ATTEMPT, "Reason": "the scheduler was killed"})
    if is_restarted:
        office.engine.stop(5.0, close=False)
        office.open_engine()

    late = office.ask(ATTEMPT)
    told = office.ask({"WOType": "Status", "User": "scheduler", "ID": ATTEMPT["ID"]})

    assert late["Status"] == told["Status"] == "CANCELED"
    assert late["Reasons"] == [told["Failure"]]
    assert "the scheduler was killed" in str(told["Failure"])
    assert office.hands.exposures == []
    assert office.engine.tasks.get(ATTEMPT["ID"]) is None


def test_an_attempt_and_its_cancel_in_one_commit_are_one_attempt(office):
    canceled, late = together(office, CANCEL_ATTEMPT, ATTEMPT)

    assert canceled["Status"] == late["Status"] == "CANCELED"
    assert office.hands.exposures == []


@pytest.mark.parametrize(
    "name", [{"User": "ada", "ID": ATTEMPT["ID"]}, {"User": "scheduler", "Receipt": ATTEMPT["ID"]}]
)
def test_only_the_schedulers_own_attempts_are_canceled_before_they_come(office, name):
    with pytest.raises(UnknownOrder):
        office.ask({"WOType": "Cancel", **name})

    assert office.ask(ATTEMPT)["Status"] != "CANCELED"


def test_an_attempt_the_engine_refuses_does_not_wait_for_ever(office):
    office.engine.inbox.ask(lambda: setattr(office.engine, "_is_ending", True)).result(5.0)
    with pytest.raises(WrongState, match="stopping"):
        office.ask(ATTEMPT)

    assert office.late.flush(5.0)
    assert office.ask({"WOType": "Status", "Receipt": ATTEMPT["ID"]})["Status"] == "NOT_ATTEMPTED"


def test_blink01_switches_beside_a_running_attempt(office):
    office.hands.slow.add("expose")
    office.ask(ATTEMPT)

    reply = office.ask({"WOType": "Dome", "User": "ada", "Blink01": True}, office.dome)

    assert reply["Status"] == "COMPLETED"
    assert "switch Blink01 True" in office.hands.done


def test_a_dome_motion_is_refused_while_an_attempt_runs(office):
    office.hands.slow.add("expose")
    office.ask(ATTEMPT)
    end_s = time.monotonic() + 5.0
    while not office.hands.exposures and time.monotonic() < end_s:
        office.ask({"WOType": "Status"})

    with pytest.raises(WrongState):
        office.ask({"WOType": "Dome", "User": "ada", "Azimuth": 10.0}, office.dome)


def test_closing_the_dome_over_an_unparked_telescope_is_the_whole_closing(office):
    reply = office.ask({"WOType": "Dome", "User": "ada", "Shutter": "close"}, office.dome)
    view = office.ended(str(reply["Receipt"]))

    assert view["Status"] == "COMPLETED"
    assert office.hands.done == ["close"]


def test_closing_the_dome_over_a_parked_telescope_moves_the_shutter_only(office):
    office.hands.see(parked=True)

    reply = office.ask({"WOType": "Dome", "User": "ada", "Shutter": "close"}, office.dome)
    office.ended(str(reply["Receipt"]))

    assert office.hands.done == ["shutter False"]


def test_the_lamp_needs_no_verdict_but_opening_does(office):
    office.safety.news = None

    lamp = office.ask({"WOType": "Dome", "User": "ada", "Blink01": True}, office.dome)
    with pytest.raises(Unsafe, match="no verdict"):
        office.ask({"WOType": "Dome", "User": "ada", "Shutter": "open"}, office.dome)

    assert lamp["Status"] == "COMPLETED"


def test_opening_is_refused_when_unsafe_and_closing_is_not(office):
    office.safety.say(VerdictLevel.UNSAFE, "rain")

    with pytest.raises(Unsafe, match="rain"):
        office.ask(control("open"))
    closed = office.ended(str(office.ask(control("close"))["Receipt"]))

    assert closed["Status"] == "COMPLETED"
    assert "open" not in office.hands.done
    assert "close" in office.hands.done


@pytest.mark.parametrize(
    ("hold", "error"),
    [
        ({"latch": Latch("ann", "smoke", "")}, Stopped),
        ({"lock": Lock(LockKind.OBSERVER, "ann", "collimates", "", None)}, Locked),
    ],
)
def test_the_scheduler_does_not_close_against_a_humans_stop_or_lock(office, hold, error):
    office.safety.say(**hold)

    with pytest.raises(error):
        office.ask({**control("close"), "User": "scheduler"})
    untouched = list(office.hands.done)
    office.ended(str(office.ask(control("close"))["Receipt"]))

    assert untouched == []
    assert office.hands.done == ["close"]


def test_a_failed_order_by_hand_says_why(office):
    from ctmo_indi.errors import CommandRejected

    office.hands.failing["focus"] = CommandRejected("the focuser is stuck")

    reply = office.ask(control("focus", Position=100))

    assert reply["Status"] == "FAILED"
    assert "stuck" in str(reply["Failure"])


SLEW = {"WOType": "Control", "Command": "slew", "RA": 10.0, "Dec": 20.0, "User": "ann"}


def test_a_name_alone_is_not_the_owner_of_a_lock_with_a_token(office):
    lock = Lock(LockKind.OBSERVER, "ann", "collimates", "", None, is_proved=True)
    office.safety.say(lock=lock_from_wire(lock_to_wire(lock)))  # as safety tells it

    with pytest.raises(Locked, match="taken with a token, which this order came without"):
        office.ask(SLEW)
    office.ask(SLEW, caller=Caller("ann", Role.OPERATE, "10.0.0.7", is_known=True))


def test_without_a_token_the_name_is_enough_for_a_lock_taken_without(office):
    office.safety.say(lock=Lock(LockKind.OBSERVER, "ann", "collimates", "", None))
    office.ask(SLEW)


@pytest.mark.parametrize("command", ["lock", "unlock", "release"])
def test_lock_and_latch_are_passed_to_safety(office, command):
    office.ask(control(command))

    assert [order["Command"] for order in office.safety_desk.orders] == [command]
    assert office.hands.done == []


def test_stop_stops_here_and_is_told_to_safety(office):
    office.hands.slow.add("expose")
    office.ask(ATTEMPT)

    office.ask(control("stop"))

    assert office.ended(ATTEMPT["ID"])["Status"] in ("ABORTED", "CANCELED")
    assert "abort_motion" in office.hands.done
    assert office.safety_desk.orders[0]["Command"] == "stop"


def test_stop_is_latched_and_told_to_safety_though_the_engine_hangs(office, monkeypatch):
    monkeypatch.setattr(desk_handlers, "ENGINE_ANSWERS_MACHINE_S", 0.2)
    goes_on = threading.Event()
    office.engine.inbox.post(lambda: goes_on.wait(30.0))
    try:
        with pytest.raises(InternalError, match="engine did not answer within"):
            office.ask(control("stop", Reason="cable"))
    finally:
        goes_on.set()

    assert [latch.reason for latch in office.pressed] == ["cable"]
    assert office.safety_desk.orders[0]["Command"] == "stop"
    until(lambda: "abort_motion" in office.hands.done, "what it was asked, when it goes on")


def test_what_goes_toward_safe_waits_a_moment_only_for_a_safety_that_is_mute(office):
    answers = threading.Event()
    office.refresh = lambda: answers.wait(30.0)
    try:
        began_s = time.monotonic()
        office.ask(control("park"))
        assert time.monotonic() - began_s < 10.0
    finally:
        answers.set()
    assert "park" in office.hands.done


def test_a_direct_observation_that_was_refused_is_not_received_the_second_time(office):
    office.hands.slow.add("expose")
    order = {key: ATTEMPT[key] for key in ATTEMPT if key != "Parent"} | {"User": "ada"}
    office.ask(order | {"ID": "runs"})
    until(lambda: office.engine.busy, "the first runs")
    for number in range(MAX_WAITING):
        office.ask(order | {"ID": f"waits-{number}"})
    one_too_many = order | {"ID": "one-too-many"}
    with pytest.raises(WrongState, match="attempts wait already"):
        office.ask(one_too_many)

    again = office.ask(one_too_many)

    assert again["Status"] == "NOT_ATTEMPTED"
    assert "attempts wait already" in again["Message"]


def test_the_dome_desk_takes_no_observation(office):
    with pytest.raises(NotServedHere):
        office.ask(ATTEMPT, office.dome)


def test_a_slew_without_a_place_is_refused(office):
    with pytest.raises(BadOrder):
        office.ask(control("slew"))


def test_the_services_own_status_says_what_is_under_way(office):
    office.hands.slow.add("expose")
    office.ask(ATTEMPT)

    status = office.ask({"WOType": "Status"})

    assert status["Observatory"] == "OPEN"
    assert status["Verdict"]["Level"] == "SAFE"
    assert ATTEMPT["ID"] in str(status["Busy"]) or status["Waiting"] == 1


def test_events_tell_of_attempts(office):
    office.ask(ATTEMPT)
    office.ended(ATTEMPT["ID"])

    page = office.ask({"WOType": "Events", "Cursor": 0, "Kinds": ["attempt"]})

    assert page["Events"][-1]["Data"]["Status"] == "COMPLETED"


def test_a_status_tells_the_properties_it_is_asked_for(office: Office) -> None:
    wanted = ["weather.WEATHER_PARAMETERS.WEATHER_WIND_SPEED", "CCD Simulator.CCD_INFO.CCD_MAX_X"]

    reply = office.ask({"WOType": "Status", "Properties": wanted})

    assert reply["Properties"] == {name: {"Value": 1.0} for name in wanted}
    assert "Properties" not in office.ask({"WOType": "Status"})


def test_texts_of_devices_are_not_for_every_reader(office: Office) -> None:
    """Among them are keys of weather services and passwords of mounts."""
    order = {"WOType": "Status", "Properties": ["OpenWeatherMap.OWM_API_KEY.API_KEY"]}
    office.element = "a secret"
    for role in Role:
        told = str(office.ask(order, caller=Caller("bob", role, "10.0.0.7", is_known=True)))
        assert ("a secret" in told) is (role >= Role.OPERATE)
        assert ("a text, which needs the role operate" in told) is (role < Role.OPERATE)


def test_who_may_only_hand_in_does_not_move_the_telescope_now(office: Office) -> None:
    order = {key: value for key, value in ATTEMPT.items() if key not in ("Parent", "User")}
    with pytest.raises(NotPermitted, match="needs the role operate"):
        office.ask(order, caller=Caller("portal", Role.SUBMIT, "10.0.0.7", is_known=True))
    assert office.hands.exposures == []
    office.ask(order, caller=Caller("ada", Role.OPERATE, "10.0.0.7", is_known=True))


def test_an_order_by_hand_waits_behind_no_store_that_hangs(office, monkeypatch):
    goes_on, hanging = threading.Event(), threading.Semaphore(0)

    def view(*_key: str) -> None:
        hanging.release()
        goes_on.wait(30.0)

    monkeypatch.setattr(office.book, "view", view)
    threads = min(32, (os.cpu_count() or 1) + 4)  # of asyncio.to_thread

    async def ask() -> dict:
        unknown = {"WOType": "Status", "Receipt": "A-unknown"}
        waiting = [asyncio.create_task(office.telescope.handle(unknown, CALLER)) for _ in range(64)]
        for _ in range(threads):
            assert await in_own_thread(lambda: hanging.acquire(timeout=10.0))
        try:
            return await asyncio.wait_for(office.telescope.handle(control("close"), CALLER), 5.0)
        finally:
            goes_on.set()
            await asyncio.gather(*waiting, return_exceptions=True)

    assert asyncio.run(ask())["Kind"] == "Control"
