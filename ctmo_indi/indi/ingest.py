"""Takes the server's news: updates snapshots, wakes commands and waiters, feeds the dispatcher.

Every method is called with the client's lock held, in the order the news came, and never blocks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from ctmo_indi.clock import Clock
from ctmo_indi.errors import InvalidCommand
from ctmo_indi.indi import names
from ctmo_indi.indi.blobs import FrameBook, frame_error, loss_error, saved_frame
from ctmo_indi.indi.command import CommandBook
from ctmo_indi.indi.connecting import Connector
from ctmo_indi.indi.dispatcher import Dispatcher
from ctmo_indi.indi.driver_watch import DriverWatch
from ctmo_indi.indi.events import (
    BlobReceived,
    BlobRefused,
    DeviceRemoved,
    DriverMessage,
    LinkDown,
    LinkUp,
    PingReply,
    PropertyDefined,
    PropertyRemoved,
    PropertyUpdated,
)
from ctmo_indi.indi.keeper import Keeper
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyType, Value
from ctmo_indi.indi.store import PropertyStore
from ctmo_indi.indi.transport import (
    NewVector,
    RawBlob,
    RawDefinition,
    RawEvent,
    RawGhost,
    RawMessage,
    RawPing,
    RawRemoved,
    RawUpdate,
)
from ctmo_indi.indi.vectors import build_vector

_log = logging.getLogger(__name__)

_ASK_ALL_S = 2.0


class Ingest:
    """The client's side that listens.

    Parameters
    ----------
    changed
        Notified after each piece of news; its lock is the client's.
    send
        Sends a kept configuration, or switches the BLOBs of a named device on, later and elsewhere.
    watch
        Knows which drivers are alive.
    ask
        Asks a driver (None: all) to define a property (None: all) again, later and elsewhere.
    """

    def __init__(
        self,
        clock: Clock,
        changed: threading.Condition,
        dispatcher: Dispatcher,
        keeper: Keeper,
        connector: Connector,
        send: Callable[[NewVector | str], None],
        watch: DriverWatch,
        ask: Callable[[str | None, str | None], None],
    ) -> None:
        self._clock = clock
        self._changed = changed
        self._dispatcher = dispatcher
        self._keeper = keeper
        self._connector = connector
        self._send = send
        self._ask = ask
        self.watch = watch
        self._blob_devices: set[str] = set()
        self._device_losses: dict[str, int] = {}
        self._ask_all_at_s: float | None = None  # machine seconds; None while there is no link
        self.store = PropertyStore(clock)
        self.commands = CommandBook(lambda device: self.store.messages(device, 5))
        self.frames = FrameBook()
        self.server_losses = 0
        self.driver_losses = 0
        self.ghosts = 0
        self.bad_frames = 0

    def device_losses(self, device: str) -> int:
        """How often this device's driver went away."""
        return self._device_losses.get(device, 0)

    def add_blob_device(self, device: str) -> bool:
        """Want this device's BLOBs; False when they were wanted already."""
        if device in self._blob_devices:
            return False
        self._blob_devices.add(device)
        return True

    # -- the link's calls ---------------------------------------------------------------------

    def link_up(self) -> None:
        """The server answers."""
        self._ask_all_at_s = self._clock.machine_s() + _ASK_ALL_S
        self._dispatcher.post(LinkUp())
        self._changed.notify_all()

    def link_down(self, reason: str) -> None:
        """The server is lost: every snapshot is void, every waiter fails."""
        self.server_losses += 1
        self._ask_all_at_s = None
        self.store.drop_all()
        self.watch.forget_all()
        self.store.next_generation()
        self.commands.lose_server(reason)
        for future in self.frames.take_device(None):
            future.end(None, loss_error(None, reason))
        self._dispatcher.post(LinkDown(reason))
        self._changed.notify_all()

    def beat(self, lag_s: float) -> None:
        """Look at the deadlines; ``lag_s`` is what an answer takes on the way now."""
        self.commands.judge_deadlines(lag_s)
        self._watch_drivers()
        self._ask_all_when_empty()

    def received(self, raw: RawEvent) -> None:
        """Take one piece of news."""
        device = getattr(raw, "device", "")
        if device and not isinstance(raw, RawRemoved | RawGhost):
            self._heard(device)
        if isinstance(raw, RawUpdate):
            self._updated(raw)
        elif isinstance(raw, RawDefinition):
            self._defined(raw)
        elif isinstance(raw, RawPing):
            self._dispatcher.post(PingReply(raw.uid))
        elif isinstance(raw, RawMessage):
            self.store.add_message(raw.device, raw.text)
            self._dispatcher.post(DriverMessage(raw.device, raw.text, self._clock.elapsed_s()))
        elif isinstance(raw, RawBlob):
            self._blob(raw)
        elif isinstance(raw, RawRemoved):
            self._removed(raw.device, raw.name)
        elif isinstance(raw, RawGhost):
            self._ghost(raw.device, raw.name)
        self._changed.notify_all()

    # -- drivers alive ------------------------------------------------------------------------

    def _watch_drivers(self) -> None:
        self.watch.look()
        for device, number in self.watch.to_ask():
            if not self.store.is_silenced(device) and not self.store.properties(device):
                self.watch.forget(device)  # it only sent a message, or values nobody defined
                continue
            # First for one small property; a driver may not know how to answer that.
            few = self.store.get(device, names.DRIVER_INFO) is not None and number % 3
            self._ask(device, names.DRIVER_INFO if few else None)
        for device in self.watch.lost():
            if not self.store.is_silenced(device):
                self._lose_driver(device, f"silent for {self.watch.silent_s(device) or 0.0:.0f} s")

    def _ask_all_when_empty(self) -> None:
        """Ask for everything when nothing came: our first question may have been lost.

        The server sends nothing to a client that never asked, but answers its pings.
        """
        now_s = self._clock.machine_s()
        if self._ask_all_at_s is not None and now_s >= self._ask_all_at_s:
            self._ask_all_at_s = now_s + _ASK_ALL_S
            if self.store.is_empty:
                self._ask(None, None)

    def _heard(self, device: str) -> None:
        self.watch.heard(device)
        if not self.store.is_silenced(device):
            return
        _log.warning("driver_heard_again device=%r", device)
        self.store.next_generation()
        for snapshot in self.store.unsilence(device):
            self._dispatcher.post(PropertyDefined(snapshot))
        self._connector.on_defined(device)

    def _lose_driver(self, device: str, reason: str) -> None:
        _log.warning("driver_silent device=%r reason=%r", device, reason)
        self.store.silence(device)
        self.store.next_generation()
        self._device_gone(device, reason)
        self._changed.notify_all()

    def _device_gone(self, device: str, reason: str) -> None:
        self.commands.lose_device(device, None)
        self._dispatcher.post(PropertyRemoved(device, None))
        self.driver_losses += 1
        self._device_losses[device] = self.device_losses(device) + 1
        _log.warning("driver_lost device=%r", device)
        for future in self.frames.take_device(device):
            future.end(None, loss_error(device, reason))
        self._dispatcher.post(DeviceRemoved(device))

    # -- kinds of news ------------------------------------------------------------------------

    def _defined(self, raw: RawDefinition) -> None:
        if self.store.redefines_lost_driver(raw):
            self._removed(raw.device, None)
        before = self.store.get(raw.device, raw.name)
        snapshot = self.store.define(raw)
        if before is not None:
            # Another client asked for definitions: for us an update like any other.
            self.commands.observe(snapshot)
        self._saved_frame(before, snapshot, updated=False)
        self._dispatcher.post(PropertyDefined(snapshot))
        self._keep(snapshot, self._keeper.on_defined(snapshot))
        if snapshot.type is PropertyType.BLOB and raw.device in self._blob_devices:
            self._send(raw.device)
        if raw.name == names.CONNECTION:
            self._connector.on_defined(raw.device)

    def _updated(self, raw: RawUpdate) -> None:
        before = self.store.get(raw.device, raw.name)
        snapshot = self.store.update(raw)
        if snapshot is None:
            self._ghost(raw.device, raw.name)
            return
        self.commands.observe(snapshot)
        self._saved_frame(before, snapshot, updated=True)
        self._dispatcher.post(PropertyUpdated(snapshot))
        self._keep(snapshot, self._keeper.on_updated(snapshot))

    def _removed(self, device: str, name: str | None) -> None:
        if name is None:
            self.watch.forget(device)
        if not self.store.remove(device, name):
            return
        self.store.next_generation()
        if name is None:
            self._device_gone(device, "its properties were removed")
            return
        self.commands.lose_device(device, name)
        self._dispatcher.post(PropertyRemoved(device, name))

    def _blob(self, raw: RawBlob) -> None:
        if self.store.get(raw.device, raw.name) is None:
            self._ghost(raw.device, raw.name)
            return
        if raw.data is None:
            self.bad_frames += 1
            refused = BlobRefused(raw.device, raw.name, raw.element, raw.format, raw.reason)
            _log.warning(
                "blob_refused device=%r element=%s format=%s reason=%r",
                raw.device,
                raw.element,
                raw.format,
                raw.reason,
            )
            for future in self.frames.take(raw.device, raw.element):
                future.end(None, frame_error(refused))
            self._dispatcher.post(refused)
            return
        frame = BlobReceived(
            device=raw.device,
            property=raw.name,
            element=raw.element,
            format=raw.format,
            size=len(raw.data),
            path=None,
            data=raw.data,
            generation=self.store.next_generation(),
        )
        self._deliver(frame)

    def _saved_frame(
        self, before: PropertySnapshot | None, snapshot: PropertySnapshot, *, updated: bool
    ) -> None:
        if snapshot.name == names.CCD_FILE_PATH:
            frame = saved_frame(before, snapshot, updated=updated)
            if frame is not None:
                self._deliver(frame)

    def _deliver(self, frame: BlobReceived) -> None:
        for future in self.frames.take(frame.device, frame.element):
            future.end(frame, None)
        self._dispatcher.post(frame)

    def _ghost(self, device: str, name: str | None) -> None:
        self.ghosts += 1
        _log.info("ghost_refused device=%r property=%s", device, name)

    def _keep(self, snapshot: PropertySnapshot, values: Mapping[str, Value] | None) -> None:
        if not values:
            return
        try:
            self._send(build_vector(snapshot, values))
        except InvalidCommand as error:
            _log.error("configuration_refused error=%s", error)
