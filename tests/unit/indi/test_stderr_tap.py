"""What a child shouts is heard, wherever it is cut."""

from __future__ import annotations

import io
import os
import threading

from ctmo_indi.clock import SystemClock
from ctmo_indi.indi.stderr_tap import StderrTap


def test_an_alarm_is_heard_wherever_it_is_cut() -> None:
    told: list[str] = []
    tap = StderrTap(
        io.BytesIO(), "child", SystemClock(), alarm=b"Bad XML", on_alarm=lambda: told.append("torn")
    )
    for piece in (b"Bad ", b"X", b"M", b"Bad X", b"ML from there\n"):
        assert told == []
        tap._listen(piece)
    assert told == ["torn"]


def test_an_alarm_among_much_else_is_told_once() -> None:
    reading, writing = os.pipe()
    told: list[str] = []
    heard = threading.Event()

    def on_alarm() -> None:
        told.append("torn")
        heard.set()

    tap = StderrTap(
        os.fdopen(reading, "rb"), "child", SystemClock(), alarm=b"Bad XML", on_alarm=on_alarm
    )
    tap.start()
    os.write(writing, b"nothing\n" + b"x" * 50_000 + b"Bad XML\n")
    assert heard.wait(5.0)
    os.write(writing, b"Bad XML\n")
    os.close(writing)
    tap.join(5.0)
    assert told == ["torn"]
