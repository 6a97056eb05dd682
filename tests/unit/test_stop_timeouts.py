from __future__ import annotations

import pytest

from ctmo_indi import daemon
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.supervised_child import stop_timeout_s


@pytest.mark.parametrize("service", ["telescope", "safety"])
def test_nobody_is_killed_while_he_closes(service: str) -> None:
    policy = SafetyPolicy()
    slow_s = policy.park_timeout_s + 60.0

    assert stop_timeout_s(service, 1.0) > daemon.STOP_TIMEOUT_S + 10.0
    assert daemon.STOP_TIMEOUT_S - daemon.FRONT_DESK_STOP_S - 15.0 >= slow_s


def test_others_are_not_waited_for_that_long() -> None:
    assert stop_timeout_s("preprocessor", 1.0) == 60.0
    assert stop_timeout_s("telescope", 120.0) < 70.0
