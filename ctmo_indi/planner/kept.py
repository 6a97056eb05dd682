"""What the compiled search and bound work on: the requests that are kept, as arrays, and the setup.

Times in here are seconds since the plan's begin, so that they keep their digits; the rotation of
the sky is a straight line in them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.models.dome_geometry import DomeMeasurements
from ctmo_indi.models.observatory_model import ObservatoryModel
from ctmo_indi.profiles import MountKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

NO_FILTER = -1


class Sky(NamedTuple):
    """The site and the rotation of its sky.

    Parameters
    ----------
    rotation_deg, rotation_rate_deg_s
        Hour angle of CIRS right ascension 0 when time counts from, and its growth.
    length_s
        Of the night, from there.
    begin_s
        When the plan begins: the setup of its first visit may begin then.
    """

    rotation_deg: float
    rotation_rate_deg_s: float
    sin_latitude: float
    cos_latitude: float
    length_s: float
    begin_s: float = 0.0


class Kept(NamedTuple):
    """The kept requests, structure of arrays, shape (k,) unless said.

    Parameters
    ----------
    ra_deg, dec_deg
        Apparent (CIRS) of the night.
    worth
        Weight times exposure seconds: the score in the zenith.
    duration_s
        Exposures and readouts.
    filter_slot
        Index of a filter, NO_FILTER where none is asked for.
    first
        Shape (k + 1,): where a request's spans begin in ``earliest_s`` and ``latest_s``.
    earliest_s, latest_s
        Spans of starts, ascending; shape (n_spans,).
    """

    ra_deg: Floats
    dec_deg: Floats
    sin_dec: Floats
    cos_dec: Floats
    worth: Floats
    duration_s: Floats
    filter_slot: Ints
    first: Ints
    earliest_s: Floats
    latest_s: Floats


class Pools(NamedTuple):
    """The rows worth looking at in each stretch (bin) of the night, best first.

    Parameters
    ----------
    by_rate, by_price
        Shape (bins, m); -1 behind the last.
    most_by_rate, most_by_price
        The most that a row could be wanted there, shape (bins, m), descending.
    near
        Shape (k, q): rows nearest to a row in setup.
    price
        Value of a second in each bin.
    """

    bin_s: float
    by_rate: Ints
    most_by_rate: Floats
    by_price: Ints
    most_by_price: Floats
    near: Ints
    price: Floats


class Setup(NamedTuple):
    """The kinematic model of ``models/observatory_model.py`` for an open, tracking observatory.

    Parameters
    ----------
    is_german
        1.0 for a German mount, 0.0 for a fork.
    has_dome
        1.0 with a dome.
    flip_s
        When the tube changes sides, besides the axes' ways.
    mount_settle_s, dome_settle_s, filter_s
        With what is done before each visit (``handling_s``), which stands before all three.
        ``filter_s``: shape (f + 1, f + 1): from filter to filter; the last row and column stand for
        one that is not known or not asked for.
    """

    is_german: float
    hour_angle_rate_deg_s: float
    hour_angle_acceleration_deg_s2: float
    declination_rate_deg_s: float
    declination_acceleration_deg_s2: float
    flip_s: float
    mount_settle_s: float
    has_dome: float
    dome_rate_deg_s: float
    dome_acceleration_deg_s2: float
    dome_settle_s: float
    dome_free_deg: float
    dome_passes_north: float
    dome_radius_m: float
    dome_north_m: float
    dome_east_m: float
    dome_up_m: float
    dome_tube_m: float
    filter_s: Floats


def setup_of(model: ObservatoryModel, filter_names: tuple[str, ...]) -> Setup:
    """Return the numbers of an observatory's model for the filters that requests ask for."""
    known = model.kinematics
    dome = model.dome if model.dome is not None else DomeMeasurements(0.0)
    names: tuple[str | None, ...] = (*filter_names, None)
    changes_s = [
        [model.filter_change_s(here, there) + known.handling_s for there in names] for here in names
    ]
    return Setup(
        is_german=float(known.mount is not MountKind.FORK),
        hour_angle_rate_deg_s=known.hour_angle_rate_deg_s,
        hour_angle_acceleration_deg_s2=known.hour_angle_acceleration_deg_s2,
        declination_rate_deg_s=known.declination_rate_deg_s,
        declination_acceleration_deg_s2=known.declination_acceleration_deg_s2,
        flip_s=known.flip_s,
        mount_settle_s=known.mount_settle_s + known.handling_s,
        has_dome=float(model.dome is not None),
        dome_rate_deg_s=known.dome_rate_deg_s,
        dome_acceleration_deg_s2=known.dome_acceleration_deg_s2,
        dome_settle_s=known.dome_settle_s + known.handling_s,
        dome_free_deg=known.dome_free_deg,
        dome_passes_north=float(known.dome_passes_north),
        dome_radius_m=dome.radius_m,
        dome_north_m=dome.north_m,
        dome_east_m=dome.east_m,
        dome_up_m=dome.up_m,
        dome_tube_m=dome.tube_offset_m,
        filter_s=np.array(changes_s, dtype=np.float64),
    )
