"""The verdict's age is what the telescope trusts."""

from __future__ import annotations

import pytest

from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.models.verdict import Latch, Lock, LockKind, Verdict, VerdictLevel
from ctmo_indi.telescope.safety_link import SafetyLink
from ctmo_indi.testing.fake_clock import FakeClock


class Desk:
    """Answers with what it was given last; an exception is raised."""

    def __init__(self) -> None:
        self.answer: object = None
        self.orders: list[object] = []

    def front_desk(self, order):
        self.orders.append(order)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def link(desk, clock) -> SafetyLink:
    return SafetyLink(desk, clock, lambda: {"Observatory": "OPEN"})


def reply(cycle: int, **keys: object) -> dict[str, object]:
    return {"Verdict": Verdict(VerdictLevel.SAFE, (), cycle, "", 5.0).to_wire(), **keys}


def test_the_beat_says_who_and_what(link, desk):
    desk.answer = reply(1)
    link.beat()

    assert desk.orders == [
        {
            "WOType": "Heartbeat",
            "User": "telescope",
            "Service": "telescope",
            "State": {"Observatory": "OPEN"},
        }
    ]


def test_a_verdict_ages_while_safety_cannot_be_reached(link, desk, clock):
    desk.answer = reply(1)
    link.beat()
    desk.answer = ServiceUnreachable("gone")
    clock.advance(7.0)
    link.beat()

    assert link.age_machine_s() == pytest.approx(7.0)
    assert link.failures == 1


def test_a_cycle_that_stands_still_is_no_news(link, desk, clock):
    desk.answer = reply(41)
    link.beat()
    clock.advance(12.0)
    link.beat()
    stuck_s = link.age_machine_s()
    desk.answer = reply(42)
    link.beat()

    assert stuck_s == pytest.approx(12.0)
    assert link.age_machine_s() == pytest.approx(0.0)


def test_a_lock_counts_before_the_next_cycle_and_makes_the_verdict_no_younger(link, desk, clock):
    desk.answer = reply(7)
    link.beat()
    clock.advance(3.0)
    lock = Lock(LockKind.OBSERVER, "ana", "", "", None)
    locked = Verdict(VerdictLevel.SAFE, (), 7, "", 5.0, lock=lock)
    desk.answer = {"Verdict": locked.to_wire()}
    link.refresh()

    assert link.news is not None
    assert link.news.verdict.lock == lock
    assert link.age_machine_s() == 3.0


def test_a_restarted_safety_counts_from_one_again_and_is_news(link, desk, clock):
    desk.answer = reply(9000)
    link.beat()
    clock.advance(20.0)
    desk.answer = reply(1)
    link.beat()

    assert link.age_machine_s() == pytest.approx(0.0)


@pytest.mark.parametrize("wrong", [{}, {"Verdict": 3}, {"Verdict": {"Level": "FINE"}}])
def test_an_answer_that_is_no_verdict_only_makes_the_old_one_older(link, desk, wrong):
    desk.answer = wrong
    link.beat()

    assert link.news is None
    assert link.age_machine_s() == float("inf")


def test_the_schedulers_silence_comes_with_the_verdict(link, desk):
    beats = {"scheduler": {"Age": 2.5, "State": {"Summary State": "ENABLED"}}, "odd": "x"}
    desk.answer = reply(1, Beats=beats, Closing=True)
    link.beat()

    assert link.news is not None
    assert link.news.beats == {"scheduler": 2.5}
    assert link.news.safety_is_closing


def test_a_scheduler_that_is_not_enabled_is_not_at_work(link, desk):
    beats = {"scheduler": {"Age": 2.5, "State": {"Summary State": "STANDBY"}}}
    desk.answer = reply(1, Beats=beats)
    link.beat()

    assert link.news is not None
    assert link.news.beats == {}
    assert link.news.resting == {"scheduler": 2.5}


def test_a_verdict_that_was_old_when_it_came_is_as_old_as_safety_says(link, desk):
    desk.answer = reply(41, **{"Verdict Age": 3600.0})
    link.beat()

    assert link.age_machine_s() == pytest.approx(3600.0)


def test_no_beat_is_sent_for_an_engine_that_hangs(desk, clock):
    asked = []

    def is_alive():
        asked.append(len(desk.orders))
        if len(asked) == 3:
            link._stopping.set()
        return len(asked) == 1

    desk.answer = reply(1)
    link = SafetyLink(desk, clock, dict, is_alive=is_alive, period_machine_s=0.0)
    link._run()

    assert asked == [0, 1, 1]
    assert len(desk.orders) == 1


STOP = Latch("ana", "smoke", "2026-11-23T03:00:00.000+00:00")
SAFETYS = Latch("ana", "smoke", "2026-11-23T03:00:01.000+00:00")


def latched(cycle: int, latch: Latch) -> dict[str, object]:
    return {"Verdict": Verdict(VerdictLevel.SAFE, (), cycle, "", 5.0, latch=latch).to_wire()}


def test_a_stop_counts_here_before_safety_has_heard_of_it(link, desk):
    heard = []
    link._on_news = lambda verdict, _age: heard.append(verdict.latch)
    desk.answer = reply(1)
    link.beat()
    link.press_stop(STOP)
    link.beat()  # an answer from before, or of a safety that was dead then
    desk.answer = reply(2)
    link.beat()
    assert link.news.verdict.latch == STOP
    assert heard == [None, STOP, STOP]


def test_the_latch_is_safetys_as_soon_as_it_has_one(link, desk):
    desk.answer = reply(1)
    link.beat()
    link.press_stop(STOP)
    desk.answer = latched(2, SAFETYS)
    link.beat()
    assert link.news.verdict.latch == SAFETYS
    desk.answer = reply(3)  # released there
    link.beat()
    assert link.news.verdict.latch is None


def test_a_stop_without_any_verdict_counts_too(link, desk):
    link.press_stop(STOP)
    assert link.news.verdict.latch == STOP
    assert link.news.verdict.level is VerdictLevel.HOLD
    desk.answer = reply(1)
    link.beat()
    assert link.news.verdict.latch == STOP


def test_a_stop_that_safety_never_heard_of_is_released_here(link, desk):
    desk.answer = reply(1)
    link.beat()
    link.press_stop(STOP)
    link.forget_stop()
    assert link.news.verdict.latch is None
    link.beat()
    assert link.news.verdict.latch is None


def test_a_latch_that_safety_set_is_not_released_here(link, desk):
    desk.answer = latched(7, SAFETYS)
    link.beat()
    link.forget_stop()
    assert link.news.verdict.latch == SAFETYS
