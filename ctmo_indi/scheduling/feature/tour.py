"""A short way through some fields: the travelling salesman's open path, from a fixed start.

Nearest neighbour and the given order, each improved by 2-opt (a part of the path turned round,
Croes 1958) until no turn helps; the shorter one is the answer, so it is never longer than the
given order. For blocks of some tens of fields; deterministic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]

MOST_TURNS = 10_000
_LEAST_GAIN = 1e-9


def short_path(from_start: Float64s, between: Float64s) -> list[int]:
    """Return an order of n places.

    Parameters
    ----------
    from_start
        Way from the start to each place, shape (n,).
    between
        Way between places, shape (n, n), symmetric.
    """
    count = len(from_start)
    if count < 2:
        return list(range(count))
    way = np.zeros((count + 1, count + 1))
    way[0, 1:] = way[1:, 0] = from_start
    way[1:, 1:] = between
    given = _improved(list(range(count + 1)), way)
    nearest = _improved(_nearest_neighbours(way), way)
    best = min((given, nearest), key=lambda path: _length(path, way))
    return [place - 1 for place in best[1:]]


def path_length(order: list[int], from_start: Float64s, between: Float64s) -> float:
    """Return the way through all places in an order."""
    if not order:
        return 0.0
    steps = between[order[:-1], order[1:]]
    return float(from_start[order[0]] + steps.sum())


def _length(path: list[int], way: Float64s) -> float:
    return float(way[path[:-1], path[1:]].sum())


def _nearest_neighbours(way: Float64s) -> list[int]:
    count = len(way)
    is_left = np.ones(count, dtype=np.bool_)
    path = [0]
    is_left[0] = False
    for _ in range(count - 1):
        path.append(int(np.argmin(np.where(is_left, way[path[-1]], np.inf))))
        is_left[path[-1]] = False
    return path


def _improved(path: list[int], way: Float64s) -> list[int]:
    """Turn parts round, the best turn first, while one makes the path shorter.

    Turning places i..j (i >= 1) exchanges the steps into i and out of j; at the end of the path
    there is no step out.
    """
    at = np.array(path)
    count = len(at)
    is_turn = np.triu(np.ones((count - 1, count - 1), dtype=np.bool_), 1)
    for _ in range(MOST_TURNS):
        steps = way[at[:-1], at[1:]]
        before, first, last = at[:-1], at[1:], at[1:]
        after = np.append(at[2:], -1)
        out = np.append(steps[1:], 0.0)
        new_out = way[first][:, after]
        new_out[:, -1] = 0.0
        gain = steps[:, np.newaxis] + out - way[before][:, last] - new_out
        gain[~is_turn] = 0.0
        best = int(np.argmax(gain))
        i, j = divmod(best, count - 1)
        if gain[i, j] <= _LEAST_GAIN:
            break
        at[i + 1 : j + 2] = at[i + 1 : j + 2][::-1]
    return [int(one) for one in at]
