"""What is lacking, as a table, as JSON, and handed in."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from ctmo_indi import cli
from ctmo_indi.cli import debt as command

FLAT = {
    "Frame Type": "Flat",
    "Number of Exposures": 6,
    "Exposure Time": 5.0,
    "Filter": "V",
    "Lights": 4,
    "Because": "no master flat",
    "Obstacle": "",
    "Order": {"WOType": "Observation", "ID": "calibration-20261121-flat-1"},
}
DARK = {**FLAT, "Frame Type": "Dark", "Filter": "", "Obstacle": "gain was 90"}
del DARK["Order"]


class Desks:
    """Answers for both services, and records."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, object]]] = []
        self.debt: list[object] = [FLAT, DARK]

    def client(self, _config: object, service: str, user: str) -> Desks:
        self.service = service
        return self

    def __enter__(self) -> Desks:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def front_desk(self, order: Mapping[str, object]) -> dict[str, object]:
        self.asked.append((self.service, order))
        return {"Debt": self.debt, "Receipt": "O-1"}


@pytest.fixture
def desks(monkeypatch: pytest.MonkeyPatch) -> Desks:
    made = Desks()
    monkeypatch.setattr(command, "client", made.client)
    return made


def test_a_table(desks: Desks, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["debt", "--night", "20261121"]) == 0
    out = capsys.readouterr().out
    assert "6 flats" in out
    assert "none: gain was 90" in out
    assert desks.asked == [("preprocessor", {"WOType": "Status", "Debt": "20261121"})]
    desks.debt = []
    assert cli.run(["debt", "--night", "20261121"]) == 0
    assert capsys.readouterr().out == "nothing is lacking\n"


def test_json_and_handed_in(desks: Desks, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["debt", "--night", "20261121", "--submit", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["Receipts"] == {"calibration-20261121-flat-1": "O-1"}
    assert told["Debt"] == [FLAT, DARK]
    assert desks.asked[1] == ("scheduler", FLAT["Order"])
