"""Table of the device Mount."""

from __future__ import annotations

from ctmo_indi.errors import BadOrder
from ctmo_indi.profiles import Profile, Role
from ctmo_indi.tango.by_hand import ABORT, NOT_THERE, control, finite
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango.spec import (
    Asked,
    AttributeSpec,
    Bounds,
    CommandSpec,
    DeviceSpec,
    Kind,
    Mood,
    Order,
)


def _slew(asked: Asked) -> Order:
    if len(asked.value) != 2:
        raise BadOrder(f"came {len(asked.value)} numbers, expected two: RA and Dec in degrees")
    ra_deg, dec_deg = asked.value
    place = {"RA": finite(ra_deg, "RA"), "Dec": finite(dec_deg, "Dec"), "RA Unit": "deg"}
    return control("slew", **place)


def _on_sky(seen: Seen, bounds: Bounds, value: object) -> Mood:
    """Return ALARM for a telescope that is out of its limits and not parked."""
    return Mood.VALID if seen.part("Mount").get("Parked") is True else bounds.mood(value)


def _altitude(seen: Seen, profile: Profile, value: object) -> Mood:
    limits = profile.limits
    return _on_sky(seen, Bounds(limits.horizon_deg, limits.max_altitude_deg), value)


def _hour_angle(seen: Seen, profile: Profile, value: object) -> Mood:
    largest_h = profile.limits.max_hour_angle_h
    if largest_h is None:
        return Mood.VALID
    return _on_sky(seen, Bounds(-largest_h, largest_h), value)


MOUNT = DeviceSpec(
    name="Mount",
    doc="The telescope's mount. Places on the sky are ICRS unless they say otherwise.",
    service="telescope",
    part="Mount",
    role=Role.MOUNT,
    attributes=(
        AttributeSpec(
            name="RightAscension", kind=Kind.NUMBER, path=("Devices", "Mount", "RA"),
            unit="deg", shown="%9.5f", least_change=1e-4, label="RA",
            doc="Right ascension where it points, ICRS.",
        ),
        AttributeSpec(
            name="Declination", kind=Kind.NUMBER, path=("Devices", "Mount", "Dec"),
            unit="deg", shown="%9.5f", least_change=1e-4, label="Dec",
            doc="Declination where it points, ICRS.",
        ),
        AttributeSpec(
            name="Altitude", kind=Kind.NUMBER, path=("Devices", "Mount", "Altitude"),
            unit="deg", shown="%7.3f", least_change=1e-3, mood=_altitude,
            doc="Above the horizon, without refraction. ALARM out of the profile's limits, unless"
            " parked.",
        ),
        AttributeSpec(
            name="Azimuth", kind=Kind.NUMBER, path=("Devices", "Mount", "Azimuth"),
            unit="deg", shown="%8.3f", least_change=1e-3,
            doc="From north through east.",
        ),
        AttributeSpec(
            name="HourAngle", kind=Kind.NUMBER, path=("Devices", "Mount", "Hour Angle (hour)"),
            unit="h", shown="%8.4f", least_change=1e-4, label="Hour angle", mood=_hour_angle,
            doc="Negative east of the meridian. ALARM beyond the profile's largest, unless parked.",
        ),
        AttributeSpec(
            name="ApparentRightAscension", kind=Kind.NUMBER,
            path=("Devices", "Mount", "RA of Date (hour)"),
            unit="h", shown="%9.6f", least_change=1e-5, label="RA of date",
            doc="Apparent right ascension of date, as INDI's mounts speak.",
        ),
        AttributeSpec(
            name="ApparentDeclination", kind=Kind.NUMBER,
            path=("Devices", "Mount", "Dec of Date"),
            unit="deg", shown="%9.5f", least_change=1e-4, label="Dec of date",
            doc="Apparent declination of date.",
        ),
        AttributeSpec(
            name="Tracking", kind=Kind.CLAIM, path=("Devices", "Mount", "Tracking"),
            doc="Whether it follows the sky.",
        ),
        AttributeSpec(
            name="Parked", kind=Kind.CLAIM, path=("Devices", "Mount", "Parked"),
            doc="Whether it is parked.",
        ),
        AttributeSpec(
            name="PierSide", kind=Kind.TEXT, path=("Devices", "Mount", "Pier Side"),
            label="Pier side", doc="east or west: where the tube is.",
        ),
        AttributeSpec(
            name="Doing", kind=Kind.TEXT, path=("Busy",),
            doc="What the telescope service has under way; empty when nothing.",
        ),
    ),
    commands=(
        CommandSpec(
            name="SlewTo", takes=Kind.NUMBERS, argument="RA and Dec, degrees, ICRS",
            asks=("telescope",), order=_slew, never_in=NOT_THERE,
            doc="Go to a place on the sky and track it.",
        ),
        CommandSpec(
            name="Track", asks=("telescope",), order=lambda _: control("track"),
            never_in=NOT_THERE, doc="Track where it points.",
        ),
        CommandSpec(
            name="Park", asks=("telescope",), order=lambda _: control("park"),
            never_in=NOT_THERE, doc="Go to the park position and stay there.",
        ),
        CommandSpec(
            name="Unpark", asks=("telescope",), order=lambda _: control("unpark"),
            never_in=NOT_THERE, doc="Be ready to move.",
        ),
        ABORT,
    ),
)  # fmt: skip
