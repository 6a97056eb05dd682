"""Call the scheduling driver: in its own thread, with deadlines, every fault with its code.

A driver is somebody's algorithm. It may raise, break its contract, or not come back: each ends in
FAULT, with the driver and the call named. A thread that does not come back is left behind.

Only the driver's own time counts. A disk that stalls under a snapshot is waited for and told, and
so is nothing counted while this very process did not run.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from ctmo_indi.clock import Clock
from ctmo_indi.scheduler.snapshots import SnapshotError
from ctmo_indi.scheduler.states import ErrorCode
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.errors import DriverError, StateChangedError, UnobservableTargetError
from ctmo_indi.wakefulness import Wakefulness

_log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")


class RegistrationError(DriverError):
    """An observation could not be registered with the scheduling driver."""


CODE_OF_ERROR: Mapping[type[Exception], ErrorCode] = {
    StateChangedError: ErrorCode.STATE_CHANGED,
    UnobservableTargetError: ErrorCode.UNOBSERVABLE_TARGET,
    RegistrationError: ErrorCode.REGISTRATION,
    SnapshotError: ErrorCode.SNAPSHOT,
}
"""What our own checks of a driver found."""

CODE_OF_CALL: Mapping[str, ErrorCode] = {
    "update_conditions": ErrorCode.TELEMETRY,
    "register_observation": ErrorCode.REGISTRATION,
    "get_state": ErrorCode.SNAPSHOT,
    "set_state": ErrorCode.SNAPSHOT,
    "save_state": ErrorCode.SNAPSHOT,
    "reset_from_state": ErrorCode.SNAPSHOT,
}
"""What it means that a call of the driver raised; a call not named here breaks the mode's loop."""


