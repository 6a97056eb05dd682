"""One operation of a device under way: often several INDI commands after each other.

A slew is ON_COORD_SET, tracking, the position and perhaps the position once more. The steps are
written as a plain function that runs in a thread of its own; whoever started it can wait, cancel or
be called back. Every step has a deadline, so the thread ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Generic, Protocol, TypeVar

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.devices.link import PendingCommand
from ctmo_indi.devices.own_moves import OwnMoves
from ctmo_indi.errors import CommandCanceled, CommandTimeout, InternalError
from ctmo_indi.indi.snapshot import PropertySnapshot

_log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")
_FLOOR_MACHINE_S = 5.0


class Cancelable(Protocol):
    """Something that can be given up."""

    def cancel(self, reason: str) -> None:
        """Give it up; waiters get CommandCanceled."""
        ...


class Motion(Generic[ResultT]):
    """An operation under way. All methods may be called from any thread.

    Parameters
    ----------
    label
        For messages and the log: "slew Telescope Simulator".
    body
        The steps; gets this object to wait on commands with :meth:`follow`.
    """

    def __init__(
        self,
        label: str,
        device: str,
        clock: Clock,
        moves: OwnMoves | None,
        body: Callable[[Motion[ResultT]], ResultT],
    ) -> None:
        self.label = label
        self.device = device
        self._clock = clock
        self._moves = moves
        self._body = body
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._cancel_reason: str | None = None
        self._cancel_event = threading.Event()
        self._pending: Cancelable | None = None
        self._result: ResultT | None = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Motion[ResultT]], None]] = []
        # Whether it took the place of an operation under way, which the device may still carry out.
        self.has_replaced = False
        # The operation that took the place of this one, set before this one is canceled for it.
        self.replaced_by: Motion[Any] | None = None  # Any: of another kind, perhaps

    def start(self) -> Motion[ResultT]:
        """Begin; returns itself at once."""
        threading.Thread(target=self._run, name=self.label, daemon=True).start()
        return self

    def wait(self, timeout_s: float | None = None) -> ResultT:
        """Block until the end and return the result.

        Parameters
        ----------
        timeout_s
            Elapsed seconds (at least 5 machine seconds); None relies on the steps' own deadlines.

        Raises
        ------
        DeviceError
            The operation failed; CommandTimeout also when ``timeout_s`` passed, then it goes on.
        SafetyError
            An interlock refused a step.
        """
        machine_s = None
        if timeout_s is not None:
            machine_s = Deadline(self._clock, timeout_s, _FLOOR_MACHINE_S).remaining_machine_s()
        if not self._ended.wait(machine_s):
            raise CommandTimeout(f"{self.label}: not finished after {timeout_s:g} s")
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # set by _run when there is no error

    def join(self, machine_s: float = 10.0) -> bool:
        """Block until the end, however it ended; False after ``machine_s`` machine seconds."""
        return self._ended.wait(machine_s)

    def done(self) -> bool:
        """Whether it ended, well or not."""
        return self._ended.is_set()

    def exception(self) -> Exception | None:
        """Return why it failed; None while under way and after success."""
        return self._error

    def cancel(self, reason: str) -> None:
        """Stop following it: waiters get CommandCanceled. The device itself is not told."""
        with self._lock:
            if self._cancel_reason is None:
                self._cancel_reason = reason
            pending = self._pending
        self._cancel_event.set()
        if pending is not None:
            pending.cancel(reason)

    def add_done_callback(self, callback: Callable[[Motion[ResultT]], None]) -> None:
        """Call ``callback`` with this object at the end, at once if it is past."""
        with self._lock:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def check_canceled(self) -> None:
        """Raise CommandCanceled when somebody canceled; for the body."""
        if self._cancel_reason is not None:
            raise CommandCanceled(f"{self.label}: canceled: {self._cancel_reason}")

    def follow(self, command: PendingCommand) -> PropertySnapshot:
        """Wait for one command of this operation; for the body."""
        with self.holding(command):
            return command.wait()

    @contextmanager
    def holding(self, pending: Cancelable) -> Iterator[None]:
        """Cancel ``pending`` too when this is canceled while the block runs; for the body."""
        with self._lock:
            self._pending = pending
            reason = self._cancel_reason
        if reason is not None:
            pending.cancel(reason)
        try:
            yield
        finally:
            with self._lock:
                self._pending = None

    def pause(self, machine_s: float) -> None:
        """Wait ``machine_s`` machine seconds, or until canceled (raises); for the body."""
        if self._cancel_event.wait(machine_s):
            self.check_canceled()

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                if self._moves is not None:
                    stack.enter_context(self._moves.moving(self.device))
                self.check_canceled()
                self._result = self._body(self)
        except Exception as error:  # noqa: BLE001 - carried to whoever waits
            self._error = error
            if not isinstance(error, CommandCanceled):
                _log.warning("motion_failed label=%r error=%r", self.label, str(error))
        except BaseException as error:
            self._error = InternalError(f"{self.label}: {error!r}")
            raise
        finally:
            with self._lock:
                self._ended.set()
                callbacks = self._callbacks
            for callback in callbacks:
                self._call(callback)

    def _call(self, callback: Callable[[Motion[ResultT]], None]) -> None:
        try:
            callback(self)
        except Exception:  # noqa: BLE001 - a broken listener must not keep the others from hearing
            _log.exception("motion_callback_failed label=%r", self.label)
