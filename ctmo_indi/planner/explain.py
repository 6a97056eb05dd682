"""Why an order is observed when it is, or not: for any order and any minute, in words and as data.

Pure functions over the order, the site and, where there is one, the plan. Without a plan it is
obstacles and spans only. A whole explanation costs some 10 ms; 0.2 s when the order cannot be
observed for months.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ctmo_indi.models.nights import night_of
from ctmo_indi.models.orders import ObservationRequest, Window
from ctmo_indi.planner.constraint_states import (
    Circumstances,
    ConstraintState,
    TargetPlace,
    clock_text,
    constraint_states,
    place_at,
)
from ctmo_indi.planner.plan_standing import PlanView
from ctmo_indi.planner.standing import InPlan, LeftOut, NoTime
from ctmo_indi.planner.standing_words import standing_words
from ctmo_indi.planner.start_spans import Ahead, OrderSky
from ctmo_indi.profiles import Limits, NightPolicy, Site

__all__ = ["Circumstances", "Explanation", "PlanView", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is to be said of an order at an instant.

    Parameters
    ----------
    constraints
        All of them at that instant; see :func:`constraint_states`.
    passes_utc_s
        When the first failing one is met again; None: not known, or not within ``nights``.
    next_start_utc_s
        The first start from that instant on, by sky and windows; None: none within ``nights``.
    night
        The night that lasts at the instant, or the next one: the evening's date.
    starts
        Spans of that night in which a visit can start.
    duration_s
        Of the visit that was asked about.
    is_one_exposure
        A whole visit fits nowhere in the night: the spans are those of one exposure.
    standing
        In the plan; None without a plan, or where it was made without the order.
    is_plan_without
        There is a plan, and it was made without the order.
    """

    key: str
    utc_s: float
    place: TargetPlace | None
    constraints: tuple[ConstraintState, ...]
    passes_utc_s: float | None
    next_start_utc_s: float | None
    nights: int
    night: str
    starts: tuple[Window, ...]
    duration_s: float
    is_one_exposure: bool
    standing: InPlan | LeftOut | NoTime | None = None
    is_plan_without: bool = False

    @property
    def first_failing(self) -> ConstraintState | None:
        """The first constraint that is not met; None when the order can start."""
        return next((one for one in self.constraints if not one.is_met), None)

    def words(self) -> list[str]:
        """Say it in sentences, the most important first."""
        return [self._now(), *self._when(), self._night(), *self._of_plan()]

    def to_wire(self) -> dict[str, object]:
        """Return it as a struct of plain values; what is not known is left out."""
        failing = self.first_failing
        wire: dict[str, object] = {
            "Receipt": self.key,
            "At": clock_text(self.utc_s),
            "Can Start": failing is None,
            "Words": self.words(),
            "Reasons": [one.text for one in self.constraints if not one.is_met],
            "Constraints": [one.to_wire() for one in self.constraints],
            "Nights Looked At": self.nights,
            "Night": self.night,
            "Starts": [
                {"From": clock_text(one.start_utc_s), "To": clock_text(one.end_utc_s)}
                for one in self.starts
            ],
            "Visit": round(self.duration_s, 1),
        }
        if self.place is not None:
            wire["Target"] = self.place.to_wire()
        if failing is not None:
            wire["First Failing"] = failing.name
        if self.passes_utc_s is not None:
            wire["Passes"] = clock_text(self.passes_utc_s)
        if self.next_start_utc_s is not None:
            wire["Next Start"] = clock_text(self.next_start_utc_s)
        if self._of_plan():
            told = {"Planned": False} if self.standing is None else self.standing.to_wire()
            wire["Plan"] = {**told, "Words": self._of_plan()}
        return wire

    def _of_plan(self) -> list[str]:
        if self.standing is not None:
            return standing_words(self.standing)
        return ["The plan that stands was made without it."] if self.is_plan_without else []

    def _now(self) -> str:
        failing = self.first_failing
        when = clock_text(self.utc_s)
        if failing is None:
            return f"{self.key} can start at {when}: every constraint is met."
        others = sum(not one.is_met for one in self.constraints) - 1
        more = f" ({others} more not met)" if others else ""
        return f"{self.key} cannot start at {when}: {failing.text}{more}."

    def _when(self) -> list[str]:
        failing = self.first_failing
        if failing is None or failing.name == "state":
            return []
        said = []
        if self.passes_utc_s is not None:
            are = "are" if failing.name == "windows" else "is"
            said.append(f"The {failing.name} {are} met from {clock_text(self.passes_utc_s)}.")
        elif failing.rule >= 0:
            said.append(f"The {failing.name} is not met in the next {self.nights} nights.")
        elif failing.name in ("observatory", "safety"):
            said.append("When that ends is not known.")
        if self.next_start_utc_s is not None:
            begin = clock_text(self.next_start_utc_s)
            said.append(f"By sky and windows it can start from {begin} on.")
        elif self.passes_utc_s is not None or failing.rule < 0:
            said.append(f"There is no start in the next {self.nights} nights.")
        return said

    def _night(self) -> str:
        if not self.starts:
            return f"In the night of {self.night} there is no start."
        spans = ", ".join(
            f"{_hour(one.start_utc_s)} to {_hour(one.end_utc_s)}" for one in self.starts
        )
        what = "one exposure" if self.is_one_exposure else "a visit"
        only = ", a whole visit fits nowhere" if self.is_one_exposure else ""
        return (
            f"In the night of {self.night} {what} ({self.duration_s:.0f} s) can start from"
            f" {spans} UTC{only}."
        )


