"""Observing lists: the YAML files of the Rubin Scheduler's sequential driver, read strictly.

A file has one key, ``targets``: what to observe, in this order (the format of ts_scheduler's
driver/sequential.py). RA is in HOURS there. Each entry of ``instrument_setup`` is a target of its
own; equal neighbours are one target of several frames. A rotator wish is kept and told, but our
mounts have no rotator. Stricter than there: no unknown key in a setup, no exposure of 0 s.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctmo_indi.checked_yaml import load_checked, nearest
from ctmo_indi.errors import ConfigError
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType

TARGET_ID_PREFIX = "list-"

ROTATOR_STRATEGIES = ("Sky", "SkyAuto", "Parallactic", "PhysicalSky", "Physical")

_DEG_PER_HOUR = 15.0

_SETUP: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "required": ["exptime", "filter"],
    "properties": {
        "exptime": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 14400,
            "description": "exposure time, seconds",
        },
        "filter": {"type": "string", "minLength": 1, "description": "a filter of the profile"},
    },
}
_TARGET: Mapping[str, Any] = {  # Any: a JSON Schema
    "type": "object",
    "additionalProperties": False,
    "required": ["ra", "dec", "name", "program", "instrument_setup"],
    "properties": {
        "ra": {
            "type": "number",
            "minimum": 0,
            "maximum": 24,
            "description": "ICRS right ascension, decimal HOURS",
        },
        "dec": {
            "type": "number",
            "minimum": -90,
            "maximum": 90,
            "description": "ICRS declination, decimal degrees",
        },
        "name": {"type": "string", "minLength": 1, "maxLength": 128},
        "program": {"type": "string", "maxLength": 128},
        "rot_value": {"type": "number", "description": "degrees; what it means, rot_type says"},
        "rot_type": {"enum": list(ROTATOR_STRATEGIES)},
        "instrument_setup": {"type": "array", "minItems": 1, "items": _SETUP},
    },
}
SCHEMA: Mapping[str, Any] = {  # Any: a JSON Schema
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["targets"],
    "properties": {"targets": {"type": "array", "items": _TARGET}},
}


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One target of a list.

    Parameters
    ----------
    target_id
        Made of the content, and counted among equal ones: it stays when the list around it changes.
    request
        A light frame; RA in degrees.
    rotator
        What the list says about the rotator, in words; "" when nothing.
    """

    target_id: str
    request: ObservationRequest
    program: str
    rotator: str = ""


@dataclass(frozen=True, slots=True)
class ObservingList:
    """A list as read.

    Parameters
    ----------
    text
        What :meth:`of_text` makes the same list of.
    """

    entries: tuple[ListEntry, ...] = ()
    text: str = ""

    @classmethod
    def of_text(cls, text: str) -> ObservingList:
        """Make the list of its own text again.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is no such text.
        """
        return cls(_entries(json.loads(text)), text) if text else cls()


def read_list(path: Path, filters: Sequence[str] = ()) -> ObservingList:
    """Read an observing list; blocks for the file.

    Parameters
    ----------
    filters
        Names the targets may use; empty: any.

    Raises
    ------
    ConfigError
        Everything that is wrong: file, line, key, what came, what was expected.
    """
    data, lines = load_checked(path, SCHEMA)
    problems = []
    for index, target in enumerate(data["targets"]):
        for place, setup in enumerate(target["instrument_setup"]):
            name = setup["filter"]
            if filters and name not in filters:
                key = ("targets", index, "instrument_setup", place, "filter")
                known = ", ".join(filters)
                text = f"came {name!r}{nearest(name, filters)}, expected one of {known}"
                problems.append(lines.problem(key, text))
    if problems:
        raise ConfigError(problems)
    text = json.dumps(data["targets"], separators=(",", ":"))
    return ObservingList(_entries(data["targets"]), text)


def _entries(targets: Sequence[Mapping[str, Any]]) -> tuple[ListEntry, ...]:  # Any: checked YAML
    seen: Counter[str] = Counter()
    found: list[ListEntry] = []
    for target in targets:
        for setup, same in itertools.groupby(target["instrument_setup"]):
            count = len(list(same))
            digest = _digest(target, setup, count)
            found.append(_entry(target, setup, count, f"{digest}-{seen[digest]}"))
            seen[digest] += 1
    return tuple(found)


def _entry(
    target: Mapping[str, Any], setup: Mapping[str, Any], count: int, target_id: str
) -> ListEntry:  # Any: checked YAML
    rotator = ""
    if "rot_value" in target or "rot_type" in target:
        rotator = f"{target.get('rot_type', 'SkyAuto')} {float(target.get('rot_value', 0.0)):g} deg"
    request = ObservationRequest(
        order_id=target_id,
        user="",
        frame_type=FrameType.LIGHT,
        exposure_s=float(setup["exptime"]),
        count=count,
        ra_deg=float(target["ra"]) * _DEG_PER_HOUR % 360.0,
        dec_deg=float(target["dec"]),
        object_name=target["name"],
        filter_name=setup["filter"],
    )
    return ListEntry(target_id, request, target["program"], rotator)


def _digest(target: Mapping[str, Any], setup: Mapping[str, Any], count: int) -> str:
    content = [
        *(float(target[key]) for key in ("ra", "dec")),
        *(target[key] for key in ("name", "program")),
        target.get("rot_type"),
        target.get("rot_value"),
        float(setup["exptime"]),
        setup["filter"],
        count,
    ]
    return TARGET_ID_PREFIX + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
