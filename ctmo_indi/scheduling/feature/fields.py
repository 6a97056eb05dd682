"""Sets of fields: places on the sky that a survey may visit, with a name each.

A field is a pointing, not a pixel: what is counted is visits to it, whatever the camera's field of
view.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.scheduling.feature.site_now import icrs_vectors

Float64s = NDArray[np.float64]
Float32s = NDArray[np.float32]


@dataclass(frozen=True)
class FieldSet:
    """Fields by row.

    Parameters
    ----------
    name
        Of the set.
    ids
        Of the fields, unique, length n; an observation comes back with its field's.
    ra_deg, dec_deg
        ICRS, shape (n,).
    goal
        Relative share of visits that each field is to get, shape (n,); 1 where nothing is said.
    priority
        0-10, shape (n,).
    """

    name: str
    ids: tuple[str, ...]
    ra_deg: Float64s
    dec_deg: Float64s
    goal: Float32s
    priority: Float32s
    row_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = {one: row for row, one in enumerate(self.ids)}
        object.__setattr__(self, "row_of", rows)

    @classmethod
    def of(
        cls,
        name: str,
        ids: Sequence[str],
        ra_deg: Float64s,
        dec_deg: Float64s,
        goal: Float64s | None = None,
        priority: Float64s | None = None,
    ) -> FieldSet:
        """Make a set; shares of 1 and priorities of 5 where none are given."""
        count = len(ids)
        return cls(
            name,
            tuple(ids),
            np.ascontiguousarray(ra_deg, dtype=np.float64),
            np.ascontiguousarray(dec_deg, dtype=np.float64),
            np.ones(count, np.float32) if goal is None else goal.astype(np.float32),
            np.full(count, 5.0, np.float32) if priority is None else priority.astype(np.float32),
        )

    @property
    def size(self) -> int:
        """How many fields."""
        return len(self.ids)

    @cached_property
    def icrs(self) -> Float64s:
        """Unit vectors, shape (3, n)."""
        return icrs_vectors(self.ra_deg, self.dec_deg)

    @cached_property
    def fingerprint(self) -> str:
        """A text that differs when fields or places do; what is remembered by row belongs to it."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        digest.update(self.ra_deg.astype("<f8").tobytes())
        digest.update(self.dec_deg.astype("<f8").tobytes())
        return digest.hexdigest()[:16]
