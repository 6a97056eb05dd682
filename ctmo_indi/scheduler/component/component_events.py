"""Events that tell what the component is: at its birth, and after every start.

Kinds as those of the Rubin Scheduler; ``rotatorConfig`` and ``opticsLoopCorrConfig`` say that there
is no such thing here. Pure but for the versions of what is installed.
"""

from __future__ import annotations

import logging
import platform
import threading
from collections.abc import Callable
from importlib import metadata

from ctmo_indi import __version__
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.scheduler.component.startup import Started

Publish = Callable[[str, str, dict[str, object]], object]
Events = tuple[tuple[str, dict[str, object]], ...]

DEPENDENCIES = ("apscheduler", "astropy", "numpy", "pyerfa", "sqlalchemy")


def birth_events(available: tuple[str, ...], default: str) -> Events:
    """Return what is told when the service starts, in STANDBY."""
    return (
        ("softwareVersions", {"ctmo-indi": __version__, "Python": platform.python_version()}),
        ("configurationsAvailable", {"Configurations": list(available), "Default": default}),
        ("summaryState", {"Summary State": "STANDBY"}),
        ("errorCode", {"Code": 0, "Meaning": "no error", "Report": ""}),
        ("detailedState", {"Detailed State": "IDLE"}),
    )


def start_events(profile: Profile, started: Started) -> Events:
    """Return what is told after a start, before DISABLED; imports the models."""
    events: list[tuple[str, dict[str, object]]] = [
        ("configurationApplied", _configuration(started)),
        ("dependenciesVersions", _versions(started)),
        *_of_profile(profile),
    ]
    if started.topology is not None:
        events.append(
            (
                "surveyTopology",
                {
                    "Driver": started.topology.driver,
                    "Number of General": len(started.topology.general_propos),
                    "Number of Sequence": len(started.topology.sequence_propos),
                    "General": list(started.topology.general_propos),
                    "Sequence": list(started.topology.sequence_propos),
                },
            )
        )
    if started.models is not None:
        with FIRST_IMPORT:
            from ctmo_indi.models.observatory_model import ACTIVITIES  # heavy: numpy

        activities = {name: list(before) for name, before in ACTIVITIES.items()}
        events.append(("slewConfig", {"Prerequisites": activities}))
    return tuple(events)


def _configuration(started: Started) -> dict[str, object]:
    configuration = started.configuration
    parameters = configuration.parameters
    return {
        "Configuration": configuration.name,
        "File": str(configuration.file),
        "Version": configuration.version,
        "Mode": parameters.mode.value,
        "Driver": parameters.driver_type if started.driver is not None else "",
        "Startup Type": started.startup_type.value,
        "Recalled": started.recalled,
        "Number of Targets": parameters.n_targets,
        "Predicted Schedule Window (h)": parameters.predicted_scheduler_window_h,
        "Telemetry Streams": [stream.name for stream in parameters.telemetry_streams],
    }


def _versions(started: Started) -> dict[str, object]:
    told: dict[str, object] = {name: _version(name) for name in DEPENDENCIES}
    if started.driver is not None:
        module = type(started.driver).__module__.partition(".")[0]
        told |= {"Driver": started.driver.name, "Driver Package": module}
        told["Driver Version"] = __version__ if module == "ctmo_indi" else _version(module)
    return told


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _of_profile(profile: Profile) -> Events:
    site, limits, moves = profile.site, profile.limits, profile.kinematics
    has_dome = Role.DOME in profile.equipment
    return (
        (
            "obsSiteConfig",
            {
                "Name": site.name,
                "Latitude (deg)": site.latitude_deg,
                "Longitude (deg)": site.longitude_deg,
                "Height (m)": site.elevation_m,
            },
        ),
        (
            "telescopeConfig",
            {
                "Names": list(profile.telescope_names),
                "Mount": moves.mount.value,
                "Least Altitude (deg)": limits.horizon_deg,
                "Largest Altitude (deg)": limits.max_altitude_deg,
                "Hour Angle Rate (deg/s)": moves.hour_angle_rate_deg_s,
                "Hour Angle Acceleration (deg/s2)": moves.hour_angle_acceleration_deg_s2,
                "Declination Rate (deg/s)": moves.declination_rate_deg_s,
                "Declination Acceleration (deg/s2)": moves.declination_acceleration_deg_s2,
                "Settle Time (s)": moves.mount_settle_s,
            },
        ),
        (
            "domeConfig",
            {
                "Present": has_dome,
                "Rate (deg/s)": moves.dome_rate_deg_s,
                "Acceleration (deg/s2)": moves.dome_acceleration_deg_s2,
                "Free Range (deg)": moves.dome_free_deg,
                "Settle Time (s)": moves.dome_settle_s,
            },
        ),
        ("rotatorConfig", {"Present": False}),
        (
            "cameraConfig",
            {
                "Readout Time (s)": moves.readout_s,
                "Filter Change Time (s)": moves.filter_change_s,
                "Filter Step Time (s)": moves.filter_step_s,
                "Filters Mounted": sorted(profile.filters),
                "Filters Removable": [],
                "Filters Unmounted": [],
            },
        ),
        ("opticsLoopCorrConfig", {"Present": False}),
        (
            "parkConfig",
            {
                "Hour Angle (h)": moves.park_hour_angle_h,
                "Declination (deg)": moves.park_declination_deg,
                "Dome Azimuth (deg)": moves.dome_park_azimuth_deg,
            },
        ),
    )


class LogMessages(logging.Handler):
    """Publishes what this process logs, WARNING and above, as ``logMessage``.

    A message that publishing itself brings forth is not published again.
    """

    def __init__(self, publish: Publish) -> None:
        super().__init__(logging.WARNING)
        self._publish = publish
        self._inside = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Publish one message; never raises."""
        if getattr(self._inside, "now", False):
            return
        self._inside.now = True
        try:
            message = {
                "Name": record.name,
                "Level": record.levelname,
                "Message": record.getMessage(),
            }
            self._publish("logMessage", record.name, dict(message))
        except Exception:  # noqa: BLE001 - a wrong log call must not fail its caller
            self.handleError(record)
        finally:
            self._inside.now = False
