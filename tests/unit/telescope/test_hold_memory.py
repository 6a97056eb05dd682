"""A telescope that restarts while safety is dead knows who is in the dome."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind, Verdict, VerdictLevel
from ctmo_indi.telescope.hold_memory import HoldMemory
from ctmo_indi.telescope.safety_link import SafetyLink
from ctmo_indi.telescope.verdict_rules import Duty, VerdictTimes
from ctmo_indi.telescope.vigil import Vigil
from ctmo_indi.testing.fake_clock import FakeClock

LIMIT_S = 10.0
LATCH = Latch("ben", "smoke", "2026-11-22T00:00:00+00:00")


def lock(kind=LockKind.MAINTENANCE, expires=None):
    return Lock(kind, "ana", "greasing", "2026-11-22T00:00:00+00:00", expires)


class DeadSafety:
    def front_desk(self, order):
        raise ServiceUnreachable("nobody there")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "telescope" / "holds.json"


@pytest.fixture
def clock():
    return FakeClock()


def remember(path, clock, **holds):
    memory = HoldMemory(path, clock)
    memory.note(Verdict(VerdictLevel.SAFE, (), 7, "", 0.0, **holds))
    memory.close(LIMIT_S)


def restarted(path, clock):
    """A telescope's link and vigil after a restart while safety is dead."""
    heard = []
    link = SafetyLink(
        DeadSafety(),
        clock,
        dict,
        on_news=lambda verdict, _age_s: heard.append(verdict),
        memory=HoldMemory(path, clock),
        is_alive=lambda: False,
    )
    link.start()
    link.stop(LIMIT_S)
    return link, Vigil(link, clock, VerdictTimes()), heard


def duty_after(vigil, clock, seconds):
    for _ in range(seconds):
        clock.advance(1.0)
        judgement = vigil.look(ObservatoryState.OPEN)
    return judgement.duty


def test_nobody_is_closed_in_after_a_restart_without_safety(path, clock):
    remember(path, clock, lock=lock())
    _link, vigil, heard = restarted(path, clock)
    assert heard[0].lock == lock()  # the interlocks know of it
    assert duty_after(vigil, clock, 3600) is Duty.HOLD


def test_without_a_lock_it_closes_as_ever(path, clock):
    remember(path, clock, lock=lock())
    remember(path, clock)
    _link, vigil, heard = restarted(path, clock)
    assert heard == []
    assert duty_after(vigil, clock, 29) is Duty.HOLD
    assert duty_after(vigil, clock, 2) is Duty.CLOSE


def test_an_observer_lock_keeps_no_rain_out(path, clock):
    remember(path, clock, lock=lock(LockKind.OBSERVER))
    _link, vigil, _heard = restarted(path, clock)
    assert duty_after(vigil, clock, 29) is Duty.HOLD
    assert duty_after(vigil, clock, 2) is Duty.CLOSE


def test_a_stop_gives_its_notice_after_a_restart_too(path, clock):
    remember(path, clock, latch=LATCH)
    _link, vigil, _heard = restarted(path, clock)
    assert duty_after(vigil, clock, 629) is Duty.HOLD
    assert duty_after(vigil, clock, 2) is Duty.CLOSE


def test_a_lock_that_expires_ends_without_safety(path, clock):
    end = clock.utc() + timedelta(seconds=100)
    remember(path, clock, lock=lock(expires=end.isoformat()))
    link, vigil, heard = restarted(path, clock)
    clock.step(7200.0)  # a step of the clock is no expiry
    assert duty_after(vigil, clock, 99) is Duty.HOLD
    link.beat()
    assert link.news.verdict.lock is not None
    clock.advance(1.0)
    link.beat()
    assert link.news.verdict.lock is None
    assert heard[-1].lock is None
    assert duty_after(vigil, clock, 1) is Duty.CLOSE


def test_a_lock_that_safety_tells_is_not_over_by_our_clock(path, clock):
    """Ours was set, or is of another machine; there may be somebody in the dome."""
    end = clock.utc() - timedelta(seconds=3600)
    holding = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0, lock=lock(expires=end.isoformat()))
    heard = []

    class Safety:
        def front_desk(self, order):
            return {"Verdict": holding.to_wire()}

    link = SafetyLink(
        Safety(),
        clock,
        dict,
        on_news=lambda verdict, _age: heard.append(verdict.lock is not None),
        memory=HoldMemory(path, clock),
    )
    for _ in range(3):
        link.beat()
        clock.advance(1.0)

    assert link.news.verdict.lock is not None
    assert heard == [True]
    link.stop(LIMIT_S)


def test_whether_a_token_proved_the_owner_is_kept(path, clock):
    proved = replace(lock(LockKind.OBSERVER), is_proved=True)
    remember(path, clock, lock=proved)
    assert HoldMemory(path, clock).recall().lock == proved


def test_what_an_older_telescope_kept_is_read(path, clock):
    remember(path, clock, lock=lock())
    kept = json.loads(path.read_text())
    del kept["lock"]["Proved"]
    path.write_text(json.dumps(kept))
    assert HoldMemory(path, clock).recall().lock == lock()


def test_the_newest_word_of_safety_counts(path, clock):
    remember(path, clock, lock=lock())
    link, _vigil, _heard = restarted(path, clock)
    fresh = Verdict(VerdictLevel.SAFE, (), 1, "", 0.0)
    link.take({"Verdict": fresh.to_wire()}, clock.machine_s())
    link.stop(LIMIT_S)
    assert link.news.verdict.lock is None
    assert HoldMemory(path, clock).recall() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lock": 3, "latch": {}}'])
def test_what_cannot_be_read_counts_as_people_in_the_dome(path, clock, text):
    path.parent.mkdir()
    path.write_text(text)
    verdict = HoldMemory(path, clock).recall()
    assert verdict.lock.kind is LockKind.MAINTENANCE
    assert verdict.lock.owner == "unknown"
