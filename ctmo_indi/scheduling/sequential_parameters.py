"""What the sequential driver can be told, and the check of its configuration's keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeGuard

from ctmo_indi.checked_yaml import nearest
from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling.driver import DriverParameters


@dataclass(frozen=True, slots=True)
class SequentialParameters(DriverParameters):
    """What the sequential driver can be told.

    Parameters
    ----------
    observing_list
        File with targets of the driver's own; relative to the configuration's folder. "": none.
    priority
        Of the observing list among the orders, 0-10.
    """

    observing_list: str = ""
    priority: float = 5.0


_RANGES: Mapping[str, tuple[float, float]] = {
    "night_boundary": (-90.0, 0.0),
    "new_moon_phase_threshold": (0.0, 100.0),
    "priority": (0.0, 10.0),
}


def read_parameters(
    configuration: Mapping[str, object], defaults: SequentialParameters
) -> SequentialParameters:
    """Check the keys; those that are missing keep their defaults.

    Raises
    ------
    ConfigError
        Every key that is wrong or unknown.
    """
    known = [one.name for one in fields(SequentialParameters)]
    problems: list[str] = []
    values: dict[str, float | str | None] = {}
    for key, value in configuration.items():
        if key not in known:
            expected = ", ".join(sorted(known))
            problems.append(f"{key}: unknown key{nearest(key, known)}, expected one of {expected}")
        elif key == "observing_list":
            if isinstance(value, str):
                values[key] = value
            else:
                problems.append(f"{key}: came {value!r}, expected a path")
        elif key == "night_boundary" and value is None:
            values[key] = None
        elif _is_within(value, *_RANGES[key]):
            values[key] = value
        else:
            low, high = _RANGES[key]
            problems.append(f"{key}: came {value!r}, expected a number from {low:g} to {high:g}")
    if problems:
        raise ConfigError([f"sequential driver: {problem}" for problem in problems])
    return replace(defaults, **values)  # type: ignore[arg-type]  # checked, key by key


def _is_within(value: object, low: float, high: float) -> TypeGuard[float]:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )
