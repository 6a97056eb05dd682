"""The tables in words, for the documents: devices, attributes, commands, states, refusals."""

from __future__ import annotations

from collections.abc import Iterator

from ctmo_indi.profiles import Profile
from ctmo_indi.tango.refusals import REASONS
from ctmo_indi.tango.spec import AttributeSpec, DeviceSpec
from ctmo_indi.tango.state_table import STATE_TABLE, State
from ctmo_indi.tango_settings import DEFAULT_NAMES

Cells = tuple[str, ...]
_MOST_LABELS = 8


def devices(specs: tuple[DeviceSpec, ...]) -> Iterator[Cells]:
    """Yield the heads of the columns, then a row for each device."""
    yield ("class", "name", "is", "asks")
    for spec in specs:
        yield (spec.name, f"`{DEFAULT_NAMES[spec.name]}`", spec.doc, spec.service)


def attributes(spec: DeviceSpec, profile: Profile) -> Iterator[Cells]:
    """Yield the heads, then a row for each attribute as it is with a profile."""
    yield ("attribute", "type", "unit", "written", "means")
    for row in spec.all_attributes(profile):
        yield (f"`{row.name}`", _kind(row, profile), row.unit, _written(row), row.doc)


def commands(spec: DeviceSpec) -> Iterator[Cells]:
    """Yield the heads, then a row for each command."""
    yield ("command", "takes", "gives", "not while", "does")
    for one in spec.commands:
        states = [state.value for state in State if state in one.never_in]
        yield (f"`{one.name}`", one.argument, one.answer, " ".join(states), one.doc)


def states(device_class: str) -> Iterator[Cells]:
    """Yield the heads, then the rows of a class; those of every class for an empty name."""
    yield ("State", "when")
    for row in STATE_TABLE:
        if row.device_class == device_class:
            yield (row.state.value, row.words)


def refusals() -> Iterator[Cells]:
    """Yield the heads, then a row for each fault."""
    yield ("reason of the DevFailed", "fault")
    for code, name in REASONS.items():
        yield (f"`{name}`", str(code))


def _kind(row: AttributeSpec, profile: Profile) -> str:
    if row.labels is None:
        return row.kind.value
    labels = row.labels(profile)
    return f"{row.kind.value}: {' '.join(labels)}" if len(labels) <= _MOST_LABELS else "DevEnum"


def _written(row: AttributeSpec) -> str:
    if not row.is_written:
        return ""
    if row.minimum is None and row.maximum is None:
        return "yes"
    return f"{row.minimum:g} to {row.maximum:g}"
