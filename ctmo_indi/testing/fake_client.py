"""An INDI client without a server: the test says what each device answers.

Commands are judged by the real completion rules; only the wire is missing. Everything happens at
once in the thread that commands, unless a handler leaves a command unanswered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ctmo_indi.clock import Clock
from ctmo_indi.errors import CommandRejected, CommandTimeout, InvalidCommand, UnknownProperty
from ctmo_indi.indi import names
from ctmo_indi.indi.blobs import FrameBook, FrameFuture
from ctmo_indi.indi.command import Command, CommandBook
from ctmo_indi.indi.completion import CompletionRule, CompletionWatch, Judgement
from ctmo_indi.indi.events import (
    BlobReceived,
    DeviceRemoved,
    DeviceRestored,
    Event,
    PropertyDefined,
    PropertyUpdated,
)
from ctmo_indi.indi.snapshot import (
    NumberRange,
    PropertySnapshot,
    PropertyState,
    PropertyType,
    Value,
    renewed_s,
)
from ctmo_indi.indi.vectors import build_vector

Handler = Callable[[Mapping[str, Value]], None]
"""Gets the values of a command; answers with :meth:`FakeClient.update`, or not at all."""


class FakeClient:
    """What the roles need of an IndiClient.

    Attributes
    ----------
    sent
        (device, property, values) of every command, in order.
    kept
        (device, property) -> values of every kept configuration.
    connected
        (device, properties set before CONNECTION) of every connect_device, in order.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._snapshots: dict[tuple[str, str], PropertySnapshot] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._errors: dict[tuple[str, str], list[Exception | None]] = {}
        self._subscribers: list[Callable[[Event], None]] = []
        self._book = CommandBook(lambda _device: ())
        self._under_way: list[Command] = []
        self._frames = FrameBook()
        self._generation = 0
        self.sent: list[tuple[str, str, dict[str, Value]]] = []
        self.kept: dict[tuple[str, str], dict[str, Value]] = {}
        self.connected: list[tuple[str, dict[str, dict[str, Value]]]] = []
        self.connect_failures: list[Exception] = []
        self.left: list[str] = []

    # -- what a test does -------------------------------------------------------------------------

    def define(
        self,
        device: str,
        prop: str,
        values: Mapping[str, Value],
        state: PropertyState = PropertyState.IDLE,
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Let a property appear; its type follows from its values."""
        kinds = {bool: PropertyType.SWITCH, float: PropertyType.NUMBER, str: PropertyType.TEXT}
        kind = kinds[type(next(iter(values.values())))]
        limits = {name: NumberRange(low, high) for name, (low, high) in (ranges or {}).items()}
        snapshot = PropertySnapshot(
            device, prop, kind, state, values=MappingProxyType(dict(values)), ranges=limits
        )
        self._publish(snapshot, PropertyDefined)

    def update(
        self,
        device: str,
        prop: str,
        values: Mapping[str, Value] | None = None,
        state: PropertyState | None = None,
    ) -> None:
        """Let the driver send new values or another state."""
        old = self._snapshots[device, prop]
        new = replace(
            old,
            values=MappingProxyType({**old.values, **(values or {})}),
            state=old.state if state is None else state,
        )
        self._publish(new, PropertyUpdated)

    def remove_device(self, device: str) -> None:
        """Let a driver die."""
        with self._lock:
            for key in [key for key in self._snapshots if key[0] == device]:
                del self._snapshots[key]
            self._book.lose_device(device)
        self._tell(DeviceRemoved(device))

    def restore(self, device: str) -> None:
        """Let the client have connected a device again after a loss."""
        self._tell(DeviceRestored(device))

    def on_command(self, device: str, prop: str, handler: Handler) -> None:
        """Answer commands to a property."""
        self._handlers[device, prop] = handler

    def fail_next(self, device: str, prop: str, *errors: Exception | None) -> None:
        """Let the next commands to a property fail, one for each error; None lets one pass."""
        self._errors.setdefault((device, prop), []).extend(errors)

    def time_out_next(self, device: str, prop: str, times: int = 1) -> None:
        """Let the next commands to a property never be answered."""
        errors = [CommandTimeout(f"{device}.{prop}: not complete") for _ in range(times)]
        self.fail_next(device, prop, *errors)

    def reject_next(self, device: str, prop: str, times: int = 1) -> None:
        """Let the driver refuse the next commands to a property."""
        self.fail_next(
            device, prop, *[CommandRejected(f"{device}.{prop}: Alert") for _ in range(times)]
        )

    def deliver(self, device: str, data: bytes, element: str = names.MAIN_CHIP) -> None:
        """Let a frame arrive."""
        blob = BlobReceived(device, element, element, ".fits", len(data), None, data, 0)
        with self._lock:
            futures = self._frames.take(device, element)
        for future in futures:
            future.end(blob, None)
        self._tell(blob)

    def judge_overdue(self) -> None:
        """End every command that the real client would end at its next deadline."""
        with self._lock:
            for command in [entry for entry in self._under_way if not entry.done()]:
                reason = command.watch.on_settle_deadline()
                text = f"{command.label}: {command.watch.reason}"
                if reason is Judgement.REJECTED:
                    self._book.fail(command, CommandRejected(text))
                else:
                    self._book.fail(command, CommandTimeout(text))

    def commands_to(self, prop: str) -> list[dict[str, Value]]:
        """Values of every command to a property, in order."""
        return [values for _, name, values in self.sent if name == prop]

    # -- what the roles use -----------------------------------------------------------------------

    def get(self, device: str, prop: str) -> PropertySnapshot | None:
        """Return the newest snapshot."""
        with self._lock:
            return self._snapshots.get((device, prop))

    def require(self, device: str, prop: str) -> PropertySnapshot:
        """The property as last defined or updated; UnknownProperty when there is none."""
        snapshot = self.get(device, prop)
        if snapshot is None:
            raise UnknownProperty(f"{device} has no property {prop}")
        return snapshot

    def messages(self, device: str, count: int = 5) -> tuple[str, ...]:
        """Return nothing: these drivers do not talk."""
        return ()

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback`` with every event, in the thread that causes it."""
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def command(
        self,
        device: str,
        prop: str,
        values: Mapping[str, Value],
        *,
        rule: CompletionRule | None = None,
        label: str = "",
        supersede: bool = False,
        guard: Callable[[], None] | None = None,
    ) -> Command:
        """Check, note and hand to the handler."""
        with self._lock:
            snapshot = self._snapshots.get((device, prop))
            if snapshot is None:
                raise UnknownProperty(f"{device} has no property {prop}")
            build_vector(snapshot, values)
            if guard is not None:
                guard()
            other = self._book.under_way(device, prop)
            if other is not None:
                if not supersede:
                    raise InvalidCommand(f"{device}.{prop}: {other.label} is still under way")
                self._book.cancel(other, "superseded")
            rule = rule or CompletionRule()
            watched = self._snapshots.get(rule.watch) if rule.watch else None
            command = Command(
                CompletionWatch(rule, values, snapshot, watched),
                label,
                self._clock,
                ack_floor_s=5.0,
                finish_floor_s=5.0,
                cancel=self._cancel,
                post=lambda call: call(),
            )
            self._book.add(command)
            self._under_way.append(command)
            self.sent.append((device, prop, dict(values)))
            errors = self._errors.get((device, prop))
            error = errors.pop(0) if errors else None
            handler = self._handlers.get((device, prop))
        if error is not None:
            with self._lock:
                self._book.fail(command, error)  # type: ignore[arg-type]  # the test's own
        elif handler is not None:
            handler(values)
        else:
            self.update(device, prop, values, PropertyState.OK)
        return command

    def keep(self, device: str, prop: str, values: Mapping[str, Value]) -> None:
        """Note a configuration and set it if the property is there."""
        if not names.may_be_kept(prop, values):
            raise InvalidCommand(f"{device}.{prop}: moves something")
        self.kept[device, prop] = dict(values)
        if (device, prop) in self._snapshots:
            build_vector(self._snapshots[device, prop], values)
            self.update(device, prop, values, PropertyState.OK)

    def allow_silence(self, device: str, lost_s: float) -> None:
        """Do nothing: nobody is ever silent here."""

    def connect_device(
        self,
        device: str,
        *,
        before: Sequence[tuple[str, Mapping[str, Value]]] = (),
        requires: Sequence[str] = (),
        timeout_s: float = 30.0,
    ) -> None:
        """Connect; UnknownProperty when a required property is missing."""
        self.connected.append((device, {name: dict(values) for name, values in before}))
        if self.connect_failures:
            raise self.connect_failures.pop(0)
        missing = [name for name in requires if (device, name) not in self._snapshots]
        if missing:
            raise UnknownProperty(f"{device}: no {', '.join(missing)} after {timeout_s:g} s")
        connection = {names.CONNECT: True, names.DISCONNECT: False}
        self.define(device, names.CONNECTION, connection, PropertyState.OK)

    def leave_device(self, device: str) -> None:
        """Note it."""
        self.left.append(device)

    def expect_frame(self, device: str, element: str = names.MAIN_CHIP) -> FrameFuture:
        """Promise the next frame."""
        future = FrameFuture(device, element, self._clock, self._frames.forget, lambda call: call())
        self._frames.add(future)
        return future

    def _cancel(self, command: Command, reason: str) -> None:
        with self._lock:
            self._book.cancel(command, reason)

    def _publish(
        self,
        snapshot: PropertySnapshot,
        event: type[PropertyDefined] | type[PropertyUpdated],
    ) -> None:
        with self._lock:
            self._generation += 1
            now_s = self._clock.elapsed_s()
            known = self._snapshots.get((snapshot.device, snapshot.name))
            stamped = replace(
                snapshot,
                elapsed_s=now_s,
                generation=self._generation,
                renewed_elapsed_s=renewed_s(
                    known, snapshot.state, now_s, is_definition=event is PropertyDefined
                ),
            )
            self._snapshots[snapshot.device, snapshot.name] = stamped
            if event is PropertyUpdated:
                self._book.observe(stamped)
        self._tell(event(stamped))

    def _tell(self, event: Event) -> None:
        with self._lock:
            subscribers = tuple(self._subscribers)
        for callback in subscribers:
            callback(event)
