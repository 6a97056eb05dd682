"""What the CSC asks of an operation mode, and what a mode may use. Each mode is a module.

``mode_choice.py`` makes the one that a configuration names.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from ctmo_indi.clock import Clock
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.configuration import SchedulerCscParameters
from ctmo_indi.scheduler.orders.attempt_runner import AttemptRunner
from ctmo_indi.scheduler.orders.open_orders import Settled
from ctmo_indi.scheduler.orders.orders_book import OrdersBook
from ctmo_indi.scheduler.safety_link import SafetyLink
from ctmo_indi.scheduler.states import DetailedState, ErrorCode
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.script_queue.queueing import ScriptQueue
from ctmo_indi.script_queue.script import ScriptRun

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class ModeContext:
    """What a mode works with; the engine's, so engine thread only.

    Parameters
    ----------
    driver
        Configured, and told of every observation up to its ``observation_number``; None in DRY.
    worker
        The driver's thread: the only one that calls the driver.
    post
        Runs a call later in the engine thread.
    set_detailed
        Tells the component's detailed state.
    fault
        Puts the component in FAULT.
    snapshots_folder
        Where snapshots of the driver are kept.
    """

    clock: Clock
    profile: Profile
    driver: Driver | None
    worker: Worker
    book: OrdersBook
    runner: AttemptRunner
    queue: ScriptQueue
    telescope: FrontDesk
    safety: SafetyLink
    publish: Callable[[str, str, dict[str, object]], object]
    post: Callable[[Callable[[], object]], None]
    set_detailed: Callable[[DetailedState], None]
    fault: Callable[[ErrorCode, str], None]
    parameters: SchedulerCscParameters = field(default_factory=SchedulerCscParameters)
    snapshots_folder: Path = Path("snapshots")


class Mode(Protocol):
    """An operation mode. Engine thread only; nothing here blocks for longer than a commit."""

    @property
    def is_running(self) -> bool:
        """True between resume and stop."""
        ...

    def resume(self) -> None:
        """Begin to produce targets."""
        ...

    def stop(self) -> None:
        """Produce no further target; scripts already queued go on."""
        ...

    def tick(self) -> None:
        """Look whether there is something to do, and whether the driver is late."""
        ...

    def poke(self) -> None:
        """Look anew: an order came or went, the verdict changed."""
        ...

    def flush(self) -> int:
        """Withdraw the mode's targets that have not begun; return how many."""
        ...

    def reschedule(self) -> None:
        """Choose anew what has not begun; what is chosen again stays where it is."""
        ...

    def predict(self, on_done: Callable[[str], None]) -> Callable[[], None]:
        """Begin a predicted schedule while not running.

        Parameters
        ----------
        on_done
            Called once with why there is none, "" for success; not after a FAULT.

        Returns
        -------
        callable
            Gives it up.

        Raises
        ------
        WrongState
            There is no scheduling driver.
        """
        ...

    def ask_driver(self, job: Callable[[Driver], ResultT]) -> Future[ResultT]:
        """Put a question that changes nothing to the driver, in its own thread.

        What it raises is the future's: a question puts nothing in FAULT, but for a driver that does
        not come back. A future that is canceled before its turn is never asked.

        Raises
        ------
        WrongState
            There is no scheduling driver to ask.
        """
        ...

    def attempt_settled(self, settled: Settled) -> None:
        """Register a success; called whether running or not."""
        ...

    def script_ended(self, run: ScriptRun) -> None:
        """Note the end of another script, and of one whose attempt's end is not known."""
        ...

    def report(self) -> dict[str, object]:
        """Keys for the service's Status: next target, and why there is none now."""
        ...


MakeMode = Callable[[ModeContext], Mode]
