"""Table of the device Dome."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.profiles import Profile, Role
from ctmo_indi.tango.by_hand import ABORT, NOT_THERE, control, finite
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango.spec import Asked, AttributeSpec, CommandSpec, DeviceSpec, Kind, Mood, Order


def _turn(asked: Asked) -> Order:
    return {"WOType": "Dome", "Azimuth": finite(asked.value, "Azimuth")}


def _shutter(seen: Seen, _profile: Profile, value: object) -> Mood:
    verdict = seen.at("Verdict")
    is_unsafe = isinstance(verdict, Mapping) and verdict.get("Level") == "UNSAFE"
    return Mood.ALARM if value == "OPEN" and is_unsafe else Mood.VALID


def _observatory(_seen: Seen, _profile: Profile, value: object) -> Mood:
    return {"ALARM": Mood.ALARM, "UNKNOWN": Mood.WARNING}.get(str(value), Mood.VALID)


DOME = DeviceSpec(
    name="Dome",
    doc="The dome and its shutter. Opening needs a SAFE verdict and, as everything, a role.",
    service="telescope",
    part="Dome",
    role=Role.DOME,
    attributes=(
        AttributeSpec(
            name="Azimuth", kind=Kind.NUMBER, path=("Devices", "Dome", "Azimuth"),
            unit="deg", shown="%7.2f", least_change=0.01, minimum=0.0, maximum=359.999,
            asks="telescope", order=_turn, never_in=NOT_THERE,
            doc="Where the slit points, from north through east; writing it turns the dome.",
        ),
        AttributeSpec(
            name="Shutter", kind=Kind.CHOICE, path=("Devices", "Dome", "Shutter"), mood=_shutter,
            labels=lambda _: ("OPEN", "CLOSED", "OPENING", "CLOSING", "UNKNOWN"),
            doc="ALARM while it is open although it must be closed.",
        ),
        AttributeSpec(
            name="Parked", kind=Kind.CLAIM, path=("Devices", "Dome", "Parked"),
            doc="Whether the dome is parked.",
        ),
        AttributeSpec(
            name="Observatory", kind=Kind.CHOICE, path=("Observatory",), mood=_observatory,
            labels=lambda _: ("CLOSED", "OPENING", "OPEN", "CLOSING", "UNKNOWN", "ALARM"),
            doc="What dome and mount are together.",
        ),
    ),
    commands=(
        CommandSpec(
            name="Open", asks=("telescope",), order=lambda _: control("open"), never_in=NOT_THERE,
            doc="Open the observatory: unpark the dome, open the shutter.",
        ),
        CommandSpec(
            name="Close", asks=("telescope",), order=lambda _: control("close"),
            doc="Close the observatory: park the mount, close the shutter, park the dome; always"
            " allowed.",
        ),
        CommandSpec(
            name="GotoAz", takes=Kind.NUMBER, argument="azimuth, degrees, 0 to below 360",
            asks=("telescope",), order=_turn, never_in=NOT_THERE, doc="Turn the slit there.",
        ),
        CommandSpec(
            name="Park", asks=("telescope",), never_in=NOT_THERE,
            order=lambda _: {"WOType": "Dome", "Park": True},
            doc="Park the dome; over a telescope that is not parked it is the whole closing.",
        ),
        CommandSpec(
            name="Unpark", asks=("telescope",), never_in=NOT_THERE,
            order=lambda _: {"WOType": "Dome", "Park": False}, doc="Be ready to turn.",
        ),
        ABORT,
    ),
)  # fmt: skip
