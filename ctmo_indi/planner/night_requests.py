"""The requests that can be observed some time in a night: what does not change with the hour."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

import numpy as np

from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.planner.kept import Floats, Kept, Setup, Sky, setup_of
from ctmo_indi.planner.night_grid import NightGrid
from ctmo_indi.planner.plan_start import PlanStart
from ctmo_indi.planner.request_table import RequestTable
from ctmo_indi.planner.row_arrays import Bools, Rows, arrays_of, chosen, sky_of
from ctmo_indi.planner.visibility import intervals


class NightRequests:
    """A table's requests as arrays of one night, those that can be observed in it only.

    Any thread; nothing in it changes. Seconds count from the night's begin.

    Attributes
    ----------
    sky : Sky
        Of the whole night.
    setup : Setup
        The observatory's model for the table's filters.
    rows : ndarray of int, shape (m,)
        Their rows in the table, by key: the same however the requests came.
    every : Kept
        Their arrays, shape (m,), in that order; they are places in the night.
    """

    def __init__(
        self, table: RequestTable, night: NightGrid, observatory: ObservatoryModel
    ) -> None:
        self.table = table
        self.night = night
        self.observatory = observatory
        self.sky: Sky = sky_of(night, night.begin_utc_s)
        self.setup: Setup = setup_of(observatory, table.filter_names)
        everything = arrays_of(table, night, intervals(table, night), night.begin_utc_s)
        can = np.flatnonzero(np.diff(everything.first) > 0)
        self.rows: Rows = can[np.argsort(table.key_rank[can])]
        self.every: Kept = chosen(everything, self.rows)

    @cached_property
    def keys(self) -> list[str]:
        """Their keys, in order."""
        return [self.table.key[row] for row in self.rows.tolist()]

    @cached_property
    def _place_of(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self.keys)}

    def named(self, keys: Collection[str]) -> Bools:
        """Mark the requests of these keys, shape (m,); keys of others mean nothing."""
        found = np.zeros(self.rows.size, dtype=np.bool_)
        found[[self._place_of[key] for key in keys if key in self._place_of]] = True
        return found

    def first_s(self, rows: Rows, start: PlanStart) -> Floats:
        """Return when each of some rows of the table could be begun as a plan's first visit.

        Parameters
        ----------
        rows
            Shape (k,).

        Returns
        -------
        ndarray, shape (k,)
            Seconds since the night's begin, limits not asked.
        """
        table = self.table
        names = np.array([*table.filter_names, None], dtype=object)[table.filter_code[rows]]
        return start.begin_s(self.night.begin_utc_s) + self.observatory.delays_s(
            start.state, table.ra_deg[rows], table.dec_deg[rows], names.tolist()
        )
