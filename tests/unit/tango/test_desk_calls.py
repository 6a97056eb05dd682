"""Orders to several desks at once, with an answer in time."""

from __future__ import annotations

import threading
import time

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import BadOrder, InternalError, Locked, ServiceUnreachable
from ctmo_indi.tango import desk_calls
from ctmo_indi.tango.desk_calls import DeskCalls, carried


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


@pytest.mark.parametrize("bad", ["\x00", "\x1b[2J", "\ud800", "\ufffe"])
@pytest.mark.parametrize(
    "put", [lambda x: {"ID": x}, lambda x: {x: 1}, lambda x: {"A": [{"B": x}]}]
)
def test_a_character_that_xml_has_not_is_a_bad_order(bad, put):
    with pytest.raises(BadOrder, match="which XML has not"):
        carried(put(f"a{bad}b"))


def test_every_other_text_is_carried():
    order = {"ID": "\t\n 望遠鏡 🔭 <&>", "Windows": [{"From": "x"}], "RA": 1.0}
    assert carried(order) is order
