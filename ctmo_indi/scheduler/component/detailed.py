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
        self._alone: set[object] = set()
        self.state = DetailedState.IDLE

    def set(self, state: DetailedState) -> None:
        """Go to ``state``, over RUNNING where the table says so; IDLE when nothing is produced."""
        if not (self._is_running() or self._alone):
            state = DetailedState.IDLE
        elif state is DetailedState.IDLE and self._alone:
            state = DetailedState.RUNNING
        if state is self.state:
            return
        if not DETAILED_TABLE.allows(self.state, state):
            self._go(DetailedState.RUNNING)
        if state is not self.state:
            self._go(state)

    def begin_alone(self) -> Callable[[], None]:
        """Something is done outside the production loop: a prediction, a single block.

        Returns
        -------
        callable
            To be called when it is over; more than once does no harm.
        """
        token = object()
        self._alone.add(token)
        self.set(DetailedState.RUNNING)

        def end() -> None:
            if token in self._alone:
                self._alone.discard(token)
                if not self._alone and not self._is_running():
                    self.set(DetailedState.IDLE)

        return end

    def reset(self) -> None:
        """IDLE, and published whether it changes or not: the summary state has changed."""
        self._alone.clear()
        self._go(DetailedState.IDLE)

    def _go(self, state: DetailedState) -> None:
        self.state = state
        self._publish("detailedState", "", {"Detailed State": state.value})
