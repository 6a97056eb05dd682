"""What the telescope's engine works with; the service puts it together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.control import ControlTask
from ctmo_indi.telescope.hands import Hands
from ctmo_indi.telescope.lamp import Lamp
from ctmo_indi.telescope.scene import FrameKeeper, StepTimes, fixed_place
from ctmo_indi.telescope.vigil import Vigil


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What the engine works with.

    Parameters
    ----------
    observable, place
        See :class:`~ctmo_indi.telescope.scene.Scene`.
    publish
        (kind, subject, data) -> revision; thread-safe, does not block.
    hands_off_s, takeover_path
        See :class:`~ctmo_indi.telescope.takeover.Takeover`.
    on_state, on_hand_state
        Called after each change of an attempt's or a control order's state, to store it; must not
        block.
    may_attempt
        Whether attempts may begin: not before it is known what a crash left.
    recovery
        What is told of that in the service's Status.
    """

    hands: Hands
    lamp: Lamp
    frames: FrameKeeper
    vigil: Vigil
    clock: Clock
    observable: Callable[[ObservationRequest, float], tuple[str, ...]]
    publish: Callable[[str, str, dict[str, object]], int]
    on_state: Callable[[Attempt], None]
    hands_off_s: float | None = 0.0
    takeover_path: Path | None = None
    step_times: StepTimes = field(default_factory=StepTimes)
    on_hand_state: Callable[[ControlTask], None] = lambda _task: None
    may_attempt: Callable[[], bool] = lambda: True
    recovery: Callable[[], dict[str, object]] = dict
    place: Callable[[ObservationRequest], tuple[float, float] | None] = fixed_place
