"""Give an accepted order its Priority, 0 (last) to 10 (first), by the profile's policy.

::

    Priority = clamp(base + users[User] + job_types[Type of job] + object_types[Type of object]
                     + wish_weight * (wish - base), 0, 10)

What does not match adds nothing; upper and lower case are alike. The wish is the Priority that came
with the order; with the default weight 0 it is kept and has no effect, since the source documents
say that the scheduler assigns it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.profiles import PriorityPolicy

LOWEST = 0.0
HIGHEST = 10.0


def assign(request: ObservationRequest, wish: float | None, policy: PriorityPolicy) -> float:
    """Return the Priority of ``request``, rounded to a thousandth.

    Parameters
    ----------
    wish
        Priority that came with the order, any number; None or not finite is no wish.
    """
    priority = (
        policy.base
        + _bonus(policy.users, request.user)
        + _bonus(policy.job_types, request.job_type)
        + _bonus(policy.object_types, request.object_type)
    )
    if wish is not None and math.isfinite(wish):
        priority += policy.wish_weight * (wish - policy.base)
    return round(min(HIGHEST, max(LOWEST, priority)), 3)


def _bonus(table: Mapping[str, float], word: str) -> float:
    wanted = word.casefold()
    return next((value for key, value in table.items() if key.casefold() == wanted), 0.0)
