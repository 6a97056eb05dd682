"""Ctrl-C pressed again while the observatory is being closed.

The first one begins the closing. An impatient second must not leave the dome open, and nobody
should be held for eleven minutes by a mount that does not park. So a press is answered by what goes
on; only the next one, after there was time to read that and while it is remembered, ends the
process without closing. A process that nobody sits at gets SIGTERM, or SIGHUP when its terminal is
gone (a window closed, a connection by ssh lost); both begin the closing, too, and are not counted:
a service manager may repeat the one, a shell sends the other more than once.

========================  ==========================================================================
since the answer          a press
========================  ==========================================================================
none yet                  is answered
less than 1 s             is part of the press before: a key that is hammered
1 s to 15 s               ends the process
more                      is answered anew
========================  ==========================================================================
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from enum import Enum, auto

from ctmo_indi.clock import Clock, SystemClock

_log = logging.getLogger(__name__)

# Machine seconds.
READ_S = 1.0
REMEMBERED_S = 15.0


class Answer(Enum):
    """What a press leads to."""

    NOTHING = auto()
    TELL = auto()
    END = auto()


class Presses:
    """Judges one press after the other by the table above; one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_machine_s: float | None = None

    def judge(self) -> Answer:
        """Take a press of now."""
        now_machine_s = self._clock.machine_s()
        told_machine_s = self._told_machine_s
        if told_machine_s is None or now_machine_s - told_machine_s > REMEMBERED_S:
            self._told_machine_s = now_machine_s
            return Answer.TELL
        return Answer.NOTHING if now_machine_s - told_machine_s < READ_S else Answer.END


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return what ends a process in order: all but SIGHUP where ``nohup`` has that ignored."""
    return (signal.SIGINT, *_of_a_machine())


def _of_a_machine() -> tuple[signal.Signals, ...]:
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return (signal.SIGTERM,)
    return (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def begun_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP do inside, once, what the first Ctrl-C does; main thread only."""

    def interrupt(*_: object) -> None:
        for number in before:
            signal.signal(number, _not_counted)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _of_a_machine()}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def heedless_of_hangups() -> Iterator[None]:
    """Pass over SIGHUP inside: what must be carried through ends with no terminal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _not_counted(*_: object) -> None:
    """Take a signal that changes nothing; children that are started do not inherit that."""


@contextlib.contextmanager
def heard(tell: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    """Answer SIGINT inside, pass over SIGTERM and SIGHUP; main thread only, else change nothing.

    Parameters
    ----------
    tell, end
        For :class:`Answer`'s TELL and END; called in a thread of its own, not in the signal's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: queue.SimpleQueue[bool] = queue.SimpleQueue()  # its put may interrupt itself
    ended = threading.Event()

    def answer() -> None:
        presses = Presses(SystemClock())
        while pressed.get():
            judged = presses.judge()
            if judged is Answer.TELL:
                with contextlib.suppress(OSError):  # the terminal is gone
                    tell()
            elif judged is Answer.END:
                _log.critical("cut_short_by_ctrl_c")
                ended.set()
                end()

    thread = threading.Thread(target=answer, name="ctrl-c", daemon=True)
    thread.start()
    before = signal.signal(signal.SIGINT, lambda *_: pressed.put(True))
    not_counted = {number: signal.signal(number, _not_counted) for number in _of_a_machine()}
    try:
        yield
    finally:
        # On its way out a process is not to be killed by a key that is hammered.
        signal.signal(signal.SIGINT, signal.SIG_IGN if ended.is_set() else before)
        for number, handler in not_counted.items():
            signal.signal(number, handler)
        pressed.put(False)


def what_goes_on(minutes: float) -> str:
    """Return what is told; ``minutes``: how long the closing may take."""
    return (
        f"The observatory is being closed, which may take {math.ceil(minutes)} minutes. "
        '"ctmo-indi stop" stops what moves. To end at once, and perhaps LEAVE THE DOME OPEN, press '
        f"Ctrl-C again within {REMEMBERED_S:.0f} s."
    )


LEFT_OPEN = "ENDED BY CTRL-C BEFORE THE OBSERVATORY WAS CLOSED: THE DOME MAY BE OPEN."
