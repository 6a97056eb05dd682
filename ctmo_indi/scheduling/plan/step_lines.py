"""A straight line from what the model says of a step to what it took, which outliers do not move.

The slope is the repeated median of Siegel (1982, Biometrika 69, 242): for each sample the median of
the slopes to all others, and the median of those. Up to half of the samples may be anything: waits,
an interruption, a mount moved by hand.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_KNOWN = 5
"""With fewer samples nothing is said."""

LEAST_FACTOR, MOST_FACTOR = 0.5, 3.0
MOST_CONSTANT_S = 120.0

SPREAD_S = 2.0
"""Ways that differ by less in the model tell nothing of a slope."""

SHORTEST_S = 2.0
"""Of a shorter way the quotient of took over model tells nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a step takes: ``factor`` times what its motion takes by the model, and a constant.

    Rounded, so that plans stay the same: the factor to 0.01, the constant to 0.1 s.
    """

    factor: float = 1.0
    constant_s: float = 0.0


def line_of(samples: Sequence[tuple[float, float]], constant_s: float) -> Line | None:
    """Return the line through (model, took) seconds, in any order; None when too few are known.

    Parameters
    ----------
    constant_s
        What the profile says. It stands where the samples are all of nearly the same way: then one
        of the two cannot be told from the other, and it is the motion that is taken to be slow.
    """
    if len(samples) < LEAST_KNOWN:
        return None
    slopes = []
    for model_s, took_s in samples:
        ways = [(took_s - y) / (model_s - x) for x, y in samples if abs(model_s - x) >= SPREAD_S]
        if len(ways) >= LEAST_KNOWN - 1:
            slopes.append(statistics.median(ways))
    if len(slopes) < LEAST_KNOWN:
        slopes = [(y - constant_s) / x for x, y in samples if x >= SHORTEST_S]
    slope = statistics.median(slopes) if len(slopes) >= LEAST_KNOWN else 1.0
    factor = min(max(round(slope, 2), LEAST_FACTOR), MOST_FACTOR)
    return Line(factor, constant_of([took_s - factor * model_s for model_s, took_s in samples]))


def constant_of(samples_s: Sequence[float]) -> float:
    """Return the median of seconds, between 0 and two minutes, to 0.1 s."""
    return min(max(0.0, round(statistics.median(samples_s), 1)), MOST_CONSTANT_S)
