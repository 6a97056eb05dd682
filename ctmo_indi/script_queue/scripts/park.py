"""The park script: the end of the night. The telescope parks, closes and parks the dome."""

from __future__ import annotations

from ctmo_indi.script_queue.controls import ControlScript
from ctmo_indi.script_queue.peer import FrontDesk

NAME = "park"


def park(telescope: FrontDesk, *, timeout_s: float) -> ControlScript:
    """Make the script.

    Parameters
    ----------
    timeout_s
        Sky seconds for the whole closing sequence, its repetitions included.
    """
    return ControlScript(NAME, telescope, {"Command": "close"}, timeout_s=timeout_s)
