"""Lines about callers are few, however many callers there are."""

from __future__ import annotations

import logging

import pytest

from ctmo_indi.front_desk.sparing import SparingLog
from ctmo_indi.testing.fake_clock import FakeClock

LOGGER = logging.getLogger("tests.sparing")


def test_what_is_too_much_is_counted_and_told_later(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    sparing = SparingLog(LOGGER, clock, burst=3, per_s=1.0)
    with caplog.at_level(logging.INFO):
        for number in range(10):
            sparing.log(logging.INFO, "refused", "number=%d", number)
        sparing.log(logging.WARNING, "cut", "address=%s", "a")
        clock.advance(1.0)
        sparing.log(logging.INFO, "refused", "number=%d", 10)
    assert [record.getMessage() for record in caplog.records] == [
        "refused number=0",
        "refused number=1",
        "refused number=2",
        "cut address=a",
        "refused number=10 untold=7",
    ]


def test_after_a_rest_the_whole_burst_is_there_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    sparing = SparingLog(LOGGER, clock, burst=2, per_s=0.5)
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            sparing.log(logging.INFO, "refused", "")
        clock.advance(3600.0)
        for _ in range(5):
            sparing.log(logging.INFO, "refused", "")
    assert len(caplog.records) == 4
