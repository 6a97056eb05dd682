"""Connects devices, the first time when asked and after every loss by itself.

A driver that was restarted comes back with CONNECTION off and forgot SIMULATION, ports and
addresses. Configuration and connection are restored; motion, tracking, unpark and shutter never.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import CommandTimeout, DeviceError, NotConnected, UnknownProperty
from ctmo_indi.indi import names
from ctmo_indi.indi.command import Command
from ctmo_indi.indi.completion import CompletionRule
from ctmo_indi.indi.events import DeviceRestored
from ctmo_indi.indi.keeper import ConnectPlan, same
from ctmo_indi.indi.link import LinkState
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState, Value

_log = logging.getLogger(__name__)

_FLOOR_MACHINE_S = 10.0
_ASK_AGAIN_S = 2.0  # machine seconds; drivers define over one to two seconds
_RETRY_FIRST_S = 0.5
_RETRY_LIMIT_S = 10.0
_CONFIGURED = frozenset({PropertyState.OK, PropertyState.IDLE})


class Connectable(Protocol):
    """What connecting needs of the client; see there."""

    @property
    def clock(self) -> Clock: ...  # noqa: D102

    @property
    def link(self) -> LinkState: ...  # noqa: D102

    def devices(self) -> tuple[str, ...]: ...  # noqa: D102

    def ask(self, device: str | None, name: str | None = None) -> None: ...  # noqa: D102

    def wait_for(  # noqa: D102
        self,
        device: str,
        prop: str,
        timeout_s: float,
        predicate: Callable[[PropertySnapshot], bool] | None = None,
        *,
        floor_machine_s: float = 2.0,
    ) -> PropertySnapshot: ...

    def command(  # noqa: D102
        self,
        device: str,
        prop: str,
        values: Mapping[str, Value],
        *,
        rule: CompletionRule | None = None,
        label: str = "",
        supersede: bool = False,
    ) -> Command: ...


class Connector:
    """The devices that shall be connected.

    Parameters
    ----------
    lock
        The client's.
    announce
        Publishes :class:`DeviceRestored`.
    """

    def __init__(
        self,
        client: Connectable,
        lock: threading.RLock,
        announce: Callable[[DeviceRestored], None],
        name: str,
    ) -> None:
        self._client = client
        self._lock = lock
        self._announce = announce
        self._name = name
        self._plans: dict[str, ConnectPlan] = {}
        self._closing = threading.Event()

    @property
    def is_closed(self) -> bool:
        """Whether the client is being closed."""
        return self._closing.is_set()

    def close(self) -> None:
        """Start nothing more; the threads under way end with the link."""
        self._closing.set()

    def connect(
        self,
        device: str,
        before: Sequence[tuple[str, Mapping[str, Value]]],
        requires: Sequence[str],
        timeout_s: float,
    ) -> None:
        """Connect now, blocking, and remember; see :meth:`IndiClient.connect_device`."""
        plan = ConnectPlan.make(device, before, requires, timeout_s)
        plan.is_running = True
        with self._lock:
            self._plans[device] = plan
        try:
            self._run(plan)
        finally:
            with self._lock:
                plan.is_running = False

    def leave(self, device: str) -> None:
        """Restore it no more."""
        with self._lock:
            self._plans.pop(device, None)

    def on_defined(self, device: str) -> None:
        """CONNECTION was defined: restore the device if it is ours. Holds the client's lock."""
        plan = self._plans.get(device)
        if plan is None or plan.is_running or self._closing.is_set():
            return
        plan.is_running = True
        threading.Thread(
            target=self._restore, args=(plan,), name=f"{self._name}-restore", daemon=True
        ).start()

    def _restore(self, plan: ConnectPlan) -> None:
        wait_s = _RETRY_FIRST_S
        while True:
            try:
                self._run(plan)
            except DeviceError as error:
                if self._closing.is_set():
                    return
                _log.warning("device_not_restored device=%r error=%s", plan.device, error)
            except Exception:  # noqa: BLE001 - outermost loop of the thread: log, try again
                _log.exception("device_not_restored device=%r", plan.device)
            else:
                _log.info("device_restored device=%r", plan.device)
                self._announce(DeviceRestored(plan.device))
                break
            self._closing.wait(wait_s)
            wait_s = min(2.0 * wait_s, _RETRY_LIMIT_S)
            with self._lock:
                is_over = self._closing.is_set() or self._client.link is not LinkState.UP
                if is_over or self._plans.get(plan.device) is not plan:
                    plan.is_running = False  # the next definition starts it again
                    return
        with self._lock:
            plan.is_running = False

    def _run(self, plan: ConnectPlan) -> None:
        deadline = Deadline(self._client.clock, plan.timeout_s, _FLOOR_MACHINE_S)
        connection = self._await(plan.device, names.CONNECTION, deadline)
        for name, values in plan.before:
            snapshot = self._await(plan.device, name, deadline)
            if not all(same(snapshot.values.get(one), value) for one, value in values.items()):
                self._set(plan.device, name, values, _CONFIGURED, deadline)
        if not connection.switch(names.CONNECT):
            done = frozenset({PropertyState.OK})
            self._set(plan.device, names.CONNECTION, {names.CONNECT: True}, done, deadline)
        for name in plan.requires:
            self._await(plan.device, name, deadline)

    def _await(self, device: str, name: str, deadline: Deadline) -> PropertySnapshot:
        while True:
            wait_s = min(deadline.remaining_machine_s(), _ASK_AGAIN_S)
            try:
                return self._client.wait_for(
                    device, name, wait_s * self._client.clock.speed, floor_machine_s=0.0
                )
            except CommandTimeout as error:
                if self._client.link is not LinkState.UP:
                    raise NotConnected(f"{device}: no INDI server") from error
                if deadline.expired:
                    raise UnknownProperty(
                        f"{device}: {name} did not appear within {deadline.timeout_s:g} s"
                    ) from error
            # Its definition may have been lost on the way, and no other would ever come. Or our
            # own first question was, and then the server sends us nothing at all.
            self._client.ask(device if device in self._client.devices() else None)

    def _set(
        self,
        device: str,
        name: str,
        values: Mapping[str, Value],
        states: frozenset[PropertyState],
        deadline: Deadline,
    ) -> None:
        left_s = deadline.remaining_machine_s() * self._client.clock.speed
        rule = CompletionRule(states=states, ack_timeout_s=left_s, timeout_s=left_s)
        self._client.command(
            device, name, values, rule=rule, label=f"connect {device}", supersede=True
        ).wait()
