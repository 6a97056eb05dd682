import pytest

from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.telescope import ledger
from ctmo_indi.telescope.ledger import TimeLedger, classify


class Clock:
    speed = 1.0
    now_s = 100.0

    def elapsed_s(self):
        return self.now_s


def test_every_second_is_in_one_class_and_they_add_up():
    clock = Clock()
    book = TimeLedger(clock)
    clock.now_s += 10.0
    book.turn(ledger.EXPOSING)
    clock.now_s += 60.0
    book.turn(ledger.POINTING)
    clock.now_s += 5.0
    assert book.to_wire() == {
        ledger.EXPOSING: 60.0,
        ledger.IDLE_CLOSED: 10.0,
        ledger.POINTING: 5.0,
    }


@pytest.mark.parametrize(
    ("waits_for", "closing", "working", "state", "kind"),
    [
        ("exposure 3", False, True, ObservatoryState.OPEN, ledger.EXPOSING),
        ("slew, dome and filter", False, True, ObservatoryState.OPEN, ledger.POINTING),
        ("the dome", False, True, ObservatoryState.OPEN, ledger.POINTING),
        ("the journal", False, True, ObservatoryState.OPEN, ledger.OVERHEAD),
        ("opening", False, True, ObservatoryState.OPENING, ledger.OPENING),
        ("frame 2", False, True, ObservatoryState.OPEN, ledger.OVERHEAD),
        ("exposure 3", True, True, ObservatoryState.CLOSING, ledger.CLOSING),
        (None, False, False, ObservatoryState.CLOSED, ledger.UNSAFE),
        (None, False, True, ObservatoryState.OPEN, ledger.IDLE_OPEN),
        (None, False, True, ObservatoryState.CLOSED, ledger.IDLE_CLOSED),
    ],
)
def test_what_it_waits_for_decides_the_class(waits_for, closing, working, state, kind):
    found = classify(waits_for, is_closing=closing, is_working=working, state=state)
    assert found == kind