def explain(
    key: str,
    request: ObservationRequest,
    site: Site,
    limits: Limits,
    night: NightPolicy,
    utc_s: float,
    *,
    duration_s: float | None = None,
    known: Circumstances | None = None,
    plan: PlanView | None = None,
    setup_s: float | None = None,
) -> Explanation:
    """Explain an order at an instant.

    Parameters
    ----------
    utc_s
        Unix seconds; any minute, past or to come.
    duration_s
        Of a whole visit with readouts; None: its exposures alone.
    known
        What besides the sky stands against it.
    plan
        The plan that stands, if there is one.
    setup_s
        Before a visit that is not in the plan; see :meth:`PlanView.standing`.
    """
    known = known or Circumstances()
    whole_s = request.count * request.exposure_s if duration_s is None else duration_s
    order = OrderSky(request, site, limits, night, whole_s, known)
    noon_s = order.noon_of(utc_s)
    starts, is_one_exposure = order.starts(noon_s), False
    if not starts and request.exposure_s < whole_s:
        single = replace(order, duration_s=request.exposure_s)
        starts = single.starts(noon_s)
        if starts:
            order, is_one_exposure = single, True
    states = constraint_states(request, site, limits, night, utc_s, known)
    if all(one.is_met for one in states):
        states += _length_state(order, utc_s)
    failing = next((one for one in states if not one.is_met), None)
    ahead = Ahead(None, utc_s, 0) if failing is None else order.ahead(utc_s, failing.rule)
    passes_s = None if failing is None else _passes_s(failing, ahead, request, known, utc_s)
    standing = None if plan is None else _standing(key, plan, order, utc_s, setup_s)
    return Explanation(
        key=key,
        utc_s=utc_s,
        place=place_at(request, site, utc_s),
        constraints=states,
        passes_utc_s=passes_s,
        next_start_utc_s=None if known.over else ahead.start_utc_s,
        nights=ahead.nights,
        night=night_of(site, noon_s + 1.0),
        starts=() if known.over else tuple(starts),
        duration_s=order.duration_s,
        is_one_exposure=is_one_exposure,
        standing=standing,
        is_plan_without=plan is not None and standing is None,
    )


def _standing(
    key: str, plan: PlanView, order: OrderSky, utc_s: float, setup_s: float | None
) -> InPlan | LeftOut | NoTime | None:
    """Return where it stands, by the night and the duration that it was planned with."""
    row = plan.row_of(key)
    if row is not None:
        order = replace(order, duration_s=float(plan.table.duration_s[row]))
    starts = [] if order.known.over else order.starts(order.noon_of(plan.night.begin_utc_s))
    return plan.standing(key, starts, setup_s, utc_s)


def _length_state(order: OrderSky, utc_s: float) -> tuple[ConstraintState, ...]:
    """Return whether a visit that starts then ends in time; it is within its limits now."""
    end_s = _end_of(order.good_spans(order.noon_of(utc_s)), utc_s)
    if end_s is None:
        return ()  # within a second of an edge
    left_s = end_s - utc_s
    return (
        ConstraintState(
            name="time left",
            text=f"time left within all limits {left_s:.0f} s, expected at least"
            f" {order.duration_s:.0f} s",
            is_met=left_s >= order.duration_s,
            unit=" s",
            value=left_s,
            limit=order.duration_s,
            at_least=True,
        ),
    )


def _end_of(spans: Sequence[Window], utc_s: float) -> float | None:
    inside = [one.end_utc_s for one in spans if one.start_utc_s <= utc_s <= one.end_utc_s]
    return inside[0] if inside else None


def _passes_s(
    failing: ConstraintState,
    ahead: Ahead,
    request: ObservationRequest,
    known: Circumstances,
    utc_s: float,
) -> float | None:
    if failing.rule >= 0:
        return ahead.passes_utc_s
    if failing.name == "windows":
        coming = [one.start_utc_s for one in request.windows if one.start_utc_s > utc_s]
        return min(coming, default=None)
    if failing.name == "not before":
        return known.not_before_utc_s if math.isfinite(known.not_before_utc_s) else None
    return ahead.start_utc_s if failing.name == "time left" else None


def _hour(utc_s: float) -> str:
    return clock_text(utc_s)[11:19]
