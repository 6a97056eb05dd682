"""Samples of what steps took, the last ones of each: data, without a word on what they mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

STEPS_REMEMBERED = 30

Way = tuple[float, float]
"""What the model says of a step and what it took, seconds."""


@dataclass(frozen=True, slots=True)
class StepSamples:
    """The last samples of each step, oldest first.

    Parameters
    ----------
    mount, dome, wheel
        Of what moves: the model's seconds, without settling, and those measured.
    readout, handling
        Seconds.
    """

    mount: tuple[Way, ...] = ()
    dome: tuple[Way, ...] = ()
    wheel: tuple[Way, ...] = ()
    readout: tuple[float, ...] = ()
    handling: tuple[float, ...] = ()

    def with_way(
        self, name: Literal["mount", "dome", "wheel"], model_s: float | None, took_s: float | None
    ) -> StepSamples:
        """Return them with one more of a motion; None: it was none, or not measured."""
        if model_s is None or took_s is None:
            return self
        sample = round(model_s, 3), round(took_s, 3)
        return replace(self, **{name: (*getattr(self, name), sample)[-STEPS_REMEMBERED:]})

    def with_readout(self, took_s: float | None) -> StepSamples:
        """Return them with one more readout; None: not measured."""
        if took_s is None:
            return self
        return replace(self, readout=(*self.readout, round(took_s, 3))[-STEPS_REMEMBERED:])

    def with_handling(self, took_s: float) -> StepSamples:
        """Return them with one more of what no step explains."""
        return replace(self, handling=(*self.handling, round(took_s, 3))[-STEPS_REMEMBERED:])

    def state(self) -> dict[str, object]:
        """Return them as JSON values."""
        return {
            one.name: [list(sample) if isinstance(sample, tuple) else sample for sample in known]
            for one in fields(self)
            if (known := getattr(self, one.name))
        }

    @classmethod
    def of_state(cls, state: object) -> StepSamples:
        """Return what :meth:`state` gave.

        Raises
        ------
        TypeError, ValueError
            It is no such thing.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"samples of steps are {type(state).__name__}, expected an object")
        found = cls(
            mount=_ways(state.get("mount", ())),
            dome=_ways(state.get("dome", ())),
            wheel=_ways(state.get("wheel", ())),
            readout=tuple(float(one) for one in state.get("readout", ())),
            handling=tuple(float(one) for one in state.get("handling", ())),
        )
        ways = (*found.mount, *found.dome, *found.wheel)
        every = [*(one for way in ways for one in way), *found.readout, *found.handling]
        if not all(math.isfinite(one) and one >= 0.0 for one in every):
            raise ValueError(f"samples of steps are {state!r}, expected seconds")
        return found


def _ways(state: object) -> tuple[Way, ...]:
    if not isinstance(state, list | tuple):
        raise TypeError(f"samples of a step are {type(state).__name__}, expected an array")
    return tuple((float(model_s), float(took_s)) for model_s, took_s in state)
