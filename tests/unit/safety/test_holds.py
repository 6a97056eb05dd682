import os
import threading
from datetime import timedelta

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import Locked
from ctmo_indi.models.verdict import LockKind
from ctmo_indi.safety.holds import Holds
from ctmo_indi.testing.fake_clock import FakeClock


@pytest.fixture
def clock():
    return SystemClock()


def test_lock_and_latch_survive_a_restart(tmp_path, clock):
    path = tmp_path / "holds.json"
    holds = Holds(path, clock)
    holds.take_lock(LockKind.OBSERVER, "ana", "looking at M 31", None)
    holds.set_latch("ana", "stop button")
    assert holds.trouble(10.0) == ""
    again = Holds(path, clock)
    assert again.lock == holds.lock
    assert again.latch == holds.latch


def test_another_owner_cannot_take_a_held_lock(tmp_path, clock):
    holds = Holds(tmp_path / "holds.json", clock)
    holds.take_lock(LockKind.OBSERVER, "ana", "", None)
    with pytest.raises(Locked, match="ana"):
        holds.take_lock(LockKind.OBSERVER, "bob", "", None)


class Crowded(FakeClock):
    """While somebody asks what time it is, somebody else gets in between."""

    meanwhile = staticmethod(lambda: None)

    def utc(self):
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return super().utc()


def test_of_two_who_take_it_at_once_one_gets_it(tmp_path):
    clock = Crowded()
    holds = Holds(tmp_path / "holds.json", clock)
    clock.meanwhile = lambda: holds.take_lock(LockKind.MAINTENANCE, "bob", "in the dome", None)
    with pytest.raises(Locked, match="bob"):
        holds.take_lock(LockKind.OBSERVER, "ana", "", None)
    assert holds.lock.owner == "bob"


def test_an_expired_lock_forbids_nothing(tmp_path):
    clock = FakeClock()
    holds = Holds(tmp_path / "holds.json", clock)
    holds.take_lock(LockKind.MAINTENANCE, "ana", "", clock.utc() + timedelta(seconds=60))
    clock.advance(61.0)
    holds.drop_lock("bob", lambda lock: pytest.fail(f"asked about {lock}"))
    holds.take_lock(LockKind.MAINTENANCE, "ana", "", clock.utc() + timedelta(seconds=60))
    clock.advance(61.0)
    assert holds.take_lock(LockKind.OBSERVER, "bob", "", None) == holds.lock


def test_an_expired_lock_is_gone(tmp_path, clock):
    holds = Holds(tmp_path / "holds.json", clock)
    holds.take_lock(LockKind.OBSERVER, "ana", "", clock.utc() - timedelta(seconds=5))
    assert holds.lock is None
    assert Holds(tmp_path / "holds.json", clock).lock is None


def test_an_unreadable_file_counts_as_a_maintenance_lock(tmp_path, clock):
    path = tmp_path / "holds.json"
    path.write_text("{")
    lock = Holds(path, clock).lock
    assert lock is not None
    assert lock.kind is LockKind.MAINTENANCE


def test_a_lock_holds_in_memory_when_it_cannot_be_written(tmp_path, clock):
    (tmp_path / "holds.new").mkdir()  # where the temporary file would go
    holds = Holds(tmp_path / "holds.json", clock)
    holds.take_lock(LockKind.MAINTENANCE, "ana", "", None)
    assert holds.lock is not None
    assert "holds" in holds.trouble(10.0)
    assert holds.write_failure


def test_a_human_is_told_whether_it_is_durable(tmp_path, clock):
    holds = Holds(tmp_path / "holds.json", clock)
    holds.set_latch("ana", "stop button")
    assert holds.trouble(10.0) == ""
    assert holds.write_failure == ""


def test_a_second_press_is_another_latch(tmp_path):
    clock = FakeClock()
    holds = Holds(tmp_path / "holds.json", clock)
    first = holds.set_latch("ana", "stop button")
    clock.advance(0.01)
    second = holds.set_latch("ana", "stop button")
    assert first != second
    assert holds.latch == second


def test_a_disk_that_hangs_holds_up_neither_the_human_nor_the_loop(tmp_path, clock, monkeypatch):
    stuck = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _descriptor: stuck.wait(10.0))
    holds = Holds(tmp_path / "holds.json", clock)
    begun_s = clock.machine_s()
    holds.set_latch("ana", "stop button")
    holds.take_lock(LockKind.OBSERVER, "ana", "", None)
    assert holds.latch is not None
    assert holds.lock is not None
    assert "not written" in holds.trouble(0.05)
    assert clock.machine_s() - begun_s < 2.0
    stuck.set()


def test_a_step_of_the_clock_ends_no_lock(tmp_path):
    clock = FakeClock()
    holds = Holds(tmp_path / "holds.json", clock)
    holds.take_lock(LockKind.MAINTENANCE, "ana", "", clock.utc() + timedelta(seconds=60))
    clock.step(3600.0)
    assert holds.lock is not None
    clock.advance(61.0)
    assert holds.lock is None
