"""Scripts of one attempt at an order: observe for frames of the sky, calibrations for the others.

observe: the telescope opens, slews, follows and exposes. calibrations: bias, dark and panel flats,
with the dome closed, day or night. They differ in how long the preparation may take.
"""

from __future__ import annotations

from ctmo_indi.errors import WrongState
from ctmo_indi.models.states import AttemptState, FrameType
from ctmo_indi.script_queue.attempts import AttemptResult, AttemptScript
from ctmo_indi.script_queue.kinds import (
    AttemptBinding,
    Parameters,
    ScriptKind,
    ScriptParts,
    object_schema,
)
from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.script_queue.script import PlainScript, Slot

OBSERVE_PREPARATION_S = 900.0
"""Sky seconds for opening, slewing, the dome and the filter, at their slowest."""
CALIBRATIONS_PREPARATION_S = 300.0
"""Sky seconds for the filter and the light panel, at their slowest."""
MARGIN_FACTOR = 2.0


class RefusedAttempt(PlainScript):
    """Takes the place of an attempt's script that cannot be made; it ends at once, with the reason.

    So one bad block, or a target that does not suit it, is the end of that attempt only.

    Parameters
    ----------
    state
        How the attempt ends: FAILED counts against its order, NOT_ATTEMPTED does not.
    """

    def __init__(self, attempt: AttemptBinding, state: AttemptState, reason: str) -> None:
        super().__init__(
            "refused", timeout_s=1.0, subject=attempt.attempt_id, metadata=attempt.metadata
        )
        self._result = AttemptResult(attempt.attempt_id, state, failure=reason)

    def run(self, _slot: Slot) -> AttemptResult:
        """Return how the attempt ended."""
        return self._result

    def withdrawn(self, _reason: str, _is_failure: bool) -> AttemptResult:
        """Return the same."""
        return self._result

    def copy(self) -> RefusedAttempt:
        """Refuse: an attempt is made once."""
        raise WrongState(f"attempt {self.subject} is made once, and was refused")


def attempt_script(
    name: str,
    telescope: FrontDesk,
    attempt: AttemptBinding,
    *,
    preparation_s: float,
    margin_factor: float = MARGIN_FACTOR,
) -> AttemptScript:
    """Make the script of an attempt.

    Parameters
    ----------
    preparation_s
        Sky seconds until the first exposure, at most.
    margin_factor
        How many times the estimated duration the exposures may take.
    """
    return AttemptScript(
        name,
        telescope,
        attempt.attempt_id,
        attempt.receipt,
        wire=attempt.wire,
        timeout_s=preparation_s + margin_factor * attempt.duration_s,
        metadata=attempt.metadata,
    )


def kind_for(frame_type: FrameType) -> ScriptKind:
    """Return the script for frames of that type."""
    return OBSERVE if frame_type.needs_sky else CALIBRATIONS


def _kind(name: str, description: str, preparation_s: float) -> ScriptKind:
    def make(parts: ScriptParts, parameters: Parameters) -> AttemptScript:
        if parts.attempt is None:
            raise WrongState(f"script {name}: it belongs to an order, hand in an Observation")
        return attempt_script(name, parts.telescope, parts.attempt, **parameters)

    schema = object_schema(
        {
            "preparation_s": {
                "description": "longest time until the first exposure, sky seconds",
                "type": "number",
                "minimum": 1,
                "maximum": 86400,
                "default": preparation_s,
            },
            "margin_factor": {
                "description": "how many times their estimate the exposures may take",
                "type": "number",
                "minimum": 1,
                "maximum": 100,
                "default": MARGIN_FACTOR,
            },
        }
    )
    return ScriptKind(name, description, schema, make, needs_attempt=True)


OBSERVE = _kind(
    "observe", "One attempt at an order for the sky: open, slew, expose.", OBSERVE_PREPARATION_S
)
CALIBRATIONS = _kind(
    "calibrations",
    "One attempt at an order for bias, dark or flat, with the dome closed.",
    CALIBRATIONS_PREPARATION_S,
)
