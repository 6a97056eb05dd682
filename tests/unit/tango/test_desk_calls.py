"""Orders to several desks at once, with an answer in time."""

from __future__ import annotations

import threading
import time

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import InternalError, Locked, ServiceUnreachable
from ctmo_indi.tango import desk_calls
from ctmo_indi.tango.desk_calls import DeskCalls


class Desk:
    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.orders: list[object] = []

    def front_desk(self, order: object) -> object:
        self.orders.append(order)
        if isinstance(self.answer, threading.Event):
            self.answer.wait(5.0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Receipt": self.answer}


def calls(**desks: Desk) -> DeskCalls:
    return DeskCalls(desks, SystemClock())  # type: ignore[arg-type] # they have what is used


def test_all_are_asked_and_the_last_that_took_it_answers():
    safety, telescope = Desk("S"), Desk("T")
    asked = calls(safety=safety, telescope=telescope)
    assert asked.ask(("safety", "telescope"), {"a": 1}) == {"Receipt": "T"}
    assert safety.orders == telescope.orders == [{"a": 1}]


@pytest.mark.parametrize("failure", [ServiceUnreachable("dead"), Locked("no"), ValueError("bug")])
def test_one_that_takes_it_suffices(failure):
    asked = calls(safety=Desk("S"), telescope=Desk(failure))
    assert asked.ask(("safety", "telescope"), {}) == {"Receipt": "S"}


def test_a_refusal_is_told_before_a_silence():
    asked = calls(safety=Desk(ServiceUnreachable("dead")), telescope=Desk(Locked("by ada")))
    with pytest.raises(Locked, match="by ada"):
        asked.ask(("safety", "telescope"), {})


def test_our_own_bug_is_told_as_one():
    with pytest.raises(InternalError, match="KeyError: 'x'"):
        calls(safety=Desk(KeyError("x"))).ask(("safety",), {})


def test_one_that_does_not_answer_holds_nobody_longer(monkeypatch):
    monkeypatch.setattr(desk_calls, "LONGEST_S", 0.2)
    hold = threading.Event()
    slow = Desk(hold)
    try:
        begun_s = time.monotonic()
        with pytest.raises(ServiceUnreachable, match="may have been carried out"):
            calls(telescope=slow).ask(("telescope",), {})
        assert time.monotonic() - begun_s < 1.0
        asked = calls(safety=Desk("S"), telescope=slow)
        assert asked.ask(("safety", "telescope"), {}) == {"Receipt": "S"}
    finally:
        hold.set()
