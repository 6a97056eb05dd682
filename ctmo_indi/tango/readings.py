"""What an attribute reads now: value, quality and time. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ctmo_indi.profiles import Profile
from ctmo_indi.tango.letters import latin
from ctmo_indi.tango.spec import AttributeSpec, Kind, Mood
from ctmo_indi.tango.state_table import Facts

# What is told where no value is known: Tango wants one, and shows none beside INVALID.
_EMPTY: Mapping[Kind, Any] = {  # Any: of the kind
    Kind.NUMBER: 0.0,
    Kind.WHOLE: 0,
    Kind.CLAIM: False,
    Kind.TEXT: "",
    Kind.CHOICE: 0,
    Kind.NUMBERS: (),
    Kind.TEXTS: (),
}
MOST = 128
"""Values of an array; Tango is told before, and fails over more."""

_LARGEST_WHOLE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Reading:
    """An attribute's value at one moment; of a CHOICE the place of its label.

    Parameters
    ----------
    mood
        None: the value is not known, Tango's INVALID.
    """

    value: Any  # Any: of the kind
    mood: Mood | None

    def differs(self, other: Reading | None, least_change: float) -> bool:
        """Whether clients must be told."""
        if other is None or self.mood is not other.mood:
            return True
        if isinstance(self.value, float) and isinstance(other.value, float) and least_change:
            return abs(self.value - other.value) >= least_change
        return bool(self.value != other.value)


def reading(spec: AttributeSpec, facts: Facts, profile: Profile) -> Reading:
    """Return what an attribute reads, from what its service said."""
    unknown = Reading(_EMPTY[spec.kind], None)
    if facts.seen.is_new or facts.lost() or _is_old(spec, facts, profile):
        return unknown
    found = spec.read(facts.seen) if spec.read else facts.seen.at(*spec.path)
    value = _of_kind(spec, found, profile)
    if value is None:
        return unknown
    mood = spec.mood(facts.seen, profile, found) if spec.mood else Mood.VALID
    return Reading(value, mood)


def of_setting(spec: AttributeSpec, value: object, profile: Profile) -> Reading:
    """Return what an attribute that is kept here reads."""
    return Reading(_of_kind(spec, value, profile), Mood.VALID)


def of_instant(utc_s: float | None) -> Reading:
    """Return what an instant (sky time, Unix seconds) reads as a text; None is not known."""
    if utc_s is None:
        return Reading("", None)
    text = datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds")
    return Reading(text.replace("+00:00", "Z"), Mood.VALID)


def label_of(spec: AttributeSpec, value: Any, profile: Profile) -> Any:  # Any: of the kind
    """Return a written value as orders have it: of a CHOICE the label."""
    if spec.kind is Kind.CHOICE and spec.labels:
        return spec.labels(profile)[int(value)]
    return value


def _is_old(spec: AttributeSpec, facts: Facts, profile: Profile) -> bool:
    if spec.max_age_s is None:
        return False
    age_s = facts.device.get("Age (s)")
    return not isinstance(age_s, int | float) or age_s > spec.max_age_s(profile)


def _of_kind(spec: AttributeSpec, found: object, profile: Profile) -> Any:  # Any: of the kind
    """Return a value as its kind has it; None for what is not one."""
    match spec.kind:
        case Kind.NUMBER if _is_number(found):
            return float(str(found))
        case Kind.WHOLE if _is_number(found) and abs(float(str(found))) <= _LARGEST_WHOLE:
            return int(float(str(found)))
        case Kind.CLAIM if isinstance(found, bool):
            return found
        case Kind.TEXT if isinstance(found, str):
            return latin(found)
        case Kind.CHOICE if spec.labels and found in spec.labels(profile):
            return spec.labels(profile).index(str(found))
        case Kind.NUMBERS if isinstance(found, list | tuple) and all(map(_is_number, found)):
            return tuple(float(each) for each in found[:MOST])
        case Kind.TEXTS if isinstance(found, list | tuple):
            return tuple(latin(str(each)) for each in found[:MOST])
    return None


def _is_number(found: object) -> bool:
    is_one = isinstance(found, int | float) and not isinstance(found, bool)
    return is_one and math.isfinite(float(str(found)))
