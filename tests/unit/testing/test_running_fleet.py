"""The fleet under test leaves nothing open, also when the test in it fails."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ...running_fleet import RunningFleet


class PlayedSupervisor:
    """Starts nothing; says in which order what is done with it."""

    def __init__(self, done: list[str]) -> None:
        self.fleet = SimpleNamespace(services=())
        self._done = done

    def __enter__(self) -> PlayedSupervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self._done.append("stopped")

    def start(self) -> None:
        self._done.append("started")

    def client(self, service: str) -> SimpleNamespace:
        return SimpleNamespace(close=lambda: self._done.append(f"{service} closed"))


@pytest.mark.parametrize("fails", [True, False])
def test_desks_are_closed_before_the_services_stop_however_the_test_ends(fails: bool) -> None:
    done: list[str] = []
    fleet = RunningFleet.__new__(RunningFleet)  # what it needs of a machine is not there
    fleet.supervisor, fleet.resume, fleet._desks = PlayedSupervisor(done), False, {}

    def run() -> None:
        with fleet.running():
            fleet.desk("safety")
            assert not fails, "the test's own"

    if fails:
        with pytest.raises(AssertionError, match="the test's own"):
            run()
    else:
        run()
    assert done == ["started", "safety closed", "stopped"]
