"""How long things take besides exposing: learned from what was observed.

Where the telescope has measured the steps of an attempt (``StepDurations``), each has samples of
its own: what the model says, and what it took. Of two observations in a row the way between them is
known as well, from the end of the first to the begin of the second; what of it no step explains is
handling, and without measured steps the whole way over what the model says is one ratio. All of it
is medians of the last ones, so that a wait or an interruption among them counts for nothing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ctmo_indi.models.observation import Observation, StepDurations
from ctmo_indi.profiles import Kinematics
from ctmo_indi.scheduling.plan.corrections import Corrections
from ctmo_indi.scheduling.plan.step_lines import (
    LEAST_FACTOR,
    LEAST_KNOWN,
    MOST_CONSTANT_S,
    MOST_FACTOR,
    SHORTEST_S,
    constant_of,
    line_of,
)
from ctmo_indi.scheduling.plan.step_samples import StepSamples

REMEMBERED = 15
LEAST_RATIO, MOST_RATIO = LEAST_FACTOR, MOST_FACTOR
LONGEST_S = 600.0
"""A longer way was no way, but a wait."""

LONGEST_HANDLING_S = 60.0
"""What no step explains of a way is a wait when it is longer."""

EARLY_S = 1.0
"""Clocks of camera and telescope may differ by so much."""

_UNIX_EPOCH_MJD = 40587.0
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class ModelledSteps:
    """What the model says of the steps of a way, seconds; None: nothing moves.

    Parameters
    ----------
    mount_s, dome_s
        Without settling.
    wheel_s
        Of the steps between slots; what any change takes is left out.
    """

    mount_s: float | None
    dome_s: float | None
    wheel_s: float | None


class WayModel(Protocol):
    """What the model says of two observations in a row."""

    def exposures_s(self, observation: Observation) -> float:
        """Return the sky seconds of an observation's frames with their readouts."""
        ...

    def way_s(self, before: Observation, end_utc_s: float, after: Observation) -> float:
        """Return the sky seconds from the end of one to the first exposure of the other."""
        ...

    def steps(self, before: Observation, begin_utc_s: float, after: Observation) -> ModelledSteps:
        """Return what moves from one to the other when it begins at an instant."""
        ...


