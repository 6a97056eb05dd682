"""What went wrong in a night, counted by what it was. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from ctmo_indi.models.states import AttemptState
from ctmo_indi.scheduler.report.facts_of_states import lasting
from ctmo_indi.scheduler.report.night_data import NightData

MOST_FAULTS = 30
LONGEST_TEXT = 200
_NUMBER = re.compile(r"\d+(\.\d+)?")
_BAD_ENDS = frozenset({AttemptState.FAILED, AttemptState.BAD_DATA})


def faults_part(data: NightData) -> list[Mapping[str, object]]:
    """Return structs of Kind, What, Times, First and Last; what came most often first.

    Texts that differ in numbers alone are one fault, told in the words of the first.
    """
    found: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for at_s, kind, text in _each(data):
        found.setdefault((kind, _NUMBER.sub("#", text)), []).append((at_s, text))
    listed = [
        {
            "Kind": kind,
            "What": min(came)[1][:LONGEST_TEXT],
            "Times": len(came),
            "First": iso(min(came)[0]),
            "Last": iso(max(came)[0]),
        }
        for (kind, _), came in found.items()
    ]
    listed.sort(key=lambda one: (-int(str(one["Times"])), str(one["First"])))
    return list(listed[:MOST_FAULTS])


def iso(utc_s: float) -> str:
    """Return Unix seconds as ISO 8601 text, to the second."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="seconds")


def _each(data: NightData) -> Iterator[tuple[float, str, str]]:
    for attempt in data.attempts:
        if attempt.state in _BAD_ENDS:
            ended_s = attempt.updated_utc_s if attempt.ended_utc_s is None else attempt.ended_utc_s
            yield ended_s, "attempt", attempt.reason or attempt.state.value
    for one in lasting(data, "errorCode"):
        if one.data.get("Code"):
            text = f"{one.data.get('Meaning', '')}: {one.data.get('Report', '')}"
            yield one.begin_utc_s, "scheduler", text
    for one in lasting(data, "observatory"):
        if one.data.get("Answers") is not True:
            yield one.begin_utc_s, "telescope", f"does not answer: {one.data.get('Reason', '')}"
        elif one.data.get("Link") == "DOWN":
            yield one.begin_utc_s, "telescope", "no link to the INDI server"
        elif one.data.get("Observatory") == "ALARM":
            yield one.begin_utc_s, "telescope", "ALARM: the observatory could not be closed"
    for one in lasting(data, "safetyLink"):
        if one.data.get("Answers") is not True:
            yield one.begin_utc_s, "safety", f"does not answer: {one.data.get('Reason', '')}"
    for one in lasting(data, "scriptQueue"):
        if one.data.get("Paused") is True:
            yield one.begin_utc_s, "script queue", f"paused: {one.data.get('Reason', '')}"
    for silence in data.silences:
        yield silence.begin_utc_s, "scheduler", "no record: it did not run, or hung"
