"""Who locks to go inside is told so when nothing moves any more, whoever was about to move it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.safety.beats import Beats
from ctmo_indi.safety.desk_handlers import SafetyHandlers
from ctmo_indi.safety.holds import Holds
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import DispatchDesk
from ctmo_indi.work_orders.revisions import RevisionBoard

CALLER = Caller("anonymous", Role.OPERATE, "127.0.0.1")
LOCK = {"WOType": "Control", "Command": "lock", "User": "ada", "Kind": "maintenance"}


class Site:
    """Safety's desk with real holds and beats; what it does is written down."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self.did: list[str] = []
        self.status: dict[str, object] = {}
        nobody = cast(Any, None)  # Any: not asked here
        self.holds = Holds(folder / "holds.json", clock)
        self.beats = Beats(clock)
        handlers = SafetyHandlers(
            loop=cast(Any, self), holds=self.holds, beats=self.beats, closer=nobody,
            board=RevisionBoard(clock), clock=clock, stop_all=self.stop_all,
            observatory_status=lambda: self.status, clock_watch=nobody, notices=cast(Any, self),
        )  # fmt: skip
        self.desk = DispatchDesk("safety", Contract.load(small_profile()), handlers.table())

    def note(self, *_: object) -> None:
        """Tell nobody."""

    def tell_holds(self) -> None:
        lock = self.holds.lock
        self.did.append("unlocked" if lock is None else str(lock.kind))

    def stop_all(self) -> str:
        self.did.append("stop")
        return "Stopped."


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_the_interlocks_hear_of_it_before_anything_is_stopped(site: Site) -> None:
    await site.desk.handle(LOCK, CALLER)
    assert site.did == ["maintenance", "stop"]


@pytest.mark.parametrize(
    ("status", "stops_again"),
    [
        ({"Mount": {"Slewing": False}, "Dome": {"Shutter": "CLOSED", "Moving": False}}, False),
        ({"Mount": {"Slewing": True}}, True),
        ({"Mount": {"Tracking": True}}, True),
        ({"Dome": {"Moving": True}}, True),
        ({"Dome": {"Shutter": "CLOSING"}}, True),
    ],
)
async def test_what_the_telescope_began_meanwhile_is_stopped_too(
    site: Site, status: dict[str, object], stops_again: bool
) -> None:
    site.status = status
    site.beats.record("telescope", {})
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.1):
            site.beats.record("telescope", {})
            site.did.append("beat")

    telescope = threading.Thread(target=beat)
    telescope.start()
    try:
        reply = await site.desk.handle(LOCK, CALLER)
    finally:
        over.set()
        telescope.join(10.0)

    stops = [number for number, deed in enumerate(site.did) if deed == "stop"]
    assert len(stops) == 1 + stops_again
    assert site.did[stops[0] :].count("beat") >= 2
    assert "BUT" not in str(reply["Message"])


async def test_a_telescope_that_beats_no_more_does_not_hold_up_who_goes_inside(site: Site) -> None:
    site.beats.record("telescope", {})
    reply = await site.desk.handle(LOCK, CALLER)
    assert site.did == ["maintenance", "stop"]
    assert "Stopped." in str(reply["Message"])


async def test_an_observers_lock_stops_nothing(site: Site) -> None:
    await site.desk.handle({**LOCK, "Kind": "observer"}, CALLER)
    assert site.did == []
