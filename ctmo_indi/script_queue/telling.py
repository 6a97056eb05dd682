"""Tell the owner of changes one by one, in order, also when it causes new ones meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ctmo_indi.script_queue.script import ScriptRun


class Teller:
    """Calls ``on_change``, then lets the queue go on. Owner's thread only.

    Parameters
    ----------
    go_on
        Starts the next script if it may be started, and returns what is to be told about it.
        Called when nothing is left to be told.
    """

    def __init__(
        self,
        on_change: Callable[[ScriptRun], None],
        go_on: Callable[[], tuple[ScriptRun, ...]],
    ) -> None:
        self._on_change = on_change
        self._go_on = go_on
        self._untold: deque[ScriptRun] = deque()
        self.is_telling = False

    def tell(self, *runs: ScriptRun) -> None:
        """Tell ``runs`` after all that was to be told before.

        When on_change raises, the rest is told at the next call.
        """
        self._untold.extend(runs)
        if self.is_telling:
            return
        while True:
            self.is_telling = True
            try:
                while self._untold:
                    self._on_change(self._untold.popleft())
            finally:
                self.is_telling = False
            self._untold.extend(self._go_on())
            if not self._untold:
                return
