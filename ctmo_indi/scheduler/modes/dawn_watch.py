"""A paused queue keeps what waits in it, and yet the observatory is closed when the night is over.

While it is paused no decision may come to closing, so a running mode looks at dawn alone.
"""

from __future__ import annotations

from ctmo_indi.clock import Deadline
from ctmo_indi.scheduler.modes.idle_keeper import IdleKeeper
from ctmo_indi.scheduler.modes.mode import ModeContext
from ctmo_indi.scheduling.conditions import Conditions, Night

LOOK_S = 60.0
LOOK_MACHINE_S = 1.0


class DawnWatch:
    """Says when to gather telemetry for it; engine thread."""

    def __init__(self, context: ModeContext, idle: IdleKeeper) -> None:
        self._context = context
        self._idle = idle
        self._next = Deadline(context.clock, 0.0)

    @property
    def is_due(self) -> bool:
        """Whether the queue is paused, perhaps for hours, nothing runs, and it is time to look."""
        queue = self._context.queue
        runs = queue.current is not None and not queue.current.is_final
        return queue.is_paused and not runs and self._next.expired

    def begin(self) -> None:
        """Telemetry is being gathered."""
        self._next = Deadline(self._context.clock, LOOK_S, LOOK_MACHINE_S)

    def seen(self, conditions: Conditions, night: Night) -> None:
        """Close when the night is over and the queue is still paused."""
        if self._context.queue.is_paused:
            self._idle.look_at_dawn(conditions, night)
