"""What is told of the devices, as the telescope sees them: a part of its table."""

from __future__ import annotations

from ctmo_indi.metrics.reading import Metric, at, each_at, gauge, state_at

_SHUTTER = ("OPEN", "CLOSED", "OPENING", "CLOSING", "UNKNOWN")

_PLAIN = (
    ("mount_ra_degrees", "Right ascension of the mount, ICRS.", ("Mount", "RA")),
    ("mount_dec_degrees", "Declination of the mount, ICRS.", ("Mount", "Dec")),
    ("mount_altitude_degrees", "Altitude of the mount.", ("Mount", "Altitude")),
    ("mount_azimuth_degrees", "Azimuth of the mount, from north over east.", ("Mount", "Azimuth")),
    ("mount_tracking", "1 while the mount tracks.", ("Mount", "Tracking")),
    ("mount_slewing", "1 while the mount slews.", ("Mount", "Slewing")),
    ("mount_parked", "1 while the mount is parked.", ("Mount", "Parked")),
    ("dome_azimuth_degrees", "Azimuth of the dome's slit.", ("Dome", "Azimuth")),
    ("dome_moving", "1 while the dome or its shutter moves.", ("Dome", "Moving")),
    ("dome_parked", "1 while the dome is parked.", ("Dome", "Parked")),
    ("camera_exposing", "1 while the camera exposes.", ("Camera", "Exposing")),
    ("camera_remaining_seconds", "Rest of the exposure under way.", ("Camera", "Remaining (s)")),
    ("camera_temperature_celsius", "Temperature of the detector.", ("Camera", "Temperature (C)")),
    ("filter_wheel_slot", "Slot of the filter wheel in the beam.", ("Filter Wheel", "Slot")),
    ("filter_wheel_moving", "1 while the wheel turns.", ("Filter Wheel", "Moving")),
    ("focuser_position", "Position of the focuser, its own steps.", ("Focuser", "Position")),
    ("focuser_temperature_celsius", "Temperature at the focuser.", ("Focuser", "Temperature (C)")),
    ("light_panel_on", "1 while the light panel is lit.", ("Light Panel", "On")),
)

METRICS: tuple[Metric, ...] = (
    gauge(
        "ctmo_device_connected",
        "1 while the device of a role is connected.",
        each_at("Devices", inner=("Connected",)),
        ("role",),
    ),
    gauge(
        "ctmo_device_age_seconds",
        "Since the device said anything, seconds of the sky's clock; some speak on changes only.",
        each_at("Devices", inner=("Age (s)",)),
        ("role",),
    ),
    *(gauge(f"ctmo_{name}", about, at("Devices", *path)) for name, about, path in _PLAIN),
    gauge(
        "ctmo_mount_hour_angle_degrees",
        "Hour angle of the mount, -180 to 180.",
        at("Devices", "Mount", "Hour Angle (hour)", scale=15.0),
    ),
    gauge(
        "ctmo_dome_shutter_state",
        "1 for the state of the dome's shutter, 0 for the others.",
        state_at(_SHUTTER, "Devices", "Dome", "Shutter"),
        ("state",),
    ),
)
