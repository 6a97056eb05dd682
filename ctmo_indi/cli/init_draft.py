"""The two files that ``ctmo-indi init`` writes: a draft of a site in, texts out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ORDER_NAME = re.compile(r"[ -~]{1,32}")

_PROFILE = """\
# Profile of {site}, made by "ctmo-indi init". profiles/README.md explains every key;
# "ctmo-indi check --config {config} --devices" looks at it and at the devices.
# Before the first night: watch one closing by eye, and set the limits of your own place.

name: {name}
description: {description}

site:
  name: {site}
  latitude_deg: {latitude}      # WGS84, north positive
  longitude_deg: {longitude}    # east positive
  elevation_m: {elevation}

# The first one is TELESCOP in the frames; orders may name any.
telescope_names: [{telescope}]

optics:
  aperture_mm: {aperture}
  focal_length_mm: {focal_length}

# Device files of devices/ (or /etc/ctmo/devices/), and the INDI name where that is another.
equipment:
{equipment}
# Name in orders: name of the wheel's slot.
filters: {filters}

indiserver:
{server}
limits:
  horizon_deg: 20               # or horizon_mask_deg: corners of trees and walls
  max_altitude_deg: 85
  sun_separation_deg: 30
  sun_separation_above_deg: -6

safety:
  sun_max_altitude_deg: -6
{weather}  reopen_delay_s: 1200
  park_timeout_s: 180
  shutter_timeout_s: 120
  mount_failed: close           # stay_open where the shutter would hit an unparked telescope

night:
  sun_max_altitude_deg: -12
"""
_WEATHER = """\
  weather_required: true        # limits: those of the station's driver, and weather_limits here
  weather_max_age_s: 180
"""
_NO_WEATHER = """\
  # Nobody here judges the weather: it does not close for rain or wind. Somebody else must.
  weather_required: false
"""
_WEATHER_MISSING = """\
  # There is no weather station yet: it never opens until equipment.weather names one, or this is
  # false, which is for places where somebody else judges the weather.
  weather_required: true
"""
_CONFIG = """\
# Configuration of the observatory manager, made by "ctmo-indi init". What is not here has its
# default; "ctmo-indi check --config THIS FILE" reads it and says what is wrong, with line and key.
Profile: {profile}

# Databases, nights, reports.
Data Directory: {data}
"""


@dataclass(frozen=True, slots=True)
class DraftDevice:
    """A device of the draft.

    Parameters
    ----------
    device
        INDI name; empty: the device file's.
    """

    role: str
    description: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a profile needs to be written.

    Parameters
    ----------
    server
        Keys of ``indiserver``.
    filters
        Name in orders -> name of the slot.
    is_weather_judged_elsewhere
        Whether the site goes without a weather station of its own.
    """

    name: str
    site: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float
    aperture_mm: float
    focal_length_mm: float
    devices: Sequence[DraftDevice]
    filters: Mapping[str, str] = field(default_factory=dict)
    server: Mapping[str, object] = field(default_factory=dict)
    is_weather_judged_elsewhere: bool = False

    @property
    def has_weather(self) -> bool:
        """Whether there is a weather station."""
        return any(device.role == "weather" for device in self.devices)


def filters_of(slots: Sequence[str]) -> dict[str, str]:
    """Name each slot in orders as on the wheel; what orders could not say is numbered."""
    return {
        slot if _ORDER_NAME.fullmatch(slot) else f"slot {number}": slot
        for number, slot in enumerate(slots, start=1)
        if slot.strip()
    }


def profile_text(draft: Draft, config: Path) -> str:
    """Return the profile."""
    weather = _WEATHER if draft.has_weather else _WEATHER_MISSING
    if draft.is_weather_judged_elsewhere and not draft.has_weather:
        weather = _NO_WEATHER
    pairs = ", ".join(f"{_yaml(key)}: {_yaml(slot)}" for key, slot in draft.filters.items())
    return _PROFILE.format(
        site=_yaml(draft.site),
        config=config,
        name=draft.name,
        description=_yaml(f"{draft.site}, as ctmo-indi init found it."),
        latitude=_number(draft.latitude_deg),
        longitude=_number(draft.longitude_deg),
        elevation=_number(draft.elevation_m),
        telescope=_yaml(draft.site),
        aperture=_number(draft.aperture_mm),
        focal_length=_number(draft.focal_length_mm),
        equipment="".join(_device(device) for device in draft.devices),
        filters=f"{{{pairs}}}",
        server="".join(f"  {key}: {_yaml(value)}\n" for key, value in draft.server.items()),
        weather=weather,
    )


def config_text(profile: Path, data: Path) -> str:
    """Return the configuration."""
    return _CONFIG.format(profile=_yaml(str(profile)), data=_yaml(str(data)))


def _device(device: DraftDevice) -> str:
    name = f"    device: {_yaml(device.device)}\n" if device.device else ""
    return f"  {device.role}:\n    description: {_yaml(device.description)}\n{name}"


def _yaml(value: object) -> str:
    """Write a value so that YAML reads the same: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    text = f"{value:.6f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text
