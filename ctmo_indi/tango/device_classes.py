"""Tango classes made out of the table: one for each row of ``devices.py``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import tango
from tango import AttrQuality, AttrWriteType, DevState
from tango.server import Device, attribute, command

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CtmoError
from ctmo_indi.profiles import Profile
from ctmo_indi.tango import refusals
from ctmo_indi.tango.desk_calls import DeskCalls, carried
from ctmo_indi.tango.letters import latin, plain
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango.readings import MOST, Reading, label_of, of_instant, of_setting, reading
from ctmo_indi.tango.spec import Asked, AttributeSpec, CommandSpec, DeviceSpec, Kind, Order, Reply
from ctmo_indi.tango.state_table import Facts, State, judged

_log = logging.getLogger(__name__)

_DTYPES: Mapping[Kind, Any] = {  # Any: what pytango takes
    Kind.NUMBER: "DevDouble",
    Kind.WHOLE: "DevLong",
    Kind.CLAIM: "DevBoolean",
    Kind.TEXT: "DevString",
    Kind.CHOICE: "DevEnum",
    Kind.NUMBERS: ("DevDouble",),
    Kind.TEXTS: ("DevString",),
}
# Of these a FAILED reply is a refusal; of the others a Status that is asked for.
_DEEDS = ("Control", "Dome", "Scheduler")


class ObservatoryDevice(Device):  # type: ignore[misc] # pytango has no types of its own
    """What all classes do; :func:`device_class` adds attributes and commands.

    Orders and readings come from any thread of Tango's, news from the service's watching thread.
    """

    spec: DeviceSpec
    bridge: Bridge

    def init_device(self) -> None:
        """Begin, or begin anew on Init: settings as at the start, everything told once more."""
        super().init_device()
        self._telling = threading.Lock()
        self._told: dict[str, Reading] = {}
        self._told_state: tuple[State, str] | None = None
        self._since_s: float | None = None
        self.settings = {each.name: each.setting for each in self.rows if each.setting is not None}
        for name in ("State", "Status", *(each.name for each in self.rows if each.has_events)):
            self.set_change_event(name, True, False)
            self.set_archive_event(name, True, False)
        self._take_state(*self.judged())
        self.bridge.attach(self)

    def delete_device(self) -> None:
        """End."""
        self.bridge.detach(self)

    @property
    def rows(self) -> tuple[AttributeSpec, ...]:
        """Its attributes."""
        return self.spec.all_attributes(self.bridge.profile)

    def facts(self) -> Facts:
        """Return what is known of it now."""
        seen = self.bridge.seen(self.spec.service)
        return Facts(seen, self.spec.part, self.bridge.clock.machine_s())

    def judged(self) -> tuple[State, str]:
        """Return State and Status as of now."""
        state, status = judged(self.spec.name, self.facts())
        return state, plain(status)

    def dev_state(self) -> DevState:
        """Return the table's State, whatever Tango would make of the attributes' alarms."""
        return getattr(DevState, self.judged()[0].value)

    def dev_status(self) -> str:
        """Return the table's words."""
        return self.judged()[1]

    def reading(self, row: AttributeSpec) -> Reading:
        """Return what an attribute reads now."""
        if row.setting is not None:
            return of_setting(row, self.settings[row.name], self.bridge.profile)
        if row.of_state:
            return of_instant(self._since_s)
        return reading(row, self.facts(), self.bridge.profile)

    def tell(self) -> None:
        """Push what has changed; from a thread that Tango knows."""
        with self._telling:
            state, at_s = self.judged(), self.told_at_s()
            if state != self._told_state:
                if self._told_state is None or state[0] is not self._told_state[0]:
                    self._since_s = at_s
                self._take_state(*state)
                for name in ("State", "Status"):
                    self.push_change_event(name)
                    self.push_archive_event(name)
                self._told_state = state
            for row in self.rows:
                if not row.has_events:
                    continue
                found = self.reading(row)
                if found.differs(self._told.get(row.name), row.least_change):
                    quality = _quality(found)
                    self.push_change_event(row.name, found.value, at_s, quality)
                    self.push_archive_event(row.name, found.value, at_s, quality)
                    self._told[row.name] = found

    def told_at_s(self) -> float:
        """Return when its service said what we know, sky time as Unix seconds."""
        utc = self.bridge.seen(self.spec.service).utc
        return (utc or self.bridge.clock.utc()).timestamp()

    def _take_state(self, state: State, status: str) -> None:
        self.set_state(getattr(DevState, state.value))
        self.set_status(status)

    def asked(self, value: object) -> Asked:
        """Return what an order is made of."""
        return Asked(value, dict(self.settings), self.bridge.seen(self.spec.service))

    def carry_out(
        self, asks: tuple[str, ...], make: Callable[[Asked], Order], value: object
    ) -> Reply:
        """Send an order; a refusal becomes a DevFailed with a stable reason."""
        try:
            order = carried(make(self.asked(value)))
            reply = self.bridge.calls.ask(asks, order)
        except CtmoError as error:
            self.refuse(refusals.reason(error), str(error))
        failed = refusals.reason_of_failure(reply) if order.get("WOType") in _DEEDS else ""
        if failed:
            self.refuse(failed, str(reply["Failure"]))
        return reply

    def refuse(self, reason: str, text: str) -> None:
        """Raise a DevFailed."""
        tango.Except.throw_exception(reason, plain(text), self.get_name())


