"""Cycles go on by themselves, and again after their scheduler stood still or died."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator

import apscheduler.executors.base
import apscheduler.schedulers.base
import pytest

from ctmo_indi import cycles as cycles_module
from ctmo_indi.clock import SystemClock, wall_s
from ctmo_indi.cycles import Cycle, Cycles, sky_period_s
from ctmo_indi.testing.fake_clock import FakeClock


class Counter:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def post(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, 10.0)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cycles(clock: FakeClock, counter: Counter) -> Iterator[Cycles]:
    made = Cycles(
        clock, (Cycle("tick", 0.05, counter.post),), canary_period_s=60.0, canary_silence_s=4.0
    )
    made.start()
    yield made
    made.stop(5.0)


def test_a_cycle_comes_again_and_again(cycles: Cycles, counter: Counter) -> None:
    counter.wait_for(3)
    assert not cycles.check()


def test_a_silent_canary_has_everything_built_anew(
    cycles: Cycles, clock: FakeClock, counter: Counter
) -> None:
    clock.advance(5.0)  # the canary of this test sings every minute only
    assert cycles.check()
    assert cycles.restarts == 1
    counter.wait_for(counter.count + 2)
    assert not cycles.check()


def test_a_dead_scheduler_thread_is_noticed(cycles: Cycles, counter: Counter) -> None:
    dead = cycles._scheduler
    assert dead is not None
    dead.shutdown(wait=True)
    assert cycles.check()
    counter.wait_for(counter.count + 2)


def test_one_that_hangs_is_left_behind(
    cycles: Cycles, clock: FakeClock, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles_module, "_END_WITHIN_S", 0.1)
    stuck, release = cycles._scheduler, threading.Event()
    assert stuck is not None
    is_held = threading.Event()

    def hold() -> None:
        with stuck._jobstores_lock:
            is_held.set()
            release.wait(30.0)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert is_held.wait(5.0)
        clock.advance(5.0)
        assert cycles.check()
        counter.wait_for(counter.count + 2)
    finally:
        release.set()
        holder.join()


def test_nothing_is_posted_after_the_stop(clock: FakeClock, counter: Counter) -> None:
    cycles = Cycles(clock, (Cycle("tick", 0.05, counter.post),))
    cycles.start()
    counter.wait_for(1)
    cycles.stop(5.0)
    count = counter.count
    assert not threading.Event().wait(0.2)
    assert counter.count <= count + 1  # one may have been under way


@pytest.mark.parametrize(("speed", "period_s"), [(1.0, 1.0), (20.0, 0.25), (1000.0, 0.05)])
def test_a_cycle_is_short_in_sky_time_within_reason(speed: float, period_s: float) -> None:
    assert sky_period_s(FakeClock(speed=speed), 5.0, 1.0) == period_s


def test_real_time_is_the_default() -> None:
    assert sky_period_s(SystemClock(), 5.0, 1.0) == 1.0


class Wall:
    """The machine's wall clock, which a test can set; APScheduler reads it too."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def __call__(self) -> float:
        return wall_s() + self.offset_s


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    made = Wall()

    class SetDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return datetime.datetime.fromtimestamp(made(), tz)

    for module in (apscheduler.executors.base, apscheduler.schedulers.base):
        monkeypatch.setattr(module, "datetime", SetDatetime)
    return made


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0, -86400.0 * 30, 86400.0 * 30])
def test_cycles_go_on_within_5_s_after_the_clock_was_set(
    wall: Wall, counter: Counter, step_s: float
) -> None:
    steps: list[float] = []
    cycles = Cycles(
        SystemClock(),
        (Cycle("tick", 0.05, counter.post),),
        canary_period_s=0.2,
        canary_silence_s=60.0,
        on_step=steps.append,
        wall=wall,
    )
    cycles.start()
    counter.wait_for(2)
    wall.offset_s = step_s
    count = counter.count
    begun_s = SystemClock().machine_s()
    counter.wait_for(count + 5)
    assert SystemClock().machine_s() - begun_s < 5.0
    cycles.stop(5.0)
    assert steps == [pytest.approx(step_s, abs=1.0)]
    assert cycles.to_wire()["Clock Steps"] == 1


def test_a_clock_that_is_slewed_is_left_alone(clock: FakeClock, counter: Counter) -> None:
    wall = Wall()
    cycles = Cycles(SystemClock(), (Cycle("tick", 0.05, counter.post),), wall=wall)
    cycles.start()
    for _ in range(10):
        wall.offset_s += 0.5
        assert not cycles.check()
    cycles.stop(5.0)
    assert cycles.restarts == 0


def test_a_job_that_raises_is_counted_and_goes_on(counter: Counter) -> None:
    def broken() -> None:
        counter.post()
        raise RuntimeError("on purpose")

    cycles = Cycles(SystemClock(), (Cycle("broken", 0.05, broken),))
    cycles.start()
    counter.wait_for(3)
    cycles.stop(5.0)
    assert cycles.troubles["broken"] >= 2
