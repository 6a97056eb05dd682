"""A night that is over is calibrated once, with what it lacked, whatever fails in between."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import BadOrder, NeverObservable, ServiceUnreachable
from ctmo_indi.scheduler.nights.night_facts import NightSpan, asks_for_calibration
from ctmo_indi.scheduler.nights.night_keeper import KeeperParts, NightKeeper
from ctmo_indi.scheduler.nights.record import Facts, NightRecord, Step, next_step

NOON = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
NIGHT = "20261121"
SPAN = NightSpan(NIGHT, NOON, NOON + timedelta(hours=18))
OVER = Facts(
    frames=12, is_over=True, is_noon_past=False, are_ordered_settled=True, takes_frames=True
)
FLAT = {"WOType": "Observation", "ID": "calibration-20261121-flat-1", "Frame Type": "Flat"}


class FakeNights:
    """Facts as the test sets them."""

    def __init__(self) -> None:
        self.facts = OVER
        self.folder = "/data/nights/20261121"

    def last_nights(self) -> list[NightSpan]:
        return [SPAN]

    def look(self, _span: NightSpan, _record: NightRecord) -> tuple[Facts, str]:
        return self.facts, self.folder


class FakePreprocessor:
    """Keeps orders by User and ID, as the real one does; answers as told."""

    def __init__(self) -> None:
        self.orders: dict[str, str] = {}  # ID -> receipt
        self.sent: list[str] = []
        self.state = "COMPLETED"
        self.debt: list[Mapping[str, object]] = []
        self.fails: Exception | None = None
        self.loses_answers = False

    def front_desk(self, order: dict[str, object], /) -> dict[str, object]:
        if self.fails is not None:
            raise self.fails
        if "Debt" in order:
            return {"Debt": self.debt}
        if "Request" in order:
            self.sent.append(str(order["ID"]))
            is_new = order["ID"] not in self.orders
            receipt = self.orders.setdefault(str(order["ID"]), f"O-{len(self.orders) + 1}")
            if self.loses_answers:
                raise ServiceUnreachable("no answer")
            return {"Receipt": receipt, "Status": "PENDING" if is_new else self.state}
        if order["Receipt"] not in self.orders.values():
            raise DeskFault(404, "unknown")
        return {"Status": self.state, "Reasons": ["5 products made"]}


class Stage:
    def __init__(self, folder: Path) -> None:
        self.nights = FakeNights()
        self.preprocessor = FakePreprocessor()
        self.placed: list[Mapping[str, object]] = []
        self.place: Callable[[Mapping[str, object]], object] = self.placed.append
        self.file = folder / "nights.json"
        self.keeper = self.new_keeper()

    def new_keeper(self) -> NightKeeper:
        """A scheduler that was started again."""
        self.keeper = NightKeeper(
            KeeperParts(
                facts=self.nights,  # type: ignore[arg-type]  # a fake
                preprocessor=self.preprocessor,
                place=self.place,
                clock=SystemClock(),
                file=self.file,
            )
        )
        self.keeper.read()
        return self.keeper

    def looks(self, count: int = 8) -> None:
        for _ in range(count):
            self.keeper.look()

    def told(self) -> dict[str, object]:
        (night,) = self.keeper.to_wire()
        return night


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize(
    ("record", "facts", "step"),
    [
        ({}, {}, Step.CALIBRATE),
        ({}, {"is_over": False}, Step.NOTHING),
        ({}, {"frames": 0}, Step.NOTHING),
        ({"receipt": "O-1"}, {}, Step.WATCH),
        ({"rounds": 1, "frames": 12}, {}, Step.ASK_DEBT),
        ({"rounds": 1, "frames": 12}, {"takes_frames": False}, Step.DONE),
        ({"rounds": 1, "frames": 12}, {"is_noon_past": True}, Step.DONE),
        ({"rounds": 1, "frames": 12, "is_debt_told": True}, {}, Step.DONE),
        (
            {"rounds": 1, "frames": 12, "is_debt_told": True},
            {"frames": 13, "are_ordered_settled": False},
            Step.WAIT_FOR_FRAMES,
        ),
        ({"rounds": 1, "frames": 12, "is_debt_told": True}, {"frames": 13}, Step.CALIBRATE),
        (
            {"rounds": 1, "frames": 12, "is_debt_told": True},
            {"frames": 13, "are_ordered_settled": False, "is_noon_past": True},
            Step.CALIBRATE,
        ),
        ({"rounds": 8, "frames": 12, "is_debt_told": True}, {"frames": 13}, Step.DONE),
        ({"given_up": "refused"}, {"frames": 13}, Step.GIVEN_UP),
    ],
)
def test_what_comes_next(record: dict[str, object], facts: dict[str, object], step: Step) -> None:
    found = next_step(
        NightRecord(NIGHT, **record),  # type: ignore[arg-type]  # a table
        dataclasses.replace(OVER, **facts),  # type: ignore[arg-type]  # a table
    )
    assert found is step


def test_a_night_is_handed_over_once(stage: Stage) -> None:
    stage.looks()
    assert stage.preprocessor.sent == ["night-20261121-1"]
    assert (stage.told()["State"], stage.told()["Message"]) == ("DONE", "5 products made")
    stage.new_keeper()
    assert stage.told()["State"] == "NOTHING"  # it has not looked yet
    stage.looks()
    assert stage.told()["State"] == "DONE"
    assert stage.preprocessor.sent == ["night-20261121-1"]


def test_what_lacked_is_ordered_and_the_night_handed_over_again(stage: Stage) -> None:
    stage.preprocessor.debt = [
        {"Frame Type": "Flat", "Order": FLAT},
        {"Frame Type": "Dark", "Obstacle": "gain was 90"},
        {"Frame Type": "Light", "Order": {"ID": "light-1", "Frame Type": "Light"}},
    ]
    stage.nights.facts = OVER
    stage.looks(3)
    (order,) = stage.placed
    assert (order["ID"], order["User"]) == (FLAT["ID"], "calibration")
    (window,) = order["Windows"]  # type: ignore[misc]  # an array
    assert window == {"Start": "2026-11-21T18:30:00+00:00", "End": "2026-11-22T18:30:00+00:00"}

    stage.nights.facts = dataclasses.replace(OVER, frames=20, are_ordered_settled=False)
    stage.looks(3)
    assert stage.told()["State"] == "WAIT_FOR_FRAMES"
    stage.nights.facts = dataclasses.replace(OVER, frames=23)
    stage.looks()
    assert stage.preprocessor.sent == ["night-20261121-1", "night-20261121-2"]
    # It is asked again, and what could not be made of what was taken is not taken once more.
    assert {one["ID"] for one in stage.placed} == {FLAT["ID"]}
    assert stage.told()["Ordered"] == [FLAT["ID"]]
    assert stage.told()["State"] == "DONE"


@pytest.mark.parametrize("error", [BadOrder("Filter: unknown"), NeverObservable("no room")])
def test_what_cannot_be_ordered_keeps_nothing_up(stage: Stage, error: Exception) -> None:
    def refuse(_order: Mapping[str, object]) -> None:
        raise error

    stage.preprocessor.debt = [{"Frame Type": "Flat", "Order": FLAT}]
    stage.nights.facts = OVER
    stage.place = refuse
    stage.new_keeper()
    stage.looks(4)
    assert (stage.told()["State"], stage.told()["Ordered"]) == ("DONE", [])


def test_an_answer_that_was_lost_doubles_nothing(stage: Stage) -> None:
    stage.preprocessor.loses_answers = True
    for _ in range(3):
        with pytest.raises(ServiceUnreachable):
            stage.keeper.look()
    stage.new_keeper()
    stage.preprocessor.loses_answers = False
    stage.looks()
    assert set(stage.preprocessor.sent) == {"night-20261121-1"}
    assert stage.preprocessor.orders == {"night-20261121-1": "O-1"}


def test_frames_that_came_before_our_file_was_lost_are_handed_over(stage: Stage) -> None:
    stage.looks()
    stage.file.unlink()
    stage.nights.facts = replace(stage.nights.facts, frames=stage.nights.facts.frames + 3)
    stage.new_keeper()
    stage.looks()
    assert list(stage.preprocessor.orders) == ["night-20261121-1", "night-20261121-2"]
    assert (stage.told()["Frames"], stage.told()["State"]) == (15, "DONE")


def test_frames_that_came_after_a_lost_answer_are_handed_over_in_the_next_round(
    stage: Stage,
) -> None:
    stage.preprocessor.loses_answers = True
    with pytest.raises(ServiceUnreachable):
        stage.keeper.look()
    stage.new_keeper()
    stage.preprocessor.loses_answers = False
    stage.nights.facts = replace(stage.nights.facts, frames=stage.nights.facts.frames + 3)
    stage.looks()
    assert list(stage.preprocessor.orders) == ["night-20261121-1", "night-20261121-2"]
    assert stage.told()["Frames"] == stage.nights.facts.frames


def test_trouble_with_one_night_keeps_no_other_waiting(stage: Stage) -> None:
    other = replace(SPAN, night="20261120")
    stage.nights.last_nights = lambda: [other, SPAN]  # type: ignore[method-assign]
    answer = stage.preprocessor.front_desk

    def stumble(order: dict[str, object], /) -> dict[str, object]:
        if str(order.get("ID", "")).startswith("night-20261120"):
            raise DeskFault(500, "a bug")
        return answer(order)

    stage.preprocessor.front_desk = stumble  # type: ignore[method-assign]
    with pytest.raises(ServiceUnreachable):
        stage.keeper.look()
    assert list(stage.preprocessor.orders) == ["night-20261121-1"]


def test_a_night_that_is_to_be_looked_at_yet_is_not_told_as_done(stage: Stage) -> None:
    stage.looks()
    stage.new_keeper()
    other = replace(SPAN, night="20261120")
    stage.nights.last_nights = lambda: [other, SPAN]  # type: ignore[method-assign]
    told: list[object] = []
    answer = stage.preprocessor.front_desk

    def listen(order: dict[str, object], /) -> dict[str, object]:
        told.extend(one["State"] for one in stage.keeper.to_wire() if one["Night"] == NIGHT)
        return answer(order)

    stage.preprocessor.front_desk = listen  # type: ignore[method-assign]
    stage.keeper.look()
    assert told[0] == "NOTHING"


@pytest.mark.parametrize(
    "trouble", [ServiceUnreachable("down"), DeskFault(507, "no room"), DeskFault(500, "a bug")]
)
def test_a_preprocessor_that_cannot_now_is_asked_again(stage: Stage, trouble: Exception) -> None:
    stage.preprocessor.fails = trouble
    with pytest.raises(ServiceUnreachable):
        stage.keeper.look()
    stage.preprocessor.fails = None
    stage.looks()
    assert stage.told()["State"] == "DONE"


def test_a_refusal_is_told_and_not_repeated(stage: Stage) -> None:
    stage.preprocessor.fails = DeskFault(400, "File Location: lies outside")
    stage.looks()
    assert stage.told()["State"] == "GIVEN_UP"
    assert "lies outside" in str(stage.told()["Message"])


def test_a_preprocessor_without_its_database_gets_the_night_again(stage: Stage) -> None:
    stage.preprocessor.state = "IN_PROGRESS"
    stage.looks(2)
    stage.preprocessor.orders.clear()
    stage.preprocessor.state = "COMPLETED"
    stage.looks()
    assert stage.preprocessor.sent == ["night-20261121-1", "night-20261121-1"]
    assert stage.told()["State"] == "DONE"


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"night": 3}]', '[{"ordered": []}]', "null"])
def test_a_spoiled_file_is_begun_anew(stage: Stage, text: str) -> None:
    stage.file.write_text(text)
    stage.new_keeper()
    stage.looks()
    assert stage.told()["State"] == "DONE"
    assert json.loads(stage.file.read_text())[0]["rounds"] == 1


@pytest.mark.parametrize(
    ("wire", "asks"),
    [
        ({}, False),
        ({"Calibration Frames": "No", "Output": "Raw"}, False),
        ({"Calibration Frames": "Yes"}, True),
        ({"Calibration Frames": True}, True),
        ({"Output": "Analysis"}, True),
    ],
)
def test_who_asks_for_calibration_frames(wire: dict[str, object], asks: bool) -> None:
    assert asks_for_calibration(wire) is asks
