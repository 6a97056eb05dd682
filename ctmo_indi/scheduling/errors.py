"""What goes wrong in scheduling; names are those of the Rubin Scheduler where it has one.

The configuration errors refuse a start; the others tell the component which fault it has.
"""

from __future__ import annotations

from ctmo_indi.errors import ConfigError, InternalError, ServiceUnreachable


class NoSchedulerError(ConfigError):
    """The configuration of a feature based driver defines no scheduler."""


class NoNsideError(ConfigError):
    """The configuration of a feature based driver does not say nside, its sky's resolution."""


class DriverError(InternalError):
    """A scheduling driver breaks its contract; the text names the driver."""


class StateChangedError(DriverError):
    """``select_next_target`` has changed the driver's state."""


class UnobservableTargetError(DriverError):
    """The driver chose a target that cannot be observed under the conditions it was given."""


class FailedToQueueTargetsError(InternalError):
    """A target could not be put on the script queue."""


class UnableToFindTargetError(InternalError):
    """No target within the time looked at."""


class UpdateTelemetryError(ServiceUnreachable):
    """The telescope did not give the telemetry asked for."""