@dataclass(frozen=True, slots=True)
class Overheads:
    """What was learned.

    Parameters
    ----------
    ratios
        The last ones, oldest first, of ways whose steps nobody measured.
    last
        The last observation; None before the first.
    steps
        Samples of steps that were measured.
    """

    ratios: tuple[float, ...] = ()
    last: Observation | None = None
    steps: StepSamples = field(default_factory=StepSamples)

    @property
    def ratio(self) -> float:
        """What the model's setups are multiplied with; two digits, so that plans stay the same.

        1 as soon as steps are known.
        """
        if len(self.ratios) < LEAST_KNOWN or len(self.steps.mount) >= LEAST_KNOWN:
            return 1.0
        return min(max(round(statistics.median(self.ratios), 2), LEAST_RATIO), MOST_RATIO)

    def corrections(self, kinematics: Kinematics) -> Corrections:
        """Return what is known to differ from the profile's kinematics."""
        steps = self.steps
        return Corrections(
            ratio=self.ratio,
            mount=line_of(steps.mount, kinematics.mount_settle_s),
            dome=line_of(steps.dome, kinematics.dome_settle_s),
            wheel=line_of(steps.wheel, kinematics.filter_change_s),
            readout_s=_constant(steps.readout),
            handling_s=_constant(steps.handling),
        )

    def after(self, observation: Observation, model: WayModel) -> Overheads:
        """Return what is known after one more observation; simulated ones teach nothing."""
        if observation.number <= 0 or observation.ra_deg is None or observation.dec_deg is None:
            return self
        steps = self.steps.with_readout(_readout_s(observation))
        # what is kept of it is what the next way begins from
        told = None if observation.took is None else observation.took.to_wire()
        last = replace(
            observation,
            attempt_id="",
            target_name="",
            receipt="",
            took=StepDurations.of_wire(told),  # rounded as it is kept
        )
        known = replace(self, last=last, steps=steps)
        before = self.last
        if before is None:
            return known
        end_s = _start_s(before) + _exposing_s(before, model)
        took_s = _start_s(observation) - end_s
        if not -EARLY_S < took_s <= LONGEST_S:
            return known
        took = observation.took
        if took is not None and took.mount_s is not None:
            return replace(known, steps=_with_way(steps, model, before, end_s, observation, took))
        if took is not None:
            return known  # it came from the park place, or pointed twice
        model_s = model.way_s(before, end_s, observation)
        if took_s <= 0.0 or model_s < SHORTEST_S:
            return known
        return replace(known, ratios=(*self.ratios, took_s / model_s)[-REMEMBERED:])

    def state(self) -> dict[str, object]:
        """Return it as JSON values."""
        last: dict[str, object] | None = None
        if self.last is not None:
            last = {name: getattr(self.last, name) for name in _KEPT}
            if self.last.took is not None:
                last["took"] = self.last.took.to_wire()
        return {"ratios": list(self.ratios), "last": last, "steps": self.steps.state()}

    @classmethod
    def of_state(cls, state: object) -> Overheads:
        """Return what :meth:`state` gave, or that of a version that knew the ratios only.

        Raises
        ------
        TypeError, ValueError, KeyError
            It is no such thing.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"overheads are {type(state).__name__}, expected an object")
        ratios = tuple(float(one) for one in state["ratios"])
        if not all(math.isfinite(one) for one in ratios):
            raise ValueError(f"ratios are {ratios!r}, expected finite numbers")
        steps = StepSamples.of_state(state.get("steps", {}))
        last = state["last"]
        if last is None:
            return cls(ratios, steps=steps)
        values = {name: last[name] for name in _KEPT}
        took = StepDurations.of_wire(last.get("took"))
        kept = Observation(attempt_id="", receipt="", target_name="", took=took, **values)
        return cls(ratios, kept, steps)


_KEPT = ("ra_deg", "dec_deg", "mjd", "exposure_s", "frames", "filter_name", "target_id", "number")


def _with_way(
    steps: StepSamples,
    model: WayModel,
    before: Observation,
    end_utc_s: float,
    after: Observation,
    took: StepDurations,
) -> StepSamples:
    """Return the samples with those of one way whose motions were measured."""
    motions_s = max(one or 0.0 for one in (took.mount_s, took.dome_s, took.filter_s))
    start_s = _start_s(after)
    said = model.steps(before, max(start_s - motions_s, end_utc_s), after)
    steps = steps.with_way("mount", said.mount_s, took.mount_s)
    steps = steps.with_way("dome", said.dome_s, took.dome_s)
    steps = steps.with_way("wheel", said.wheel_s, took.filter_s)
    rest_s = start_s - end_utc_s - motions_s
    if -EARLY_S < rest_s <= LONGEST_HANDLING_S:
        steps = steps.with_handling(max(rest_s, 0.0))
    return steps


def _readout_s(observation: Observation) -> float | None:
    """Return what each readout took; None when it was not measured, or something came between."""
    took = observation.took
    if took is None or took.exposing_s is None or observation.frames < 1:
        return None
    readout_s = took.exposing_s / observation.frames - observation.exposure_s
    return max(readout_s, 0.0) if -EARLY_S < readout_s <= MOST_CONSTANT_S else None


def _exposing_s(observation: Observation, model: WayModel) -> float:
    took = observation.took
    if took is not None and took.exposing_s is not None:
        return took.exposing_s
    return model.exposures_s(observation)


def _constant(samples_s: tuple[float, ...]) -> float | None:
    return constant_of(samples_s) if len(samples_s) >= LEAST_KNOWN else None


def _start_s(observation: Observation) -> float:
    return (observation.mjd - _UNIX_EPOCH_MJD) * _DAY_S
