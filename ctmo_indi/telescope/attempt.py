"""One attempt at an order, as the engine holds it and as outsiders see it.

An attempt is what Rubin calls an observation: one try at one order's frames. Its states and their
order stand in ``work_orders/lifecycle.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ctmo_indi.errors import (
    CommandCanceled,
    CtmoError,
    ForeignMotion,
    InternalError,
    SafetyError,
    Stopped,
)
from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.orders import ExposureRecord, ObservationRequest
from ctmo_indi.models.states import AttemptState


class Ending(Exception):
    """An attempt or control order is ended from outside, in the given state.

    Not an error of the manager's tree: it never leaves the engine.

    Parameters
    ----------
    stops_motion
        Whether our motion under way is to be aborted. Not while safety closes or another client
        moves the mount: our abort would stop theirs.
    stops_exposure
        Likewise for the exposure: not when another client's has replaced it.
    """

    def __init__(
        self,
        state: AttemptState,
        reason: str,
        *,
        stops_motion: bool = True,
        stops_exposure: bool = True,
    ) -> None:
        self.state = state
        self.reason = reason
        self.stops_motion = stops_motion
        self.stops_exposure = stops_exposure
        super().__init__(f"{state}: {reason}")


@dataclass(slots=True)
class Attempt:
    """Owned by the engine thread; others get :meth:`to_wire` and :meth:`news`.

    Parameters
    ----------
    attempt_id
        Its name everywhere: receipt, journal, header, file names.
    parent
        Receipt of the scheduler's order; empty for a direct order.
    step
        What it does now; for Status.
    has_begun
        True once the last look was passed.
    pointed_deg
        RA and Dec (ICRS) of the last slew; the mount stays there while it follows the stars.
    took
        What its steps took, as far as that is known.
    is_first_way
        Whether the telescope tracks, opened and unparked by an earlier attempt, and has not been
        told to go anywhere by this one: then the way to its target is one that was planned.
    told
        Ids of the exposures that were in an event.
    """

    attempt_id: str
    parent: str
    user: str
    order_id: str
    request: ObservationRequest
    state: AttemptState = AttemptState.PENDING
    reason: str = ""
    step: str = ""
    has_begun: bool = False
    pointed_deg: tuple[float, float] | None = None
    took: StepDurations = field(default_factory=StepDurations)
    is_first_way: bool = True
    revision: int = 0
    exposures: list[ExposureRecord] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    @property
    def receipt(self) -> str:
        """Its name on the wire."""
        return self.attempt_id

    @property
    def good_exposures(self) -> int:
        """Frames that are safe on disk."""
        return len(self.exposures)

    def to_wire(self) -> dict[str, object]:
        """The keys of a Status reply that an attempt adds."""
        return self._with(self.exposures)

    def news(self) -> dict[str, object]:
        """The data of its next event: as :meth:`to_wire`, with the exposures that no event had yet.

        Events are kept for a year: with all exposures in each, those of an attempt at thousands of
        frames would fill the disk.
        """
        new = [one for one in self.exposures if one.exposure_id not in self.told]
        self.told.update(one.exposure_id for one in new)
        return self._with(new)

    def _with(self, exposures: Iterable[ExposureRecord]) -> dict[str, object]:
        return {
            "ID": self.order_id,
            "Receipt": self.attempt_id,
            "Kind": "Observation",
            "Parent": self.parent,
            "Status": self.state.value,
            "Step": self.step,
            "Message": self.reason or self.step,
            "Failure": self.reason,
            "Good Exposures": self.good_exposures,
            "Number of Exposures": self.request.count,
            "Exposures": [exposure_to_wire(record) for record in exposures],
            "Took": self.took.to_wire(),
        }


def exposure_to_wire(record: ExposureRecord) -> dict[str, object]:
    """One entry of "Exposures"; a frame without sky has no RA and Dec."""
    wire: dict[str, object] = {
        "Exposure ID": record.exposure_id,
        "Path": record.path,
        "Filter": record.filter_name,
        "Exposure Time": record.t_exptime_s,
        "Frame Type": record.frame_type.value,
        "Sequence": record.sequence,
        "SHA256": record.sha256,
        "MJD Start": record.t_min_mjd,
        "MJD End": record.t_max_mjd,
        "Name of object": record.target_name,
    }
    if record.s_ra_deg is not None and record.s_dec_deg is not None:
        wire["RA"] = record.s_ra_deg
        wire["Dec"] = record.s_dec_deg
    return wire


def outcome(error: BaseException | None, *, has_begun: bool) -> tuple[AttemptState, str]:
    """State and reason an attempt ends with, from what ended it.

    A refusal by safety, a limit or an interlock is no failure: INTERRUPTED, or NOT_ATTEMPTED before
    the last look was passed; so is another client's hand. A human's stop is ABORTED.
    """
    if error is None:
        return AttemptState.COMPLETED, ""
    if isinstance(error, Ending):
        state, reason = error.state, error.reason
    elif isinstance(error, Stopped):
        state, reason = AttemptState.ABORTED, str(error)
    elif isinstance(error, ForeignMotion | SafetyError):
        state, reason = AttemptState.INTERRUPTED, str(error)
    elif isinstance(error, CtmoError):
        state, reason = AttemptState.FAILED, f"{type(error).__name__}: {error}"
    elif isinstance(error, OSError):
        state, reason = AttemptState.FAILED, f"the frame could not be stored: {error}"
    else:
        state = AttemptState.FAILED
        reason = f"internal error, see the log: {type(error).__name__}: {error}"
    if has_begun:
        return state, reason
    by_hand = state in (AttemptState.ABORTED, AttemptState.CANCELED)
    return (AttemptState.CANCELED if by_hand else AttemptState.NOT_ATTEMPTED), reason


def failure_code(error: BaseException | None) -> int:
    """Return the fault code that ``error`` would have as a refusal; 0 for no error."""
    if error is None:
        return 0
    if isinstance(error, Ending):
        return CommandCanceled.fault_code
    if isinstance(error, CtmoError):
        return error.fault_code
    return InternalError.fault_code
