"""What a child shouts is heard, wherever it is cut."""

from __future__ import annotations

import os
import threading

from ctmo_indi.clock import SystemClock
from ctmo_indi.indi.stderr_tap import StderrTap


def test_an_alarm_is_heard_across_chunks_and_told_once() -> None:
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
    for piece in (b"nothing\n", b"x" * 100_000, b"Bad ", b"X", b"ML from there\n", b"Bad XML\n"):
        os.write(writing, piece)
    assert heard.wait(5.0)
    os.close(writing)
    tap.join(5.0)
    assert told == ["torn"]
