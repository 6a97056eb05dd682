"""Table of the device FilterWheel."""

from __future__ import annotations

from ctmo_indi.profiles import Role
from ctmo_indi.tango.by_hand import ABORT, NOT_THERE, control
from ctmo_indi.tango.spec import AttributeSpec, CommandSpec, DeviceSpec, Kind

FILTER_WHEEL = DeviceSpec(
    name="FilterWheel",
    doc="The filter wheel.",
    service="telescope",
    part="Filter Wheel",
    role=Role.FILTER_WHEEL,
    attributes=(
        AttributeSpec(
            name="Filter", kind=Kind.CHOICE, path=("Devices", "Filter Wheel", "Filter"),
            labels=lambda profile: tuple(profile.filters), asks="telescope",
            order=lambda asked: control("filter", Filter=asked.value), never_in=NOT_THERE,
            doc="The filter in the beam, by the profile's name; writing it turns the wheel.",
        ),
        AttributeSpec(
            name="Slot", kind=Kind.WHOLE, path=("Devices", "Filter Wheel", "Slot"),
            doc="Its place in the wheel, from 1.",
        ),
        AttributeSpec(
            name="SlotName", kind=Kind.TEXT, path=("Devices", "Filter Wheel", "Slot Name"),
            label="Slot name", doc="The driver's name of that place.",
        ),
    ),
    commands=(
        CommandSpec(
            name="SetFilter", takes=Kind.TEXT, argument="the profile's name of a filter",
            asks=("telescope",), order=lambda asked: control("filter", Filter=asked.value),
            never_in=NOT_THERE, doc="Turn a filter into the beam.",
        ),
        ABORT,
    ),
)  # fmt: skip
