"""The observatory at a glance: what people look for is there, in a screen of lines."""

from __future__ import annotations

from typing import Any

import pytest

from ctmo_indi.cli.glance import Seen, lines, span

SAFETY: dict[str, Any] = {
    "Status": "OPEN", "Verdict Age": 0.4, "Disk": {"Free (MB)": 82050.0},
    "Verdict": {"Level": "HOLD", "Reasons": ["wind 11 m/s, limit 10 m/s"], "Rules": [
        {"Rule": "weather", "Level": "HOLD", "Text": "wind 11 m/s, limit 10 m/s", "Age": 12.0},
        {"Rule": "disk", "Level": "SAFE", "Text": "82 GB free"}]},
}  # fmt: skip
SCHEDULER: dict[str, Any] = {
    "UTC": "2026-11-23T02:00:00+00:00", "Status": "ENABLED", "Summary State": "ENABLED",
    "Running": True, "Mode": "ADVANCE", "Configuration": "default",
    "Current": {"Script": "observe", "Subject": "A-1", "Started": "2026-11-23T01:55:00Z",
                "Duration": 900.0},
    "Next Target": {"Parent": "O-2", "UTC": "2026-11-23T02:30:00+00:00"},
    "Order Counts": {"PENDING": 3, "IN_PROGRESS": 1, "COMPLETED": 5, "CANCELED": 0},
    "Verdict": {"Level": "SAFE", "Reasons": []}, "Verdict Age": 33.0,
}  # fmt: skip
TELESCOPE: dict[str, Any] = {
    "Observatory": "OPEN", "Link": "UP", "Current": {"Step": "exposing 2 of 6"},
    "Devices": {
        "Mount": {"Connected": True, "Tracking": True, "Altitude": 61.23, "Azimuth": 120.0},
        "Dome": {"Connected": True, "Shutter": "OPEN", "Azimuth": 119.5},
        "Camera": {"Connected": False, "Temperature (C)": -20.0},
        "Weather": {"Connected": True, "State": "Busy", "Age (s)": 12.0}},
}  # fmt: skip
NAMES = {"A-1": {"Object": "M 31", "Filter": "V", "ID": "7"}, "O-2": {"Object": "M 33"}}
NIGHT = {"Is Night": True, "Sunset": "2026-11-22T23:39:00+00:00",
         "Sunrise": "2026-11-23T12:54:00+00:00"}  # fmt: skip


def shown(width: int = 100, **replies: Any) -> dict[str, str]:
    """Return what stands behind each heading."""
    seen = Seen(replies, names=NAMES, night=NIGHT)
    found: dict[str, str] = {}
    heading = ""
    for line in lines(seen, width):
        heading = line[:13].strip() or heading
        found[heading] = f"{found.get(heading, '')} {line[14:].strip()}".strip()
    return found


ALL = {"scheduler": SCHEDULER, "telescope": TELESCOPE, "safety": SAFETY,
       "preprocessor": {"Status": "ENABLED", "Message": "waits for orders"}}  # fmt: skip


def test_a_night_at_work():
    told = shown(**ALL)
    assert told["UTC"] == ("2026-11-23 02:00:00; dark, the Sun rises at 12:54, in 10 h 54 min")
    assert told["verdict"] == "HOLD, 0.4 s ago - wind 11 m/s, limit 10 m/s (12 s ago)"
    assert told["now"] == "M 31 V (7): observe, 10 min left; exposing 2 of 6"
    assert told["next"] == "M 33 at 02:30, in 30 min"
    assert told["orders"] == "4 open: 1 IN_PROGRESS, 3 PENDING; 5 COMPLETED"
    assert told["mount"] == "tracking; altitude 61.2, azimuth 120.0 deg"
    assert told["dome"] == "shutter OPEN; azimuth 119.5 deg"
    assert told["camera"] == "NOT CONNECTED"
    assert told["weather"] == "near a limit, 12 s ago"
    assert told["telescope"] == "OPEN, link to INDI up"
    assert told["preprocessor"] == "ENABLED, waits for orders"


def test_it_is_one_screen_of_lines():
    assert len(list(lines(Seen(ALL, names=NAMES, night=NIGHT), 80))) <= 25


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_line_is_wider_than_the_terminal(width: int):
    assert max(map(len, lines(Seen(ALL, names=NAMES, night=NIGHT), width))) <= width


def test_without_safety_it_says_who_tells_the_verdict():
    told = shown(scheduler=SCHEDULER)
    assert told["verdict"] == "SAFE, 33 s ago, as scheduler heard it"


def test_without_any_verdict_it_is_unknown():
    assert shown(preprocessor={})["verdict"].startswith("UNKNOWN")


def test_a_service_that_does_not_answer_is_told():
    told = list(lines(Seen({"scheduler": SCHEDULER}, {"telescope": "DOES NOT ANSWER"}), 80))
    assert told[-1].split() == ["telescope", "DOES", "NOT", "ANSWER"]


def test_reasons_of_single_orders_are_counted():
    reasons = ["unsafe: the Sun", "O-1A: low", "O-1A: late", "O-2B: low"]
    idle = {**SCHEDULER, "Current": {}, "Reasons": reasons}
    told = shown(scheduler=idle)["now"]
    assert told == (
        "nothing - unsafe: the Sun - 2 orders have their own reasons: ctmo-indi explain ORDER"
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Summary State": "STANDBY"}, "the scheduler is STANDBY"),
        ({"Running": False}, "not told to resume"),
        ({"Paused": True, "Pause Reason": "script 3 failed"}, "paused: script 3 failed"),
    ],
)
def test_why_nothing_runs(changed: dict[str, object], words: str):
    assert words in shown(scheduler={**SCHEDULER, "Current": {}, **changed})["now"]


def test_locks_alarms_and_takeovers_stand_out():
    verdict = {**SAFETY["Verdict"], "Lock": {"Kind": "observer", "Owner": "ada", "Reason": "tea"},
               "Latch": {"Owner": "bob", "Reason": "noise"}}  # fmt: skip
    told = shown(
        safety={**SAFETY, "Verdict": verdict, "Alarm": "ALARM: shutter", "Closing": True},
        telescope={**TELESCOPE, "Held": "mount moved by another"},
    )
    assert told["ALARM"] == "ALARM: shutter"
    assert "observer lock of ada: tea" in told["held"]
    assert "stopped by bob: noise" in told["held"]
    assert "mount moved by another" in told["held"]
    assert "closing" in told["closing"]


def test_replies_of_another_version_break_nothing():
    odd: dict[str, Any] = {"Verdict": 3, "Devices": ["x"], "Current": "y", "Queue": {"a": 1},
                           "Next Target": None, "Reasons": "z", "Order Counts": [],
                           "Alarm": 7}  # fmt: skip
    assert list(lines(Seen(dict.fromkeys(ALL, odd), names={}, night={"Sunset": 5}), 80))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (12.4, "12 s"), (89.0, "89 s"), (600.0, "10 min"), (3599.0, "1 h 0 min"),
     (4800.0, "1 h 20 min"), (200000.0, "2 days")],
)  # fmt: skip
def test_spans(seconds: float, words: str):
    assert span(seconds) == words
