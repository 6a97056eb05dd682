"""A service that dies at any of its named points: nothing is lost, nothing is repeated.

The short form walks through the points where the database, the disk and the world stand apart; the
long form through all of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ctmo_indi.kill_points import POINTS

from .. import promises
from ..promises import Recorder
from .kill_soak import Tally
from .point_walk import PointWalk

pytestmark = [pytest.mark.indi, pytest.mark.faults]

SHORT = (
    "telescope.expose.begun",
    "telescope.recovery.adopted",
    "telescope.frame.renamed",
    "telescope.frame.done.inside",
    "telescope.recovery.hand.inside",
    "scheduler.order.commit.inside",
    "scheduler.attempt.handed",
    "scheduler.attempt.settle.after",
    "file.holds.synced",
)
A_NIGHT = 60


@pytest.mark.promise
@pytest.mark.timeout(0 if promises.IS_LONG else 180)
def test_every_point_is_reached_and_survived(tmp_path: Path, promise: Recorder) -> None:
    names = list(POINTS) if promises.IS_LONG else list(SHORT)
    tally, missed = Tally(), []
    for first in range(0, len(names), A_NIGHT):
        walk = PointWalk(tmp_path / f"night-{first}", first, tally)
        missed += walk.walk(names[first : first + A_NIGHT])

    assert missed == []
    found = tally.findings.all()
    promise(
        "kill_points",
        f"{len(tally.at_points)} of {len(POINTS)} points, {len(found)} findings",
        holds=not found,
    )
