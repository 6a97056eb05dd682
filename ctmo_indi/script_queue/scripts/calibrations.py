"""The calibrations script: bias, dark and panel flats, with the dome closed, day or night."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.script_queue.attempts import AttemptScript
from ctmo_indi.script_queue.peer import FrontDesk

NAME = "calibrations"
PREPARATION_S = 300.0
"""Sky seconds for the filter and the light panel, at their slowest."""
MARGIN_FACTOR = 2.0


def calibrations(
    telescope: FrontDesk,
    attempt_id: str,
    order_receipt: str,
    *,
    wire: Mapping[str, object] | None,
    duration_s: float,
) -> AttemptScript:
    """Make the script of one attempt at an order with Frame Type Bias, Dark or Flat.

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
