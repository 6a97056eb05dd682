"""Table of the device Camera."""

from __future__ import annotations

from ctmo_indi.errors import BadOrder
from ctmo_indi.profiles import Role
from ctmo_indi.tango.by_hand import ABORT, NOT_THERE
from ctmo_indi.tango.spec import Asked, AttributeSpec, CommandSpec, DeviceSpec, Kind, Order

_FRAME_TYPES = ("Light", "Dark", "Bias", "Flat")


def _expose(asked: Asked) -> Order:
    settings = asked.settings
    kind = settings["FrameType"]
    order: dict[str, object] = {
        "WOType": "Observation",
        "Frame Type": kind,
        "Number of Exposures": settings["Frames"],
    }
    if kind != "Bias":
        order["Exposure Time"] = settings["ExposureTime"]
    if kind in ("Light", "Flat"):
        order["Filter"] = asked.seen.at("Devices", "Filter Wheel", "Filter") or ""
    if kind == "Light":
        mount = asked.seen.part("Mount")
        if "RA" not in mount or "Dec" not in mount:
            raise BadOrder("it is not known where the mount points: a Light frame is of a place")
        order |= {"RA": mount["RA"] % 360.0, "Dec": mount["Dec"], "RA Unit": "deg"}
    return order


CAMERA = DeviceSpec(
    name="Camera",
    doc="The camera. Frames are kept by the telescope service; the device gives their names.",
    service="telescope",
    part="Camera",
    role=Role.CAMERA,
    attributes=(
        AttributeSpec(
            name="ExposureTime", kind=Kind.NUMBER, setting=1.0, minimum=0.0, maximum=7200.0,
            unit="s", shown="%.3f", label="Exposure time", doc="Of the frames of Expose.",
        ),
        AttributeSpec(
            name="FrameType", kind=Kind.CHOICE, setting="Dark", labels=lambda _: _FRAME_TYPES,
            label="Frame type", doc="Of the frames of Expose; a Light is of where it points now.",
        ),
        AttributeSpec(
            name="Frames", kind=Kind.WHOLE, setting=1, minimum=1, maximum=1000,
            doc="How many Expose takes.",
        ),
        AttributeSpec(
            name="Exposing", kind=Kind.CLAIM, path=("Devices", "Camera", "Exposing"),
            doc="Whether an exposure is under way.",
        ),
        AttributeSpec(
            name="Remaining", kind=Kind.NUMBER, path=("Devices", "Camera", "Remaining (s)"),
            unit="s", shown="%.1f", least_change=0.5, doc="Of the exposure under way.",
        ),
        AttributeSpec(
            name="Temperature", kind=Kind.NUMBER, path=("Devices", "Camera", "Temperature (C)"),
            unit="degC", shown="%.1f", least_change=0.05, doc="Of the detector.",
        ),
        AttributeSpec(
            name="Binning", kind=Kind.WHOLE, path=("Devices", "Camera", "Binning"),
            doc="Pixels a side that are read as one.",
        ),
        AttributeSpec(
            name="Attempt", kind=Kind.TEXT, read=lambda seen: seen.at("Current", "Receipt") or "",
            doc="Receipt of what is observed now; empty when nothing is.",
        ),
        AttributeSpec(
            name="Step", kind=Kind.TEXT, read=lambda seen: seen.at("Current", "Step") or "",
            doc="How far that is.",
        ),
        AttributeSpec(
            name="LastFrame", kind=Kind.TEXT, read=lambda seen: seen.last_frame,
            label="Last frame",
            doc="File of the newest frame, on the telescope's machine; empty before the first."
            " Told when the exposure after the next begins, and at the end of the attempt.",
        ),
    ),
    commands=(
        CommandSpec(
            name="Expose", asks=("telescope",), order=_expose, never_in=NOT_THERE,
            doc="Take Frames frames of ExposureTime and FrameType now, through the filter in place;"
            " refused while a scheduler is at work. What is to be planned goes to the scheduler.",
        ),
        ABORT,
    ),
)  # fmt: skip
