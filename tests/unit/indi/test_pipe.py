"""The pipe to the PyIndi child: what goes in comes out, and rubbish costs only the link."""

from __future__ import annotations

import io
import math
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.indi.framing import BrokenPipeContent, pack, unpack
from ctmo_indi.indi.pyindi_decode import decode
from ctmo_indi.indi.snapshot import (
    NumberRange,
    Permission,
    PropertyState,
    PropertyType,
    SwitchRule,
)
from ctmo_indi.indi.stderr_tap import StderrTap
from ctmo_indi.indi.transport import (
    RawBlob,
    RawDefinition,
    RawDown,
    RawEvent,
    RawGhost,
    RawPing,
    RawRemoved,
    RawUp,
    RawUpdate,
)
from ctmo_indi.testing.fake_clock import FakeClock

JSON = st.lists(st.one_of(st.text(), st.floats(allow_nan=False), st.booleans(), st.none()))


@given(heads=st.lists(st.tuples(JSON.filter(bool), st.binary(max_size=100)), max_size=5))
def test_messages_come_out_as_they_went_in(heads: list[tuple[list[object], bytes]]) -> None:
    stream = io.BytesIO(b"".join(pack(head, body) for head, body in heads))
    for head, body in heads:
        assert unpack(stream) == (head, body)
    assert unpack(stream) is None


def test_cut_message_is_the_end_of_the_stream() -> None:
    message = pack(["ping", "x"], b"body")
    for length in range(len(message)):
        assert unpack(io.BytesIO(message[:length])) is None


@pytest.mark.parametrize(
    "rubbish",
    [
        struct.pack("!II", 2**31, 0),
        struct.pack("!II", 3, 0) + b"{,}",
        struct.pack("!II", 2, 0) + b"{}",
        struct.pack("!II", 2, 0) + b"[]",
    ],
)
def test_rubbish_is_named_as_such(rubbish: bytes) -> None:
    with pytest.raises(BrokenPipeContent):
        unpack(io.BytesIO(rubbish))


@pytest.mark.parametrize(
    ("head", "event"),
    [
        (["up"], RawUp()),
        (["down", "why"], RawDown("why")),
        (["ping", "u"], RawPing("u")),
        (["ghost", "D", None], RawGhost("D", None)),
        (["removed", "D", "P"], RawRemoved("D", "P")),
        (["blob", "D", "P", "E", ".fits", ""], RawBlob("D", "P", "E", ".fits", b"data", "")),
        (["blob", "D", "P", "E", ".fz", "cut"], RawBlob("D", "P", "E", ".fz", None, "cut")),
        (
            ["set", "D", "P", "Busy", [["A", 1.5]], None],
            RawUpdate("D", "P", PropertyState.BUSY, {"A": 1.5}, None),
        ),
        (
            ["def", "D", "P", "Switch", "Ok", "rw", "OneOfMany", [["A", True]], []],
            RawDefinition(
                "D",
                "P",
                PropertyType.SWITCH,
                PropertyState.OK,
                Permission.RW,
                SwitchRule.ONE_OF_MANY,
                {"A": True},
                {},
            ),
        ),
    ],
)
def test_child_s_messages_are_understood(head: list[object], event: RawEvent) -> None:
    assert decode(head, b"data") == event


def test_limits_and_nan_survive_the_pipe() -> None:
    head = ["set", "D", "P", "Ok", [["A", math.nan]], [["A", 0.0, 24.0, 0.1]]]
    message = unpack(io.BytesIO(pack(head)))
    assert message is not None
    event = decode(*message)
    assert isinstance(event, RawUpdate)
    assert math.isnan(float(event.values["A"]))
    assert event.ranges == {"A": NumberRange(0.0, 24.0, 0.1)}


@pytest.mark.parametrize(
    "head", [["nonsense"], ["set", "D"], ["set", "D", "P", "Perfect", [], None], ["ping"]]
)
def test_nonsense_of_the_child_raises(head: list[object]) -> None:
    with pytest.raises((BrokenPipeContent, ValueError, TypeError)):
        decode(head, b"")


def test_little_of_a_shouting_child_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    tap = StderrTap(os.fdopen(reading, "rb"), "child", FakeClock())
    with caplog.at_level("DEBUG", logger="ctmo_indi.indi.stderr_tap"):
        tap.start()
        with os.fdopen(writing, "wb") as shout:
            shout.write(b"short\n" + b"A" * 1_000_000 + b"\n" + b"line\n" * 10_000)
        tap.join(5.0)
    texts = [record.getMessage() for record in caplog.records]
    assert "text='short'" in texts[0]
    assert tap.dropped > 1_000_000
    assert sum(text.count("A") for text in texts) < 5_000
