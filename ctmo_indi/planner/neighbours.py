"""Compiled: the nearest requests of each, in seconds of setup.

Requests stand in cells of right ascension and declination; rings of cells around a request are
looked at until none further out can be nearer. The way of an axis is the difference of coordinates,
so that the distance is that of a rectangle, not of the sphere.
"""

from __future__ import annotations

import math

import numpy as np

from ctmo_indi.pixels.compiled import compiled
from ctmo_indi.planner.kept import Floats, Ints, Kept, Setup
from ctmo_indi.planner.row_arrays import Rows
from ctmo_indi.planner.setup_kernels import NEVER_S, travel_s


@compiled
def same_side_setup_s(kept: Kept, setup: Setup, here: int, there: int) -> float:
    """Return a lower bound of the setup between two requests on one side of a German mount's pier.

    In either direction and at any time; for a fork, of any setup.
    """
    way = abs(kept.ra_deg[here] - kept.ra_deg[there])
    way = min(way, 360.0 - way)
    up = abs(kept.dec_deg[here] - kept.dec_deg[there])
    took_s = setup.mount_settle_s + max(
        travel_s(way, setup.hour_angle_rate_deg_s, setup.hour_angle_acceleration_deg_s2),
        travel_s(up, setup.declination_rate_deg_s, setup.declination_acceleration_deg_s2),
    )
    first, second = kept.filter_slot[here], kept.filter_slot[there]
    if first >= 0 and second >= 0:
        took_s = max(took_s, min(setup.filter_s[first, second], setup.filter_s[second, first]))
    return took_s


@compiled
def least_setups_s(kept: Kept, setup: Setup, asked: Rows) -> Floats:
    """Return a lower bound of the setups before and after some requests, 0 for an only one.

    To the other side of a German mount's pier the declination axis goes over the pole, and the
    other axis may have no way at all.

    Parameters
    ----------
    asked
        Rows, shape (r,).

    Returns
    -------
    ndarray, shape (r,)
        Seconds.
    """
    count = kept.ra_deg.size
    if count < 2:
        return np.zeros(asked.size)
    least_s = nearest(kept, setup, asked, 1)[1][:, 0].copy()
    if setup.is_german > 0.0:
        highest, second = -90.0, -90.0
        for row in range(count):
            if kept.dec_deg[row] > highest:
                highest, second = kept.dec_deg[row], highest
            elif kept.dec_deg[row] > second:
                second = kept.dec_deg[row]
        for at in range(asked.size):
            row = asked[at]
            other = second if kept.dec_deg[row] == highest else highest
            over_s = setup.mount_settle_s + travel_s(
                180.0 - kept.dec_deg[row] - other,
                setup.declination_rate_deg_s,
                setup.declination_acceleration_deg_s2,
            )
            least_s[at] = min(least_s[at], over_s)
    return least_s


@compiled
def nearest(kept: Kept, setup: Setup, asked: Rows, most: int) -> tuple[Ints, Floats]:
    """Return the rows nearest to some on their side, and how near; none is near to itself.

    Parameters
    ----------
    asked
        Rows, shape (r,).

    Returns
    -------
    rows : (len(asked), most), -1 where there are no more
    setup_s : (len(asked), most), NEVER_S there
    """
    count = kept.ra_deg.size
    rows = np.full((asked.size, most), -1, dtype=np.int32)
    took = np.full((asked.size, most), NEVER_S)
    if count < 2:
        return rows, took
    size = max(1, min(360, int(math.sqrt(count / 2.0))))
    cell_deg = 360.0 / size
    high = math.ceil(180.0 / cell_deg)
    first = np.zeros(size * high + 1, dtype=np.int32)
    cell = np.empty(count, dtype=np.int32)
    for row in range(count):
        across = min(int(kept.ra_deg[row] % 360.0 / cell_deg), size - 1)
        up = min(int((kept.dec_deg[row] + 90.0) / cell_deg), high - 1)
        cell[row] = up * size + across
        first[cell[row] + 1] += 1
    for index in range(size * high):
        first[index + 1] += first[index]
    fill = first.copy()
    members = np.empty(count, dtype=np.int32)
    for row in range(count):
        members[fill[cell[row]]] = row
        fill[cell[row]] += 1
    quicker = max(setup.hour_angle_rate_deg_s, setup.declination_rate_deg_s)
    harder = max(setup.hour_angle_acceleration_deg_s2, setup.declination_acceleration_deg_s2)
    for at in range(asked.size):
        row = asked[at]
        up, across = cell[row] // size, cell[row] % size
        for ring in range(max(size, high)):
            if ring > 0:
                least_s = travel_s((ring - 1) * cell_deg, quicker, harder) + setup.mount_settle_s
                if least_s >= took[at, most - 1]:
                    break
            for step_up in range(-ring, ring + 1):
                line = up + step_up
                if line < 0 or line >= high:
                    continue
                stride = 1 if abs(step_up) == ring else max(2 * ring, 1)
                for step in range(-ring, ring + 1, stride):
                    if 2 * ring > size and (2 * step > size or 2 * step <= -size):
                        continue
                    place = line * size + (across + step) % size
                    for index in range(first[place], first[place + 1]):
                        other = members[index]
                        if other == row:
                            continue
                        took_s = same_side_setup_s(kept, setup, row, other)
                        slot = most - 1
                        if took_s >= took[at, slot]:
                            continue
                        while slot > 0 and took[at, slot - 1] > took_s:
                            took[at, slot] = took[at, slot - 1]
                            rows[at, slot] = rows[at, slot - 1]
                            slot -= 1
                        took[at, slot] = took_s
                        rows[at, slot] = other
    return rows, took
