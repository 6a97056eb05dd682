"""What the command line prints, and how the demo asks for its orders."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ctmo_indi.cli import _told
from ctmo_indi.cli.demo_night import Summary, _submit, print_summary
from ctmo_indi.cli.options import client
from ctmo_indi.cli.output import print_reply, print_table, print_tree
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.errors import BadOrder, ConflictingOrder


class _Desk:
    """Answers by ID: a state, or a fault."""

    def __init__(self, known: Mapping[str, str | DeskFault]) -> None:
        self._known = known

    def front_desk(self, order: Mapping[str, object]) -> dict[str, object]:
        answer = self._known.get(str(order["ID"]), "PENDING")
        if isinstance(answer, DeskFault):
            raise answer
        return {"Receipt": f"O-{order['ID']}", "Status": answer}


def test_a_demo_in_a_used_folder_asks_for_new_frames() -> None:
    conflict = DeskFault(ConflictingOrder.fault_code, "other content")
    desk = _Desk({"a": "COMPLETED", "a-2": conflict, "b": "PENDING"})
    assert _submit(desk, {"ID": "a"}) == "O-a-3"  # type: ignore[arg-type]  # a desk all the same
    assert _submit(desk, {"ID": "b"}) == "O-b"  # type: ignore[arg-type]  # left undone: goes on


def test_a_demos_refused_order_is_told() -> None:
    desk = _Desk({"a": DeskFault(BadOrder.fault_code, "RA: missing")})
    with pytest.raises(DeskFault, match="RA"):
        _submit(desk, {"ID": "a"})  # type: ignore[arg-type]  # a desk all the same


def test_frames_of_an_attempt_are_one_line_and_bad_ones_are_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary = Summary("Site", 120.0, "2026-11-22T00:31:52+00:00", "2026-11-22T12:01:00+00:00", "d")
    numbers = ("001", "002", "003", "005")
    summary.frames = [
        {"Order": "x", "Path": f"/n/raw/dark_A-1-{number}.fits", "Verified": number != "003"}
        for number in reversed(numbers)
    ]
    print_summary(summary, as_json=False)
    out = capsys.readouterr().out
    assert "in /n/raw:" in out
    assert "dark_A-1-{001,002,005}.fits" in out
    assert "3 of 4 frames verified" in out


def test_empty_keys_and_useless_digits_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_tree({"ID": "", "RA": 314.8208333333334, "Lock": {}, "List": [{"A": 1, "B": 2.0}, "c"]})
    assert capsys.readouterr().out == "RA: 314.820833\nList:\n  - A: 1\n    B: 2.0\n  - c\n"


def test_a_table_for_a_file_is_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(("Receipt", "ID"), [("O-" + 26 * "X", 60 * "long")])
    assert 20 * "long" in capsys.readouterr().out


def test_a_bare_command_is_printed_with_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    print_reply({"Message": "track", "Status": "COMPLETED"}, as_json=False)
    assert capsys.readouterr().out.startswith("track: COMPLETED\n")


def test_wrong_keys_are_told_one_a_line() -> None:
    told = _told(DeskFault(BadOrder.fault_code, "RA: missing; Dec: missing"))
    assert told == ["refused: RA: missing", "refused: Dec: missing"]


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(BadOrder, match="expected one of scheduler"):
        client(Config(), "nonsense")
