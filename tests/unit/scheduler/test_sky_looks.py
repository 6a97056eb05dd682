"""Orders that can never be observed are refused; long looks at the sky are few at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import NeverObservable, StoreUnavailable
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import PriorityPolicy
from ctmo_indi.scheduler.orders.intake import MOST_LOOKS, OrderIntake
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.model import CheckedOrder

CALLER = Caller("ada", Role.SUBMIT, "127.0.0.1")
PATIENCE_S = 20.0


class SlowSky:
    """A look that takes until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def why_never(self, _request: ObservationRequest) -> str:
        assert self.go_on.wait(PATIENCE_S)
        return "it never rises"


class _Intake(OrderIntake):
    def _known(self, checked: CheckedOrder) -> None:
        return None


@pytest.fixture
def sky() -> Iterator[SlowSky]:
    made = SlowSky()
    yield made
    made.go_on.set()


@pytest.fixture
def intake(sky: SlowSky) -> OrderIntake:
    nobody = cast(Any, None)  # Any: nothing is stored here
    return _Intake(
        nobody, nobody, SystemClock(), PriorityPolicy(), lambda _: False, sky.why_never, nobody
    )


@pytest.fixture
def order() -> CheckedOrder:
    wire = {
        "WOType": "Observation", "User": "ada", "ID": "odd", "RA": 10.0, "Dec": 20.0,
        "Filter": "V", "Exposure Time": 10.0, "Number of Exposures": 1,
    }  # fmt: skip
    return Contract.load(small_profile()).check(wire)


async def test_more_than_a_few_are_refused_and_later_ones_are_looked_at(
    intake: OrderIntake, sky: SlowSky, order: CheckedOrder
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        waiting = [
            asyncio.create_task(intake.handle(replace(order, id=str(n)), CALLER))
            for n in range(MOST_LOOKS)
        ]
        await asyncio.sleep(0)  # all have begun
        waiting[0].cancel()  # his look goes on, so his place stays taken
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="64 orders wait for a look"):
            await intake.handle(order, CALLER)
        sky.go_on.set()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        with pytest.raises(NeverObservable):
            await intake.handle(order, CALLER)
    assert sum(isinstance(one, NeverObservable) for one in ended) == MOST_LOOKS - 1


class _Taken(Exception):
    """The order went on to the database."""


class _Writer:
    def submit_item(self, *_: object) -> None:
        raise _Taken


@pytest.mark.parametrize("frame_type", ["Dark", "Bias", "Flat"])
@pytest.mark.parametrize(
    ("windows", "reason"),
    [
        ([("2026-11-21T01:00:00", "2026-11-21T02:00:00")], "every window has ended, the last at"),
        # The rest of the first, and the second.
        (
            [
                ("2026-11-21T01:00:00", "2026-11-22T03:04:00"),
                ("2030-01-01T00:00", "2030-01-01T00:05"),
            ],
            "no window is long enough: one exposure takes 600 s, at best 300 s are left of one",
        ),
        ([("2026-11-21T01:00:00", "2026-11-22T03:11:00")], ""),
        ([], ""),
    ],
)
async def test_frames_without_sky_are_held_against_their_windows(
    frame_type: str, windows: list[tuple[str, str]], reason: str
) -> None:
    nobody, clock = cast(Any, None), FakeClock(datetime(2026, 11, 22, 3, tzinfo=UTC))
    intake = _Intake(
        nobody, cast(Any, _Writer()), clock, PriorityPolicy(), pytest.fail, pytest.fail, nobody
    )  # Any: nothing is stored here
    wire: dict[str, object] = {"WOType": "Observation", "User": "ada", "Frame Type": frame_type}
    wire |= {"Filter": "V"} if frame_type == "Flat" else {}
    wire |= {} if frame_type == "Bias" else {"Exposure Time": 600.0}
    if windows:
        wire["Windows"] = [{"Start": start, "End": end} for start, end in windows]
    order = Contract.load(small_profile()).check(wire)
    if reason and (frame_type != "Bias" or "ended" in reason):  # a Bias fits anywhere
        with pytest.raises(NeverObservable, match=reason):
            await intake.handle(order, CALLER)
    else:
        with pytest.raises(_Taken):
            await intake.handle(order, CALLER)
