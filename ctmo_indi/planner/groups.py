"""Groups of requests: all of one are in the plan, or none.

The search knows nothing of groups. What it leaves torn is made whole, or given up, one group after
the other, the most valuable first: whole, when the plan with all members is worth more than the one
without them and what the time they would free is worth. Members of whole groups count more in the
search that follows, and when it tears one all the same, what was before it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ctmo_indi.planner.insertion_kernels import best_insertion
from ctmo_indi.planner.kept import Ints
from ctmo_indi.planner.problem import Found, Problem, timed
from ctmo_indi.planner.request_table import NO_GROUP, RequestTable
from ctmo_indi.planner.row_arrays import Bools, Rows, cut

_MOST_OUT = 4
_HOLD = 5.0
"""How much more a member of a whole group counts in the search."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A plan without torn groups.

    Parameters
    ----------
    banned
        Kept rows of groups that were given up, shape (k,).
    held
        Kept rows of groups that are whole.
    """

    found: Found
    banned: Bools
    held: Bools

    def to_search(self, problem: Problem) -> Problem:
        """Return the problem for a search that keeps whole groups, as good as it can."""
        kept = cut(problem.kept, np.empty((0, 2)), self.banned)
        return replace(
            problem,
            kept=kept._replace(worth=np.where(self.held, _HOLD * kept.worth, kept.worth)),
        )


def hopeless(table: RequestTable, startable: Rows) -> Bools:
    """Mark requests whose group has a member that cannot start any more, shape (n,)."""
    can = np.zeros(len(table), dtype=np.bool_)
    can[startable] = True
    grouped = table.group != NO_GROUP
    torn = np.unique(table.group[grouped & ~can])
    found: Bools = grouped & np.isin(table.group, torn)
    return found


def is_torn(order: Ints, group: Ints) -> bool:
    """Whether a group is in an order in part.

    Parameters
    ----------
    order
        Kept rows, shape (v,).
    group
        Of each kept row, shape (k,); every member of a group is kept.
    """
    inside = np.bincount(group[order][group[order] != NO_GROUP], minlength=1)
    size = np.bincount(group[group != NO_GROUP], minlength=inside.size)
    return bool(np.any((inside > 0) & (inside < size[: inside.size])))


def made_whole(problem: Problem, found: Found, group: Ints, price: float) -> Whole:
    """Complete or give up every group that a plan has in part.

    Parameters
    ----------
    group
        Of each kept row, shape (k,); NO_GROUP: none.
    price
        Value of a second: what freed time is worth.
    """
    count = group.size
    banned, held = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    for one in _by_value(problem, found.order, group):
        members = np.flatnonzero(group == one).astype(np.int32)
        less = timed(problem, found.order[~np.isin(found.order, members)])
        freed_s = problem.kept.duration_s[found.order].sum()
        freed_s -= problem.kept.duration_s[less.order].sum()
        whole = _completed(problem, found, members, held)
        if whole is not None and whole.worth >= less.worth + price * max(freed_s, 0.0):
            found = whole
            held[members] = True
        else:
            found = less
            banned[members] = True
    return Whole(found, banned, held)


def _by_value(problem: Problem, order: Ints, group: Ints) -> list[int]:
    """Return the groups of a plan, the most valuable first."""
    inside = group[order]
    numbers = np.unique(inside[inside != NO_GROUP])
    worth = [float(problem.kept.worth[group == one].sum()) for one in numbers]
    return [int(numbers[index]) for index in np.argsort(-np.array(worth), kind="stable")]


def _completed(problem: Problem, found: Found, members: Ints, held: Bools) -> Found | None:
    """Put the missing members into a plan; None when one fits nowhere or another would go."""
    order = found.order
    for row in members[~np.isin(members, order)].tolist():
        at, out, _ = best_insertion(
            problem.sky, problem.kept, problem.setup, problem.first_s, order, row, _MOST_OUT
        )
        if at < 0:
            return None
        order = np.concatenate([order[:at], [row], order[at + out :]]).astype(np.int32)
    whole = timed(problem, order)
    must = np.concatenate([members, np.flatnonzero(held)])
    return whole if np.all(np.isin(must, whole.order)) else None
