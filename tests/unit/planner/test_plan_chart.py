"""The picture of a plan: a file of the right kind, the same each time, with what it must show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.planner.plan_chart import draw_plan

REPLY: dict[str, Any] = {  # Any: of the wire
    "Night": "20261121", "Begin": "2026-11-22T01:00:00+00:00", "End": "2026-11-22T11:30:00+00:00",
    "Gap": 0.008, "Filled": 0.9, "Number of Visits": 3,
    "Site": {"Name": "CTMO", "Latitude": 25.996, "Longitude": -97.571, "Height": 12.0},
    "Limits": {"Horizon": 25.0, "Max Altitude": 88.0, "Sun Max Altitude": -18.0},
    "Visits": [
        {"Receipt": "O-1", "Object": "M 42", "Start": "2026-11-22T06:00:00+00:00",
         "End": "2026-11-22T06:20:00+00:00", "RA": 83.82, "Dec": -5.39, "Filter": "V"},
        {"Receipt": "O-2", "Start": "2026-11-22T07:00:00+00:00",
         "End": "2026-11-22T07:20:00+00:00", "RA": 95.0, "Dec": 20.0, "Filter": "Halpha"},
        {"Receipt": "O-3", "Object": "Mars", "Start": "2026-11-22T08:00:00+00:00",
         "End": "2026-11-22T08:20:00+00:00"},
    ],
}  # fmt: skip


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    pytest.importorskip("matplotlib", reason="extra plot")
    path = tmp_path / "plan.svg"
    draw_plan(REPLY, path)
    return path


def test_the_same_plan_gives_the_same_file(drawn: Path) -> None:
    again = drawn.with_name("again.svg")
    draw_plan(REPLY, again)
    assert again.read_bytes() == drawn.read_bytes()


def test_it_names_visits_and_says_how_good_it_is(drawn: Path) -> None:
    ElementTree.parse(drawn)  # well-formed
    text = drawn.read_text()
    for word in ("M 42", "O-2", "V", "Halpha", "within 0.8 % of the best possible", "air mass"):
        assert f">{word}" in text or f"{word}<" in text
    assert "Mars" not in text  # its place is not told


def test_a_png_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="extra plot")
    draw_plan(REPLY, tmp_path / "plan.png")
    assert (tmp_path / "plan.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_no_window_is_opened_and_no_state_kept(drawn: Path) -> None:
    assert drawn.is_file()
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize(
    ("changed", "name", "told"),
    [
        ({}, "plan.gif", "expected a file in .png"),
        ({"Site": {}}, "plan.png", "does not tell its site"),
        ({"Begin": ""}, "plan.png", "Begin and End are missing"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, changed: dict[str, object], name: str, told: str
) -> None:
    if name.endswith("png"):
        pytest.importorskip("matplotlib", reason="extra plot")
    with pytest.raises(ConfigError, match=told):
        draw_plan({**REPLY, **changed}, tmp_path / name)


def test_without_matplotlib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="with its extra plot"):
        draw_plan(REPLY, tmp_path / "plan.png")
