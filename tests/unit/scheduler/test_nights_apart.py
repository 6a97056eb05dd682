"""Nights are handed over apart from everything else: a preprocessor that hangs disturbs nothing."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctmo_indi.scheduler.nights import night_keeper
from ctmo_indi.testing.desks import FakeDesk, serving
from ctmo_indi.work_orders.desk import order_reply

if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack

# The Sun is above -12 degrees at the site, yet the fake sky has a night: frames are handed over.
MORNING = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
UP_DEG = 150.0  # right ascension of what stands high then


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_MACHINE_S", "LOOK_BUSY_MACHINE_S"):
        monkeypatch.setattr(night_keeper, name, 0.05)


def at_dawn(stack: Stack) -> None:
    stack.set_clock(MORNING)
    stack.telescope.clock = stack.safety.clock = stack.clock
    stack.telescope.mjd = MORNING.timestamp() / 86400.0 + 40587.0
    stack.sky.evening, stack.sky.morning = MORNING - timedelta(hours=1), MORNING + timedelta(days=1)


def test_a_preprocessor_that_hangs_disturbs_neither_observing_nor_the_end(stack: Stack) -> None:
    at_dawn(stack)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections wait, nobody answers
        stack.preprocessor_port = silent.getsockname()[1]
        stack.start_scheduler()
        stack.command("start", "enable", "resume")
        assert stack.ended(stack.submit("first", RA=UP_DEG))["Status"] == "COMPLETED"
        silent.settimeout(20.0)
        asked, _ = silent.accept()  # the night is being handed over, and waits
        with asked:
            assert stack.ended(stack.submit("second", RA=UP_DEG))["Status"] == "COMPLETED"
            assert stack.ended(stack.submit("third", RA=UP_DEG))["Status"] == "COMPLETED"
            begun_s = time.monotonic()
            stack.stop_scheduler()
            assert time.monotonic() - begun_s < 8.0


def test_frames_that_lack_become_orders_of_the_scheduler(stack: Stack) -> None:
    at_dawn(stack)
    debt = {
        "WOType": "Observation", "User": "calibration", "ID": "calibration-20261121-bias-1",
        "Frame Type": "Bias", "Number of Exposures": 6, "Binning": 1,
    }  # fmt: skip

    def answer(checked):  # type: ignore[no-untyped-def]  # a desk's
        extra = {"Debt": [{"Frame Type": "Bias", "Order": debt}]} if "Debt" in checked.wire else {}
        status = "PENDING" if "Request" in checked.wire else "COMPLETED"
        return order_reply(checked, status=status, message="done", receipt="O-1", extra=extra)

    with serving(FakeDesk("preprocessor", answer=answer)) as (address,):
        stack.preprocessor_port = int(address.rpartition(":")[2])
        stack.start_scheduler()
        stack.command("start", "enable", "resume")
        first = stack.submit("first", Output="Analysis", RA=UP_DEG)
        assert stack.ended(first)["Status"] == "COMPLETED"

        def is_done() -> bool:
            nights = stack.desk.status()["Nights"]
            return any((one["State"], one["Rounds"]) == ("DONE", 2) for one in nights)

        stack.wait_until(is_done)
        bias = stack.desk.status(User="calibration", ID=debt["ID"])
        assert (bias["Status"], bias["Frame Type"]) == ("COMPLETED", "Bias")
        assert bias["Good Exposures"] == 6
