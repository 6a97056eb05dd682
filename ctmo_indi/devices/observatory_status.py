"""Everything the devices say at one instant, also as the struct of a Status reply.

On the wire units stand in the keys, and what is not known is left out: there is no nil.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ctmo_indi.devices.camera import CameraStatus
from ctmo_indi.devices.dome import DomeStatus
from ctmo_indi.devices.filter_wheel import FilterWheelStatus
from ctmo_indi.devices.focuser import FocuserStatus
from ctmo_indi.devices.light_panel import LightPanelStatus
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.devices.weather import WeatherStatus
from ctmo_indi.models.dome_geometry import LineOfSight
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.profiles import Role

# Our field -> key on the wire, for every role.
_KEYS = {
    "connected": "Connected",
    "ra_deg": "RA",
    "dec_deg": "Dec",
    "eod_ra_hours": "RA of Date (hour)",
    "eod_dec_deg": "Dec of Date",
    "alt_deg": "Altitude",
    "az_deg": "Azimuth",
    "hour_angle_h": "Hour Angle (hour)",
    "tracking": "Tracking",
    "parked": "Parked",
    "slewing": "Slewing",
    "pier_side": "Pier Side",
    "age_s": "Age (s)",
    "shutter": "Shutter",
    "moving": "Moving",
    "exposing": "Exposing",
    "remaining_s": "Remaining (s)",
    "temperature_c": "Temperature (C)",
    "binning": "Binning",
    "slot": "Slot",
    "slot_name": "Slot Name",
    "filter_name": "Filter",
    "position": "Position",
    "is_on": "On",
    "brightness": "Brightness",
}


@dataclass(frozen=True, slots=True)
class ObservatoryStatus:
    """Everything the devices say at one instant; a role is None when the profile has none.

    Parameters
    ----------
    alarm
        Why the state is ALARM; empty otherwise.
    switches
        Bound switches of the profile ("Blink01"); None when not known.
    line_of_sight
        How the telescope looks out of the dome; None when either is not known.
    unfit
        Why a connected device is not set up, by role, see :attr:`Device.unfit`.
    """

    state: ObservatoryState
    utc: datetime
    alarm: str = ""
    mount: MountStatus | None = None
    dome: DomeStatus | None = None
    camera: CameraStatus | None = None
    filter_wheel: FilterWheelStatus | None = None
    focuser: FocuserStatus | None = None
    weather: WeatherStatus | None = None
    light_panel: LightPanelStatus | None = None
    switches: Mapping[str, bool | None] | None = None
    line_of_sight: LineOfSight | None = None
    unfit: Mapping[Role, str] = field(default_factory=dict)

    @property
    def disconnected(self) -> tuple[Role, ...]:
        """Roles of the profile whose device is not connected."""
        by_role = {
            Role.MOUNT: self.mount,
            Role.CAMERA: self.camera,
            Role.FILTER_WHEEL: self.filter_wheel,
            Role.DOME: self.dome,
            Role.FOCUSER: self.focuser,
            Role.WEATHER: self.weather,
            Role.LIGHT_PANEL: self.light_panel,
        }
        return tuple(role for role, part in by_role.items() if part and not part.connected)

    def to_wire(self) -> dict[str, object]:
        """Keys as they stand in a reply; what is not known is left out."""
        return _to_wire(self)


def _to_wire(status: ObservatoryStatus) -> dict[str, object]:
    wire: dict[str, object] = {"State": status.state.value, "UTC": status.utc.isoformat()}
    if status.alarm:
        wire["Alarm"] = status.alarm
    for name, part in (
        ("Mount", status.mount),
        ("Dome", status.dome),
        ("Camera", status.camera),
        ("Filter Wheel", status.filter_wheel),
        ("Focuser", status.focuser),
        ("Light Panel", status.light_panel),
    ):
        if part is not None:
            wire[name] = _fields(part)
    if status.line_of_sight is not None:
        wire["Line of Sight"] = status.line_of_sight.to_wire()
    if status.weather is not None:
        wire["Weather"] = _weather(status.weather)
    if status.switches:
        wire["Switches"] = {key: on for key, on in status.switches.items() if on is not None}
    return wire


def _fields(part: object) -> dict[str, object]:
    values = ((key, getattr(part, field, None)) for field, key in _KEYS.items())
    return {key: _plain(value) for key, value in values if value is not None}


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value


def _weather(weather: WeatherStatus) -> dict[str, object]:
    wire: dict[str, object] = {"Connected": weather.connected}
    if weather.state is not None:
        wire["State"] = str(weather.state)
    if weather.age_s is not None:
        wire["Age (s)"] = weather.age_s
    wire["Readings"] = {reading.name: reading.value for reading in weather.readings}
    if weather.dangers:
        wire["Dangers"] = list(weather.dangers)
    if weather.warnings:
        wire["Warnings"] = list(weather.warnings)
    return wire
