"""A night's candidates as rows of arrays, worked out once each; what is new is added behind.

What :meth:`NightRows.present` gives depends on what is asked only, not on what was asked before: a
row is the same whether it is worked out with thousands or alone. Heavy to import (numba).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.planner.kept import Kept
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.plan_request import PlanRequest
from ctmo_indi.planner.request_table import NO_GROUP, RequestTable
from ctmo_indi.planner.row_arrays import arrays_of, chosen, joined
from ctmo_indi.planner.visibility import intervals
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.conditions import Night
from ctmo_indi.scheduling.feature.site_now import SitedSky
from ctmo_indi.scheduling.models import Models
from ctmo_indi.scheduling.plan.candidate_marks import CandidatesWhere
from ctmo_indi.scheduling.plan.plan_requests import plan_requests, visits_ahead
from ctmo_indi.scheduling.plan.visit_keys import key_and_visit

MOST_ADDED = 100
"""New candidates at once that are added behind; for more all rows are made anew."""

MOST_OLD = 1000
"""Rows of no use any more that are tolerated."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PresentRows:
    """What can be observed in the night, in the order of keys, shape (n,) each.

    Parameters
    ----------
    every
        Starts from the night's begin on.
    ra_deg, dec_deg
        ICRS.
    requests
        What the planner was told of each.
    row_of
        By the planner's key.
    """

    every: Kept
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    group: NDArray[np.int32]
    requests: Sequence[PlanRequest]
    row_of: Mapping[str, int]


class NightRows:
    """The rows of one night.

    Attributes
    ----------
    readout_s
        Seconds after each frame.
    """

    def __init__(self, models: Models, sky: SitedSky, night: Night, grid: NightGrid) -> None:
        self._models, self._sky, self._night, self._grid = models, sky, night, grid
        self._marks: dict[str, object] = {}
        self._rows_of: dict[str, tuple[int, ...]] = {}
        self._requests: list[PlanRequest] = []
        self._filters: tuple[str, ...] = ()
        self._groups: dict[str, int] = {}
        self._every: Kept | None = None
        self._ra_deg = self._dec_deg = np.empty(0)
        self._group = np.empty(0, dtype=np.int32)
        self.readout_s = 0.0
        self._last: tuple[Mapping[str, object], PresentRows] | None = None
        self._series = CandidatesWhere(lambda one: visits_ahead(one) > 1)

    @property
    def filter_names(self) -> tuple[str, ...]:
        """In the order of the rows' codes."""
        return self._filters

    @property
    def requests(self) -> Sequence[PlanRequest]:
        """Those of the last that were asked for."""
        return () if self._last is None else self._last[1].requests

    def present(
        self,
        candidates: Mapping[str, Candidate],
        marks: Mapping[str, int],
        not_before_utc_s: Mapping[str, float],
        series_from_utc_s: float = 0.0,
        planned_utc_s: Mapping[str, Sequence[float]] | None = None,
    ) -> PresentRows:
        """Return the rows of some candidates; 2 ms of ten thousand that are known.

        Parameters
        ----------
        series_from_utc_s
            Unix seconds: no visit of a series begins before.
        planned_utc_s
            Starts of series in the plan that is to be changed, by key.
        """
        planned_utc_s = planned_utc_s or {}
        asked: dict[str, object] = dict(marks)
        series = self._series.of(candidates, marks)
        for one in series:
            rest_s = max(one.not_before_utc_s, not_before_utc_s.get(one.key, 0.0))
            planned = tuple(planned_utc_s.get(one.key, ()))
            asked[one.key] = marks[one.key], max(rest_s, series_from_utc_s), planned
        if self._last is not None and self._last[0] == asked:
            return self._last[1]
        known = self._marks
        new = [key for key, mark in asked.items() if known.get(key) != mark]
        is_little = self._every is not None and len(new) <= MOST_ADDED
        more = sum(len(self._rows_of.get(one.key, ())) for one in series)
        is_little &= len(self._requests) - len(marks) - more <= MOST_OLD
        told = not_before_utc_s, series_from_utc_s, planned_utc_s
        if not is_little or not self._add([candidates[key] for key in new], *told):
            self._make(tuple(candidates.values()), *told)
            new = list(marks)
            self._marks = {}
        self._marks.update((key, asked[key]) for key in new)
        found = self._chosen(marks)
        self._last = asked, found
        return found

    # -- inside ------------------------------------------------------------------------------------

    def _make(
        self,
        candidates: Sequence[Candidate],
        rests: Mapping[str, float],
        from_s: float,
        planned_s: Mapping[str, Sequence[float]],
    ) -> None:
        requests = plan_requests(self._models, candidates, self._night, rests, from_s, planned_s)
        names = {one.filter_name for one in requests if one.filter_name}
        self._filters = tuple(sorted(names.union(self._models.filters)))
        self._requests, self._rows_of, self._groups, self._every = [], {}, {}, None
        self._ra_deg = self._dec_deg = np.empty(0)
        self._group = np.empty(0, dtype=np.int32)
        self.readout_s = readout_s(self._models, candidates)
        self._take(candidates, requests)

    def _add(
        self,
        candidates: Sequence[Candidate],
        rests: Mapping[str, float],
        from_s: float,
        planned_s: Mapping[str, Sequence[float]],
    ) -> bool:
        """Add rows behind; False when that cannot be."""
        if not candidates:
            return True
        requests = plan_requests(self._models, candidates, self._night, rests, from_s, planned_s)
        if any(one.filter_name and one.filter_name not in self._filters for one in requests):
            return False
        self._take(candidates, requests)
        return True

    def _take(self, candidates: Sequence[Candidate], requests: Sequence[PlanRequest]) -> None:
        first = len(self._requests)
        self._rows_of.update((one.key, ()) for one in candidates)
        for row, one in enumerate(requests, start=first):
            self._rows_of[key_and_visit(one.key)[0]] += (row,)
        self._requests += requests
        if not requests and self._every is not None:
            return
        table = RequestTable.of(
            requests,
            self._sky.limits,
            self._sky.policy,
            readout_s=self.readout_s,
            filter_names=self._filters,
        )
        grid = self._grid
        more = arrays_of(table, grid, intervals(table, grid), grid.begin_utc_s)
        self._every = more if self._every is None else joined(self._every, more)
        self._ra_deg = np.append(self._ra_deg, table.ra_deg)
        self._dec_deg = np.append(self._dec_deg, table.dec_deg)
        numbers = [
            self._groups.setdefault(one.group, len(self._groups)) if one.group else NO_GROUP
            for one in requests
        ]
        self._group = np.append(self._group, np.array(numbers, dtype=np.int32))

    def _chosen(self, marks: Mapping[str, int]) -> PresentRows:
        assert self._every is not None  # they were made
        rows_of, requests = self._rows_of, self._requests
        row_of = {requests[row].key: row for key in marks for row in rows_of[key]}
        keys = sorted(row_of)
        rows: Rows = np.array([row_of[key] for key in keys], dtype=np.intp)
        return PresentRows(
            every=chosen(self._every, rows),
            ra_deg=self._ra_deg[rows],
            dec_deg=self._dec_deg[rows],
            group=self._group[rows],
            requests=[requests[row_of[key]] for key in keys],
            row_of={key: row for row, key in enumerate(keys)},
        )


def readout_s(models: Models, candidates: Sequence[Candidate]) -> float:
    """Return the seconds after each frame, to a microsecond: the same for whoever is first."""
    if not candidates:
        return 0.0
    request = candidates[0].request
    return round(max(models.observatory.exposures_s(request, 1) - request.exposure_s, 0.0), 6)
