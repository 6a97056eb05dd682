"""Scheduling drivers by name: ours, and those that other packages announce.

A package offers a driver with an entry point of the group ``ctmo_indi.scheduling`` that names a
subclass of :class:`~ctmo_indi.scheduling.driver.Driver`.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.sequential import SequentialScheduler

ENTRY_POINT_GROUP = "ctmo_indi.scheduling"

_OURS: dict[str, type[Driver]] = {SequentialScheduler.name: SequentialScheduler}


def names() -> tuple[str, ...]:
    """Names that :func:`driver_class` knows, sorted."""
    return tuple(sorted({*_OURS, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))}))


def driver_class(name: str) -> type[Driver]:
    """Return the driver called ``name``; ours win over foreign ones of the same name.

    Raises
    ------
    ConfigError
        There is none of that name, or what the entry point names is no Driver.
    """
    if name in _OURS:
        return _OURS[name]
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == name:
            found = point.load()
            if isinstance(found, type) and issubclass(found, Driver):
                return found
            raise ConfigError(f"scheduling driver {name}: {point.value} is no subclass of Driver")
    raise ConfigError(f"scheduling driver {name}: unknown, expected one of {', '.join(names())}")
