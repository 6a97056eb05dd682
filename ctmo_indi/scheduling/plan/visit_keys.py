"""Names of visits in the planner, where each is a request: the order's key, and which visit.

The next visit of an order goes by the order's own key, so all but series know no other.
"""

from __future__ import annotations

_BEHIND = "\x1f"  # the unit separator; never shown


def visit_key(key: str, visit: int) -> str:
    """Return the planner's name of a visit of an order, the next one being 0 or 1."""
    return key if visit < 2 else f"{key}{_BEHIND}{visit:04d}"


def key_and_visit(name: str) -> tuple[str, int]:
    """Return what :func:`visit_key` was given; 1 for the next visit."""
    key, behind, visit = name.partition(_BEHIND)
    return (key, int(visit)) if behind else (key, 1)
