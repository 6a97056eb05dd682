"""The planner is compiled apart; what goes wrong stops nobody."""

from __future__ import annotations

import logging

import pytest

from ctmo_indi import planner_ready


@pytest.mark.parametrize(("program", "is_wrong"), [("this", False), ("no_such_module", True)])
def test_what_cannot_be_compiled_is_logged_only(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    program: str,
    is_wrong: bool,
) -> None:
    monkeypatch.setattr(planner_ready, "PROGRAM", program)
    told: list[str] = []
    with caplog.at_level(logging.ERROR):
        planner_ready.make_planner_ready(told.append)
    assert ("planner not compiled" in caplog.text) is is_wrong
    assert told == []


def test_people_are_told_what_they_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner_ready, "TOLD_AFTER_S", 0.0)
    monkeypatch.setattr(planner_ready, "PROGRAM", "this")
    told: list[str] = []
    planner_ready.make_planner_ready(told.append)
    assert "once on a machine" in told[0]
