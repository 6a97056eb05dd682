"""The fast choice is that of asking every candidate in turn, whatever the night brings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctmo_indi import profiles
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.models.orders import Constraints, ObservationRequest, Window
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Verdict, VerdictLevel
from ctmo_indi.scheduling.conditions import Conditions
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.sky import SiteSky
from ctmo_indi.scheduling.target import DriverTarget, NextTarget, PendingOrder
from ctmo_indi.testing.plain_sequential import PlainSequential

PROFILE = profiles.load("simulators")
MODELS = Models(SiteSky(PROFILE), ObservatoryModel.of(PROFILE))
NIGHT = MODELS.sky.night(datetime(2026, 11, 21, 19, 0, tzinfo=UTC))
LENGTH_S = (NIGHT.morning - NIGHT.evening).total_seconds()
SAFE = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)

parts = st.floats(-0.1, 1.1)
few = st.sampled_from


def at(part: float) -> datetime:
    return NIGHT.evening + timedelta(seconds=part * LENGTH_S)


@st.composite
def orders(draw: st.DrawFn) -> PendingOrder:
    number = draw(st.integers(0, 10**6))
    is_sky = draw(st.integers(0, 5)) > 0
    windows = []
    for start, length_s in draw(st.lists(st.tuples(parts, few([30.0, 900.0, 9000.0])), max_size=2)):
        windows.append(Window(at(start).timestamp(), at(start).timestamp() + length_s))
    request = ObservationRequest(
        order_id=str(number),
        user="u",
        frame_type=FrameType.LIGHT if is_sky else FrameType.DARK,
        exposure_s=draw(few([1.0, 60.0, 900.0])),
        count=3,
        ra_deg=draw(st.floats(0.0, 359.9)) if is_sky else None,
        dec_deg=draw(st.floats(-60.0, 89.0)) if is_sky else None,
        object_name=str(number),
        filter_name=draw(few([None, "R", "V"])) if is_sky else None,
        windows=tuple(windows),
        constraints=Constraints(
            max_airmass=draw(few([None, None, 1.3, 2.0])),
            min_moon_separation_deg=draw(few([None, None, 30.0, 80.0])),
            max_sun_altitude_deg=draw(few([None, None, -18.0])),
        )
        if is_sky
        else Constraints(),
    )
    return PendingOrder(
        f"O-{number}",
        request,
        priority=draw(few([1.0, 5.0, 5.0, 9.0])),
        created_utc_s=draw(few([0.0, 1.0, 2.0])),
        missing_count=draw(st.integers(1, 3)),
        not_before_utc_s=draw(few([0.0, 0.0, at(0.5).timestamp()])),
    )


@st.composite
def nights(draw: st.DrawFn) -> list[Conditions]:
    """Some instants with orders that come, go, change and come back."""
    known = draw(st.lists(orders(), max_size=12, unique_by=lambda one: one.receipt))
    found = []
    for part in draw(st.lists(parts, min_size=1, max_size=6)):
        there = [one for one in known if draw(st.integers(0, 3)) > 0]
        if there and draw(st.booleans()):
            there[0] = replace(there[0], missing_count=draw(st.integers(1, 3)))
        if there and draw(st.booleans()):
            there[-1] = replace(there[-1], priority=draw(few([0.0, 10.0])))
        observatory = draw(
            few([ObservatoryState.OPEN, ObservatoryState.CLOSED, ObservatoryState.CLOSING])
        )
        state = ObservatoryModelState(
            at(part).timestamp(), 10.0, 20.0, True, False, None, "R", True
        )
        found.append(
            Conditions(
                utc=at(part),
                observatory=observatory,
                verdict=draw(few([SAFE, SAFE, SAFE, None])),
                verdict_age_s=1.0,
                telescope_answers=True,
                pending=tuple(draw(st.permutations(there))),
                state=draw(few([None, state])),
            )
        )
    return found


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    targets = [
        {
            "ra": hours,
            "dec": dec,
            "name": f"{hours} {dec}",
            "program": "p",
            "instrument_setup": [{"exptime": 30, "filter": "R"}],
        }
        for hours in (2, 8, 23)
        for dec in (-70, 20)
    ]
    path = tmp_path_factory.mktemp("lists") / "list.yaml"
    path.write_text(json.dumps({"targets": targets}))
    return path


@pytest.mark.parametrize("keys", [{}, {"night_boundary": -15}], ids=["plain", "boundary"])
@pytest.mark.parametrize("with_list", [False, True], ids=["orders", "list"])
@settings(max_examples=60, deadline=None)
@given(night=nights())
def test_the_fast_choice_is_the_plain_one(
    listed: Path, keys: dict[str, Any], with_list: bool, night: list[Conditions]
) -> None:
    fast, plain = SequentialScheduler(MODELS), PlainSequential(MODELS)
    if with_list:
        keys = {**keys, "observing_list": str(listed)}
    for driver in (fast, plain):
        driver.configure_scheduler(keys)
    for now in night:
        choices: list[DriverTarget | None] = []
        for driver in (fast, plain):
            driver.update_conditions(now)
            choices.append(driver.select_next_target())
        mine, theirs = choices
        assert (mine and mine.target_id) == (theirs and theirs.target_id)
        if mine is not None and theirs is not None:
            assert replace(mine, note="") == replace(theirs, note="")


def plain_estimate(driver: SequentialScheduler, now: Conditions) -> tuple[datetime | None, str]:
    """Ask for each order in the order of choice when it can be observed; the earliest wins."""
    night = MODELS.sky.night(now.utc)
    found: list[tuple[datetime, int, str]] = []
    pending = sorted(now.pending, key=lambda one: (-one.priority, one.created_utc_s, one.receipt))
    for place, order in enumerate(pending):
        if order.request.frame_type.needs_sky:
            start = max(now.utc, datetime.fromtimestamp(order.not_before_utc_s, UTC))
            when = MODELS.sky.next_observable(order.request, start, night.morning)
            if when is not None:
                found.append((when, place, order.receipt))
    return min(found)[::2] if found else (None, "")


@settings(max_examples=60, deadline=None)
@given(night=nights())
def test_the_estimate_is_the_earliest_of_all(night: list[Conditions]) -> None:
    driver = SequentialScheduler(MODELS)
    for now in night:
        given = replace(now, observatory=ObservatoryState.OPEN)  # no calibrations
        driver.update_conditions(given)
        upcoming: NextTarget = driver.estimate_next_target()
        when, receipt = plain_estimate(driver, given)
        assert upcoming.utc == when or (
            # spans are known to a minute
            upcoming.utc is not None
            and when is not None
            and abs(upcoming.utc - when) <= timedelta(minutes=1)
        )
        assert upcoming.receipt == receipt
        assert driver.expected_utc() == upcoming.utc


def test_a_calibration_keeps_to_its_windows() -> None:
    window = Window(at(0.5).timestamp(), at(0.6).timestamp())
    request = ObservationRequest("b", "u", FrameType.BIAS, 0.0, 1, windows=(window,))
    driver = SequentialScheduler(MODELS)
    now = Conditions(
        at(0.4), ObservatoryState.CLOSED, None, 0.0, True, (PendingOrder("O-b", request, 5, 0, 1),)
    )
    driver.update_conditions(now)
    assert driver.select_next_target() is None
    assert driver.estimate_next_target().utc == at(0.5)
    driver.update_conditions(replace(now, utc=at(0.55)))
    assert driver.select_next_target() is not None
