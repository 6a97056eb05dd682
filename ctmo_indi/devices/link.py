"""What the roles need of an INDI client; :class:`ctmo_indi.indi.client.IndiClient` has it.

Tests give the roles ``ctmo_indi.testing.fake_client.FakeClient`` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ctmo_indi.indi.command import CompletionRule
from ctmo_indi.indi.events import BlobReceived, Event
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState, Value


class PendingCommand(Protocol):
    """One INDI command under way; see :class:`ctmo_indi.indi.command.Command`."""

    @property
    def transitions(self) -> tuple[tuple[PropertyState, float], ...]:
        """States seen since it was sent, with their elapsed seconds."""
        ...

    def wait(self, timeout_s: float | None = None) -> PropertySnapshot:
        """Block until it is complete; DeviceError when it failed."""
        ...

    def done(self) -> bool:
        """Whether it ended, well or not."""
        ...

    def cancel(self, reason: str) -> None:
        """Stop waiting for it; the device is not told."""
        ...


class PendingFrame(Protocol):
    """A frame that was promised; see ``IndiClient.expect_frame``."""

    def wait(self, timeout_s: float) -> BlobReceived:
        """Block until it came; BadFrame, CommandTimeout, NotConnected when it will not."""
        ...

    def cancel(self, reason: str) -> None:
        """Nobody waits for it any longer."""
        ...


class DeviceLink(Protocol):
    """The client as the roles see it. Every method may be called from any thread."""

    def get(self, device: str, prop: str) -> PropertySnapshot | None:
        """Return the newest snapshot, None when there is none; never blocks."""
        ...

    def messages(self, device: str, count: int = 5) -> tuple[str, ...]:
        """Return the driver's last log lines."""
        ...

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Hear every event in the dispatcher thread; the result unsubscribes."""
        ...

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
    ) -> PendingCommand:
        """Check, ask ``guard`` last of all, and send; returns at once."""
        ...

    def keep(self, device: str, prop: str, values: Mapping[str, Value]) -> None:
        """Set now and after each definition of the property."""
        ...

    def allow_silence(self, device: str, lost_s: float) -> None:
        """Lose the driver only when it has said nothing for so long, machine seconds."""
        ...

    def connect_device(
        self,
        device: str,
        *,
        before: Sequence[tuple[str, Mapping[str, Value]]],
        requires: Sequence[str],
        timeout_s: float,
    ) -> None:
        """Connect and wait for the named properties; blocks."""
        ...

    def leave_device(self, device: str) -> None:
        """Connect it no more by ourselves, until :meth:`connect_device` is called again."""
        ...

    def expect_frame(self, device: str, element: str = "CCD1") -> PendingFrame:
        """Promise of the next frame."""
        ...
