"""Scheduling algorithms behind Rubin's Driver API; no I/O but snapshots and files asked for.

A driver's author finds every name of the API here; each is imported when it is first used.
``docs/how-to/write-a-scheduling-driver.md`` is the guide.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ctmo_indi.first_import import FIRST_IMPORT

if TYPE_CHECKING:
    from ctmo_indi.scheduling.conditions import Conditions, Night
    from ctmo_indi.scheduling.driver import Driver, DriverParameters
    from ctmo_indi.scheduling.errors import (
        FailedToQueueTargetsError,
        NoNsideError,
        NoSchedulerError,
        UnableToFindTargetError,
        UpdateTelemetryError,
    )
    from ctmo_indi.scheduling.lookahead import LookAhead, PlannedTarget
    from ctmo_indi.scheduling.models import Models
    from ctmo_indi.scheduling.schema_converter import SchemaConverter
    from ctmo_indi.scheduling.sequential import SequentialParameters, SequentialScheduler
    from ctmo_indi.scheduling.target import (
        DriverTarget,
        NextTarget,
        Observation,
        PendingOrder,
        SurveyTopology,
    )
    from ctmo_indi.scheduling.telemetry_streams import TelemetryStreamHandler

__all__ = [
    "Conditions",
    "Driver",
    "DriverParameters",
    "DriverTarget",
    "FailedToQueueTargetsError",
    "LookAhead",
    "Models",
    "NextTarget",
    "Night",
    "NoNsideError",
    "NoSchedulerError",
    "Observation",
    "PendingOrder",
    "PlannedTarget",
    "SchemaConverter",
    "SequentialParameters",
    "SequentialScheduler",
    "SurveyTopology",
    "TelemetryStreamHandler",
    "UnableToFindTargetError",
    "UpdateTelemetryError",
]

_MODULES = {
    "conditions": ("Conditions", "Night"),
    "driver": ("Driver", "DriverParameters"),
    "errors": (
        "FailedToQueueTargetsError",
        "NoNsideError",
        "NoSchedulerError",
        "UnableToFindTargetError",
        "UpdateTelemetryError",
    ),
    "lookahead": ("LookAhead", "PlannedTarget"),
    "models": ("Models",),
    "schema_converter": ("SchemaConverter",),
    "sequential": ("SequentialParameters", "SequentialScheduler"),
    "target": ("DriverTarget", "NextTarget", "Observation", "PendingOrder", "SurveyTopology"),
    "telemetry_streams": ("TelemetryStreamHandler",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with FIRST_IMPORT:
        return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
