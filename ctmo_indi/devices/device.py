"""What all roles share: readings, operations, ages, the guard."""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.devices import description as descriptions
from ctmo_indi.devices.description import Description
from ctmo_indi.devices.link import DeviceLink, PendingCommand
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.motion_kinds import (
    OPERATION_MOTIONS,
    Guard,
    MotionKind,
    MotionRequest,
)
from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.devices.placeholders import Value, fill_all
from ctmo_indi.errors import ConfigError, CtmoError, InternalError, UnknownProperty
from ctmo_indi.indi import names
from ctmo_indi.indi.command import CompletionRule
from ctmo_indi.indi.driver_watch import DriverTiming
from ctmo_indi.indi.events import Event, PropertyDefined, PropertyUpdated
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState
from ctmo_indi.profiles import Equipment, Profile

_log = logging.getLogger(__name__)

UNFIT_PAUSE_S = 60.0
"""Machine seconds until a device that did not fit its file is tried again."""

ResultT = TypeVar("ResultT")


def allow_all(request: MotionRequest) -> None:
    """Guard of a device outside an observatory: nothing is forbidden."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a device shares with the others of its observatory.

    Parameters
    ----------
    guard
        The interlocks.
    sent
        Told of every motion that is sent, at that moment.
    """

    moves: OwnMoves
    guard: Guard = allow_all
    sent: Callable[[MotionRequest], None] = allow_all


