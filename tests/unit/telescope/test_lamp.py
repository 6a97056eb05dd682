"""A panel that we have lit goes out, also after a kill, a lost link, a stop or a lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctmo_indi.errors import InvalidCommand, NotConnected, StoreUnavailable
from ctmo_indi.models.states import AttemptState, FrameType, ObservatoryState
from ctmo_indi.models.verdict import Latch
from ctmo_indi.profiles import Role
from ctmo_indi.store import journal
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.journal import Outcome
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.lamp_book import JournaledLamp
from ctmo_indi.telescope.late_writes import LateWrites
from ctmo_indi.testing.fake_clock import FakeClock

from .rig import Rig

LOST = {"link_up": False, "lost": frozenset(Role), "lamp": None}
WITHOUT_PANEL = {"link_up": True, "lost": frozenset({Role.LIGHT_PANEL}), "lamp": None}
BACK = {"link_up": True, "lost": frozenset(), "lamp": True}


def indoors(rig: Rig, frame_type: FrameType, attempt_id: str = "A-1") -> Attempt:
    changes = {"filter_name": None} if frame_type is FrameType.DARK else {}
    return rig.attempt(attempt_id, frame_type=frame_type, ra_deg=None, dec_deg=None, **changes)


def flat(rig: Rig, attempt_id: str = "A-1") -> Attempt:
    """Take one until it exposes."""
    rig.hands.slow.add("expose")
    attempt = rig.submit(indoors(rig, FrameType.FLAT, attempt_id))
    rig.turn(machine_s=2.0)
    assert rig.hands.sight().lamp is True
    rig.hands.slow.discard("expose")
    return attempt


def lose_link_at_the_end(rig: Rig) -> Attempt:
    """Let the panel be out of reach just when the flat is over."""
    attempt = flat(rig)
    rig.hands.see(**LOST)
    rig.hands.failing["lamp"] = NotConnected("the link is down")
    rig.engine.cancel(attempt.receipt, "ann", "enough")
    rig.turn()
    assert attempt.state is AttemptState.ABORTED
    return attempt


def notices(rig: Rig) -> list[str]:
    return [str(data["Notice"]) for kind, _, data in rig.events if kind == "recovery"]


def test_the_panel_is_lit_only_once_that_is_journaled():
    rig = Rig()
    rig.lamp_book.is_slow = True
    attempt = rig.submit(indoors(rig, FrameType.FLAT))
    assert rig.lamp_book.log == ["intend A-1"]
    assert "lamp True" not in rig.hands.done

    rig.turn(machine_s=61.0)

    assert attempt.state is AttemptState.FAILED
    assert rig.hands.done[-1] == "lamp False"


def test_the_end_of_a_flat_ends_its_intent():
    rig = Rig()
    rig.submit(indoors(rig, FrameType.FLAT))
    rig.turn(machine_s=2.0)

    assert rig.lamp_book.log == ["intend A-1", f"settle {Outcome.DONE}"]
    assert notices(rig) == []


def test_a_panel_whose_link_was_lost_at_the_end_of_a_flat_goes_out_when_it_is_back():
    rig = Rig()
    lose_link_at_the_end(rig)
    rig.turn(machine_s=30.0)
    tried = rig.hands.done.count("lamp False")
    rig.hands.see(**BACK)
    rig.turn(machine_s=1.0)

    assert tried == 1
    assert rig.hands.done.count("lamp False") == 2
    assert rig.hands.sight().lamp is False
    assert rig.lamp_book.log[-1] == f"settle {Outcome.DONE}"
    assert [text.split(":")[0] for text in notices(rig)] == [
        "the flat-field panel may be lit since a flat",
        "the flat-field panel was put out",
    ]


def test_a_panel_that_does_not_go_out_is_told_again_and_again_with_a_pause():
    rig = Rig()
    lose_link_at_the_end(rig)
    rig.hands.see(**BACK)
    for _ in range(3):
        rig.hands.failing["lamp"] = NotConnected("not yet")
        rig.turn(machine_s=12.0)
    tried = rig.hands.done.count("lamp False")
    rig.hands.failing.clear()
    rig.turn(machine_s=12.0)

    assert 2 <= tried <= 5
    assert rig.hands.sight().lamp is False
    assert len(notices(rig)) == 2


def test_what_a_kill_left_lit_goes_out_at_the_start():
    rig = Rig()
    rig.hands.see(**LOST)
    rig.lamp.recall(("A-0",))
    rig.turn(machine_s=5.0)
    before = list(rig.hands.done)
    rig.hands.see(**BACK)
    rig.turn()

    assert before == []
    assert rig.hands.done == ["lamp False"]
    assert rig.lamp_book.log == [f"settle {Outcome.DONE}"]
    assert "restart in the flats of A-0" in notices(rig)[0]


def test_a_panel_that_somebody_else_has_lit_is_his():
    rig = Rig()
    rig.hands.see(lamp=True)
    rig.turn(machine_s=30.0)

    assert rig.hands.done == []


@pytest.mark.parametrize("frame_type", [FrameType.LIGHT, FrameType.DARK, FrameType.BIAS])
def test_no_other_frame_is_taken_by_its_light_whoever_has_lit_it(frame_type):
    rig = Rig(ObservatoryState.OPEN)
    rig.hands.see(lamp=True)
    is_light = frame_type is FrameType.LIGHT
    rig.submit(rig.attempt() if is_light else indoors(rig, frame_type))

    assert rig.hands.done[0] == "lamp False"
    assert rig.hands.done[-1] == "expose A-1-001"


def test_a_dark_is_not_taken_when_the_panel_does_not_go_out():
    rig = Rig()
    rig.hands.see(lamp=True)
    rig.hands.failing["lamp"] = StoreUnavailable("no")
    attempt = rig.submit(indoors(rig, FrameType.DARK))

    assert attempt.state is AttemptState.FAILED
    assert not any("expose" in deed for deed in rig.hands.done)


def test_a_dark_waits_for_a_panel_of_ours_that_comes_back_after_the_camera():
    rig = Rig()
    lose_link_at_the_end(rig)
    rig.turn(machine_s=300.0)
    rig.safety.say()
    rig.hands.see(**WITHOUT_PANEL)
    dark = rig.submit(indoors(rig, FrameType.DARK, "A-2"))
    before = len(rig.hands.done)
    exposed = "expose A-2-001" in rig.hands.done
    rig.hands.see(**BACK)
    rig.turn(machine_s=1.0)

    assert not exposed
    assert dark.state is AttemptState.COMPLETED
    after = rig.hands.done[before:]
    assert after.index("lamp False") < after.index("expose A-2-001")


def test_a_panel_that_stays_away_does_not_cost_the_night():
    rig = Rig()
    lose_link_at_the_end(rig)
    rig.hands.see(**WITHOUT_PANEL)
    rig.turn(machine_s=62.0)
    rig.safety.say()
    dark = rig.submit(indoors(rig, FrameType.DARK, "A-2"))

    assert dark.state is AttemptState.COMPLETED
    assert rig.lamp.is_ours


def test_the_next_flat_keeps_the_panel():
    rig = Rig()
    lose_link_at_the_end(rig)
    rig.hands.see(**BACK)
    rig.lamp._again_machine_s = rig.clock.machine_s() + 5.0
    flat(rig, "A-2")
    rig.turn(machine_s=20.0)

    assert rig.hands.sight().lamp is True


@pytest.mark.parametrize("is_latch", [True, False])
def test_a_panel_in_human_hands_goes_out_when_they_let_go(is_latch):
    rig = Rig(hands_off_s=None)
    lose_link_at_the_end(rig)
    if is_latch:
        rig.safety.say(latch=Latch("ann", "smoke", ""))
    else:
        rig.engine.foreign_motion("mount slews")
    rig.hands.see(**BACK)
    rig.turn(machine_s=12.0)
    tried = rig.hands.done.count("lamp False")
    rig.safety.say()
    rig.engine.release("ann")
    rig.turn()

    assert tried == 1
    assert rig.hands.sight().lamp is False


def test_a_profile_without_a_panel_forgets_it():
    rig = Rig()
    rig.hands.failing["lamp"] = InvalidCommand("the profile has no light_panel")
    rig.lamp.recall(("A-0",))
    rig.turn(machine_s=30.0)

    assert rig.lamp_book.log == [f"settle {Outcome.UNKNOWN}"]
    assert rig.hands.done == ["lamp False"]


class Book:
    """The journal of the panel with its store."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.database = open_database("telescope", folder / "telescope.sqlite3")
        self.writer = Writer(self.database)
        late = LateWrites(self.writer)
        self.late = late
        self.lamp = JournaledLamp(self.database, self.writer, self.clock, late)

    def close(self) -> None:
        self.late.flush(5.0)
        self.writer.close()
        self.database.close()


def test_the_journal_knows_after_a_kill_what_is_lit(tmp_path):
    first = Book(tmp_path)
    first.lamp.intend("A-1").result(5.0)
    first.close()
    second = Book(tmp_path)
    lit = second.lamp.still_lit()
    second.clock.advance(1.0)
    second.lamp.settle(Outcome.DONE)
    second.close()
    third = Book(tmp_path)
    left = third.lamp.still_lit()
    with third.database.read() as connection:
        outcomes = [effect.outcome for effect in journal.of_attempt(connection, "A-1")]
    third.close()

    assert (lit, left, outcomes) == (("A-1",), (), [Outcome.DONE])


def test_a_late_end_leaves_the_next_flat_its_intent(tmp_path):
    book = Book(tmp_path)
    book.lamp.intend("A-1").result(5.0)
    waiting: list = []
    book.lamp._late = type("Late", (), {"submit": lambda _, what, write: waiting.append(write)})()
    book.lamp.settle(Outcome.DONE)
    book.clock.advance(60.0)
    book.lamp.intend("A-2").result(5.0)
    book.writer.run(waiting[0])
    left = book.lamp.still_lit()
    book.close()

    assert left == ("A-2",)
