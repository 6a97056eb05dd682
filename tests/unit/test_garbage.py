"""Garbage is collected in portions, what is new every few minutes, and all of it once an hour."""

from __future__ import annotations

import gc
import platform
import weakref
from collections.abc import Iterator

import psutil
import pytest

from ctmo_indi import garbage
from ctmo_indi.testing.fake_clock import FakeClock


class Ring:
    """Keeps itself alive."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def collector_as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_was_loaded_is_set_aside_and_no_count_brings_a_long_look() -> None:
    garbage.Collector(FakeClock())
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[2] >= 1_000_000


def test_young_garbage_goes_soon() -> None:
    garbage.Collector(FakeClock())
    dead = weakref.ref(Ring())
    kept = [[] for _ in range(2 * garbage._YOUNG)]
    assert dead() is None
    assert kept


def test_garbage_that_came_since_the_start_goes_after_some_minutes() -> None:
    clock = FakeClock()
    collector = garbage.Collector(clock)
    ring = Ring()
    dead = weakref.ref(ring)
    gc.collect(1)  # it is old now
    del ring
    clock.advance(garbage.RECENT_PERIOD_S - 1.0)
    collector.look()
    gc.collect(1)
    assert dead() is not None
    clock.advance(1.0)
    collector.look()
    assert dead() is None
    assert gc.get_freeze_count() > 10_000  # what was set aside was not looked at


def test_garbage_of_many_callers_goes_after_seconds() -> None:
    clock = FakeClock()
    collector = garbage.Collector(clock)
    ring = Ring()
    dead = weakref.ref(ring)
    gc.collect(1)
    del ring
    clock.advance(garbage.BUSY_PERIOD_S)
    collector.look()
    assert dead() is not None  # nobody calls
    for _ in range(garbage._MUCH):
        gc.collect(1)
    collector.look()
    assert dead() is None


def test_old_garbage_goes_once_an_hour() -> None:
    clock = FakeClock()
    ring = Ring()
    collector = garbage.Collector(clock)  # it is set aside now
    dead = weakref.ref(ring)
    del ring
    gc.collect()
    clock.advance(garbage.PERIOD_S - 1.0)
    collector.look()
    assert dead() is not None
    clock.advance(1.0)
    collector.look()
    assert dead() is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed")
def test_memory_among_what_is_in_use_is_given_back() -> None:
    clock = FakeClock()
    collector = garbage.Collector(clock)
    clock.advance(garbage.RECENT_PERIOD_S)
    pieces = [bytearray(60_000) for _ in range(1500)]  # 90 MB, below what glibc maps by itself
    kept = pieces[::50]
    del pieces
    before_mb = psutil.Process().memory_info().rss / 2**20
    collector.look()
    after_mb = psutil.Process().memory_info().rss / 2**20
    assert after_mb < before_mb - 50.0
    assert kept
