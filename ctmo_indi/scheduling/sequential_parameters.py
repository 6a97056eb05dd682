"""What the sequential driver can be told, and the check of its configuration's keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.scheduling import settings
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

    observing_list: str = settings.text("", longest=4096)
    priority: float = settings.number(0.0, 10.0, 5.0)


def read_parameters(
    configuration: Mapping[str, object], defaults: SequentialParameters
) -> SequentialParameters:
    """Check the keys; those that are missing keep their defaults.

    Raises
    ------
    ConfigError
        Every key that is wrong or unknown.
    """
    return settings.changed(defaults, configuration, "sequential driver")
