"""Nights on end with random faults: it never stays open when it must be closed, and does not grow.

The short form lives some hours of one night, the long one a week (``make faults``). Then come two
weeks whose faults leave the services alive: in the first everything of bounded size fills up, in
the second memory is measured.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ..promises import IS_LONG, Recorder
from ..running_fleet import RunningFleet, until
from .soak import ALL, MILD, Fault, Samples, Soak, World, slope_mb_h

pytestmark = [pytest.mark.indi, pytest.mark.faults, pytest.mark.promise]

SPEED = 200.0
SEED = 20261122
LENGTH = timedelta(days=7) if IS_LONG else timedelta(hours=1)
# The last closer (WatchDog or a restarted safety) begins after 60 machine seconds.
LAST_CLOSER_MACHINE_S = 60.0
MEMORY_MB_H = 1.0
WARM_UP = LENGTH
"""Until what is of bounded size is full: caches, rings, the allocator's pieces of every size."""


@pytest.mark.parametrize("leak_mb_h", [0.0, 0.5, 3.0])
def test_growth_is_seen_below_what_comes_and_goes(leak_mb_h: float) -> None:
    random = np.random.default_rng(SEED)
    machine_s = np.sort(random.uniform(0.0, 3000.0, 400))
    frames_mb = random.choice([0.0, 8.0, 20.0, 40.0], 400) * random.uniform(0.5, 1.0, 400)
    rss_mb = 134.0 + leak_mb_h * machine_s / 3600.0 + frames_mb
    slope = slope_mb_h({"machine_s": machine_s, "rss_mb": rss_mb})
    assert slope == pytest.approx(leak_mb_h, abs=0.1)


def test_a_soak_with_random_faults(tmp_path: Path, promise: Recorder) -> None:
    rig = RunningFleet(tmp_path, speed=SPEED, after_dusk=timedelta(minutes=20))
    with rig.running() as fleet, World(fleet) as world:
        soak = Soak(fleet, world, SEED)
        _live(soak, world, Samples(fleet, tmp_path / "samples.jsonl"), ALL, LENGTH)
        until(lambda: not (world.is_open and world.must_be_closed), "closed at the end", 90.0)
        _all_orders_are_known(fleet, soak)
        faults = sum(soak.counts.values())
    assert soak.struck_open > 0.3 * faults, (soak.struck_open, faults)
    _closed_in_time(promise, fleet, world, f"{faults} faults ({soak.struck_open} while open)")


@pytest.mark.skipif(not IS_LONG, reason="takes two hours")
def test_services_do_not_grow(tmp_path: Path, promise: Recorder) -> None:
    rig = RunningFleet(tmp_path, speed=SPEED, after_dusk=timedelta(minutes=20))
    with rig.running() as fleet, World(fleet) as world:
        samples = Samples(fleet, tmp_path / "samples.jsonl")
        _live(Soak(fleet, world, SEED), world, samples, MILD, WARM_UP + LENGTH)
    _does_not_grow(promise, samples)


def _live(
    soak: Soak, world: World, samples: Samples, faults: Mapping[str, Fault], length: timedelta
) -> None:
    begin_s, length_s = time.monotonic(), length.total_seconds() / SPEED
    for turn in itertools.count(1):
        spent_s = time.monotonic() - begin_s
        if spent_s > length_s:
            break
        soak.submit()
        name = soak.strike(faults)
        soak.wait(soak.random.uniform(0.0, 6.0))
        samples.take()
        print(f"{spent_s:.0f} s, {turn}: {name}; longest {world.longest_machine_s:.1f} s")


def _all_orders_are_known(fleet: RunningFleet, soak: Soak) -> None:
    for receipt in soak.receipts:
        status = fleet.ask({"WOType": "Status", "Receipt": receipt})
        frames = [frame["Exposure ID"] for frame in status["Exposures"]]
        assert len(frames) == len(set(frames)), status


def _closed_in_time(promise: Recorder, fleet: RunningFleet, world: World, faults: str) -> None:
    safety = fleet.profile.safety
    allowed_s = LAST_CLOSER_MACHINE_S + 5.0
    allowed_s += (safety.park_timeout_s + 3 * safety.shutter_timeout_s) / SPEED
    measured = (
        f"{LENGTH.total_seconds() / 3600:g} h at {SPEED:g} x, {faults}, {world.episodes} "
        f"times unsafe while open, longest {world.longest_machine_s:.1f} s of the machine"
    )
    promise("soak", measured, holds=world.longest_machine_s <= allowed_s)


def _does_not_grow(promise: Recorder, samples: Samples) -> None:
    told: list[str] = []
    holds = True
    for name, columns in samples.last_lives(WARM_UP.total_seconds() / SPEED):
        slope = slope_mb_h(columns)
        threads, descriptors = (columns[key] for key in ("threads", "descriptors"))
        told.append(
            f"{name} {slope:+.2f} MB/h of the least in each 2 min of {len(threads)} looks, "
            f"threads {threads[0]:.0f} to {threads[-1]:.0f}, "
            f"descriptors {descriptors[0]:.0f} to {descriptors[-1]:.0f}"
        )
        holds = holds and slope < MEMORY_MB_H
        # Connections come and go: the second half must not need more than the first.
        half = len(threads) // 2
        for column in (threads, descriptors):
            holds = holds and float(column[half:].max()) <= float(column[:half].max()) + 2
    holds = holds and len(told) == len(samples.fleet.supervisor.fleet.services)
    promise("soak_memory", "; ".join(told), holds=holds)
