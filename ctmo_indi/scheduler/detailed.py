"""The detailed state: what the ENABLED component is doing, one thing at a time. Engine thread."""

from __future__ import annotations

from collections.abc import Callable

from ctmo_indi.scheduler.states import DETAILED_TABLE, DetailedState


class Detailed:
    """Holds the detailed state and publishes every change of it.

    Parameters
    ----------
    is_running
        Whether the production loop runs.
    """

    def __init__(
        self,
        publish: Callable[[str, str, dict[str, object]], object],
        is_running: Callable[[], bool],
    ) -> None:
        self._publish = publish
        self._is_running = is_running
        self._alone = 0
        self.state = DetailedState.IDLE

    def set(self, state: DetailedState) -> None:
        """Go to ``state``, over RUNNING where the table says so; IDLE when nothing is produced."""
        if not (self._is_running() or self._alone):
            state = DetailedState.IDLE
        if state is self.state:
            return
        if not DETAILED_TABLE.allows(self.state, state):
            self._go(DetailedState.RUNNING)
        if state is not self.state:
            self._go(state)

    def begin_alone(self) -> None:
        """Something is done outside the production loop: a prediction, a single block."""
        self._alone += 1
        self.set(DetailedState.RUNNING)

    def end_alone(self) -> None:
        """It is over; back to what the production loop does."""
        self._alone = max(0, self._alone - 1)
        if not self._alone and not self._is_running():
            self.set(DetailedState.IDLE)
        elif self.state is DetailedState.COMPUTING_PREDICTED_SCHEDULE:
            self.set(DetailedState.RUNNING)

    def reset(self) -> None:
        """IDLE, and published whether it changes or not: the summary state has changed."""
        self._alone = 0
        self._go(DetailedState.IDLE)

    def _go(self, state: DetailedState) -> None:
        self.state = state
        self._publish("detailedState", "", {"Detailed State": state.value})