class Device:
    """One INDI device in a role.

    Parameters
    ----------
    client
        The INDI link; commands and snapshots go through it, from any thread.
    surroundings
        The observatory's guard and book of own moves; None: no interlocks.
    """

    # False: ``Observatory.connect_all`` leaves it alone, somebody else sees to it.
    is_connected_with_others = True

    def __init__(
        self,
        client: DeviceLink,
        description: Description,
        equipment: Equipment,
        profile: Profile,
        clock: Clock,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.description = description
        self.equipment = equipment
        self.profile = profile
        self.name = device_name(description, equipment)
        self._client = client
        self._clock = clock
        self._around = surroundings or Surroundings(OwnMoves(clock))
        self._initial: dict[str, dict[str, Value]] = {}
        self._configured: dict[str, dict[str, Value]] = {}
        self._was_configured = self._owes_initial = False
        self._unfit, self._unfit_machine_s = "", -math.inf
        self._slot_lock = threading.Lock()
        self._slots: dict[str, Motion[Any]] = {}  # Any: results of all kinds

    @property
    def is_connected(self) -> bool:
        """Whether the driver is there and connected to its hardware."""
        snapshot = self._client.get(self.name, names.CONNECTION)
        return (
            snapshot is not None
            and snapshot.values.get(names.CONNECT) is True
            and snapshot.state is not PropertyState.ALERT
        )

    @property
    def is_set_up(self) -> bool:
        """Whether it is connected, and configured by this process."""
        return self.is_connected and self._was_configured

    @property
    def is_missing(self) -> bool:
        """Whether it is not connected, or is and was never configured by this process.

        So it is when another process has connected it, and when the link was lost in the middle of
        ours and the device came back by itself. One that did not fit its file is tried again after
        :data:`UNFIT_PAUSE_S`.
        """
        rests = self._clock.machine_s() - self._unfit_machine_s < UNFIT_PAUSE_S
        return not (self.is_connected and (self._was_configured or rests))

    @property
    def unfit(self) -> str:
        """Why it is connected and yet not set up, for its driver lacks what its file requires.

        Empty for one that is well, not connected, or not tried yet. A mount that knows neither its
        site nor its time points elsewhere, and reads back that it is on its target.
        """
        return self._unfit if self.is_connected and not self._was_configured else ""

    def connect(self, context: Mapping[str, Value], timeout_s: float | None = None) -> None:
        """Connect, wait for the required properties and apply the configuration; blocks.

        What is found connected may be at work for another process: what an operation sets is then
        left as it is.

        Parameters
        ----------
        timeout_s
            Elapsed seconds; None, or longer than the file's ``connect_timeout_s``: that.

        Raises
        ------
        ConfigError
            A placeholder without a value.
        NotConnected, CommandTimeout
            No link, or the driver does not connect in ``connect_timeout_s``.
        """
        before, after = self.configuration(context)
        self._configured = after
        self._was_configured = False
        self._owes_initial = self._owes_initial or not self.is_connected
        blocks_s = self.description.quirk("silence_s", self.description.quirk("readout_s", 0.0))
        if blocks_s > 0.0:
            # A driver that blocks answers nobody, on top of what everybody is allowed.
            self._client.allow_silence(self.name, DriverTiming().lost_s + blocks_s)
        own_s = self.description.connect_timeout_s
        try:
            self._client.connect_device(
                self.name,
                before=list(before.items()),
                requires=self.description.requires,
                timeout_s=own_s if timeout_s is None else min(own_s, timeout_s),
            )
        except UnknownProperty as error:
            if self.is_connected:  # else it was merely late
                self._unfit, self._unfit_machine_s = str(error), self._clock.machine_s()
            raise
        commanded = {entry.property for entry in self.description.operations.values()}
        for prop, values in after.items():
            if prop in commanded:
                # Kept, it would fight with what an operation sets later.
                self._initial[prop] = values
            else:
                self._client.keep(self.name, prop, values)
        if self._owes_initial:
            self.set_initial()
        self._owes_initial, self._was_configured = False, True
        self._unfit, self._unfit_machine_s = "", -math.inf

    def set_initial(self) -> None:
        """Set configured values of properties that operations command as well; does not block.

        For after a connection and after each reconnection; what fails is logged.
        """
        for prop, values in self._initial.items():
            if self._client.get(self.name, prop) is None:
                continue
            try:
                self._client.command(
                    self.name, prop, values, rule=descriptions.setting_rule(values, 2.0)
                )
            except CtmoError as error:
                _log.warning("initial_value_refused device=%r error=%s", self.name, error)

    def configuration(
        self, context: Mapping[str, Value]
    ) -> tuple[dict[str, dict[str, Value]], dict[str, dict[str, Value]]]:
        """Return what is set before and after CONNECTION; the profile's settings win.

        Raises
        ------
        ConfigError
            A placeholder without a value, or a setting that would move something.
        """
        where = str(self.description.path)
        before = descriptions.resolve(self.description.connect, context, where)
        after = descriptions.resolve(self.description.configure, context, where)
        for prop, values in self.equipment.settings.items():
            early = prop in before or prop in self.description.connect_first
            merged = (before if early else after).setdefault(prop, {})
            if any(isinstance(value, bool) for value in values.values()):
                merged.clear()  # one switch vector is one choice, not a sum of two
            merged.update(values)
        self._refuse_motion({**before, **after})
        return before, after

    def _refuse_motion(self, settings: Mapping[str, Mapping[str, Value]]) -> None:
        """ConfigError for a setting, or what an operation sets first, that would move something."""
        own = self.moving_properties()
        first = {
            prop: values
            for entry in self.description.operations.values()
            for prop, values in entry.first.items()
        }
        problems = [
            f"{self.name}: {prop} moves something; it is only ever commanded, past the "
            "interlocks: expected no such setting"
            for prop, values in {**settings, **first}.items()
            if prop in own or not names.may_be_kept(prop, values)
        ]
        if problems:
            raise ConfigError(problems)

    def moving_properties(self) -> frozenset[str]:
        """Properties whose operations move something, as the device file says."""
        motions = OPERATION_MOTIONS[self.description.role]
        return frozenset(
            entry.property
            for name, entry in self.description.operations.items()
            if motions.get(name) and motions[name] != (MotionKind.SWITCH,)
        )

    def snapshot(self, reading: str) -> PropertySnapshot | None:
        """Return the property behind a reading; None when the device has none, or not now."""
        entry = self.description.readings.get(reading)
        return None if entry is None else self._client.get(self.name, entry.property)

    def element(self, reading: str, word: str) -> str:
        """Return the INDI element a reading calls ``word``; UnknownProperty when it has none."""
        entry = self.description.readings.get(reading)
        if entry is None or word not in entry.elements:
            raise UnknownProperty(f"{self.description.name}: no reading {reading}.{word}")
        return entry.elements[word]

    def value(self, reading: str, word: str) -> Value | None:
        """Return one value of a reading, None when it is not known."""
        entry = self.description.readings.get(reading)
        snapshot = self.snapshot(reading)
        if entry is None or snapshot is None or word not in entry.elements:
            return None
        return snapshot.values.get(entry.elements[word])

    def number(self, reading: str, word: str) -> float | None:
        """Return one number of a reading, None when it is not known, or NaN or infinite."""
        value = self.value(reading, word)
        if isinstance(value, bool) or not isinstance(value, float) or not math.isfinite(value):
            return None
        return value

    def switch(self, reading: str, word: str) -> bool | None:
        """Return one switch of a reading, None when it is not known."""
        value = self.value(reading, word)
        return value if isinstance(value, bool) else None

    def switch_of(self, prop: str, element: str) -> bool | None:
        """Return a switch that the profile names itself; None when it is not known."""
        snapshot = self._client.get(self.name, prop)
        value = None if snapshot is None else snapshot.values.get(element)
        return value if isinstance(value, bool) else None

    def throw_switch(
        self, prop: str, values: Mapping[str, Value], rule: CompletionRule
    ) -> PendingCommand:
        """Send to a switch that the profile names itself; returns at once."""
        guard = self._send_guard(MotionRequest(MotionKind.SWITCH))
        return self._client.command(self.name, prop, values, rule=rule, guard=guard)

    def age_s(self, reading: str) -> float | None:
        """Elapsed seconds since the driver last sent a reading; None when it never did."""
        snapshot = self.snapshot(reading)
        return None if snapshot is None else max(0.0, self._clock.elapsed_s() - snapshot.elapsed_s)

    def check(self, request: MotionRequest) -> None:
        """Ask the interlocks; raises SafetyError."""
        self._around.guard(request)

    def allow(self, motion: MotionKind) -> None:
        """Ask the interlocks about a motion without a target; raises SafetyError."""
        self._around.guard(MotionRequest(motion))

    def _send_guard(self, request: MotionRequest) -> Callable[[], None]:
        """Return what the client calls as the last thing before the bytes go out."""

        def clear_to_send() -> None:
            self._around.guard(request)
            self._around.sent(request)

        return clear_to_send

    def _request(self, operation: str, asked: MotionRequest | None) -> MotionRequest | None:
        """Return what an operation is to the interlocks; None: it moves nothing."""
        kinds = OPERATION_MOTIONS[self.description.role].get(operation)
        if kinds is None:
            raise InternalError(f"{operation}: not in OPERATION_MOTIONS, so it is never sent")
        if asked is None:
            return MotionRequest(kinds[0]) if kinds else None
        if asked.motion not in kinds:
            raise InternalError(f"{operation} was checked as {asked.motion}, expected {kinds}")
        return asked

    def begin(
        self,
        label: str,
        body: Callable[[Motion[ResultT]], ResultT],
        slots: Sequence[str] = (),
    ) -> Motion[ResultT]:
        """Start an operation of several steps in its own thread.

        Parameters
        ----------
        slots
            What it moves ("shutter"). Whatever moves that is canceled, and nothing is sent before
            its thread has ended, or one of its commands might come last.
        """
        title = f"{label} {self.name}"

        def after(motion: Motion[ResultT]) -> ResultT:
            for other in replaced:
                other.join()
            motion.has_replaced = bool(replaced)
            motion.check_canceled()
            return body(motion)

        motion = Motion(title, self.name, self._clock, self._around.moves, after)
        with self._slot_lock:
            before = {id(other): other for slot in slots if (other := self._slots.get(slot))}
            replaced = [other for other in before.values() if not other.done()]
            self._slots.update(dict.fromkeys(slots, motion))
        for other in replaced:
            other.replaced_by = motion
            other.cancel(f"replaced by {title}")
        return motion.start()

    def let_go(self, reason: str) -> None:
        """Follow no operation of ours any longer; the device is not told."""
        with self._slot_lock:
            motions = tuple(self._slots.values())
        for motion in motions:
            motion.cancel(reason)

    def occupied(self, slot: str) -> bool:
        """Whether an operation of ours moves that part now."""
        with self._slot_lock:
            motion = self._slots.get(slot)
        return motion is not None and not motion.done()

    def send(
        self,
        operation: str,
        arguments: Mapping[str, Value] | None = None,
        *,
        extra_s: float = 0.0,
        supersede: bool = True,
        request: MotionRequest | None = None,
    ) -> PendingCommand:
        """Send the one command of an operation; returns at once.

        The interlocks are asked last of all, in this thread, while nothing else can be sent.

        Parameters
        ----------
        request
            What is asked of them; None: the operation's motion, without target or emergency.

        Raises
        ------
        SafetyError
            They refuse; nothing was sent.
        """
        entry = self.description.operation(operation)
        asked = self._request(operation, request)
        values = _numbers(fill_all(entry.values, arguments or {}))
        self._around.moves.sending(self.name, entry.property, values)
        return self._client.command(
            self.name,
            entry.property,
            values,
            rule=entry.rule(self.name, values, extra_s),
            label=f"{operation} {self.name}",
            supersede=supersede,
            guard=None if asked is None else self._send_guard(asked),
        )

    def perform(
        self,
        motion: Motion[ResultT],
        operation: str,
        arguments: Mapping[str, Value] | None = None,
        *,
        request: MotionRequest | None = None,
    ) -> PropertySnapshot:
        """Set what the operation needs first, send it and wait for its end; for a body."""
        entry = self.description.operation(operation)
        for prop, values in entry.first.items():
            self._set_first(motion, prop, values, entry.acknowledge_s)
        for _ in range(entry.repeat - 1):
            motion.follow(self.send(operation, arguments, request=request))
        return motion.follow(self.send(operation, arguments, request=request))

    def wait_until(
        self,
        motion: Motion[ResultT],
        condition: Callable[[], bool],
        timeout_s: float,
        floor_machine_s: float = 0.1,
    ) -> bool:
        """Wait for a condition on this device's snapshots; for a body.

        Parameters
        ----------
        timeout_s
            Elapsed seconds, at least ``floor_machine_s`` machine seconds.

        Returns
        -------
        bool
            False when the time passed first. CommandCanceled when the motion was canceled.
        """
        news: queue.SimpleQueue[None] = queue.SimpleQueue()

        def on_event(event: Event) -> None:
            if (
                isinstance(event, PropertyUpdated | PropertyDefined)
                and event.snapshot.device == self.name
            ):
                news.put(None)

        unsubscribe = self._client.subscribe(on_event)
        deadline = Deadline(self._clock, timeout_s, floor_machine_s)
        try:
            while not condition():
                motion.check_canceled()
                if deadline.expired:
                    return False
                try:
                    # In slices, so that a cancellation is seen on a device that says nothing.
                    news.get(timeout=min(deadline.remaining_machine_s(), 0.1))
                except queue.Empty:
                    continue
        finally:
            unsubscribe()
        return True

    def _set_first(
        self,
        motion: Motion[ResultT],
        prop: str,
        values: Mapping[str, Value],
        acknowledge_s: float,
    ) -> None:
        current = self._client.get(self.name, prop)
        if (
            current is not None
            and current.state is not PropertyState.ALERT
            and all(current.values.get(element) == value for element, value in values.items())
        ):
            return
        rule = descriptions.setting_rule(values, acknowledge_s)
        self._around.moves.sending(self.name, prop, values)
        motion.follow(self._client.command(self.name, prop, values, rule=rule, label=f"set {prop}"))


def device_name(description: Description, equipment: Equipment) -> str:
    """Return the INDI device name; ConfigError when neither file says it."""
    name = equipment.device or description.device
    if not name:
        raise ConfigError(
            f"{description.path}: names no device, so the profile's equipment.{equipment.role} "
            "must: expected the key device"
        )
    return name


def _numbers(values: Mapping[str, Value]) -> dict[str, Value]:
    return {
        element: value if isinstance(value, bool | str) else float(value)
        for element, value in values.items()
    }
