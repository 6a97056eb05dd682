"""A survey in blocks: fields around the one with the largest reward, in a short order.

The field with the largest reward begins a block. After that every field within ``radius_deg`` of
it that is allowed and was not visited in the block belongs to it, and the next one is the first of
a short way through all of them. A block ends after ``most_fields`` fields, after ``longest_s``, or
when none is left. Which block is under way is remembered from the observations alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.greedy_survey import FieldPlan, GreedySurvey
from ctmo_indi.scheduling.feature.memory import Run
from ctmo_indi.scheduling.feature.situation import Situation
from ctmo_indi.scheduling.feature.survey import Proposal, Scored, running
from ctmo_indi.scheduling.feature.tour import short_path

MOST_IN_A_TOUR = 60
"""Fields of a block that are ordered; the nearest ones when there are more."""


@dataclass(frozen=True, slots=True)
class Block:
    """How large a block is."""

    radius_deg: float
    most_fields: int
    longest_s: float


class BlobSurvey(GreedySurvey):
    """Proposes the next field of its block, or the field that begins one."""

    def __init__(
        self, name: str, functions: Sequence[BasisFunction], plan: FieldPlan, block: Block
    ) -> None:
        super().__init__(name, functions, plan)
        self.block = block

    def proposals(self, situation: Situation) -> Iterator[Proposal]:
        """Yield the rest of the block in its order; then fields that would begin another."""
        run = situation.memory.runs.get(self.name)
        if run is not None and not self._is_over(run, round(situation.utc_s)):
            is_member = self._around(run.row)
            is_member[[row for row in run.done if row < is_member.size]] = False
            scored = self.scored(situation, is_member)
            if scored is not None:
                yield from self._rest(situation, scored)
        yield from super().proposals(situation)

    def after(self, run: Run | None, row: int, step: int, utc_s: int) -> Run:
        """Return the block after a visit: the same one, or one that begins with the field."""
        goes_on = run is not None and not self._is_over(run, utc_s)
        if run is not None and goes_on and row not in run.done and self._is_near(run.row, row):
            return Run(run.row, run.start_s, max(utc_s, run.last_s), (*run.done, row))
        return Run(row, utc_s, utc_s, (row,))

    def _is_over(self, run: Run, utc_s: int) -> bool:
        is_late = utc_s - run.start_s > self.block.longest_s
        return is_late or len(run.done) >= self.block.most_fields or not run.done

    def _is_near(self, centre: int, row: int) -> bool:
        return bool(self._around(centre)[row])

    def _around(self, row: int) -> NDArray[np.bool_]:
        """Whether each field is near one, shape (n,)."""
        if row >= self.plan.fields.size:
            return np.zeros(self.plan.fields.size, dtype=np.bool_)  # of another configuration
        vectors = self.plan.fields.icrs
        x, y, z = vectors[:, row]
        cos = vectors[0] * x + vectors[1] * y + vectors[2] * z
        found: NDArray[np.bool_] = cos >= math.cos(math.radians(self.block.radius_deg))
        return found

    def _rest(self, situation: Situation, scored: Scored) -> Iterator[Proposal]:
        """Yield the fields that are left, in the order of a short way from here."""
        best_code = np.argmax(scored.totals, axis=0)
        best = np.take_along_axis(scored.totals, best_code[np.newaxis], axis=0)[0]
        left = np.flatnonzero(best > -np.inf)
        if not left.size:
            return
        conditions = scored.conditions.take(left)
        from_here = conditions.travel_s.astype(np.float64)
        if situation.conditions.state is None:
            from_here = -best[left]  # not known where: the largest reward is the nearest
            from_here = from_here - from_here.min()
        nearest = np.argsort(from_here, kind="stable")[:MOST_IN_A_TOUR]
        way = situation.slews.between_s(conditions.take(nearest))
        for place in short_path(from_here[nearest], way):
            position = int(left[nearest[place]])
            code = scored.codes[int(best_code[position])]
            row = int(scored.conditions.rows[position])
            value = float(best[position])
            yield running(self.proposal(situation, row, code, value, left.size))
