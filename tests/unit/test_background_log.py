"""A log that hangs holds up nobody."""

from __future__ import annotations

import io
import logging
import threading
import time

import pytest

from ctmo_indi import logs
from ctmo_indi.background_log import BackgroundHandler
from ctmo_indi.clock import SystemClock
from ctmo_indi.logging_settings import LoggingSettings

LIMIT_S = 10.0


class Stuck(logging.Handler):
    """Hangs from the first line on until it is released; then keeps every line."""

    def __init__(self):
        super().__init__()
        self.hangs, self.go_on = threading.Event(), threading.Event()
        self.lines = []

    def emit(self, record):
        self.hangs.set()
        self.go_on.wait(LIMIT_S)
        self.lines.append(self.format(record))


@pytest.fixture
def stuck():
    handler = Stuck()
    yield handler
    handler.go_on.set()


def logger_of(handler):
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger


def test_nobody_waits_and_nothing_is_lost_when_it_goes_on(stuck):
    handler = BackgroundHandler(stuck)
    logger = logger_of(handler)
    logger.info("first")
    assert stuck.hangs.wait(LIMIT_S)
    begun_s = time.monotonic()
    for number in range(1000):
        logger.info("line %d", number)
    assert time.monotonic() - begun_s < 2.0
    stuck.go_on.set()
    handler.close()
    assert stuck.lines == ["first", *(f"line {number}" for number in range(1000))]


def test_what_is_too_much_is_lost_and_counted(stuck):
    handler = BackgroundHandler(stuck, most_waiting=10)
    logger = logger_of(handler)
    for number in range(30):
        logger.info("line %d", number)
    assert handler.lost == 20
    stuck.go_on.set()
    handler.flush()
    logger.info("room again")
    handler.close()
    assert stuck.lines[10:] == ["log lines lost n=20", "room again"]


def test_arguments_are_read_when_it_is_logged():
    stuck = Stuck()
    stuck.go_on.set()
    handler = BackgroundHandler(stuck)
    logger, value = logger_of(handler), [1]
    logger.info("value %s", value)
    value.append(2)
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it failed")
    handler.close()
    assert stuck.lines[0] == "value [1]"
    assert "ValueError: why" in stuck.lines[1]


def test_a_service_logs_the_same_lines_either_way(tmp_path):
    found = []
    for in_background in (False, True):
        stream, file = io.StringIO(), tmp_path / f"log-{in_background}"
        undo = logs.set_up(
            "safety",
            LoggingSettings(file, "INFO"),
            SystemClock(),
            stream=stream,
            in_background=in_background,
        )
        try:
            logging.getLogger("ctmo_indi.test").warning("a line\nof %d", 2)
        finally:
            undo()
        assert file.read_text().split(" ", 1)[1] == stream.getvalue().split(" ", 1)[1]
        found.append(stream.getvalue().split(" ", 1)[1])
    assert found[0] == found[1] == "WARNING safety ctmo_indi.test a line\\nof 2\n"
