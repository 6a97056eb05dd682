from types import SimpleNamespace

import pytest

from ctmo_indi.devices.keep_connected import IMPATIENT_S, PERIOD_S, KeepConnected
from ctmo_indi.errors import NotConnected
from ctmo_indi.indi.link import LinkState
from ctmo_indi.profiles import Role


class Observatory:
    """One device that is away until it was asked for often enough."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.devices = {Role.DOME: SimpleNamespace(name="Dome")}
        self.away: tuple[Role, ...] = (Role.DOME,)

    def missing(self, leave):
        return () if self.away == () or "Dome" in leave else ("Dome",)

    def connect_all(self, *, leave):
        if self.failures:
            raise self.failures.pop(0)
        self.away = ()


def keeper(observatory, link=LinkState.UP):
    return KeepConnected(observatory, SimpleNamespace(link=link), "test")


def test_what_is_away_is_connected():
    observatory = Observatory()
    keep = keeper(observatory)
    # Who has disconnected it may be heard a moment later.
    assert (keep.look(), observatory.away) == (IMPATIENT_S, (Role.DOME,))
    assert keep.look() == PERIOD_S
    assert observatory.away == ()


def test_without_a_link_it_looks_again_soon():
    observatory = Observatory()
    assert keeper(observatory, LinkState.DOWN).look() == IMPATIENT_S
    assert observatory.away


@pytest.mark.parametrize("failure", [NotConnected("no dome"), RuntimeError("a bug")])
def test_a_failure_is_counted_and_tried_again(failure):
    observatory = Observatory(failure)
    keep = keeper(observatory)
    keep.look()
    assert keep.look() == PERIOD_S
    assert (keep.failures, observatory.away) == (1, (Role.DOME,))
    keep.look()
    keep.look()
    assert observatory.away == ()


def test_a_look_that_breaks_does_not_end_it():
    observatory = Observatory()
    observatory.missing = lambda leave: 1 / 0
    keep = keeper(observatory)
    assert keep.look() == PERIOD_S
    assert keep.failures == 1
