"""kill -9 at any moment: nothing that was acknowledged is lost, nothing is repeated unnoticed.

The real services on the real simulators; what they leave is compared by a checker of its own with
what the client was told. ``make faults`` kills a thousand times, in seven simulated nights.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import pytest

from .. import promises
from ..promises import Recorder
from .kill_soak import KillSoak, Tally, percentile

pytestmark = [pytest.mark.indi, pytest.mark.faults]

KILLS_A_NIGHT = 150
"""As many as fit into a night at that speed, with a third to spare."""


Killed = Callable[[int], Tally]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """What that many kills left; in the short forms once for all tests."""

    @functools.cache
    def kill(kills: int) -> Tally:
        left, tally, night = kills, Tally(), 0
        while left:
            tonight = min(left, KILLS_A_NIGHT)
            folder = tmp_path_factory.mktemp(f"night-{night}-")
            KillSoak(folder, night, tally, verify_every=promises.runs(4, 2)).run(tonight)
            left, night = left - tonight, night + 1
        return tally

    return kill


@pytest.mark.promise
@pytest.mark.timeout(0 if promises.IS_LONG else 300)
def test_nothing_is_lost_and_nothing_repeated(killed: Killed, promise: Recorder) -> None:
    tally = killed(promises.runs(20, 1000))
    found, counts = tally.findings, tally.findings.counts
    print(json.dumps(dict(counts)), dict(tally.at_points))
    after = f"{tally.kills} kills, {sum(tally.at_points.values())} at {len(tally.at_points)} points"
    orders = sum(counts[kind] for kind in ("Observation", "Dome", "Control", "Cancel"))
    assert not found.broken, found.broken
    promise(
        "orders_lost",
        f"{len(found.lost)} of {orders} acknowledged in {after}",
        holds=not found.lost,
    )
    promise(
        "effects_repeated",
        f"{len(found.repeated)} of {counts['effects']} in {after}; "
        f"{counts['found done']} found done, {counts['not done']} found not done",
        holds=not found.repeated,
    )


@pytest.mark.promise
@pytest.mark.timeout(0 if promises.IS_LONG else 300)
def test_what_is_killed_is_soon_back(killed: Killed, promise: Recorder) -> None:
    tally = killed(promises.runs(20, 200))
    receipts_s, verified_s = tally.all_receipts_s, max(tally.verified_s)
    receipt_s = percentile(receipts_s, 0.99)
    promise(
        "restart_verified",
        f"longest {verified_s:.1f} s, median {percentile(tally.verified_s, 0.5):.1f} s, "
        f"{len(tally.verified_s)} restarts",
        holds=verified_s <= 15.0,
    )
    promise(
        "restart_receipt",
        f"p99 {receipt_s:.2f} s, median {percentile(receipts_s, 0.5):.2f} s, "
        f"{len(receipts_s)} restarts",
        holds=receipt_s <= 2.0,
        needs_quiet=True,
    )
