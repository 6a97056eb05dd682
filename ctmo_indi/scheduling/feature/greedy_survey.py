"""A survey of fields that proposes the one with the largest reward, whatever came before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.scheduling.feature import reward
from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.detailers import Detailer, Draft
from ctmo_indi.scheduling.feature.features import Features
from ctmo_indi.scheduling.feature.fields import FieldSet
from ctmo_indi.scheduling.feature.memory import TargetName
from ctmo_indi.scheduling.feature.place_conditions import PlaceConditions
from ctmo_indi.scheduling.feature.situation import Situation
from ctmo_indi.scheduling.feature.survey import Proposal, Rows, Scored, Survey

WORTH_TAKING_APART = 0.7
"""Part of the candidates below which those that masks leave are worked on by themselves."""


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """What a survey of fields takes of each.

    Parameters
    ----------
    filters
        Names; (None,): none is asked for.
    count
        Frames.
    """

    fields: FieldSet
    filters: tuple[str | None, ...]
    exposure_s: float
    count: int = 1
    priority: float = 5.0
    program: str = ""
    detailers: tuple[Detailer, ...] = ()


class GreedySurvey(Survey):
    """Proposes the field with the largest reward."""

    def __init__(self, name: str, functions: Sequence[BasisFunction], plan: FieldPlan) -> None:
        super().__init__(name, functions)
        self.plan = plan

    def proposals(self, situation: Situation) -> Iterator[Proposal]:
        """Yield fields, the largest reward first."""
        scored = self.scored(situation)
        if scored is None:
            return
        of = scored.feasible
        for row, code, value in scored.best_first():
            yield self.proposal(situation, row, code, value, of)

    def scored(
        self,
        situation: Situation,
        among: NDArray[np.bool_] | None = None,
        functions: Sequence[BasisFunction] | None = None,
    ) -> Scored | None:
        """Return the rewards of the fields; None by day.

        Parameters
        ----------
        among
            Which fields, shape (n,); None: all.
        functions
            What is summed up; None: all basis functions.
        """
        if not situation.rules.is_dark(situation.now):
            return None
        places = situation.places(self.plan.fields)
        rows = situation.rules.up_now(places, situation.now)
        if among is not None:
            rows = rows[among[rows]]
        visits = situation.memory.visits[self.plan.fields.name]
        conditions = self.conditions_of(situation, rows)
        is_left = situation.rules.allowed(conditions, None)
        features = self._features(situation, rows)
        functions = self.functions if functions is None else functions
        masks = [one for one in functions if one.is_mask and not one.by_filter]
        others = [one for one in functions if not one.is_mask or one.by_filter]
        is_left &= reward.rewards(masks, conditions, features) > -np.inf
        if np.count_nonzero(is_left) < WORTH_TAKING_APART * is_left.size:
            chosen = np.flatnonzero(is_left)
            conditions = conditions.take(chosen)
            features = self._features(situation, conditions.rows)
            is_left = np.ones(chosen.size, dtype=np.bool_)
        codes = tuple(visits.filters.index(name) for name in self.plan.filters)
        totals = reward.rewards_by_filter(others, conditions, features, codes)
        totals[:, ~is_left] = -np.inf
        return Scored(conditions, codes, totals)

    def conditions_of(self, situation: Situation, rows: Rows) -> PlaceConditions:
        """Return the conditions of some fields."""
        plan = self.plan
        return PlaceConditions(
            situation.now,
            situation.places(plan.fields).take(rows),
            rows,
            situation.memory.visits[plan.fields.name].filters,
            0,
            plan.exposure_s,
            situation.conditions.state,
            situation.slews,
        )

    def table(
        self, situation: Situation, row: int, filter_code: int
    ) -> tuple[reward.RewardRow, ...]:
        """Return what each basis function says about one field in one filter."""
        rows = np.array([row], dtype=np.intp)
        conditions = self.conditions_of(situation, rows).of_filter(filter_code)
        features = self._features(situation, rows).of_filter(filter_code)
        return reward.rows(self.functions, conditions, features)

    def plain(self, situation: Situation, row: int, filter_code: int) -> Proposal:
        """Return the proposal of one field in one filter."""
        return self.proposal(situation, row, filter_code, 0.0, 1)

    def named(self, name: str, situation: Situation) -> list[tuple[int, int, str]]:
        """Return the candidates of a field's name, of ``set/field`` or of a target's name."""
        plan, target = self.plan, TargetName.of(name)
        if target is not None:
            if target.survey != self.name or target.fields != plan.fields.name:
                return []
            name = target.field
        row = plan.fields.row_of.get(name.removeprefix(f"{plan.fields.name}/"))
        if row is None:
            return []
        visits = situation.memory.visits[plan.fields.name]
        filters = [one for one in plan.filters if target is None or one == target.filter_name]
        return [(row, visits.filters.index(one), self.name_of(row, one).text) for one in filters]

    def name_of(self, row: int, filter_name: str | None, step: int = -1) -> TargetName:
        """Return the name of a target."""
        fields = self.plan.fields
        return TargetName(self.name, fields.name, fields.ids[row], filter_name, step)

    def proposal(
        self,
        situation: Situation,
        row: int,
        filter_code: int,
        value: float,
        of: int,
    ) -> Proposal:
        """Make the proposal of a field in a filter, with its details."""
        filter_name = situation.memory.visits[self.plan.fields.name].filters[filter_code]
        return self.detailed(situation, row, filter_code, value, of, self.name_of(row, filter_name))

    def detailed(
        self,
        situation: Situation,
        row: int,
        filter_code: int,
        value: float,
        of: int,
        name: TargetName,
        *,
        exposure_s: float | None = None,
        count: int | None = None,
    ) -> Proposal:
        """Make a proposal; exposure and frames are the plan's where nothing is said."""
        plan = self.plan
        visits = situation.memory.visits[plan.fields.name]
        draft = Draft(
            key=f"{plan.fields.name}/{name.field}",
            visit=int(visits.count[:, row].sum()),
            night=situation.night.label,
            seed=situation.seed,
            ra_deg=float(plan.fields.ra_deg[row]),
            dec_deg=float(plan.fields.dec_deg[row]),
            count=plan.count if count is None else count,
        )
        for detailer in plan.detailers:
            draft = detailer.detailed(draft)
        request = ObservationRequest(
            order_id=name.text,
            user="",
            frame_type=FrameType.LIGHT,
            exposure_s=plan.exposure_s if exposure_s is None else exposure_s,
            count=draft.count,
            ra_deg=draft.ra_deg,
            dec_deg=draft.dec_deg,
            object_name=f"{plan.fields.name} {name.field}",
            filter_name=name.filter_name,
        )
        return Proposal(
            survey=self.name,
            row=row,
            filter_code=filter_code,
            reward=value,
            request=request,
            count=draft.count,
            target_id=name.text,
            priority=plan.priority,
            of=of,
            program=plan.program,
            notes=draft.notes,
        )

    def _features(self, situation: Situation, rows: Rows) -> Features:
        return Features(
            situation.utc_s,
            situation.night.label,
            rows,
            situation.memory.visits[self.plan.fields.name],
            None,
            0,
            float(situation.memory.filter_since_s),
        )
