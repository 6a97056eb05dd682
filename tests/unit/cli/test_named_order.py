"""status, cancel and explain know which order is meant, or say what they found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ctmo_indi.errors import UnknownOrder
from ctmo_indi.work_orders.desk import Reply, order_reply
from ctmo_indi.work_orders.model import CheckedOrder, StatusRequest
from tests.unit.cli.conftest import FakeScheduler

Run = Callable[..., int]

ORDERS: list[dict[str, object]] = [
    {"Receipt": "O-1", "User": "cli", "ID": "7", "Object": "M 31", "Status": "PENDING"},
    {"Receipt": "O-2", "User": "ada", "ID": "7", "Object": "M 33", "Status": "PENDING"},
    {"Receipt": "O-3", "User": "ada", "ID": "veil", "Object": "NGC 6960", "Status": "PENDING"},
    {"Receipt": "O-4", "User": "ada", "ID": "twice", "Object": "M 1", "Status": "PENDING"},
    {"Receipt": "O-5", "User": "b c", "ID": "twice", "Object": "M 2", "Status": "CANCELED"},
]


@pytest.fixture
def book(scheduler: FakeScheduler) -> list[str]:
    """Let the desk hold those orders; return the receipts that were asked for, with their kind."""
    asked: list[str] = []

    def answer(checked: CheckedOrder) -> Reply:
        request = checked.request
        if isinstance(request, StatusRequest) and request.list_all:
            return {"Kind": "Orders", "Status": "OK", "Orders": ORDERS}
        name = request.name  # type: ignore[union-attr] # all kinds asked here have one
        for one in ORDERS:
            if one["Receipt"] == name.receipt or (
                (one["User"], one["ID"]) == (name.user, name.order_id) and not name.receipt
            ):
                asked.append(f"{checked.kind} {one['Receipt']}")
                return order_reply(checked, status="PENDING", message="") | one
        raise UnknownOrder("no such order")

    scheduler.desk._answer = answer
    return asked


@pytest.mark.parametrize("command", ["status", "explain", "cancel"])
@pytest.mark.parametrize(
    ("words", "receipt"),
    [
        (["O-2"], "O-2"),
        (["7"], "O-1"),  # the command line's own user comes first
        (["7", "--user", "ada"], "O-2"),
        (["twice", "--user", "b c"], "O-5"),
        (["veil", "--user", "ada"], "O-3"),
        (["O-3", "--user", "ada"], "O-3"),
    ],
)
def test_the_order_that_is_meant(
    run: Run, book: list[str], command: str, words: list[str], receipt: str
):
    assert run(command, *words) == 0
    assert [one.split()[1] for one in book] == [receipt]


@pytest.mark.parametrize("command", ["status", "explain"])
def test_the_only_order_of_that_id_may_be_looked_at(run: Run, book: list[str], command: str):
    assert run(command, "veil") == 0
    assert [one.split()[1] for one in book] == ["O-3"]


def test_an_order_of_somebody_else_is_not_canceled_by_its_id_alone(
    run: Run, book: list[str], capsys: pytest.CaptureFixture[str]
):
    assert run("cancel", "veil") == 2
    assert not book
    assert "ctmo-indi cancel veil --user ada  (NGC 6960, PENDING)" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "explain", "cancel"])
def test_several_are_named_with_what_to_type(
    run: Run, book: list[str], capsys: pytest.CaptureFixture[str], command: str
):
    assert run(command, "twice") == 2
    told = capsys.readouterr().err
    assert "2 orders have the ID 'twice'" in told
    assert f"ctmo-indi {command} twice --user ada  (M 1, PENDING)" in told
    assert f"ctmo-indi {command} twice --user 'b c'  (M 2, CANCELED)" in told


@pytest.mark.parametrize("words", [["viel"], ["viel", "--user", "ada"]])
def test_a_name_nobody_has_suggests_the_nearest(
    run: Run, book: list[str], capsys: pytest.CaptureFixture[str], words: list[str]
):
    assert run("status", *words) == 2
    assert "did you mean 'veil'?" in capsys.readouterr().err


def test_the_wrong_user_is_told_whose_it_is(
    run: Run, book: list[str], capsys: pytest.CaptureFixture[str]
):
    assert run("explain", "veil", "--user", "cli") == 2
    told = capsys.readouterr().err
    assert "cli has no order 'veil'" in told
    assert "ctmo-indi explain veil --user ada" in told


def test_the_option_id_still_means_the_own_id(run: Run, book: list[str]):
    assert run("status", "--user", "ada", "--id", "7") == 0
    assert book == ["Status O-2"]