class DriverCalls:
    """The way to the driver. Engine thread, but for what the jobs do.

    Parameters
    ----------
    timeout_s
        Machine seconds that one call of the driver may take.
    loop_code
        Code of faults that are none of the tables'.
    fault
        Puts the component in FAULT.

    Attributes
    ----------
    driver
        For use in jobs only: the driver, its calls watched.
    """

    def __init__(
        self,
        driver: Driver,
        worker: Worker,
        clock: Clock,
        *,
        timeout_s: float,
        loop_code: ErrorCode,
        post: Callable[[Callable[[], object]], None],
        fault: Callable[[ErrorCode, str], None],
    ) -> None:
        self._worker = worker
        self._generation = worker.generation
        self._clock = clock
        self._timeout_s = timeout_s
        self._loop_code = loop_code
        self._post = post
        self._fault = fault
        self._name = driver.name
        self._under_way: tuple[str, float] | None = None
        self._at_disk_since_machine_s: float | None = None
        self._is_disk_told = False
        self._wakefulness = Wakefulness(clock)
        self._raised_in = ""
        self._is_over = False
        # It has every attribute of the driver; a subclass would hide those of the driver's class.
        self.driver = cast("Driver", _Watched(driver, self))
        driver.at_disk = self.at_disk

    @property
    def is_over(self) -> bool:
        """True after a fault, and when the component has another driver: this one is not asked."""
        return self._is_over or self._worker.generation != self._generation

    def ask(self, job: Callable[[], ResultT], then: Callable[[ResultT], object]) -> None:
        """Run ``job`` in the driver's thread and ``then`` with its result in the engine's.

        When the job raises, the component goes to FAULT and ``then`` is not called. When ``then``
        raises, it goes to FAULT as well: what was asked for would never be done.
        """
        if self.is_over:
            return

        def watched_job() -> ResultT:
            self._raised_in = ""
            try:
                return job()
            except Exception as error:
                raise _JobFailed(self._raised_in, error) from error

        future = self._worker.ask(watched_job)
        future.add_done_callback(lambda done: self._post(lambda: self._done(done, then)))

    def question(self, job: Callable[[Driver], ResultT]) -> Future[ResultT]:
        """Ask for something that decides nothing: what it raises is the asker's, and no FAULT.

        Canceled before its turn it is not asked. A driver that does not come back is one that is
        blocked, here as anywhere.
        """
        answer: Future[ResultT] = Future()

        def ask() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(job(self.driver))
            except Exception as error:  # noqa: BLE001 - carried to the asker, whatever it is
                answer.set_exception(error)

        self.ask(ask, lambda _: None)
        return answer

    def watch(self) -> None:
        """Look whether the driver is late; about once a machine second."""
        self._wakefulness.look()
        self._tell_of_disk()
        under_way = self._under_way
        if self.is_over or under_way is None:
            return
        call, begun_machine_s = under_way
        if self._since_s(begun_machine_s) <= self._timeout_s:
            return
        self._is_over = True
        self._worker.leave_behind()
        self._fault(
            ErrorCode.DRIVER_BLOCKED,
            f"driver {self._name}: {call} did not answer within {self._timeout_s:g} s",
        )

    @property
    def disk_trouble(self) -> str:
        """That the disk keeps the driver waiting for longer than a driver may take; else ""."""
        since_machine_s = self._at_disk_since_machine_s
        if since_machine_s is None:
            return ""
        waited_s = self._since_s(since_machine_s)
        if waited_s <= self._timeout_s:
            return ""
        return f"the disk does not answer for {waited_s:.0f} s, no target is chosen before it does"

    @contextmanager
    def at_disk(self) -> Iterator[None]:
        """In the driver's thread: the disk is waited for, which is no time of the driver's."""
        under_way, self._under_way = self._under_way, None
        begun_machine_s = self._clock.machine_s()
        self._at_disk_since_machine_s = begun_machine_s
        try:
            yield
        finally:
            self._at_disk_since_machine_s = None
            if under_way is not None:
                call, call_begun_machine_s = under_way
                waited_s = self._clock.machine_s() - begun_machine_s
                self._under_way = (call, call_begun_machine_s + waited_s)

    def begun(self, call: str) -> None:
        """In the driver's thread: a call of the driver begins."""
        self._under_way = (call, self._clock.machine_s())

    def ended(self) -> None:
        """In the driver's thread: it has come back."""
        self._under_way = None

    def raised(self, call: str) -> None:
        """In the driver's thread: it has raised; the first one of a job is the cause."""
        self._raised_in = self._raised_in or call

    def _since_s(self, begun_machine_s: float) -> float:
        """Machine seconds since then; since we woke up, where that is less."""
        return min(self._clock.machine_s() - begun_machine_s, self._wakefulness.awake_machine_s())

    def _tell_of_disk(self) -> None:
        trouble = self.disk_trouble
        if trouble and not self._is_disk_told:
            _log.error("driver waits driver=%s why=%s", self._name, trouble)
        self._is_disk_told = bool(trouble)

    def _done(self, done: Future[ResultT], then: Callable[[ResultT], object]) -> None:
        if self.is_over or done.cancelled():
            return
        failed = done.exception()
        if failed is None:
            try:
                then(done.result())
            except Exception as ours:  # noqa: BLE001 - the engine's half of every question
                self._is_over = True
                self._fault(self._loop_code, broken("what follows on the driver's answer", ours))
            return
        self._is_over = True
        call, error = "", failed
        if isinstance(failed, _JobFailed):
            call, error = failed.call, failed.error
        code = CODE_OF_ERROR.get(type(error))  # type: ignore[arg-type]  # no other key is found
        if code is None:
            code = CODE_OF_CALL.get(call, self._loop_code)
        text = str(error)
        if not isinstance(error, DriverError | SnapshotError):
            where = f"{call} raised " if call else ""
            text = f"driver {self._name}: {where}{error!r}"
        _log.error("scheduling driver failed code=%d error=%r", code, error, exc_info=error)
        self._fault(code, text)


def broken(what: str, error: Exception) -> str:
    """Log an exception of our own code with its trace; return the report of the fault it is."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    _log.error("production loop broke in=%r error=%r", what, error, exc_info=error)
    return f"{what}: {error!r}{where}"


class _JobFailed(Exception):
    """A job has raised ``error``; ``call`` is the driver's call that did, "" when none did."""

    def __init__(self, call: str, error: Exception) -> None:
        super().__init__(call, error)
        self.call = call
        self.error = error


class _Watched:
    """A driver whose calls are timed: whatever it has, this has; nothing is set here."""

    __slots__ = ("_calls", "_driver")

    def __init__(self, driver: Driver, calls: DriverCalls) -> None:
        self._driver = driver
        self._calls = calls

    def __getattr__(self, name: str) -> Any:  # Any: what the driver's attribute is
        value = getattr(self._driver, name)
        if not callable(value):
            return value
        calls = self._calls

        def watched(*args: Any, **kwargs: Any) -> Any:  # Any: the driver's method's own
            calls.begun(name)
            try:
                return value(*args, **kwargs)
            except Exception:
                calls.raised(name)
                raise
            finally:
                calls.ended()

        return watched
