"""Whoever asks a request for its RA and Dec has decided what a moving target means there.

A target that moves has neither. The places that need to know where it is ask
``moving_targets.place_icrs_deg``; those listed here read the fixed place on purpose.
"""

from __future__ import annotations

import ast
from pathlib import Path

import ctmo_indi

PACKAGE = Path(ctmo_indi.__file__).parent
REQUESTS = {"request", "one", "checked", "order"}
READERS = {
    "models/moving_targets.py": "the one answer, for fixed targets",
    "models/orders.py": "fixed_place_deg itself",
    "models/sure_targets.py": "a moving target is never sure; it is looked at",
    "models/visibility.py": "fixed targets are apart from the moving ones there",
    "scheduler/modes/target_events.py": "an order that waits: no place is told of a moving one",
    "scheduler/orders/book_rows.py": "a moving target was where its frames are",
    "scheduler/orders/internal_orders.py": "the wire has the motion itself",
    "scheduling/candidates.py": "the motion is beside it in the key",
    "scheduling/sky.py": "after moving targets have been answered",
    "scheduling/target.py": "when the decision's own place is not worked out",
    "telescope/control.py": "a Control order; it has no motion",
    "telescope/hand_targets.py": "a Control order; it has no motion",
    "telescope/scene.py": "the stand-in; the service gives the site's own answer",
    "web/night_view.py": "a visit of the plan or an attempt, as they were told; no request",
    "web/sky_view.py": "the same",
    "work_orders/desk.py": "the scheduler's intake adds the place of a moving target",
    "work_orders/requests.py": "a Control order; and the target while it is read",
    "testing/fake_desk.py": "frames of fixed targets",
    "testing/fake_sky.py": "nothing moves there",
}
APART = (
    "planner/",  # given fixed places; its caller works out where a moving target is
    "preprocessor/",  # frames, no requests
    "scheduling/feature/",  # fields of a survey; what moves is asked for by sky.place_deg
    "scheduling/plan/",  # what moves gets its place of the middle of the night
)


def _reads(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Attribute) or node.attr not in ("ra_deg", "fixed_place_deg"):
            continue
        base = node.value
        name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")
        if name in REQUESTS:
            return True
    return False


def test_every_reader_of_a_requests_fixed_place_is_known() -> None:
    found = {
        name
        for path in PACKAGE.rglob("*.py")
        if not (name := str(path.relative_to(PACKAGE))).startswith(APART)
        if _reads(path)
    }
    assert found - READERS.keys() == set()
