"""What the CSC asks of an operation mode, and what a mode may use. Each mode is a module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ctmo_indi.clock import Clock
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.attempt_runner import AttemptRunner
from ctmo_indi.scheduler.orders_book import OrdersBook, Settled
from ctmo_indi.scheduler.safety_link import SafetyLink
from ctmo_indi.scheduler.states import DetailedState, ErrorCode
from ctmo_indi.scheduler.worker import Worker
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.script_queue.queueing import ScriptQueue
from ctmo_indi.script_queue.script import ScriptRun


@dataclass(frozen=True, slots=True)
class ModeContext:
    """What a mode works with; the engine's, so engine thread only.

    Parameters
    ----------
    worker
        The driver's thread: the only one that calls the driver.
    post
        Runs a call later in the engine thread.
    set_detailed
        Tells the component's detailed state.
    fault
        Puts the component in FAULT.
    """

    clock: Clock
    profile: Profile
    driver: Driver
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


class Mode(Protocol):
    """An operation mode. Engine thread only; nothing here blocks."""

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
        """Look whether there is something to do."""
        ...

    def poke(self) -> None:
        """Look anew: an order came or went, the verdict changed."""
        ...

    def attempt_settled(self, settled: Settled) -> None:
        """Register a success; called whether running or not."""
        ...

    def script_ended(self, run: ScriptRun) -> None:
        """Note the end of one of the mode's other scripts."""
        ...

    def report(self) -> dict[str, object]:
        """Keys for the service's Status: next target, and why there is none now."""
        ...


MakeMode = Callable[[ModeContext], Mode]