class Bridge:
    """Between the watches of the services and the devices. Thread-safe.

    Parameters
    ----------
    watched
        Returns what a service said last.
    """

    def __init__(
        self, profile: Profile, clock: Clock, calls: DeskCalls, watched: Callable[[str], Seen]
    ) -> None:
        self.profile = profile
        self.clock = clock
        self.calls = calls
        self.seen = watched
        self._lock = threading.Lock()
        self._devices: tuple[ObservatoryDevice, ...] = ()

    def attach(self, device: ObservatoryDevice) -> None:
        """Have a device told of news."""
        with self._lock:
            others = tuple(each for each in self._devices if each is not device)
            self._devices = (*others, device)

    def detach(self, device: ObservatoryDevice) -> None:
        """Have it told no longer."""
        with self._lock:
            self._devices = tuple(each for each in self._devices if each is not device)

    def on_news(self, seen: Seen) -> None:
        """Have the devices of a service tell; from the service's watching thread.

        One that cannot be told of (it is being deleted) keeps no other from it.
        """
        for device in self._devices:
            if device.spec.service == seen.service:
                try:
                    device.tell()
                except Exception:  # noqa: BLE001 - outermost line; the next news tries again
                    _log.exception("tango_not_told device=%s", device.spec.name)


def device_class(spec: DeviceSpec, bridge: Bridge) -> type[ObservatoryDevice]:
    """Make the Tango class of a row."""
    members: dict[str, Any] = {  # Any: of a class
        "__doc__": spec.doc,
        "__module__": __name__,
        "spec": spec,
        "bridge": bridge,
    }
    for row in spec.all_attributes(bridge.profile):
        members |= _attribute(row, bridge.profile)
    for one in spec.commands:
        members |= _command(one)
    return type(spec.name, (ObservatoryDevice,), members)


def _attribute(row: AttributeSpec, profile: Profile) -> dict[str, Any]:  # Any: of a class
    settings: dict[str, Any] = {  # Any: what pytango takes
        "name": row.name,
        "dtype": _DTYPES[row.kind],
        "label": row.label or row.name,
        "doc": row.doc,
        "fget": f"read_{row.name}",
    }
    if row.unit:
        settings |= {"unit": row.unit, "display_unit": row.unit}
    if row.shown:
        settings["format"] = row.shown
    if row.labels:
        settings["enum_labels"] = [latin(label) for label in row.labels(profile)]
    if row.kind in (Kind.NUMBERS, Kind.TEXTS):
        settings["max_dim_x"] = MOST
    limits = {"min_value": row.minimum, "max_value": row.maximum}
    if row.alarm is not None:
        bounds = row.alarm(profile)
        limits |= {"min_alarm": bounds.low, "max_alarm": bounds.high}
    settings |= {key: str(limit) for key, limit in limits.items() if limit is not None}

    def read(self: ObservatoryDevice) -> tuple[Any, float, AttrQuality]:  # Any: of the kind
        found = self.reading(row)
        return found.value, self.told_at_s(), _quality(found)

    members: dict[str, Any] = {f"read_{row.name}": read}
    if row.is_written:
        settings |= {"access": AttrWriteType.READ_WRITE, "fset": f"write_{row.name}"}

        def write(self: ObservatoryDevice, value: Any) -> None:  # Any: of the kind
            wanted = label_of(row, value, self.bridge.profile)
            if row.order is None:
                self.settings[row.name] = wanted
                self.tell()
            else:
                self.carry_out((row.asks,), row.order, wanted)

        def may(self: ObservatoryDevice, request: tango.AttReqType) -> bool:
            is_read = request == tango.AttReqType.READ_REQ
            return is_read or self.judged()[0] not in row.never_in

        members |= {f"write_{row.name}": write, f"is_{row.name}_allowed": may}
    members[row.name] = attribute(**settings)
    return members


def _command(one: CommandSpec) -> dict[str, Any]:  # Any: of a class
    def without(self: ObservatoryDevice) -> str:
        return one.gives(self.carry_out(one.asks, one.order, None))

    def with_argument(self: ObservatoryDevice, value: Any) -> str:  # Any: of the kind
        return one.gives(self.carry_out(one.asks, one.order, value))

    def may(self: ObservatoryDevice) -> bool:
        return self.judged()[0] not in one.never_in

    run = without if one.takes is None else with_argument
    run.__name__ = one.name
    may.__name__ = f"is_{one.name}_allowed"  # by it pytango keeps them apart
    run.__doc__ = one.doc
    takes = {} if one.takes is None else {"dtype_in": _DTYPES[one.takes], "doc_in": one.argument}
    return {one.name: command(f=run, dtype_out=str, doc_out=one.answer, fisallowed=may, **takes)}


def _quality(found: Reading) -> AttrQuality:
    return (
        AttrQuality.ATTR_INVALID if found.mood is None else getattr(AttrQuality, found.mood.value)
    )
