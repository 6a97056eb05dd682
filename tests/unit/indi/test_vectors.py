"""What is refused before anything goes to the wire, and what exactly goes there."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from ctmo_indi.errors import InvalidCommand
from ctmo_indi.indi.snapshot import (
    NumberRange,
    Permission,
    PropertySnapshot,
    PropertyState,
    PropertyType,
    SwitchRule,
    Value,
)
from ctmo_indi.indi.vectors import build_vector


def snapshot(
    of_type: PropertyType,
    values: dict[str, Value],
    *,
    permission: Permission = Permission.RW,
    rule: SwitchRule | None = None,
    limits: NumberRange | None = None,
) -> PropertySnapshot:
    ranges = dict.fromkeys(values, limits) if limits else {}
    return PropertySnapshot(
        "Mount",
        "P",
        of_type,
        PropertyState.OK,
        permission,
        rule,
        MappingProxyType(values),
        MappingProxyType(ranges),
    )


COORD = snapshot(PropertyType.NUMBER, {"RA": 1.0, "DEC": 2.0}, limits=NumberRange(-90.0, 90.0))
ONE = snapshot(PropertyType.SWITCH, {"A": True, "B": False}, rule=SwitchRule.ONE_OF_MANY)
MOST = snapshot(PropertyType.SWITCH, {"A": True, "B": False}, rule=SwitchRule.AT_MOST_ONE)
ANY = snapshot(PropertyType.SWITCH, {"A": True, "B": False}, rule=SwitchRule.ANY_OF_MANY)
TEXT = snapshot(PropertyType.TEXT, {"A": "x", "B": "y"})


@pytest.mark.parametrize(
    ("known", "values", "told"),
    [
        (COORD, {"RA": 90.5}, "expected -90 to 90"),
        (COORD, {"RA": float("nan")}, "finite"),
        (COORD, {"RA": float("inf")}, "finite"),
        (COORD, {"RA": True}, "expected a number"),
        (COORD, {"RA": "5"}, "expected a number"),
        (COORD, {"ALT": 5.0}, "no element ALT, expected one of RA, DEC"),
        (COORD, {}, "no value"),
        (ONE, {"A": True, "B": True}, "exactly one"),
        (ONE, {"A": False}, "exactly one"),
        (ONE, {"A": 1.0}, "exactly one"),
        (MOST, {"A": True, "B": True}, "at most one"),
        (ANY, {"A": "On"}, "on or off"),
        (TEXT, {"A": 1.0}, "expected a text"),
        (TEXT, {"A": "a\x00b"}, "control characters"),
        (snapshot(PropertyType.LIGHT, {"A": "Ok"}), {"A": "Ok"}, "cannot be set"),
        (snapshot(PropertyType.BLOB, {"A": ""}), {"A": ""}, "cannot be set"),
        (
            snapshot(PropertyType.NUMBER, {"A": 1.0}, permission=Permission.RO),
            {"A": 2.0},
            "read-only",
        ),
    ],
)
def test_wrong_values_are_refused(
    known: PropertySnapshot, values: dict[str, Value], told: str
) -> None:
    with pytest.raises(InvalidCommand, match=told):
        build_vector(known, values)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(InvalidCommand, match=r"RA is 200.*no element ALT"):
        build_vector(COORD, {"RA": 200.0, "ALT": 1.0})


@pytest.mark.parametrize(
    ("known", "values", "wire"),
    [
        (COORD, {"DEC": 5}, {"RA": 1.0, "DEC": 5.0}),
        (ONE, {"B": True, "A": False}, {"B": True}),
        (MOST, {"B": True}, {"A": False, "B": True}),
        (MOST, {"A": False}, {"A": False, "B": False}),
        (ANY, {"B": True}, {"A": True, "B": True}),
        (TEXT, {"B": "é<&>"}, {"A": "x", "B": "é<&>"}),
    ],
)
def test_vector_is_completed_as_the_protocol_asks(
    known: PropertySnapshot, values: dict[str, Value], wire: dict[str, Value]
) -> None:
    assert dict(build_vector(known, values).values) == wire


@pytest.mark.parametrize(
    ("limits", "value"), [(NumberRange(0.0, 0.0), 1e6), (NumberRange(0.0, 24.0), 24.0)]
)
def test_no_limits_and_the_limit_itself_are_allowed(limits: NumberRange, value: float) -> None:
    known = snapshot(PropertyType.NUMBER, {"A": 1.0}, limits=limits)
    assert build_vector(known, {"A": value}).values == {"A": value}
