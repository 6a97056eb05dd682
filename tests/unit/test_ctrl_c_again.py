"""Ctrl-C pressed again while the observatory is being closed."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from ctmo_indi.ctrl_c_again import READ_S, REMEMBERED_S, Answer, Presses
from ctmo_indi.daemon import EXIT_DEAD
from ctmo_indi.testing.fake_clock import FakeClock

# ``serve telescope`` as it is, with a service whose closing lasts.
CLOSES_FOR_EVER = """
import threading, sys
from pathlib import Path
from ctmo_indi import daemon
from ctmo_indi.service_health import Health

class Service:
    desks = ()
    def start(self): pass
    def on_ready(self): print("ready", flush=True)
    def health(self): return Health(True, "")
    def stop(self, timeout_s):
        print("closing", flush=True)
        threading.Event().wait(60.0)

daemon.build = lambda *_, **__: Service()
daemon.serve(sys.argv[1], config_path=Path(sys.argv[2]), data_dir=Path(sys.argv[3]))
"""


def judged(presses: Presses, clock: FakeClock, *pauses_s: float) -> list[Answer]:
    answers = []
    for pause_s in pauses_s:
        clock.advance(pause_s)
        answers.append(presses.judge())
    return answers


@pytest.mark.parametrize(
    ("pauses_s", "answers"),
    [
        ((0.0,), [Answer.TELL]),
        ((0.0, 0.1, 0.1, 0.1), [Answer.TELL, Answer.NOTHING, Answer.NOTHING, Answer.NOTHING]),
        ((0.0, READ_S), [Answer.TELL, Answer.END]),
        ((0.0, 0.1, READ_S), [Answer.TELL, Answer.NOTHING, Answer.END]),
        ((0.0, REMEMBERED_S), [Answer.TELL, Answer.END]),
        ((0.0, REMEMBERED_S + 0.1, READ_S), [Answer.TELL, Answer.TELL, Answer.END]),
    ],
)
def test_only_a_press_after_the_notice_was_read_ends_it(pauses_s, answers):
    clock = FakeClock()
    assert judged(Presses(clock), clock, *pauses_s) == answers


def line_of(stream, timeout_s: float = 20.0) -> str:
    assert select.select([stream], [], [], timeout_s)[0], "nothing was said"
    return stream.readline().decode().strip()


@pytest.fixture
def closing(tmp_path: Path):
    """``serve telescope`` after a first Ctrl-C: it closes, and that lasts."""
    (tmp_path / "ctmo.yaml").write_text("Profile: simulators\n")
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CLOSES_FOR_EVER), "telescope",
         str(tmp_path / "ctmo.yaml"), str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    try:
        assert line_of(process.stdout) == "ready"
        process.send_signal(signal.SIGINT)
        assert line_of(process.stdout) == "closing"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10.0)


def told(process: subprocess.Popen[bytes], words: str) -> None:
    while words not in line_of(process.stderr):
        pass  # lines of the log


def test_a_service_that_closes_tells_first_and_ends_loudly_at_the_next_press(closing):
    closing.send_signal(signal.SIGINT)
    told(closing, "LEAVE THE DOME OPEN")
    still_closes = closing.poll() is None
    end_s = time.monotonic() + 10.0
    while closing.poll() is None:
        assert time.monotonic() < end_s
        closing.send_signal(signal.SIGINT)
        threading.Event().wait(0.1)

    assert still_closes
    told(closing, "THE DOME MAY BE OPEN")
    assert closing.returncode == EXIT_DEAD


def test_sigterm_never_cuts_a_closing_short(closing):
    closing.send_signal(signal.SIGINT)
    told(closing, "LEAVE THE DOME OPEN")
    for _ in range(8):
        closing.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            closing.wait(0.2)
