"""A profile: site, equipment, limits and safety policy of one observatory.

As an Ekos profile names its drivers, ours names the device files of ``devices/`` that play each
role, and adds what an unattended night needs: limits, filters, optics, safety policy. The files are
``profiles/*.yaml`` with ``profiles/profile.schema.json`` beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ctmo_indi import catalogue, safety_keys, safety_policy
from ctmo_indi.checked_yaml import Lines, load_checked
from ctmo_indi.detector_facts import BadPixelRules, DetectorFacts
from ctmo_indi.errors import ConfigError
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.yaml_records import as_float, made

SCHEMA_NAME = "profile.schema.json"
_MAX_SLOTS_SHOWN = 12
_DETECTOR_FACTS = ("overscan", "trim", "overscan_per", "bad_pixels")


class Role(StrEnum):
    """What a device is for."""

    MOUNT = "mount"
    CAMERA = "camera"
    FILTER_WHEEL = "filter_wheel"
    DOME = "dome"
    FOCUSER = "focuser"
    WEATHER = "weather"
    LIGHT_PANEL = "light_panel"
    WATCHDOG = "watchdog"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the observatory stands; WGS84, longitude east positive, -180..180."""

    name: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float


@dataclass(frozen=True, slots=True)
class Optics:
    """Main telescope; goes into TELESCOPE_INFO and the frames' headers."""

    aperture_mm: float
    focal_length_mm: float


