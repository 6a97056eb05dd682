"""The beat to safety: never waited for, and an answer without a new cycle is no news."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.inbox import Inbox
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduler.safety_link import SafetyLink, VerdictNews
from ctmo_indi.testing.fake_clock import FakeClock


@dataclass
class Desk:
    """Answers when ``go`` is set; with a cycle number of the test's."""

    cycle: int = 1
    age_s: float = 0.0
    is_down: bool = False
    calls: int = 0
    go: threading.Event = field(default_factory=threading.Event)

    def front_desk(self, order: dict[str, object]) -> dict[str, object]:
        self.calls += 1
        assert self.go.wait(10.0)
        if self.is_down:
            raise ServiceUnreachable("connection refused")
        verdict = Verdict(VerdictLevel.SAFE, (), self.cycle, "", 0.0)
        return {"Verdict": verdict.to_wire(), "Verdict Age": self.age_s}


class Engine:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.inbox = Inbox("engine")
        self.desk = Desk()
        self.news: list[VerdictNews] = []
        self.answers: list[tuple[bool, str]] = []
        self.link = SafetyLink(
            self.desk,
            self.clock,
            self.inbox.post,
            self.news.append,
            lambda does, why: self.answers.append((does, why)),
        )
        self.link.start()

    def beat_and_hear(self) -> None:
        self.link.beat({})
        assert self.inbox.run_pending(10.0)


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.desk.go.set()
    made.link.stop(5.0)


def test_a_silent_safety_neither_blocks_the_engine_nor_piles_up_beats(engine: Engine) -> None:
    for _ in range(5):
        engine.link.beat({})  # returns at once, though nobody answers
    engine.desk.go.set()
    assert engine.inbox.run_pending(10.0)
    assert engine.desk.calls == 1
    assert len(engine.news) == 1


def test_the_verdict_grows_old_while_safety_counts_no_cycles(engine: Engine) -> None:
    engine.desk.go.set()
    engine.beat_and_hear()
    for _ in range(5):
        engine.clock.advance(3.0)
        engine.beat_and_hear()
    assert engine.link.verdict_age_s() == 15.0
    engine.desk.cycle += 1
    engine.beat_and_hear()
    assert engine.link.verdict_age_s() == 0.0


def test_a_dead_safety_leaves_the_last_verdict_to_grow_old(engine: Engine) -> None:
    assert engine.link.verdict_age_s() == float("inf")
    engine.desk.go.set()
    engine.beat_and_hear()
    engine.desk.is_down = True
    engine.clock.advance(30.0)
    engine.beat_and_hear()
    engine.beat_and_hear()
    assert engine.link.failures == 2
    assert engine.link.verdict_age_s() == 30.0
    engine.desk.is_down = False
    engine.beat_and_hear()
    engine.beat_and_hear()
    assert engine.answers == [(False, "connection refused"), (True, "")]  # once each


def test_a_verdict_that_was_old_when_it_came_is_as_old_as_safety_says(engine: Engine) -> None:
    engine.desk.go.set()
    engine.desk.age_s = 3600.0
    engine.beat_and_hear()
    assert engine.link.verdict_age_s() == pytest.approx(3600.0)
