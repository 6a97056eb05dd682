"""Is a master good enough to be used: by itself, and against the last good one. Pure, a table.

A bad master spoils every light of a night, and nobody sees it. One that fails is kept for people to
look at and never chosen; its frames' lights take the next valid master or are marked. BANZAI, too,
compares every new master with the one before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from ctmo_indi.models.frames import ProductKind

Statistics: TypeAlias = Mapping[str, float]
"""Of a master's pixels: median, sigma (robust, over the frame), bad_share, hot_share ...

Bias and dark in ADU, a flat in units of its own level. A statistic that was not finite is missing.
"""


class Gate(NamedTuple):
    """One limit.

    Parameters
    ----------
    value
        What is limited, of the new and the previous master; None when it cannot be told.
    needs_previous
        Without a previous master there is nothing to compare; neither is there without the
        previous one's statistic. Any other value that cannot be told fails.
    """

    kinds: frozenset[ProductKind]
    words: str
    value: Callable[[Statistics, Statistics], float | None]
    least: float
    most: float
    needs_previous: bool = False


_ALL = frozenset({ProductKind.BIASM, ProductKind.DARKM, ProductKind.FLATM})
_LEVEL = frozenset({ProductKind.BIASM, ProductKind.DARKM})
_DARK = frozenset({ProductKind.DARKM})
_FLAT = frozenset({ProductKind.FLATM})

# Levels of one setting drift by a percent over weeks, and by some ADU with the electronics'
# temperature; a light leak or another gain is more than that.
_DRIFT_ADU = 2.0
_DRIFT = 0.02
_DRIFT_SIGMA = 3.0
# A sensor has a few hot pixels in ten thousand at least; three times none would be none.
_FEWEST_HOT = 5e-4


def _own(statistic: str) -> Callable[[Statistics, Statistics], float | None]:
    return lambda found, _: found.get(statistic)


def _ratio(statistic: str) -> Callable[[Statistics, Statistics], float | None]:
    def ratio(found: Statistics, previous: Statistics) -> float | None:
        value, before = found.get(statistic), previous.get(statistic)
        return None if value is None or not before or before <= 0.0 else value / before

    return ratio


def _hot_growth(found: Statistics, previous: Statistics) -> float | None:
    """Return how many times as many pixels are hot."""
    share, before = found.get("hot_share"), previous.get("hot_share")
    return None if share is None or before is None else share / max(before, _FEWEST_HOT)


def _shift(found: Statistics, previous: Statistics) -> float | None:
    """Return how far the level moved, in units of what it may drift."""
    level, before = found.get("median"), previous.get("median")
    if level is None or before is None:
        return None
    allowed = max(_DRIFT_ADU, _DRIFT * abs(before), _DRIFT_SIGMA * previous.get("sigma", 0.0))
    return abs(level - before) / allowed


GATES: tuple[Gate, ...] = (
    Gate(_ALL, "share of bad pixels", _own("bad_share"), 0.0, 0.02),
    # A camera that sends one value; noise of the mean of a few frames is never nothing.
    Gate(_ALL, "scatter", _own("sigma"), 1e-9, math.inf),
    # A flat's unit is its own level; one of pure noise or of a closed shutter is far from smooth.
    Gate(_FLAT, "level", _own("median"), 0.8, 1.25),
    Gate(_FLAT, "scatter", _own("sigma"), 0.0, 0.5),
    Gate(_LEVEL, "level's shift over what it may drift", _shift, 0.0, 1.0, needs_previous=True),
    # 45 frames instead of 5 have a third of the noise: that is no fault.
    Gate(_ALL, "scatter over that before", _ratio("sigma"), 0.2, 4.0, needs_previous=True),
    Gate(_DARK, "hot pixels over those before", _hot_growth, 0.0, 3.0, needs_previous=True),
)


def refusal(kind: ProductKind, found: Statistics, previous: Statistics | None = None) -> str:
    """Return why a master is not to be used, every reason; "" when it is good.

    Parameters
    ----------
    found, previous
        Of the new master, and of the last good one of the same kind, readout, filter and exposure;
        None when there is none that is still valid. One that is not must not be given: a camera
        whose level has changed for good would be refused for ever.
    """
    reasons = []
    for gate in GATES:
        if kind not in gate.kinds or (gate.needs_previous and previous is None):
            continue
        value = gate.value(found, previous or {})
        if value is None and gate.needs_previous:
            continue
        if value is None or not gate.least <= value <= gate.most:
            came = "not finite" if value is None else f"{value:.4g}"
            reasons.append(f"{gate.words} is {came}, expected {_span(gate)}")
    return "; ".join(reasons)


def _span(gate: Gate) -> str:
    if gate.most == math.inf:
        return "above 0"
    return f"at most {gate.most:g}" if gate.least <= 0.0 else f"{gate.least:g} to {gate.most:g}"
