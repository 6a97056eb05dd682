"""Why an order by hand failed is told by a code, too: that of the same error as a refusal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctmo_indi import errors
from ctmo_indi.models.states import AttemptState
from ctmo_indi.telescope.attempt import Ending, failure_code
from ctmo_indi.testing.desks import reply_faults

from .test_desks import Office, control

SLEW = control("slew", RA=10.0, Dec=20.0)


@pytest.fixture
def office(tmp_path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def test_a_motion_that_an_interlock_refuses_has_the_interlocks_code(office: Office) -> None:
    office.hands.forbidden = "altitude 3.0 deg, the horizon is there at 15 deg"

    reply = office.ask(SLEW)
    known = office.ask({"WOType": "Status", "Receipt": reply["Receipt"]})

    for told in (reply, known):
        assert (told["Status"], told["Failure Code"]) == ("INTERRUPTED", 424)
        assert "the horizon is there" in str(told["Failure"])
    assert reply_faults("Control", reply) == []
    assert reply_faults("Status", known) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Unsafe("rain"), 423),
        (errors.Stopped("by ann"), 426),
        (errors.CommandRejected("the driver said Alert"), 524),
        (errors.CommandTimeout("nothing came"), 525),
        (errors.ForeignMotion("moved by a hand paddle"), 528),
        (RuntimeError("a bug"), 500),
    ],
)
@pytest.mark.parametrize(
    ("deed", "order"),
    [
        ("focus", control("focus", Position=100)),
        ("dome", {"WOType": "Dome", "User": "ada", "Azimuth": 90.0}),
    ],
)
def test_each_failure_has_the_code_of_its_error(office: Office, deed, order, error, code) -> None:
    office.hands.failing[deed] = error

    reply = office.ask(order)

    assert reply["Failure"]
    assert reply["Failure Code"] == code


def test_what_is_done_has_no_code(office: Office) -> None:
    reply = office.ask(control("track"))

    assert (reply["Status"], reply["Failure"]) == ("COMPLETED", "")
    assert "Failure Code" not in reply


def test_what_a_stop_ends_is_canceled(office: Office) -> None:
    office.hands.slow.add("slew")
    receipt = str(office.ask(SLEW)["Receipt"])

    office.ask(control("abort"))

    ended = office.ended(receipt)
    assert (ended["Status"], ended["Failure Code"]) == ("ABORTED", 526)


def test_no_error_has_no_code_and_an_ending_from_outside_is_a_cancel() -> None:
    assert failure_code(None) == 0
    assert failure_code(Ending(AttemptState.ABORTED, "stop by ann")) == 526
    assert failure_code(OSError("disk")) == 500
