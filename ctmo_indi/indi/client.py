"""The INDI client every other part uses: snapshots, commands, configuration, frames, events.

News from the server is taken on the transport's thread under one lock held for lines: snapshot,
commands, frames awaited. Subscribers get it afterwards on the dispatcher's thread. A slow or broken
subscriber therefore delays no command.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.errors import InvalidCommand, NotConnected
from ctmo_indi.indi import names
from ctmo_indi.indi.blobs import FrameFuture
from ctmo_indi.indi.command import Command
from ctmo_indi.indi.completion import CompletionRule, CompletionWatch
from ctmo_indi.indi.connecting import Connector
from ctmo_indi.indi.dispatcher import Dispatcher
from ctmo_indi.indi.driver_watch import DriverTiming, DriverWatch
from ctmo_indi.indi.events import Event
from ctmo_indi.indi.ingest import Ingest
from ctmo_indi.indi.keeper import Keeper
from ctmo_indi.indi.link import Link, LinkState, LinkTiming
from ctmo_indi.indi.reading import PropertyReader
from ctmo_indi.indi.snapshot import Value
from ctmo_indi.indi.transport import BlobMode, NewVector, Transport
from ctmo_indi.indi.vectors import build_vector

__all__ = ["ClientStats", "IndiClient", "LinkState", "LinkTiming"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStats:
    """Counters since the client was made."""

    events: int
    commands: int
    commands_under_way: int
    link_attempts: int
    server_losses: int
    driver_losses: int
    ghosts: int
    bad_frames: int
    subscriber_failures: int
    pings_sent: int
    pings_answered: int


class IndiClient(PropertyReader):
    """One client of one INDI server; every method may be called from any thread.

    Parameters
    ----------
    make_transport
        Makes a fresh transport for each connection.
    timing
        Pings and back-off, machine seconds.
    drivers
        When a silent driver is asked and when it is lost, machine seconds.
    ack_floor_s, finish_floor_s
        Machine seconds below which no acknowledgement or finish deadline falls, however fast the
        clock: 10 ms of scheduling delay are seconds of sky time.
    """

    def __init__(
        self,
        make_transport: Callable[[], Transport],
        clock: Clock,
        *,
        name: str = "indi",
        timing: LinkTiming | None = None,
        drivers: DriverTiming | None = None,
        ack_floor_s: float = 2.0,
        finish_floor_s: float = 5.0,
    ) -> None:
        self._ack_floor_s = ack_floor_s
        self._finish_floor_s = finish_floor_s
        self._lock = threading.RLock()
        self._sending = threading.Lock()
        self._commands_sent = 0
        self._dispatcher = Dispatcher(name)
        self._keeper = Keeper(clock)
        self._connector = Connector(self, self._lock, self._dispatcher.post, name)
        changed = threading.Condition(self._lock)
        ingest = Ingest(
            clock,
            changed,
            self._dispatcher,
            self._keeper,
            self._connector,
            self._send_kept,
            DriverWatch(clock, drivers or DriverTiming()),
            self.ask,
        )
        timing = timing or LinkTiming()
        link = Link(make_transport, clock, ingest, self._lock, timing, name)
        super().__init__(clock, link, ingest, changed, lambda: self._connector.is_closed, name)

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start connecting; returns at once, see :meth:`wait_link`."""
        self._dispatcher.start()
        self._link.start()

    def close(self) -> None:
        """End the link and all threads; every waiter fails with ServerLost."""
        self._connector.close()
        self._link.close()
        self._dispatcher.close(5.0)

    @property
    def stats(self) -> ClientStats:
        """Counters, for telemetry and tests."""
        with self._lock:
            return ClientStats(
                events=self._ingest.store.generation,
                commands=self._commands_sent,
                commands_under_way=len(self._ingest.commands),
                link_attempts=self._link.attempts,
                server_losses=self._ingest.server_losses,
                driver_losses=self._ingest.driver_losses,
                ghosts=self._ingest.ghosts,
                bad_frames=self._ingest.bad_frames,
                subscriber_failures=self._dispatcher.failures,
                pings_sent=self._link.pings_sent,
                pings_answered=self._link.pings_answered,
            )

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback`` with every event, in order, on the dispatcher's thread.

        What it raises is logged and counted. Returns a function that ends the subscription.
        """
        return self._dispatcher.subscribe(callback)

    # -- commanding ---------------------------------------------------------------------------

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
        """Check and send; returns at once with the command under way.

        Parameters
        ----------
        values
            By element; checked against type, range and switch rule of the definition.
        label
            For messages: "slew to M31".
        supersede
            Cancel the command under way on the same property instead of refusing this one.
        guard
            Called last, while no other command of this client can be sent; what it raises is
            passed on, and nothing was sent. Must not block.

        Raises
        ------
        InvalidCommand
            Nothing was sent: wrong values, or another command of that property is under way.
        NotConnected, UnknownDevice, UnknownProperty
            Nothing was sent.
        """
        rule = rule or CompletionRule()
        with self._sending:
            with self._lock:
                snapshot = self.require(device, prop)
                vector = build_vector(snapshot, values)
                if guard is not None:
                    guard()
                other = self._ingest.commands.under_way(device, prop)
                if other is not None:
                    if not supersede:
                        raise InvalidCommand(f"{device}.{prop}: {other.label} is still under way")
                    self._ingest.commands.cancel(other, f"superseded by {label or 'a newer one'}")
                watched = self._ingest.store.get(*rule.watch) if rule.watch else None
                command = Command(
                    CompletionWatch(rule, values, snapshot, watched),
                    label,
                    self._clock,
                    ack_floor_s=self._ack_floor_s,
                    finish_floor_s=self._finish_floor_s,
                    cancel=self._cancel,
                    post=self._dispatcher.post,
                )
                self._ingest.commands.add(command)
                self._commands_sent += 1
            try:
                self._link.transport().send(vector)
            except NotConnected as error:
                with self._lock:
                    self._ingest.commands.fail(command, error)
                raise
        return command

    def keep(self, device: str, prop: str, values: Mapping[str, Value]) -> None:
        """Hold a configuration: sent now if the property is there, and at each (re)definition.

        Raises
        ------
        InvalidCommand
            The property moves, tracks, unparks, opens, exposes or connects something
            (:data:`names.MOTION`), or the values do not fit its definition.
        """
        with self._lock:
            snapshot = self._ingest.store.get(device, prop)
            if snapshot is not None:
                build_vector(snapshot, values)  # refuse now, not at the next definition
            self._keeper.keep(device, prop, values)
            wanted = self._keeper.on_defined(snapshot) if snapshot else None
            vector = build_vector(snapshot, wanted) if snapshot and wanted else None
        if vector is not None:
            self._send_kept(vector)

    def allow_silence(self, device: str, lost_s: float) -> None:
        """Let the device's driver say nothing for so long, machine seconds, before it is lost.

        For drivers that block: some cameras read out for a minute and answer nobody meanwhile.
        """
        with self._lock:
            self._ingest.watch.set_limit(device, lost_s)

    def ask(self, device: str | None, name: str | None = None) -> None:
        """Ask a driver (None: all) to define a property (None: all) again; returns at once.

        What was missing is defined then; the rest is an update like any other, or nothing.
        """
        self._link.post(lambda: self._link.transport().ask(device, name))

    def connect_device(
        self,
        device: str,
        *,
        before: Sequence[tuple[str, Mapping[str, Value]]] = (),
        requires: Sequence[str] = (),
        timeout_s: float = 30.0,
    ) -> None:
        """Configure and connect a device and wait for its properties; blocks.

        Remembered: after a driver restart or a reconnection the client repeats it by itself and
        then publishes :class:`DeviceRestored`. Never anything that moves.

        Parameters
        ----------
        before
            Properties to set before CONNECTION: SIMULATION, ports, addresses.
        requires
            Properties that must be there afterwards; drivers define them over one to two seconds.
        timeout_s
            Sky seconds for the whole, with a floor of 10 machine seconds.

        Raises
        ------
        CommandTimeout, CommandRejected, InvalidCommand, UnknownProperty, NotConnected
            As the step that failed.
        """
        self._connector.connect(device, before, requires, timeout_s)

    def leave_device(self, device: str) -> None:
        """Connect a device no more by ourselves, until :meth:`connect_device` is called again."""
        self._connector.leave(device)

    # -- frames -------------------------------------------------------------------------------

    def enable_blobs(self, device: str) -> None:
        """Have the server send the device's BLOBs, now and after each reconnection.

        Also keeps the driver's compression off: a compressed BLOB crashes PyIndi, and none is a
        frame.
        """
        with self._lock:
            is_new = self._ingest.add_blob_device(device)
            snapshot = self._ingest.store.get(device, names.CCD_COMPRESSION)
            is_here = bool(self._ingest.store.blob_properties(device))
        if is_new:
            element = names.COMPRESSION_OFF[0]
            if snapshot is not None and element not in snapshot.values:
                element = names.COMPRESSION_OFF[1]
            self.keep(device, names.CCD_COMPRESSION, {element: True})
            if is_here:
                self._link.transport().set_blob_mode(device, BlobMode.ALSO)

    def expect_frame(self, device: str, element: str = names.MAIN_CHIP) -> FrameFuture:
        """Await the next frame; call it before commanding the exposure.

        Resolves with the BLOB or, with local upload, with the path; whichever comes first.
        """
        self.enable_blobs(device)
        future = FrameFuture(device, element, self._clock, self._forget, self._dispatcher.post)
        with self._lock:
            if self._link.state is not LinkState.UP:
                raise NotConnected(f"{device}: no INDI server: {self._link.reason}")
            self._ingest.frames.add(future)
        return future

    # -- inside -------------------------------------------------------------------------------

    def _cancel(self, command: Command, reason: str) -> None:
        with self._lock:
            self._ingest.commands.cancel(command, reason)

    def _forget(self, future: FrameFuture) -> None:
        with self._lock:
            self._ingest.frames.forget(future)

    def _send_kept(self, item: NewVector | str) -> None:
        """Send a configuration, or with a device's name its BLOB mode, from the link's thread."""

        def send() -> None:
            with self._sending:
                transport = self._link.transport()
                if isinstance(item, str):
                    transport.set_blob_mode(item, BlobMode.ALSO)
                else:
                    transport.send(item)

        self._link.post(send)
