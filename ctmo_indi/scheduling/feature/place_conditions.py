"""Conditions of many places at one instant: what a basis function asks about the sky.

One object for one set of places. Nothing is worked out before it is asked for, everything once;
arrays are float32, shape (n,), in the order of :attr:`PlaceConditions.rows`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.coordinates import airmass
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.scheduling.feature.site_now import SiteNow, Vector

Float32s = NDArray[np.float32]
Rows = NDArray[np.intp]
FilterCode = Any  # an int, the same for all; or an array of ints, shape (n,)

DEG = np.float32(180.0 / math.pi)
"""Times radians; ``np.degrees`` takes ten times as long."""

_TABLE_SIZE = 8192
_SINES = np.linspace(0.0, 1.0, _TABLE_SIZE + 1)
_AIRMASSES = np.append(airmass(np.degrees(np.arcsin(_SINES))), 1.0).astype(np.float32)
"""Air mass at equal steps of the sine of the altitude; between them linear, good to 1e-4 above 5
degrees."""


@dataclass(frozen=True)
class Places:
    """Apparent places of a night.

    Parameters
    ----------
    x, y, z
        Unit vectors (CIRS), float32, shape (n,) each.
    ra_rad
        CIRS, float32, shape (n,).
    ra_deg, dec_deg
        ICRS, float64, shape (n,).
    """

    x: Float32s
    y: Float32s
    z: Float32s
    ra_rad: Float32s
    ra_deg: Vector
    dec_deg: Vector

    @classmethod
    def of(cls, vectors: Vector, ra_deg: Vector, dec_deg: Vector) -> Places:
        """Make them of apparent unit vectors, shape (3, n)."""
        x, y, z = vectors.astype(np.float32)
        return cls(x, y, z, np.arctan2(y, x), ra_deg, dec_deg)

    def sin_altitude(self, now: SiteNow) -> Float32s:
        """Return the sine of the altitude at an instant."""
        cos_latitude = math.cos(now.latitude_rad)
        a = np.float32(cos_latitude * math.cos(now.rotation_rad))
        b = np.float32(cos_latitude * math.sin(now.rotation_rad))
        found: Float32s = a * self.x + b * self.y
        found += np.float32(math.sin(now.latitude_rad)) * self.z
        return found

    def take(self, rows: Rows) -> Places:
        """Return some of them."""
        return Places(
            self.x[rows],
            self.y[rows],
            self.z[rows],
            self.ra_rad[rows],
            self.ra_deg[rows],
            self.dec_deg[rows],
        )

    def replaced(self, rows: Rows, others: Places) -> Places:
        """Return them with other places in some rows."""
        columns = []
        for name in self.__dataclass_fields__:
            column = getattr(self, name).copy()
            column[rows] = getattr(others, name)
            columns.append(column)
        return Places(*columns)


class Slews(Protocol):
    """How long it takes to get somewhere; ``slews.py`` has them."""

    def travel_s(self, conditions: PlaceConditions) -> Float32s:
        """Return the seconds from the present state to the first exposure, without the filter."""
        ...

    def filter_ready_s(self, state: ObservatoryModelState, name: str | None) -> float:
        """Return the seconds until a filter is in place, opening and unparking included."""
        ...

    def between_s(self, conditions: PlaceConditions) -> NDArray[np.float64]:
        """Return the ways from place to place, shape (n, n), symmetric."""
        ...


@dataclass(frozen=True)
class PlaceConditions:
    """What holds for each of n places now.

    Parameters
    ----------
    places
        All of them; taken apart when one looks at a part (:meth:`take`).
    rows
        Which rows of the set they are, shape (n,).
    filters
        Filters that may be asked for; None: no filter.
    filter_code
        Which of them is, for all places or for each.
    exposure_s
        Of one exposure, for all places or for each.
    state
        Of the observatory; None: not known.
    """

    now: SiteNow
    places: Places
    rows: Rows
    filters: tuple[str | None, ...]
    filter_code: FilterCode
    exposure_s: Any  # a float, or an array, shape (n,)
    state: ObservatoryModelState | None
    slews: Slews

    @property
    def size(self) -> int:
        """How many places."""
        return int(self.rows.size)

    @cached_property
    def toward_meridian(self) -> Float32s:
        """cos(dec) cos(hour angle)."""
        turn = self.now.rotation_rad
        cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
        return self.places.x * cos + self.places.y * sin

    @cached_property
    def toward_west(self) -> Float32s:
        """cos(dec) sin(hour angle)."""
        turn = self.now.rotation_rad
        cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
        return self.places.x * sin - self.places.y * cos

    @cached_property
    def sin_altitude(self) -> Float32s:
        """Without refraction."""
        return self.places.sin_altitude(self.now)

    def sin_altitude_after(self, later_s: Any) -> Float32s:
        """Return the sine of the altitude after some seconds: for all, or for each (n,)."""
        turn = np.asarray(later_s, dtype=np.float64) * _ROTATION_RAD_S
        cos, sin = np.cos(turn).astype(np.float32), np.sin(turn).astype(np.float32)
        latitude = self.now.latitude_rad
        after = self.toward_meridian * cos - self.toward_west * sin
        found: Float32s = after * np.float32(math.cos(latitude)) + self.places.z * np.float32(
            math.sin(latitude)
        )
        return found

    @cached_property
    def altitude_deg(self) -> Float32s:
        """Without refraction."""
        return np.arcsin(np.clip(self.sin_altitude, -1.0, 1.0)) * DEG

    @cached_property
    def azimuth_deg(self) -> Float32s:
        """From north over east."""
        latitude = self.now.latitude_rad
        north = self.places.z * np.float32(math.cos(latitude)) - (
            self.toward_meridian * np.float32(math.sin(latitude))
        )
        found: Float32s = np.arctan2(-self.toward_west, north) * DEG % np.float32(360.0)
        return found

    @cached_property
    def airmass(self) -> Float32s:
        """As ``models/coordinates.airmass``; infinite below the horizon."""
        step = np.clip(self.sin_altitude, 0.0, 1.0) * np.float32(_TABLE_SIZE)
        index = step.astype(np.int32)
        low = _AIRMASSES[index]
        value = low + (step - index) * (_AIRMASSES[index + 1] - low)
        return np.where(self.sin_altitude < 0.0, np.float32(np.inf), value)

    @cached_property
    def hour_angle_rad(self) -> Float32s:
        """From -pi to pi, west positive."""
        angle = np.float32(self.now.rotation_rad) - self.places.ra_rad
        pi = np.float32(math.pi)
        angle = np.where(angle > pi, angle - 2.0 * pi, angle)
        return np.where(angle < -pi, angle + 2.0 * pi, angle)

    @cached_property
    def dec_rad(self) -> Float32s:
        """Apparent, of date."""
        return np.arcsin(np.clip(self.places.z, -1.0, 1.0))

    def cos_separation(self, vector: Vector) -> Float32s:
        """Return the cosine of the angle to a direction of the night's frame, shape (3,)."""
        x, y, z = (np.float32(one) for one in vector.tolist())
        found: Float32s = self.places.x * x + self.places.y * y
        found += self.places.z * z
        return found

    @cached_property
    def cos_moon_separation(self) -> Float32s:
        """From the Moon as seen from the site."""
        return self.cos_separation(self.now.moon_vector)

    @cached_property
    def travel_s(self) -> Float32s:
        """Seconds to the first exposure but for the filter; 0 while the state is not known."""
        if self.state is None:
            return np.zeros(self.size, np.float32)
        return self.slews.travel_s(self)

    @cached_property
    def slew_s(self) -> Any:
        """Seconds to the first exposure, the filter included, shape (n,)."""
        if self.state is None:
            return self.travel_s
        state = self.state
        ready = [self.slews.filter_ready_s(state, name) for name in self.filters]
        return np.maximum(self.travel_s, np.array(ready, dtype=np.float32)[self.filter_code])

    @cached_property
    def is_other_filter(self) -> Any:
        """Whether the filter has to be changed: for all, or for each; False when not known."""
        present = None if self.state is None else self.state.filter_name
        changes = [name is not None and name != present for name in self.filters]
        if present is None:
            changes = [False] * len(self.filters)
        return np.array(changes, dtype=np.bool_)[self.filter_code]

    @property
    def is_loaded_wanted(self) -> bool:
        """Whether the filter in place is one that may be asked for."""
        return self.state is not None and self.state.filter_name in self.filters

    def of_filter(self, code: int) -> PlaceConditions:
        """Return the same for another filter; what does not depend on it is not done again."""
        other = PlaceConditions(
            self.now,
            self.places,
            self.rows,
            self.filters,
            code,
            self.exposure_s,
            self.state,
            self.slews,
        )
        known = {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("slew_s", "is_other_filter", "filter_code")
        }
        other.__dict__.update(known)
        return other

    def take(self, chosen: Rows) -> PlaceConditions:
        """Return the conditions of some of the places, by their position here."""

        def part(value: Any) -> Any:
            return value if np.ndim(value) == 0 else np.asarray(value)[chosen]

        return PlaceConditions(
            self.now,
            self.places.take(chosen),
            self.rows[chosen],
            self.filters,
            part(self.filter_code),
            part(self.exposure_s),
            self.state,
            self.slews,
        )


_ROTATION_RAD_S = 2.0 * math.pi * 1.00273781191135448 / 86400.0
"""Of the Earth; IAU 2000, as in ERFA's era00."""


def filter_codes(wanted: Sequence[str | None]) -> tuple[tuple[str | None, ...], NDArray[np.intp]]:
    """Return the filters of a list, sorted, and the code of each entry."""
    names = tuple(sorted(set(wanted), key=lambda one: (one is not None, one or "")))
    code_of = {name: code for code, name in enumerate(names)}
    return names, np.array([code_of[name] for name in wanted], dtype=np.intp)
