"""events and prediction: pages, kinds, following, tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

import pytest

from ctmo_indi.cli.events import line, read
from tests.unit.cli.conftest import FakeScheduler

Run = Callable[..., int]
# 2026-11-21T00:00:00 is MJD 61365 (the almanac's JD 2461365.5).
MIDNIGHT_MJD = 61365.0


def prediction(*names: str) -> tuple[str, dict[str, object]]:
    """Return a predictedSchedule as the scheduler publishes it: an array for each column."""
    count = len(names)
    return "predictedSchedule", {
        "UTC": "2026-11-21T02:00:00.123+00:00",
        "Until": "2026-11-21T04:00:00.123+00:00",
        "Number of Targets": count,
        "Target": list(names),
        "RA": [10.68470833, *[None] * (count - 1)],
        "Dec": [41.26875, *[None] * (count - 1)],
        "Filter": ["I"] * count,
        "Exposure Time": [30.0] * count,
        "Number of Exposures": [3] * count,
        "MJD": [MIDNIGHT_MJD + 2.25 / 24.0] * count,
        "End": [MIDNIGHT_MJD + 2.5 / 24.0] * count,
        "Slew Time": [40.0] * count,
    }


def test_all_kept_events_are_shown_page_by_page(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.events = [("heartbeat", {"Number": number}) for number in range(5)]
    scheduler.page_length = 2
    assert run("events", "--json") == 0
    shown = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [event["Revision"] for event in shown] == [1, 2, 3, 4, 5]
    assert scheduler.orders[0]["Cursor"] == 0
    assert all("Wait" not in order for order in scheduler.orders)


def test_kinds_and_cursor_are_asked_for(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.events = [("target", {"N": 1}), ("heartbeat", {}), ("target", {"N": 2})]
    assert run("events", "--kind", "target", "--kind", "observation", "--since", "1") == 0
    assert capsys.readouterr().out == "2026-11-21T02:00:00.500Z 3 target N=2\n"
    assert scheduler.orders[0]["Kinds"] == ["target", "observation"]
    assert scheduler.orders[0]["Cursor"] == 1


class _Desk:
    """Answers Events orders with these pages."""

    def __init__(self, *pages: tuple[list[str], int, bool]) -> None:
        self.orders: list[Mapping[str, object]] = []
        self._pages: Iterator[tuple[list[str], int, bool]] = iter(pages)

    def front_desk(self, order: Mapping[str, object]) -> dict[str, object]:
        self.orders.append(order)
        kinds, cursor, lost = next(self._pages)
        return {"Events": [{"Kind": kind} for kind in kinds], "Cursor": cursor, "Lost": lost}


def test_following_goes_on_from_the_last_cursor_and_waits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = _Desk(([], 7, False), (["target"], 8, False), (["script"], 3, True))
    followed = read(cast(Any, desk), [], None, follow=True)  # Any: a desk all the same
    assert [event["Kind"] for event in islice(followed, 2)] == ["target", "script"]
    assert [order.get("Cursor") for order in desk.orders] == [None, 7, 8]
    assert all(order["Wait"] == 60.0 for order in desk.orders)
    assert "no longer kept" in capsys.readouterr().err


def test_a_line_for_people_has_time_kind_subject_and_keys() -> None:
    event = {
        "Revision": 4, "Kind": "ticket", "Subject": "T-1",
        "UTC": "2026-11-21T02:00:00.123456+00:00",
        "Data": {"Command": "start", "Message": "it is done", "Failure": "", "List": [1, 2]},
    }  # fmt: skip
    told = line(event)
    assert told == (
        "2026-11-21T02:00:00.123Z 4 ticket T-1 Command=start Message='it is done' List=[1, 2]"
    )
    long = line({**event, "Data": {"Target": ["M 31"] * 200}})
    assert len(long) < 160


def test_the_last_prediction_is_a_table(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.events = [prediction("old"), ("heartbeat", {}), prediction("M31", "bias")]
    scheduler.page_length = 1
    assert run("prediction") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 targets from 2026-11-21 02:00 until 2026-11-21 04:00 UTC"
    rows = [line.split() for line in lines if "02:15:00" in line]
    assert rows == [
        ["02:15:00", "02:30:00", "M31", "I", "3", "x", "30", "s", "10.684708", "41.26875"],
        ["02:15:00", "02:30:00", "bias", "I", "3", "x", "30", "s"],
    ]


def test_an_empty_prediction_is_told(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.events = [
        ("predictedSchedule", {"UTC": "2026-11-21T02:00", "Until": "2026-11-21T04"})
    ]
    assert run("prediction") == 0
    assert capsys.readouterr().out.startswith("0 targets from")


def test_prediction_as_json_and_without_any(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("prediction") == 0
    assert "--compute" in capsys.readouterr().out
    scheduler.events = [prediction("M 31")]
    assert run("prediction", "--json") == 0
    assert json.loads(capsys.readouterr().out)["Data"]["Target"] == ["M 31"]


def test_prediction_computes_first_when_asked(
    run: Run, scheduler: FakeScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler.events = [prediction("M 31")]
    scheduler.ticket = [{"Status": "IN_PROGRESS"}, {"Status": "COMPLETED"}]
    assert run("prediction", "--compute") == 0
    assert [order["WOType"] for order in scheduler.orders[:3]] == ["Scheduler", "Status", "Events"]
    assert scheduler.orders[0]["Command"] == "computePredictedSchedule"
    scheduler.ticket = [{"Status": "FAILED", "Failure": "disabled meanwhile"}]
    assert run("prediction", "--compute") == 5
    assert "disabled meanwhile" in capsys.readouterr().err
