"""The observe script: frames of the sky; the telescope opens, slews, follows and exposes."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.script_queue.attempts import AttemptScript
from ctmo_indi.script_queue.peer import FrontDesk

NAME = "observe"
PREPARATION_S = 900.0
"""Sky seconds for opening, slewing, the dome and the filter, at their slowest."""
MARGIN_FACTOR = 2.0


def observe(
    telescope: FrontDesk,
    attempt_id: str,
    order_receipt: str,
    *,
    wire: Mapping[str, object] | None,
    duration_s: float,
) -> AttemptScript:
    """Make the script of one attempt at an order for the sky.

    Parameters
    ----------
    wire
        The attempt's order; None adopts an attempt handed over before.
    duration_s
        Estimated sky seconds of its exposures and readouts.
    """
    return AttemptScript(
        NAME,
        telescope,
        attempt_id,
        order_receipt,
        wire=wire,
        timeout_s=PREPARATION_S + MARGIN_FACTOR * duration_s,
    )
