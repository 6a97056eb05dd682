"""Scheduling drivers by name: ours, and those that other packages announce.

A package offers a driver with an entry point of the group ``ctmo_indi.scheduling`` that names a
subclass of :class:`~ctmo_indi.scheduling.driver.Driver`.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points

from ctmo_indi.errors import ConfigError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.feature.driver import FeatureScheduler
from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.sequential import SequentialScheduler

ENTRY_POINT_GROUP = "ctmo_indi.scheduling"

_OURS: dict[str, type[Driver]] = {
    one.name: one for one in (SequentialScheduler, FeatureScheduler, PlanScheduler)
}


def names() -> tuple[str, ...]:
    """Names that :func:`driver_class` knows, sorted."""
    return tuple(sorted({*_OURS, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))}))


def driver_class(name: str) -> type[Driver]:
    """Return the driver called ``name``; ours win over foreign ones of the same name.

    Raises
    ------
    ConfigError
        There is none of that name, its package cannot be imported, or what the entry point names
        is no Driver.
    """
    if name in _OURS:
        return _OURS[name]
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == name:
            found = _loaded(point)
            if isinstance(found, type) and issubclass(found, Driver):
                return found
            raise ConfigError(f"scheduling driver {name}: {point.value} is no subclass of Driver")
    raise ConfigError(f"scheduling driver {name}: unknown, expected one of {', '.join(names())}")


def _loaded(point: EntryPoint) -> object:
    """Import what an entry point names; whatever the foreign code raises becomes a ConfigError."""
    package = point.dist.name if point.dist is not None else "unknown"
    where = f"scheduling driver {point.name} of the package {package}"
    importlib.invalidate_caches()  # it may have been installed just now
    try:
        with FIRST_IMPORT:
            return point.load()
    except ModuleNotFoundError as error:
        if error.name is None or not f"{point.module}.".startswith(f"{error.name}."):
            raise ConfigError(f"{where}: importing {point.module} needs {error.name}") from error
        raise ConfigError(
            f"{where}: its module {error.name} is not found by this process; if it was installed "
            "after the scheduler started, restart the scheduler, else install it again"
        ) from error
    except Exception as error:
        raise ConfigError(
            f"{where}: {point.value} cannot be imported: {type(error).__name__}: {error}"
        ) from error
