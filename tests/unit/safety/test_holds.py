from datetime import timedelta

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import Locked
from ctmo_indi.models.verdict import LockKind
from ctmo_indi.safety.holds import Holds


@pytest.fixture
def clock():
    return SystemClock()


def test_lock_and_latch_survive_a_restart(tmp_path, clock):
    path = tmp_path / "holds.json"
    holds = Holds(path, clock)
    holds.take_lock(LockKind.OBSERVER, "ana", "looking at M 31", None)
    holds.set_latch("ana", "stop button")
    again = Holds(path, clock)
    assert again.lock == holds.lock
    assert again.latch == holds.latch


def test_another_owner_cannot_take_a_held_lock(tmp_path, clock):
    holds = Holds(tmp_path / "holds.json", clock)
    holds.take_lock(LockKind.OBSERVER, "ana", "", None)
    with pytest.raises(Locked, match="ana"):
        holds.take_lock(LockKind.OBSERVER, "bob", "", None)


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
    assert holds.write_failure is not None
