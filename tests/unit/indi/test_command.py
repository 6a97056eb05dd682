"""Deadlines of commands: which clock they are in, and that they have a floor in machine time."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from ctmo_indi.errors import CommandTimeout
from ctmo_indi.indi.command import Command, CommandBook
from ctmo_indi.indi.completion import CompletionRule, CompletionWatch
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState, PropertyType
from ctmo_indi.testing.fake_clock import FakeClock


def azimuth(state: PropertyState, value: float) -> PropertySnapshot:
    values = MappingProxyType({"AZ": value})
    return PropertySnapshot("Dome", "AZ", PropertyType.NUMBER, state, values=values)


def add_command(book: CommandBook, clock: FakeClock, rule: CompletionRule) -> Command:
    command = Command(
        CompletionWatch(rule, {"AZ": 90.0}, azimuth(PropertyState.OK, 0.0)),
        "turn",
        clock,
        ack_floor_s=2.0,
        finish_floor_s=5.0,
        cancel=book.cancel,
        post=lambda call: call(),
    )
    book.add(command)
    return command


@pytest.mark.parametrize(
    ("speed", "before_s", "after_s"),
    [
        (1.0, 3.9, 0.2),  # the rule's 4 s
        (100.0, 1.9, 0.2),  # 4 s of sky would be 0.04 s: the floor of 2 s counts
    ],
)
def test_silence_ends_at_the_acknowledgement_deadline_or_its_floor(
    speed: float, before_s: float, after_s: float
) -> None:
    clock = FakeClock(speed=speed)
    book = CommandBook(lambda _: ())
    command = add_command(book, clock, CompletionRule(ack_timeout_s=4.0))
    clock.advance(before_s)
    book.judge_deadlines()
    assert not command.done()
    clock.advance(after_s)
    book.judge_deadlines()
    assert isinstance(command.exception(), CommandTimeout)
    assert len(book) == 0


@pytest.mark.parametrize(("speed", "before_s"), [(1.0, 29.9), (100.0, 4.9)])
def test_busy_ends_at_the_finish_deadline_or_its_floor(speed: float, before_s: float) -> None:
    clock = FakeClock(speed=speed)
    book = CommandBook(lambda _: ())
    command = add_command(book, clock, CompletionRule(timeout_s=30.0))
    book.observe(azimuth(PropertyState.BUSY, 10.0))
    clock.advance(before_s)
    book.judge_deadlines()
    assert not command.done()
    clock.advance(0.2)
    book.judge_deadlines()
    assert isinstance(command.exception(), CommandTimeout)


def test_waiting_shorter_leaves_the_command_under_way() -> None:
    clock = FakeClock()
    book = CommandBook(lambda _: ())
    command = add_command(book, clock, CompletionRule())
    with pytest.raises(CommandTimeout, match="still under way"):
        command.wait(0.0)
    assert not command.done()
    book.observe(azimuth(PropertyState.OK, 90.0))
    assert command.wait().number("AZ") == 90.0


def test_a_driver_has_its_whole_time_behind_a_slow_link() -> None:
    clock = FakeClock()
    book = CommandBook(lambda _: ())
    command = add_command(book, clock, CompletionRule(ack_timeout_s=2.0))
    clock.advance(3.9)
    book.judge_deadlines(lag_s=2.0)
    assert not command.done()
    clock.advance(0.2)
    book.judge_deadlines(lag_s=2.0)
    assert isinstance(command.exception(), CommandTimeout)
