"""Report at the desk: stored and made, one at a time, and what is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ctmo_indi.errors import BadOrder, StoreUnavailable, WrongState
from ctmo_indi.scheduler.report.making import Report, with_words
from ctmo_indi.scheduler.report.night_data import NightEdges
from ctmo_indi.scheduler.report.night_sky import NightSky
from ctmo_indi.scheduler.report.report_desk import FRESH_MACHINE_S, ReportDesk
from ctmo_indi.scheduler.report.report_files import ReportFiles
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import Reply

from .night_rig import PROFILE

CALLER = Caller("ada", Role.READ, "127.0.0.1")
CONTRACT = Contract.load(small_profile())
EVENING = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""In the dark of 22 November."""


class Rig:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(EVENING)
        self.files = ReportFiles(folder)
        self.made: list[str] = []
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None
        sky = NightSky(PROFILE, self.clock, lambda row: pytest.fail(str(row)))
        self.desk = ReportDesk(self.clock, sky, self.make, self.files)
        self.desk.start()

    def make(self, edges: NightEdges) -> Report:
        self.made.append(edges.night)
        assert self.go.wait(10.0)
        if self.error is not None:
            raise self.error
        return with_words({"Night": edges.night, "Alarm": "", "Whole": False, "Nr": len(self.made)})

    async def ask(self, **order: object) -> Reply:
        return await self.desk.handle(CONTRACT.check({"WOType": "Report", **order}), CALLER)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.go.set()
    made.desk.stop(5.0)


async def test_without_a_night_it_is_the_last_one_that_is_over(rig: Rig) -> None:
    assert (await rig.ask())["Night"] == "20261121"
    rig.clock.step(10.0 * 3600.0)  # the dark of the 22nd is over
    assert (await rig.ask())["Night"] == "20261122"


async def test_a_stored_night_is_answered_from_its_file(rig: Rig) -> None:
    rig.files.write(with_words({"Night": "20261121", "Alarm": "old", "Whole": True}))
    assert (await rig.ask(Night="20261121"))["Alarm"] == "old"
    assert rig.made == []
    (rig.files.folder / "20261121.json").write_text('{"Night": "20261')
    assert (await rig.ask(Night="20261121"))["Alarm"] == ""


async def test_the_night_that_lasts_is_made_anew_from_time_to_time(rig: Rig) -> None:
    first = await rig.ask(Night="20261122")
    assert (await rig.ask(Night="20261122"))["Nr"] == first["Nr"] == 1
    rig.clock.advance(FRESH_MACHINE_S + 1.0)
    assert (await rig.ask(Night="20261122"))["Nr"] == 2


async def test_many_who_ask_for_one_night_make_one_report(rig: Rig) -> None:
    rig.go.clear()
    asked = [asyncio.create_task(rig.ask(Night="20261122")) for _ in range(20)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(rig.ask(Night=f"2026110{day}")) for day in range(1, 6)]
    for _ in range(5):
        await asyncio.sleep(0)
    rig.go.set()
    replies = await asyncio.gather(*asked)
    assert {reply["Nr"] for reply in replies} == {1}
    told = await asyncio.gather(*others, return_exceptions=True)
    assert sum(isinstance(one, WrongState) for one in told) == 2  # three may wait beside it
    assert rig.made[0] == "20261122"


async def test_a_failure_is_everybodys_who_waited_for_it(rig: Rig) -> None:
    rig.error = StoreUnavailable("disk I/O error")
    rig.go.clear()
    asked = [asyncio.create_task(rig.ask(Night="20261121")) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    rig.go.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in told} == {StoreUnavailable}
    assert rig.made == ["20261121"]  # it was tried once, not twenty times


async def test_a_night_to_come_and_one_that_is_no_date_are_refused(rig: Rig) -> None:
    with pytest.raises(WrongState, match="20261123 has not begun"):
        await rig.ask(Night="20261123")
    with pytest.raises(WrongState, match="20991230 has not begun"):
        await rig.ask(Night="20991230")
    for wrong in ("99991231", "00010101", "21000101", "18991231"):
        with pytest.raises(BadOrder, match=r"Night: came .*, of the years 1900 to 2099"):
            await rig.ask(Night=wrong)
    for wrong in ("20261399", "2026-11-21", "x", 20261121):
        with pytest.raises(BadOrder, match="Night"):
            await rig.ask(Night=wrong)


async def test_a_failure_is_the_askers_and_the_next_one_works(rig: Rig) -> None:
    rig.error = StoreUnavailable("disk I/O error")
    with pytest.raises(StoreUnavailable):
        await rig.ask()
    rig.error = None
    assert (await rig.ask())["Night"] == "20261121"


if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack


def test_a_scheduler_answers_and_writes_a_report_in_the_morning(stack: Stack) -> None:
    """The service as it runs, with the frames of a fake telescope."""
    stack.set_clock(datetime(2026, 11, 22, 11, 52, tzinfo=UTC))  # 9 min before the end of the dark
    stack.telescope.clock = stack.clock
    stack.safety.clock = stack.clock
    stack.sky.morning = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
    stack.telescope.mjd = 61366.0 + (11.0 + 40.0 / 60.0) / 24.0  # just before that
    stack.start_scheduler()
    stack.command("start", "enable", "resume")
    stack.ended(stack.submit("m31", Dec=40.0))
    told = stack.desk.front_desk({"WOType": "Report", "Night": "20261121"})
    rows = {row["Class"]: row["Seconds"] for row in told["Ledger"]}  # type: ignore[attr-defined]
    assert told["Whole"] is False
    assert rows["exposing"] == pytest.approx(2 * 43.2, abs=1.0)  # what the fake says of a frame
    assert rows["unknown"] > 3600.0  # it was not there before
    assert sum(rows.values()) == pytest.approx(told["Length"], abs=0.001)

    def reports() -> list[dict[str, object]]:
        return list(stack.desk.status()["Reports"])  # type: ignore[call-overload]  # an array

    stack.wait_until(lambda: bool(reports()) and reports()[-1]["Written"] != "", 60.0)
    assert (stack.folder / "reports" / "20261121.html").is_file()
    whole = stack.desk.front_desk({"WOType": "Report"})
    assert (whole["Night"], whole["Whole"]) == ("20261121", True)
