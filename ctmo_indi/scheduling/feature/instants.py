"""When to look for the next target, while there is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ctmo_indi.scheduling.conditions import Night

SOON, SOON_STEP = timedelta(minutes=10), timedelta(seconds=30)
LATER_STEP = timedelta(minutes=5)
"""Steps in which one looks: for the next ten minutes, and after that."""


def instants(begin: datetime, night: Night, *, skip_day: bool) -> Iterator[datetime]:
    """Yield instants from ``begin`` to the morning, the evening among them.

    Parameters
    ----------
    skip_day
        Whether nothing waits that could be done by day: then the evening comes at once.
    """
    utc = begin
    while utc < night.morning:
        yield utc
        following = utc + (SOON_STEP if utc - begin < SOON else LATER_STEP)
        if utc < night.evening and (skip_day or following > night.evening):
            following = night.evening
        utc = following
