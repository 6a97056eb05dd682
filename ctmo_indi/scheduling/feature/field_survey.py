"""A survey of a few fixed fields, each with a sequence of filters and exposures.

The field with the largest reward begins; then its sequence goes on, step by step, until all steps
are done or ``longest_s`` have gone; what counts visits (a rest between them, a cadence) is asked
only for its begin, the sky at every step. With ``loaded_first`` the steps of the filter that is in
place come first, so that a sequence needs no more changes than it must.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.greedy_survey import FieldPlan, GreedySurvey
from ctmo_indi.scheduling.feature.memory import Run, TargetName
from ctmo_indi.scheduling.feature.situation import Situation
from ctmo_indi.scheduling.feature.survey import Proposal, Scored, running


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a sequence: so many frames in a filter."""

    filter_name: str | None
    exposure_s: float
    count: int


@dataclass(frozen=True, slots=True)
class VisitSequence:
    """What is taken of each field.

    Parameters
    ----------
    longest_s
        After which a sequence that is not done is given up.
    loaded_first
        Whether the filter in place goes first; else the steps come as they stand.
    """

    steps: tuple[Step, ...]
    longest_s: float
    loaded_first: bool

    def in_order(self, done: Sequence[int], loaded: str | None) -> list[int]:
        """Return the steps that are left, the next one first."""
        left = [step for step in range(len(self.steps)) if step not in done]
        if self.loaded_first and loaded is not None:
            left.sort(key=lambda step: self.steps[step].filter_name != loaded)
        return left


class FieldSurvey(GreedySurvey):
    """Proposes the next step of its sequence, or the field that begins one."""

    def __init__(
        self,
        name: str,
        functions: Sequence[BasisFunction],
        plan: FieldPlan,
        targets: Sequence[str],
        sequence: VisitSequence,
    ) -> None:
        super().__init__(name, functions, plan)
        self.sequence = sequence
        rows = [plan.fields.row_of[one] for one in targets] or list(range(plan.fields.size))
        self._is_target = self._only(*rows)

    def proposals(self, situation: Situation) -> Iterator[Proposal]:
        """Yield the steps that are left of a sequence; then fields that would begin another."""
        state = situation.conditions.state
        loaded = None if state is None else state.filter_name
        run = situation.memory.runs.get(self.name)
        if run is not None and not self._is_over(run, round(situation.utc_s)):
            lasting = [one for one in self.functions if one.needs != "visits"]
            scored = self.scored(situation, self._only(run.row), lasting)
            if scored is not None and scored.conditions.size:
                for step in self.sequence.in_order(run.done, loaded):
                    for proposal in self._steps(situation, scored, step):
                        yield running(proposal)
        scored = self.scored(situation, self._is_target)
        if scored is not None:
            yield from self._steps(situation, scored, self.sequence.in_order((), loaded)[0])

    def after(self, run: Run | None, row: int, step: int, utc_s: int) -> Run:
        """Return the sequence after a visit: the same one, or one that begins with it."""
        goes_on = run is not None and run.row == row and not self._is_over(run, utc_s)
        if run is not None and goes_on and step not in run.done:
            return Run(row, run.start_s, max(utc_s, run.last_s), (*run.done, step))
        return Run(row, utc_s, utc_s, (max(step, 0),))

    def _only(self, *rows: int) -> NDArray[np.bool_]:
        found = np.zeros(self.plan.fields.size, dtype=np.bool_)
        found[[row for row in rows if row < found.size]] = True
        return found

    def _is_over(self, run: Run, utc_s: int) -> bool:
        is_late = utc_s - run.start_s > self.sequence.longest_s
        return is_late or not self.sequence.in_order(run.done, None)

    def _steps(self, situation: Situation, scored: Scored, step: int) -> Iterator[Proposal]:
        """Yield one step of each field, the largest reward first."""
        wanted = self.sequence.steps[step]
        index = self.plan.filters.index(wanted.filter_name)
        only = Scored(scored.conditions, (scored.codes[index],), scored.totals[index : index + 1])
        of = only.feasible
        for row, code, value in only.best_first():
            name: TargetName = self.name_of(row, wanted.filter_name, step)
            yield self.detailed(
                situation,
                row,
                code,
                value,
                of,
                name,
                exposure_s=wanted.exposure_s,
                count=wanted.count,
            )
