"""Why a candidate was chosen, or was not: its rewards beside the winner's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ctmo_indi.scheduling.feature.reward import RewardRow, sum_of


@dataclass(frozen=True, slots=True)
class ExplainedCandidate:
    """One candidate of one survey.

    Parameters
    ----------
    target
        Receipt, or name of the target.
    obstacles
        What the exact rules say against it now; empty when nothing.
    """

    tier: str
    survey: str
    target: str
    rows: tuple[RewardRow, ...]
    obstacles: tuple[str, ...]

    @property
    def reward(self) -> float:
        """Of all rows together; -infinity when one excludes it."""
        return sum_of(self.rows)

    @property
    def excluded_by(self) -> tuple[str, ...]:
        """Names of the basis functions that exclude it."""
        return tuple(one.function for one in self.rows if one.excludes)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a name stands for, and what has been chosen instead.

    Parameters
    ----------
    candidates
        By tier and survey; empty when no survey has a candidate of that name.
    winner
        None when there is no target now, or when it is a frame without sky.
    forbidden
        Why there is no sky frame at all.
    """

    name: str
    candidates: tuple[ExplainedCandidate, ...]
    winner: ExplainedCandidate | None
    forbidden: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield it as a table for people: each function's value, weight, part, and the winner's."""
        yield from (f"no sky frame now: {reason}" for reason in self.forbidden)
        if not self.candidates:
            yield f"{self.name}: no survey has a candidate of that name"
        for one in self.candidates:
            yield f"{one.target} in survey {one.survey} (tier {one.tier})"
            yield from (f"  cannot be observed now: {reason}" for reason in one.obstacles)
            yield from self._table(one)
        if self.winner is not None:
            yield f"winner: {self.winner.target} of survey {self.winner.survey}"

    def _table(self, one: ExplainedCandidate) -> Iterator[str]:
        others: dict[str, RewardRow] = {}
        if self.winner is not None and self.winner.survey == one.survey:
            others = {row.function: row for row in self.winner.rows}
        yield f"  {'basis function':24} {'value':>10} {'weight':>8} {'reward':>10} {'winner':>10}"
        for row in one.rows:
            other = others.get(row.function)
            beside = _shown(other.contribution) if other is not None else ""
            what = "excluded" if row.excludes else _shown(row.contribution)
            yield (
                f"  {row.function:24} {_shown(row.value):>10} {row.weight:>8g}"
                f" {what:>10} {beside:>10}"
            )
        total = "excluded" if math.isinf(one.reward) else _shown(one.reward)
        best = _shown(self.winner.reward) if self.winner is not None and others else ""
        yield f"  {'sum':24} {'':>10} {'':>8} {total:>10} {best:>10}"


def _shown(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "-"
