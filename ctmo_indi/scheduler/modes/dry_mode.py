"""DRY mode: no driver, no production loop. It can be resumed and stopped; no target ever comes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from ctmo_indi.errors import WrongState
from ctmo_indi.scheduler.modes.mode import ModeContext, ResultT
from ctmo_indi.scheduler.orders.open_orders import Settled
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.script_queue.script import ScriptRun

_WHY = "DRY mode produces no targets"


class DryMode:
    """Nothing but the states; see the module."""

    def __init__(self, _context: ModeContext) -> None:
        self.is_running = False

    def resume(self) -> None:
        """Run, and do nothing."""
        self.is_running = True

    def stop(self) -> None:
        """Run no longer."""
        self.is_running = False

    def tick(self) -> None:
        """Nothing to do."""

    def poke(self) -> None:
        """Nothing changes."""

    def flush(self) -> int:
        """There is never a target."""
        return 0

    def reschedule(self) -> None:
        """Nothing to choose."""

    def predict(self, _on_done: Callable[[str], None]) -> Callable[[], None]:
        """Refuse: there is no driver to ask."""
        raise WrongState("computePredictedSchedule: DRY mode has no scheduling driver")

    def ask_driver(self, _job: Callable[[Driver], ResultT]) -> Future[ResultT]:
        """Refuse: there is no driver to ask."""
        raise WrongState("DRY mode has no scheduling driver")

    def attempt_settled(self, _settled: Settled) -> None:
        """It is stored; there is no driver to register it with."""

    def script_ended(self, _run: ScriptRun) -> None:
        """Others' scripts are no business of ours."""

    def report(self) -> dict[str, object]:
        """Say why there is no target."""
        return {"Next Target": {}, "Reasons": [_WHY]}
