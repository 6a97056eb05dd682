from __future__ import annotations

import subprocess
import sys

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


def test_a_thread_that_does_not_end_keeps_no_stopped_service_alive() -> None:
    program = (
        "import threading; from ctmo_indi import daemon; daemon.EXIT_S = 0.5;"
        " threading.Thread(target=threading.Event().wait, name='hung').start();"
        " daemon._stop('telescope', (lambda timeout_s: None, 1.0))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0
    assert "exit_timed_out service=telescope threads=hung" in ended.stderr


def test_a_step_that_fails_keeps_no_service_from_closing() -> None:
    """A desk that hangs in the disk at its stop must not leave the dome open."""
    program = (
        "from ctmo_indi import daemon\n"
        "def desk(timeout_s): raise TimeoutError('the front desk did not stop')\n"
        "daemon._stop('telescope', (desk, 1.0), (lambda timeout_s: print('closed'), 2.0))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stdout == "closed\n"
    assert ended.returncode == 1
    assert "TimeoutError: the front desk did not stop" in ended.stderr
