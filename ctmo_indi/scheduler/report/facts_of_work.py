"""Facts of the ledger that attempts and frames tell. Pure.

A frame's begin and end are the camera's; between two frames of an attempt it is read out. What the
telescope measured of its steps (``Took``) ends where the first exposure begins: slew, dome and
filter go side by side, so the dome counts where it was slower than the mount, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ctmo_indi.models.observation import StepDurations
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import AttemptState, FrameType
from ctmo_indi.scheduler.report.ledger import Fact
from ctmo_indi.scheduler.report.loss_classes import LossClass
from ctmo_indi.scheduler.report.night_data import NightData
from ctmo_indi.store.attempts import OPEN_STATES, AttemptRow
from ctmo_indi.store.readouts import to_utc_s

LONGEST_READOUTS = 3.0
"""A gap between frames that is longer than so many usual ones: an exposure was repeated."""

_FAILED = frozenset({AttemptState.FAILED, AttemptState.BAD_DATA})
_BY_HUMAN = frozenset({AttemptState.ABORTED, AttemptState.CANCELED})


@dataclass(frozen=True, slots=True)
class Exposed:
    """A frame's exposure, Unix seconds."""

    begin_utc_s: float
    end_utc_s: float
    frame: ExposureRecord

    @classmethod
    def of(cls, frame: ExposureRecord) -> Exposed:
        """Return it; a frame whose end is not after its begin lasted as long as it was asked to."""
        begin_s, end_s = to_utc_s(frame.t_min_mjd), to_utc_s(frame.t_max_mjd)
        return cls(begin_s, end_s if end_s > begin_s else begin_s + frame.t_exptime_s, frame)


def work_facts(data: NightData, readout_s: float) -> list[Fact]:
    """Return every fact that attempts and frames tell.

    Parameters
    ----------
    readout_s
        What a readout takes by the profile, for a night that tells none itself.
    """
    exposed = [Exposed.of(frame) for frame, _ in data.frames]
    by_attempt: dict[str, list[Exposed]] = {}
    for one in exposed:
        by_attempt.setdefault(one.frame.attempt_id, []).append(one)
    usual_s = usual_readout_s(by_attempt.values(), readout_s)
    found = [fact for one in exposed for fact in _exposure(one)]
    for taken in by_attempt.values():
        found += _readouts(taken, usual_s)
    for attempt in data.attempts:
        taken = by_attempt.get(attempt.attempt_id, [])
        found += _attempt(attempt, taken, data.took.get(attempt.attempt_id), data, usual_s)
    return found


def usual_readout_s(attempts: Iterable[Sequence[Exposed]], readout_s: float) -> float:
    """Return the median gap between frames of one attempt, seconds; the given one of none."""
    gaps_s = [
        after.begin_utc_s - before.end_utc_s
        for taken in attempts
        for before, after in pairwise(taken)
    ]
    return max(0.0, median(gaps_s)) if gaps_s else readout_s


def _exposure(one: Exposed) -> Iterator[Fact]:
    frame = one.frame
    if frame.frame_type is FrameType.LIGHT:
        loss, of_what = LossClass.EXPOSING, frame.target_name or frame.order_receipt
    else:
        loss, of_what = LossClass.CALIBRATION, f"{frame.frame_type.value.lower()} frames"
    yield Fact(loss, one.begin_utc_s, one.end_utc_s, of_what)


def _readouts(taken: Sequence[Exposed], usual_s: float) -> Iterator[Fact]:
    longest_s = LONGEST_READOUTS * usual_s
    for before, after in pairwise(taken):
        gap_s = after.begin_utc_s - before.end_utc_s
        read_s = before.end_utc_s + (gap_s if gap_s <= longest_s else usual_s)
        yield Fact(LossClass.READOUT, before.end_utc_s, read_s, "readout")
        if gap_s > longest_s:
            yield Fact(LossClass.FAULT, read_s, after.begin_utc_s, "an exposure was repeated")


def _attempt(
    attempt: AttemptRow,
    taken: Sequence[Exposed],
    took: StepDurations | None,
    data: NightData,
    usual_s: float,
) -> Iterator[Fact]:
    if attempt.started_utc_s is None:  # it waited in the queue, perhaps while others were at work
        return
    begin_s = attempt.started_utc_s
    end_s = data.end_utc_s if attempt.ended_utc_s is None else attempt.ended_utc_s
    what = (taken and taken[0].frame.target_name) or _what(attempt.wire)
    if attempt.wire.get("Frame Type", FrameType.LIGHT.value) != FrameType.LIGHT.value:
        yield Fact(LossClass.CALIBRATION, begin_s, end_s, what)
        return
    yield Fact(LossClass.HANDLING, begin_s, end_s, what)
    if taken:
        yield from _setup(begin_s, taken[0].begin_utc_s, took, what)
        read_s = min(end_s, taken[-1].end_utc_s + usual_s)
        yield Fact(LossClass.READOUT, taken[-1].end_utc_s, read_s, "readout")
    rest_s = min(end_s, taken[-1].end_utc_s + usual_s) if taken else begin_s
    why = f"{what}: {attempt.reason}" if attempt.reason else what
    if attempt.state in _FAILED:
        yield Fact(LossClass.FAULT, rest_s, end_s, f"{attempt.state}: {why}")
    elif attempt.state in _BY_HUMAN:
        yield Fact(LossClass.HELD, rest_s, end_s, f"{attempt.state}: {why}")
    elif attempt.state is AttemptState.INTERRUPTED:
        yield Fact(LossClass.INTERRUPTED, rest_s, end_s, why)
    elif attempt.state in OPEN_STATES and not taken:
        yield Fact(LossClass.SLEWING, begin_s, end_s, what)


def _setup(
    begin_s: float, exposing_s: float, took: StepDurations | None, what: str
) -> Iterator[Fact]:
    """Give the way to the target; where it was not measured it is all slewing."""
    measured = took and {
        LossClass.SLEWING: took.mount_s,
        LossClass.DOME: took.dome_s,
        LossClass.FILTER: took.filter_s,
    }
    known = {loss: value for loss, value in (measured or {}).items() if value is not None}
    if not known:
        yield Fact(LossClass.SLEWING, begin_s, exposing_s, f"to {what}")
        return
    gone_s = max(begin_s, exposing_s - max(known.values()))
    for loss, value_s in known.items():
        yield Fact(loss, gone_s, min(exposing_s, gone_s + value_s), f"to {what}")


def _what(wire: Mapping[str, object]) -> str:
    return str(wire.get("Name of object") or wire.get("Object") or wire.get("ID", ""))