@dataclass(frozen=True, slots=True)
class Equipment:
    """One device of the observatory.

    Parameters
    ----------
    description
        Name of a file of ``devices/`` or a path.
    device
        INDI device name when it is not the description's.
    settings
        Property name -> element name -> value; re-applied after each (re)connection. Wins over the
        description's own ``configure``.
    """

    role: Role
    description: str
    device: str | None = None
    settings: Mapping[str, Mapping[str, str | float | bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IndiServerSettings:
    """How to reach indiserver, and whether ``up`` starts it.

    Parameters
    ----------
    socket
        Local (``-u``) socket path; used instead of TCP when it is set.
    """

    host: str = "localhost"
    port: int = 7624
    socket: str | None = None
    start: bool = False
    restarts: int = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the mount may point; watched all the time while it moves or tracks.

    Parameters
    ----------
    horizon_deg
        Lowest altitude; the same in all directions unless ``horizon_mask_deg`` is given.
    horizon_mask_deg
        (azimuth_deg, altitude_deg) corners, linear between them, wrapping at 360.
    max_hour_angle_h
        Largest absolute hour angle, hours; None is no limit.
    meridian_flip_h
        Hour angle at which a German mount changes sides: 0 on the meridian, more when it tracks
        past it; 12 h later, on the lower meridian, again. None: nothing is planned around it.
    meridian_flip_margin_min
        No exposure comes nearer to that hour angle, minutes of hour angle.
    sun_separation_deg
        Smallest angle to the Sun while the Sun is above ``sun_separation_above_deg``.
    """

    horizon_deg: float = 15.0
    max_altitude_deg: float = 90.0
    horizon_mask_deg: tuple[tuple[float, float], ...] = ()
    max_hour_angle_h: float | None = None
    meridian_flip_h: float | None = None
    meridian_flip_margin_min: float = 5.0
    sun_separation_deg: float = 30.0
    sun_separation_above_deg: float = -6.0


@dataclass(frozen=True, slots=True)
class NightPolicy:
    """When sky frames may be taken."""

    sun_max_altitude_deg: float = -12.0
    failure_limit: int = 5
    acceptable_fraction: float = 0.9


class TakeFrames(StrEnum):
    """Whether the calibration frames that a night's lights lack are taken after it."""

    ASKED = "asked"  # when an order asked for them: Calibration Frames, Output
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class CalibrationPolicy:
    """What is done for calibrated frames when a night is over; see ``scheduler/nights``.

    Parameters
    ----------
    after_night
        Whether a night with frames is handed to the preprocessor when it is over.
    take_frames
        Whether biases, darks and panel flats that its lights lack are ordered then.
    frames
        Of each kind, exposure and filter; a master needs five good ones.
    flat_exposure_s, flat_exposures_s
        Of a panel flat in any filter, and in those that differ.
    most_s_a_night
        Exposure time of biases, darks and flats up to which a night's own are ordered.
    """

    after_night: bool = True
    take_frames: TakeFrames = TakeFrames.ASKED
    frames: int = 11
    flat_exposure_s: float = 5.0
    flat_exposures_s: Mapping[str, float] = field(default_factory=dict)
    most_s_a_night: float = 7200.0


class MountKind(StrEnum):
    """How an equatorial mount reaches a place on the sky."""

    GERMAN = "german"  # the tube changes sides at the meridian: both axes turn far
    FORK = "fork"  # the axes are hour angle and declination themselves


@dataclass(frozen=True, slots=True)
class Kinematics:
    """How long the equipment takes to move; the model of the observatory computes with it.

    The defaults are those of the simulators of INDI 1.9.9, measured. Seconds are elapsed seconds.
    An axis gathers speed, runs at its rate and slows down again.

    Parameters
    ----------
    hour_angle_rate_deg_s, declination_rate_deg_s
        Fastest turn of the mount's axes; accelerations in degrees per square second.
    mount_settle_s
        From the end of the motion until the mount says that it is there.
    flip_s
        Of a German mount whose tube changes sides, besides the way of its axes.
    handling_s
        Before each visit, besides what moves: the order handed over, the last look, what a block
        does before its attempt (focusing), until the exposure has begun.
    dome_free_deg
        How far the slit may stand off before an exposure waits for it: only the turn beyond counts.
    dome_passes_north
        Whether the dome takes the shorter way through north, as most do, or never crosses it.
    filter_change_s, filter_step_s
        For any change, and in addition for each slot on the shorter way around the wheel.
    readout_s
        From the end of an exposure until the next can begin.
    lamp_settle_s
        From lamp on to the first panel flat.
    open_s
        Dome unparked and shutter opened.
    close_s
        Shutter closed; before it the mount parks, after it the dome.
    dome_park_s
        The least that parking the dome takes, however near it stands: the simulator closes its
        shutter once more.
    unpark_s, start_tracking_s
        Of the mount.
    park_hour_angle_h, park_declination_deg
        Where the mount parks.
    dome_park_azimuth_deg
        Where the dome parks.
    """

    mount: MountKind = MountKind.GERMAN
    hour_angle_rate_deg_s: float = 6.0
    hour_angle_acceleration_deg_s2: float = 4.0
    declination_rate_deg_s: float = 6.0
    declination_acceleration_deg_s2: float = 4.0
    mount_settle_s: float = 1.0
    flip_s: float = 0.0
    dome_rate_deg_s: float = 10.0
    dome_acceleration_deg_s2: float = 20.0
    dome_settle_s: float = 0.0
    dome_free_deg: float = 10.0
    dome_passes_north: bool = False
    filter_change_s: float = 0.6
    filter_step_s: float = 0.0
    readout_s: float = 0.2
    lamp_settle_s: float = 1.0
    handling_s: float = 0.0
    open_s: float = 6.0
    close_s: float = 6.0
    dome_park_s: float = 6.0
    unpark_s: float = 0.1
    start_tracking_s: float = 0.1
    park_hour_angle_h: float = -6.0
    park_declination_deg: float = 0.0
    dome_park_azimuth_deg: float = 90.0


@dataclass(frozen=True, slots=True)
class PriorityPolicy:
    """How Priority (0-10) is given to an accepted order; see ``work_orders/priority.py``.

    Parameters
    ----------
    base
        Where every order starts.
    users, job_types, object_types
        Added when the order's User, "Type of job", "Type of object" matches.
    wish_weight
        How much of (wish - base) is granted for a Priority that came with the order, 0..1.
    """

    base: float = 5.0
    users: Mapping[str, float] = field(default_factory=dict)
    job_types: Mapping[str, float] = field(default_factory=dict)
    object_types: Mapping[str, float] = field(default_factory=dict)
    wish_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class SwitchBinding:
    """A key of Dome orders (``Blink01``) bound to an INDI switch of a device of the profile."""

    role: Role
    property: str
    on: str
    off: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One observatory, as read from ``profiles/NAME.yaml``.

    Parameters
    ----------
    telescope_names
        Names accepted in "Telescope Name"; the first is TELESCOP in the frames.
    filters
        Wire name -> slot name on the wheel ("I" -> "Luminance").
    ra_unit
        What a bare number in RA means: "deg" or "hour".
    gain_e_per_adu, read_noise_e
        Of the camera, for the headers; None when not known.
    detector
        Overscan, trim and bad pixels of the camera, for calibrating.
    file
        Where it was read; None for one made in memory.
    """

    name: str
    site: Site
    telescope_names: tuple[str, ...]
    optics: Optics
    equipment: Mapping[Role, Equipment]
    filters: Mapping[str, str]
    indiserver: IndiServerSettings = IndiServerSettings()
    limits: Limits = Limits()
    safety: SafetyPolicy = field(default_factory=SafetyPolicy)
    night: NightPolicy = NightPolicy()
    priority: PriorityPolicy = PriorityPolicy()
    kinematics: Kinematics = Kinematics()
    switches: Mapping[str, SwitchBinding] = field(default_factory=dict)
    calibration: CalibrationPolicy = CalibrationPolicy()
    ra_unit: str = "deg"
    gain_e_per_adu: float | None = None
    read_noise_e: float | None = None
    detector: DetectorFacts = field(default_factory=DetectorFacts)
    description: str = ""
    file: Path | None = None


def load(name: str | Path, *, site_folder: Path | None = None) -> Profile:
    """Read a profile.

    Parameters
    ----------
    name
        Name of a file of ``profiles/`` ("simulators"), or a path.
    site_folder
        The site's own folder instead of ``/etc/ctmo``; its profiles win over the shipped ones.

    Raises
    ------
    ConfigError
        No such profile, or everything that is wrong with it: file, line, key, what came, what was
        expected.
    """
    path = catalogue.find("profiles", str(name), site=site_folder)
    data, lines = load_checked(path, catalogue.folder("profiles") / SCHEMA_NAME)
    problems = _contradictions(data, lines)
    if problems:
        raise ConfigError(problems)
    return _profile(data, path)


def _profile(data: Mapping[str, Any], path: Path) -> Profile:  # Any: checked by the schema
    equipment = {
        Role(role): _equipment(Role(role), entry, path) for role, entry in data["equipment"].items()
    }
    optional = {
        key: as_float(data[key])
        for key in ("ra_unit", "gain_e_per_adu", "read_noise_e")
        if key in data
    }
    return Profile(
        name=data["name"],
        description=data.get("description", ""),
        site=made(Site, data["site"]),
        telescope_names=tuple(data["telescope_names"]),
        optics=made(Optics, data["optics"]),
        equipment=equipment,
        filters=dict(data["filters"]),
        indiserver=made(IndiServerSettings, data.get("indiserver", {})),
        limits=_limits(data.get("limits", {})),
        safety=safety_policy.read(data.get("safety", {})),
        night=made(NightPolicy, data.get("night", {})),
        priority=made(PriorityPolicy, data.get("priority", {})),
        kinematics=_kinematics(data.get("kinematics", {})),
        switches={
            key: SwitchBinding(**{**entry, "role": Role(entry["role"])})
            for key, entry in data.get("switches", {}).items()
        },
        calibration=_calibration(data.get("calibration", {})),
        detector=_detector(data.get("detector", {}), path),
        file=path,
        **optional,
    )


def _equipment(role: Role, entry: Mapping[str, Any], path: Path) -> Equipment:
    """Make one device; a relative path of a description counts from the profile's folder."""
    description = str(entry["description"])
    if "/" in description or description.endswith(".yaml"):
        description = str(path.parent / description)
    settings = {
        name: {element: as_float(value) for element, value in elements.items()}
        for name, elements in entry.get("settings", {}).items()
    }
    return Equipment(
        role=role,
        description=description,
        device=entry.get("device"),
        settings=settings,
    )


def _limits(entry: Mapping[str, Any]) -> Limits:
    corners = tuple((float(az), float(alt)) for az, alt in entry.get("horizon_mask_deg", ()))
    return made(Limits, {**entry, "horizon_mask_deg": corners})


def _kinematics(entry: Mapping[str, Any]) -> Kinematics:
    kind = MountKind(entry.get("mount", MountKind.GERMAN))
    return made(Kinematics, {**entry, "mount": kind})


def _calibration(entry: Mapping[str, Any]) -> CalibrationPolicy:
    policy = made(CalibrationPolicy, entry)
    return replace(policy, take_frames=TakeFrames(policy.take_frames))


def _detector(entry: Mapping[str, Any], path: Path) -> DetectorFacts:
    """Make what is known of the pixels; a relative path of a list counts from the profile's."""
    facts = made(DetectorFacts, {key: entry[key] for key in entry if key in _DETECTOR_FACTS})
    listed = None if facts.bad_pixels is None else path.parent / facts.bad_pixels
    rules = {key: entry[key] for key in entry if key not in _DETECTOR_FACTS}
    return replace(facts, bad_pixels=listed, rules=made(BadPixelRules, rules))


def _contradictions(data: Mapping[str, Any], lines: Lines) -> list[str]:
    """Find what no schema can: keys that do not fit each other."""
    equipment = data["equipment"]
    problems: list[str] = []
    if data["filters"] and "filter_wheel" not in equipment:
        problems.append(
            lines.problem(("filters",), "came filters, expected none without a filter_wheel")
        )
    problems += _unknown_slots(data, lines)
    for key, entry in data.get("switches", {}).items():
        if entry["role"] not in equipment:
            problems.append(
                lines.problem(
                    ("switches", key, "role"),
                    f"came {entry['role']!r}, expected a role of equipment: {', '.join(equipment)}",
                )
            )
    limits = data.get("limits", {})
    lowest, highest = limits.get("horizon_deg", 15.0), limits.get("max_altitude_deg", 90.0)
    if lowest >= highest:
        problems.append(
            lines.problem(
                ("limits", "max_altitude_deg"),
                f"came {highest}, expected more than horizon_deg = {lowest}",
            )
        )
    problems += _bad_mask(limits.get("horizon_mask_deg", ()), lines)
    problems += _bad_flip(data, lines)
    problems += safety_keys.contradictions(data, lines)
    return problems


def _bad_mask(corners: list[list[float]], lines: Lines) -> list[str]:
    problems = []
    for index, (az_deg, alt_deg) in enumerate(corners):
        key = ("limits", "horizon_mask_deg", index)
        if az_deg < 0.0:
            problems.append(lines.problem(key, f"came azimuth {az_deg}, expected 0 to 360"))
        if alt_deg > 90.0:
            problems.append(lines.problem(key, f"came altitude {alt_deg}, expected -5 to 90"))
        if index and az_deg <= corners[index - 1][0]:
            before = corners[index - 1][0]
            problems.append(
                lines.problem(key, f"came azimuth {az_deg}, expected more than {before} before it")
            )
    return problems


def _bad_flip(data: Mapping[str, Any], lines: Lines) -> list[str]:
    """A flip where there is none, and a margin of no flip."""
    limits, mount = data.get("limits", {}), data.get("kinematics", {}).get("mount")
    flip_h = limits.get("meridian_flip_h")
    if flip_h is not None and mount == MountKind.FORK:
        wrong = f"came {flip_h}, expected none: kinematics.mount is fork, which never flips"
        return [lines.problem(("limits", "meridian_flip_h"), wrong)]
    if flip_h is None and "meridian_flip_margin_min" in limits:
        margin = limits["meridian_flip_margin_min"]
        wrong = f"came {margin}, expected meridian_flip_h beside it: the hour angle of the flip"
        return [lines.problem(("limits", "meridian_flip_margin_min"), wrong)]
    return []


def _unknown_slots(data: Mapping[str, Any], lines: Lines) -> list[str]:
    """Filters whose slot the profile's own naming of the wheel does not have."""
    wheel = data["equipment"].get("filter_wheel", {})
    names = wheel.get("settings", {}).get("FILTER_NAME", {})
    slots = [str(slot) for slot in names.values()]
    if not slots:
        return []
    return [
        lines.problem(
            ("filters", name),
            f"came {slot!r}, expected a slot of the wheel: {', '.join(slots[:_MAX_SLOTS_SHOWN])}",
        )
        for name, slot in data["filters"].items()
        if slot not in slots
    ]
