"""Single INDI elements for a Status reply: what telemetry streams are made of.

An element is named ``device.PROPERTY.ELEMENT``; the device is a role of the profile (``weather``)
or the INDI device's own name, which may have dots in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.indi.snapshot import PropertySnapshot
from ctmo_indi.profiles import Role


class Properties(Protocol):
    """What is needed of the INDI client; any thread."""

    def require(self, device: str, prop: str) -> PropertySnapshot:
        """The property as last heard; NotConnected, UnknownDevice or UnknownProperty."""
        ...


class Device(Protocol):
    """What is needed of a role."""

    @property
    def name(self) -> str:
        """INDI name of the device."""
        ...


def read_elements(
    names: Sequence[str], devices: Mapping[Role, Device], client: Properties, clock: Clock
) -> dict[str, object]:
    """Return each element with ``Value``, ``Age (s)`` and ``State``; any thread, does not block.

    ``Age (s)`` are elapsed seconds since the server last told the property. One that is not there
    has ``Reason`` instead: it does not keep the others from being told.
    """
    return {name: _read_one(name, devices, client, clock) for name in names}


def _read_one(
    name: str, devices: Mapping[Role, Device], client: Properties, clock: Clock
) -> dict[str, object]:
    device, prop, element = name.rsplit(".", 2)
    role = next((role for role in Role if role == device), None)
    if role is not None:
        if role not in devices:
            return {"Reason": f"the profile has no {role}"}
        device = devices[role].name
    try:
        snapshot = client.require(device, prop)
    except CtmoError as error:
        return {"Reason": str(error)}
    if element not in snapshot.values:
        known = ", ".join(snapshot.values) or "nothing"
        return {"Reason": f"{device}.{prop} has no element {element}; its elements are {known}"}
    return {
        "Value": snapshot.values[element],
        "Age (s)": max(0.0, clock.elapsed_s() - snapshot.elapsed_s),
        "State": snapshot.state.value,
    }
