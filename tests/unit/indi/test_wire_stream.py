"""Elements come out whole and in order, or the stream is told to be torn."""

from __future__ import annotations

import random

import pytest

from ctmo_indi.indi.wire_stream import ElementStream, StreamTorn

MESSAGE = (
    b"<setNumberVector device='Mount' name='POSITION' state='Ok' timestamp='2026-11-22T00:30:00'>"
    b"<oneNumber name='RA'>12.5</oneNumber></setNumberVector>\n"
)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_chunks_of_any_size_give_the_same_elements(size: int) -> None:
    data = MESSAGE * 20
    stream = ElementStream()
    found = [
        element
        for start in range(0, len(data), size)
        for element in stream.feed(data[start : start + size])
    ]
    assert len(found) == 20
    assert [one.text for one in found[-1]] == ["12.5"]


def test_memory_does_not_grow_with_the_messages() -> None:
    stream = ElementStream()
    for _ in range(100):
        stream.feed(MESSAGE)
    assert stream._root is not None
    assert len(stream._root) == 0


def test_every_missing_byte_of_a_tag_tears_the_stream() -> None:
    tag = MESSAGE.index(b"</oneNumber>")
    for place in range(tag, tag + len(b"</oneNumber>")):
        stream = ElementStream()
        with pytest.raises(StreamTorn, match="torn"):
            stream.feed(MESSAGE[:place] + MESSAGE[place + 1 :] + MESSAGE)


def test_random_bytes_tear_the_stream() -> None:
    stream = ElementStream()
    with pytest.raises(StreamTorn):
        stream.feed(MESSAGE[:40] + random.Random(1).randbytes(200) + MESSAGE[40:])


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"12 \xb0C", "12 \ufffdC"),  # a degree sign in Latin-1
        (b"a\x00b\x07c", "abc"),
        ("12 °C".encode(), "12 °C"),
    ],
)
def test_bytes_that_drivers_do_send_tear_nothing(sent: bytes, read: str) -> None:
    stream = ElementStream()
    elements = stream.feed(b"<message device='D'>" + sent + b"</message>") + stream.feed(MESSAGE)
    assert [one.tag for one in elements] == ["message", "setNumberVector"]
    assert elements[0].text == read


def test_a_character_cut_between_two_chunks_is_whole() -> None:
    stream = ElementStream()
    data = "<message>°</message>".encode()
    cut = data.index(b"\xc2") + 1
    assert stream.feed(data[:cut]) == []
    assert stream.feed(data[cut:])[0].text == "°"


def test_an_element_without_end_is_refused() -> None:
    stream = ElementStream(limit_bytes=10_000)
    with pytest.raises(StreamTorn, match="more than 10000 bytes"):
        stream.feed(b"<message>" + b"x" * 20_000)
