"""The last plans by what they were made of: a look ahead asks again what was asked before."""

from __future__ import annotations

from collections.abc import Hashable

from ctmo_indi.scheduling.plan.night_plan import Marks, NightPlan

PLANS_REMEMBERED = 32


class RememberedPlans:
    """A cache of plans; the oldest is forgotten first. One thread.

    What is kept of a hundred thousand candidates is half a megabyte a plan: their marks as text.
    The set that is made of it to look something up takes twenty times as much, and stays with the
    plan that is followed.
    """

    def __init__(self) -> None:
        self._plans: dict[object, NightPlan] = {}

    def get(self, question: Hashable, marks: Marks, standing: NightPlan | None) -> NightPlan | None:
        """Return the plan that was made of the same, or None."""
        known = self._plans.get(_key(question, marks, standing))
        return None if known is None else known.unread()

    def put(
        self, question: Hashable, marks: Marks, standing: NightPlan | None, made: NightPlan
    ) -> None:
        """Remember what was made of it."""
        if len(self._plans) >= PLANS_REMEMBERED:
            self._plans.pop(next(iter(self._plans)))
        self._plans[_key(question, marks, standing)] = made.unread()


def _key(question: Hashable, marks: Marks, standing: NightPlan | None) -> object:
    return question, marks.digest, None if standing is None else standing.unread()
