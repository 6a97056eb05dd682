"""Start-up: make and configure the scheduling driver. Cold start, the default: nothing is recalled.

Runs in the driver's thread: it imports the heavy packages and may take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ctmo_indi.scheduling import registry
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.target import SurveyTopology


@dataclass(frozen=True, slots=True)
class DriverChoice:
    """Which scheduling driver, and its own configuration."""

    name: str = "sequential"
    configuration: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A driver ready to be asked."""

    driver: Driver
    topology: SurveyTopology


def cold_start(choice: DriverChoice, make_models: Callable[[], Models]) -> Started:
    """Make the driver and initialise it with its configuration only.

    Raises
    ------
    ConfigError
        No such driver, or its configuration is wrong: the start is refused.
    """
    driver = registry.driver_class(choice.name)(make_models())
    topology = driver.configure_scheduler(choice.configuration or {})
    driver.cold_start(())
    return Started(driver, topology)
