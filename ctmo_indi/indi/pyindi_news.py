"""PyIndi's callbacks, turned into plain data at once. Runs in the PyIndi child only.

They come on libindiclient's listener thread. Each copies what it needs, queues it and returns; no
native object is kept. Whatever goes wrong is caught: an exception that left a callback would make
the client deaf for good.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import PyIndi

_TYPES = {
    PyIndi.INDI_NUMBER: "Number",
    PyIndi.INDI_SWITCH: "Switch",
    PyIndi.INDI_TEXT: "Text",
    PyIndi.INDI_LIGHT: "Light",
    PyIndi.INDI_BLOB: "BLOB",
}
_STATES = {
    PyIndi.IPS_IDLE: "Idle",
    PyIndi.IPS_OK: "Ok",
    PyIndi.IPS_BUSY: "Busy",
    PyIndi.IPS_ALERT: "Alert",
}
_PERMISSIONS = {PyIndi.IP_RO: "ro", PyIndi.IP_WO: "wo", PyIndi.IP_RW: "rw"}
_RULES = {
    PyIndi.ISR_1OFMANY: "OneOfMany",
    PyIndi.ISR_ATMOST1: "AtMostOne",
    PyIndi.ISR_NOFMANY: "AnyOfMany",
}
_TIME_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+: ")
_ERRORS_TOLD = 20

CallbackT = TypeVar("CallbackT", bound=Callable[..., None])


class Outlet(Protocol):
    """Where the news go."""

    def put(self, head: list[object], body: bytes | bytearray = b"") -> None:
        """Queue one message; must not block."""
        ...


def _clean(text: str) -> str:
    """Make text that UTF-8 can carry of what came off the wire."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class News(PyIndi.BaseClient):  # type: ignore[misc]  # PyIndi has no types
    """The PyIndi client; see the module.

    ``acknowledge`` is called with each piece of news, see :mod:`ctmo_indi.indi.tcp`.
    """

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet
        self._ranges: dict[tuple[str, str], list[list[object]]] = {}
        self._announced: str | None = None
        self._errors = 0
        self.acknowledge: Callable[[], None] = lambda: None

    # -- callbacks, named by PyIndi -----------------------------------------------------------

    def newDevice(self, device: Any) -> None:  # noqa: N802
        """Remember the announcement; without a property it is a ghost."""
        self._guard(self._device, device)

    def removeDevice(self, device: Any) -> None:  # noqa: N802
        """Report a driver that is gone."""
        self._guard(self._device_gone, device)

    def newProperty(self, prop: Any) -> None:  # noqa: N802
        """Report a definition."""
        self._guard(self._definition, prop)

    def updateProperty(self, prop: Any) -> None:  # noqa: N802
        """Report new values."""
        self._guard(self._update, prop)

    def removeProperty(self, prop: Any) -> None:  # noqa: N802
        """Report a property that is gone."""
        self._guard(self._property_gone, prop)

    def newMessage(self, device: Any, number: int) -> None:  # noqa: N802
        """Report a driver's message."""
        self._guard(self._message, device, number)

    def newUniversalMessage(self, text: str) -> None:  # noqa: N802
        """Report a message of the server."""
        self._guard(self._put, ["message", "", _TIME_STAMP.sub("", _clean(text))])

    def newPingReply(self, uid: str) -> None:  # noqa: N802
        """Report a sign of life."""
        self._guard(self._pong, uid)

    def serverConnected(self) -> None:  # noqa: N802
        """Nothing to do: the main thread reports it."""

    def serverDisconnected(self, code: int) -> None:  # noqa: N802
        """Report the loss; the only notice of it that can be trusted."""
        self._guard(self._put, ["down", f"the INDI server hung up ({code})"])

    # -- what they do -------------------------------------------------------------------------

    def _guard(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self.acknowledge()
            call(*arguments)
        except BaseException as error:  # noqa: BLE001 - nothing may leave a callback, see above
            self._errors += 1
            if self._errors <= _ERRORS_TOLD:
                sys.stderr.write(f"callback failed: {call.__name__}: {error!r}\n")

    def _put(self, head: list[object]) -> None:
        self._tell_ghost(None)
        self._outlet.put(head)

    def _tell_ghost(self, defined: str | None) -> None:
        if self._announced is not None:
            if self._announced != defined:
                self._outlet.put(["ghost", self._announced, None])
            self._announced = None

    def _device(self, device: Any) -> None:
        self._tell_ghost(None)
        self._announced = _clean(device.getDeviceName())

    def _device_gone(self, device: Any) -> None:
        name = _clean(device.getDeviceName())
        for key in [key for key in self._ranges if key[0] == name]:
            del self._ranges[key]
        self._put(["removed", name, None])

    def _pong(self, uid: str) -> None:
        self._put(["ping", _clean(uid)])

    def _message(self, device: Any, number: int) -> None:
        text = _TIME_STAMP.sub("", _clean(device.messageQueue(number)))
        self._put(["message", _clean(device.getDeviceName()), text])

    def _property_gone(self, prop: Any) -> None:
        device, name = _clean(prop.getDeviceName()), _clean(prop.getName())
        self._ranges.pop((device, name), None)
        self._put(["removed", device, name])

    def _definition(self, prop: Any) -> None:
        device, name = _clean(prop.getDeviceName()), _clean(prop.getName())
        self._tell_ghost(device)
        kind = _TYPES[prop.getType()]
        values, ranges = _read(prop, kind)
        self._ranges[device, name] = ranges
        rule = _RULES[prop.getSwitch().getRule()] if kind == "Switch" else None
        permission = "ro" if kind == "Light" else _PERMISSIONS[prop.getPermission()]
        state = _STATES[prop.getState()]
        self._outlet.put(["def", device, name, kind, state, permission, rule, values, ranges])

    def _update(self, prop: Any) -> None:
        device, name = _clean(prop.getDeviceName()), _clean(prop.getName())
        kind = _TYPES[prop.getType()]
        values, ranges = _read(prop, kind)
        changed: object = None
        if ranges != self._ranges.get((device, name)):
            self._ranges[device, name] = ranges
            changed = ranges
        self._put(["set", device, name, _STATES[prop.getState()], values, changed])
        if kind == "BLOB":
            self._blobs(device, name, prop)

    def _blobs(self, device: str, name: str, prop: Any) -> None:
        for blob in prop.getBLOB():
            length, size = blob.getBlobLen(), blob.getSize()
            head: list[object] = ["blob", device, name, _clean(blob.getName())]
            head.append(_clean(blob.getFormat() or ""))
            if length <= 0:
                continue
            if length != size:
                # getblobdata() would copy size bytes out of a buffer of length bytes: a crash
                reason = f"{length} bytes came, {size} announced: compressed or cut"
                self._outlet.put([*head, reason])
            else:
                self._outlet.put([*head, ""], blob.getblobdata())


def _read(prop: Any, kind: str) -> tuple[list[list[object]], list[list[object]]]:
    """Values and ranges of a property, by element."""
    values: list[list[object]] = []
    ranges: list[list[object]] = []
    if kind == "Number":
        for one in prop.getNumber():
            element = _clean(one.getName())
            values.append([element, float(one.getValue())])
            ranges.append([element, one.getMin(), one.getMax(), one.getStep()])
    elif kind == "Switch":
        for one in prop.getSwitch():
            values.append([_clean(one.getName()), one.getState() == PyIndi.ISS_ON])
    elif kind == "Text":
        for one in prop.getText():
            values.append([_clean(one.getName()), _clean(one.getText() or "")])
    elif kind == "Light":
        for one in prop.getLight():
            values.append([_clean(one.getName()), _STATES[one.getState()]])
    else:
        for one in prop.getBLOB():
            values.append([_clean(one.getName()), _clean(one.getFormat() or "")])
    return values, ranges
