"""What readers make of replies; the values were worked out by hand."""

from __future__ import annotations

import pytest

from ctmo_indi.metrics import reading

STATUS = {
    "UTC": "2026-11-23T02:00:30+00:00",
    "Made": "2026-11-23T02:00:00Z",
    "Verdict": {
        "Level": "HOLD",
        "Lock": {},
        "Latch": {"Owner": "ada"},
        "Rules": [
            {"Rule": "weather", "Level": "HOLD"},
            {"Rule": "sun", "Level": "UNSAFE"},
            {"Rule": "weather", "Level": "SAFE"},
        ],
    },
    "Devices": {"State": "OPEN", "Mount": {"Tracking": True, "Age (s)": 2.5, "Name": "EQ6"}},
    "Free (MB)": 12.5,
    "Queue": [{}, {}],
    "Words": ["IDLE"],
    "Counts": {"PENDING": 3, "HELD": 1, "COMPLETED": 7},
    "Debt": [{"Lights": 4}, {"Lights": 6, "Filter": "V"}],
}


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (reading.at("Free (MB)", scale=1e6), {(): 12.5e6}),
        (reading.at("Devices", "Mount", "Tracking"), {(): 1.0}),
        (reading.at("Devices", "Mount", "Altitude"), {}),
        (reading.at("Devices", "Mount", "Name"), {}),
        (reading.any_at("Verdict", "Lock"), {(): 0.0}),
        (reading.any_at("Verdict", "Latch"), {(): 1.0}),
        (reading.any_at("Alarm"), {}),
        (reading.count_at("Queue"), {(): 2.0}),
        (
            reading.state_at(("SAFE", "HOLD"), "Verdict", "Level"),
            {("SAFE",): 0.0, ("HOLD",): 1.0},
        ),
        (reading.state_at(("A",), "Verdict", "Level"), {("A",): 0.0, ("HOLD",): 1.0}),
        (reading.words_at(("IDLE", "FAULT"), "Words"), {("IDLE",): 1.0, ("FAULT",): 0.0}),
        (reading.each_at("Devices", inner=("Age (s)",)), {("Mount",): 2.5}),
        (reading.sum_at(("PENDING", "HELD", "RECEIVED"), "Counts"), {(): 4.0}),
        (reading.sum_of_at("Lights", "Debt"), {(): 10.0}),
        (reading.age_at(("Changed",), ("Made",)), {(): 30.0}),
        (reading.unix_at("Made"), {(): 1795399200.0}),
        (
            reading.grade_at({"HOLD": 1, "UNSAFE": 2}, "Rule", "Level", "Verdict", "Rules"),
            {("weather",): 1.0, ("sun",): 2.0},
        ),
        (reading.grade_at({"HOLD": 1}, "Rule", "Level", "None"), {}),
    ],
)
def test_a_reader_finds_the_number_or_nothing(read, expected):
    assert dict(read(STATUS)) == expected
