"""An :class:`ObservatoryStatus` as the struct of a Status reply: units in the keys, no nil."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctmo_indi.devices.weather import WeatherStatus

if TYPE_CHECKING:
    from ctmo_indi.devices.observatory import ObservatoryStatus

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


def status_to_wire(status: ObservatoryStatus) -> dict[str, object]:
    """Return the struct; what is not known is left out."""
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
