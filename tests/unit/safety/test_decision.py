from dataclasses import replace

import pytest

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind
from ctmo_indi.safety.decision import Situation, reason_to_close
from ctmo_indi.safety_policy import SafetyPolicy

POLICY = SafetyPolicy()
OPEN_IN_RAIN = Situation(ObservatoryState.OPEN, ("rain",), (), None, None, 0.0)


def test_what_indis_watchdog_is_closing_is_left_to_it():
    assert reason_to_close(OPEN_IN_RAIN, SafetyPolicy()) == "rain"
    closing = replace(OPEN_IN_RAIN, watchdog_closes=True)
    assert reason_to_close(closing, SafetyPolicy()) is None


def test_rain_closes_an_open_observatory():
    assert reason_to_close(OPEN_IN_RAIN, POLICY) == "rain"


@pytest.mark.parametrize("state", [s for s in ObservatoryState if s is not ObservatoryState.CLOSED])
def test_every_state_but_closed_is_closed(state):
    assert reason_to_close(replace(OPEN_IN_RAIN, state=state), POLICY) == "rain"


def test_nothing_is_done_when_closed_already():
    closed = replace(OPEN_IN_RAIN, state=ObservatoryState.CLOSED)
    assert reason_to_close(closed, POLICY) is None


def test_a_silent_telescope_closes_a_clear_night():
    silent = replace(OPEN_IN_RAIN, reasons=(), silent=("telescope silent for 31 s, limit 30 s",))
    assert "telescope silent" in (reason_to_close(silent, POLICY) or "")


def test_an_observer_lock_does_not_keep_the_rain_out():
    lock = Lock(LockKind.OBSERVER, "ana", "", "2026-01-01T00:00:00+00:00", None)
    assert reason_to_close(replace(OPEN_IN_RAIN, lock=lock), POLICY) == "rain"


def test_nothing_moves_under_a_maintenance_lock():
    lock = Lock(LockKind.MAINTENANCE, "ana", "", "2026-01-01T00:00:00+00:00", None)
    assert reason_to_close(replace(OPEN_IN_RAIN, lock=lock), POLICY) is None


def test_devices_that_are_connecting_are_waited_for_but_not_for_ever():
    away = replace(OPEN_IN_RAIN, state=ObservatoryState.UNKNOWN, unreachable_for_s=9.0)
    assert reason_to_close(away, POLICY) is None
    assert reason_to_close(replace(away, unreachable_for_s=10.0), POLICY) == "rain"


def test_the_stop_latch_defers_closing_by_the_notice():
    latched = replace(OPEN_IN_RAIN, latch=Latch("ana", "", "2026-01-01T00:00:00+00:00"))
    assert reason_to_close(replace(latched, cause_for_s=599.0), POLICY) is None
    assert reason_to_close(replace(latched, cause_for_s=600.0), POLICY) == "rain"
