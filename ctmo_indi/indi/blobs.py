"""Waiting for a frame, whichever way it comes.

A camera that uploads to the client sends a BLOB; one that saves locally sends only the path, in
CCD_FILE_PATH. Either resolves the same :class:`FrameFuture`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import (
    BadFrame,
    CommandCanceled,
    CommandTimeout,
    CtmoError,
    DriverLost,
    ServerLost,
)
from ctmo_indi.indi import names
from ctmo_indi.indi.ending import Ending
from ctmo_indi.indi.events import BlobReceived, BlobRefused
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState


class FrameFuture(Ending[BlobReceived]):
    """The next frame of one chip; any thread. Made by :meth:`IndiClient.expect_frame`."""

    def __init__(
        self,
        device: str,
        element: str,
        clock: Clock,
        forget: Callable[[FrameFuture], None],
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        super().__init__(post)
        self.device = device
        self.element = element
        self._clock = clock
        self._forget = forget

    def wait(self, timeout_s: float, floor_machine_s: float = 2.0) -> BlobReceived:
        """Block until the frame is here.

        Parameters
        ----------
        timeout_s
            Sky seconds; not less than ``floor_machine_s`` seconds of the machine.

        Raises
        ------
        CommandTimeout
            It did not come in time; it is not awaited any longer.
        BadFrame
            A BLOB came that is no whole frame.
        DriverLost, ServerLost
            The camera's driver or the server went away.
        CommandCanceled
            After :meth:`cancel`.
        """
        deadline = Deadline(self._clock, timeout_s, floor_machine_s)
        if not self._wait(deadline.remaining_machine_s()):
            self.end(
                None,
                CommandTimeout(f"{self.device}: no frame of {self.element} in {timeout_s:g} s"),
            )
            self._forget(self)
        return self._outcome()

    def cancel(self, reason: str = "no longer wanted") -> None:
        """Stop waiting for it."""
        self._forget(self)
        self.end(None, CommandCanceled(f"{self.device}: frame of {self.element}: {reason}"))


class FrameBook:
    """Every frame awaited. The caller holds the client's lock."""

    def __init__(self) -> None:
        self._awaited: list[FrameFuture] = []

    def add(self, future: FrameFuture) -> None:
        """Await one more."""
        self._awaited.append(future)

    def forget(self, future: FrameFuture) -> None:
        """Await it no longer."""
        if future in self._awaited:
            self._awaited.remove(future)

    def take(self, device: str, element: str) -> list[FrameFuture]:
        """The futures that a frame of that chip resolves; they leave the book."""
        taken = [one for one in self._awaited if (one.device, one.element) == (device, element)]
        self._awaited = [one for one in self._awaited if one not in taken]
        return taken

    def take_device(self, device: str | None) -> list[FrameFuture]:
        """The futures of a device, None: all; they leave the book."""
        taken = [one for one in self._awaited if device is None or one.device == device]
        self._awaited = [one for one in self._awaited if one not in taken]
        return taken


def saved_frame(
    before: PropertySnapshot | None, snapshot: PropertySnapshot, *, updated: bool
) -> BlobReceived | None:
    """Read a locally saved frame from CCD_FILE_PATH; None when this is no news of one.

    The property appears with the first saved frame. A later definition is only an answer to some
    client's getProperties, unless the path in it is new.
    """
    if snapshot.name != names.CCD_FILE_PATH or snapshot.state is PropertyState.ALERT:
        return None
    text = snapshot.values.get(names.FILE_PATH)
    if not isinstance(text, str) or not text:
        return None
    if not updated and before is not None and before.values.get(names.FILE_PATH) == text:
        return None
    path = Path(text)
    return BlobReceived(
        device=snapshot.device,
        property=snapshot.name,
        element=names.MAIN_CHIP,
        format="".join(path.suffixes[-1:]),
        size=0,
        path=path,
        data=None,
        generation=snapshot.generation,
    )


def frame_error(refused: BlobRefused) -> BadFrame:
    """Error for whoever awaited a refused BLOB."""
    return BadFrame(
        f"{refused.device}.{refused.property}.{refused.element} ({refused.format}): "
        f"{refused.reason}"
    )


def loss_error(device: str | None, reason: str) -> CtmoError:
    """Error for whoever awaits a frame of a lost device, None: of a lost server."""
    if device is None:
        return ServerLost(f"frame lost with the server: {reason}")
    return DriverLost(f"{device}: frame lost with the driver: {reason}")
