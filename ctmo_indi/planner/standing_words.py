"""Where an order stands in a plan, in sentences; the figures are those of ``standing``."""

from __future__ import annotations

from collections.abc import Sequence

from ctmo_indi.planner.constraint_states import clock_text
from ctmo_indi.planner.plan import PlannedVisit
from ctmo_indi.planner.standing import AtMinute, InPlan, LeftOut, NoTime

_TOLD_RIVALS = 5


def standing_words(standing: InPlan | LeftOut | NoTime) -> list[str]:
    """Say it in sentences."""
    if isinstance(standing, NoTime):
        return ["It is not in the plan: in what is left of the plan's night it cannot start."]
    if isinstance(standing, InPlan):
        visit = standing.visit
        said = [
            f"It is in the plan, visit {standing.place} of {standing.visits}: from"
            f" {clock_text(visit.start_utc_s)} to {clock_text(visit.end_utc_s)}, after"
            f" {visit.setup_s:.0f} s of setup."
        ]
        return said if standing.minute is None else [*said, _minute_words(standing.minute)]
    said = [_best_words(standing)]
    if standing.group:
        said.append(f"It is planned with all of its group or not at all: {_some(standing.group)}.")
    if standing.minute is not None:
        said.append(_minute_words(standing.minute))
    rivals = standing.rivals
    for visit, rate in rivals[:_TOLD_RIVALS]:
        said.append(
            f"{visit.key} stands there instead, from {clock_text(visit.start_utc_s)} to"
            f" {clock_text(visit.end_utc_s)}: {rate:.3g} a second against about"
            f" {standing.rate:.3g}."
        )
    if len(rivals) > _TOLD_RIVALS:
        said.append(f"So do {len(rivals) - _TOLD_RIVALS} more.")
    lost = standing.rivals_value - standing.value
    if not rivals:
        said.append("No visit stands there: before or after it the time is too short for setups.")
    elif standing.exchange is not None:
        said.append(_exchange_words(standing, *standing.exchange))
    elif lost > 0.0 and not standing.group:
        said.append(f"In their place the plan would be worth about {lost:.0f} less.")
    is_surplus = standing.profit is not None and standing.profit > 0.0
    if is_surplus or (standing.exchange is not None and standing.exchange[1] <= 0.0):
        said.append(
            "The search found no plan with it that is worth more; what it may have missed is at"
            f" most {100.0 * standing.gap:.2g} % of the plan."
        )
    return said


def _best_words(standing: LeftOut) -> str:
    begin = f"It is not in the plan. Its best start is {clock_text(standing.start_utc_s)}: worth"
    if standing.profit is None or standing.price is None:
        return (
            f"{begin} {standing.value:.0f}. What its time costs is not known: the prices of this"
            " plan were lost with a restart, the next plan has them again."
        )
    return (
        f"{begin} {standing.value:.0f}, and its time costs about {standing.price:.0f} at what"
        f" others would make of it, so it"
        f" {'falls short by' if standing.profit <= 0.0 else 'has a surplus of'} about"
        f" {abs(standing.profit):.0f}."
    )


def _minute_words(minute: AtMinute) -> str:
    when, visit = clock_text(minute.utc_s), minute.visit
    if visit is None:
        return f"At {when} the plan has nothing."
    begin = (
        f"At {when} the plan has {visit.key}, from {clock_text(visit.start_utc_s)} to"
        f" {clock_text(visit.end_utc_s)}"
    )
    if minute.loss is None:
        return f"{begin}."
    return f"{begin}; with this order in its place it would be worth {_more_or_less(minute.loss)}."


def _exchange_words(standing: LeftOut, visit: PlannedVisit, loss: float) -> str:
    where = f"{visit.key} ({clock_text(visit.start_utc_s)})"
    if standing.is_timed or loss > 0.0:
        about = "" if standing.is_timed else "about "
        return (
            f"It comes nearest in place of {where}: the plan would be worth"
            f" {about}{_more_or_less(loss)}."
        )
    return (
        f"In place of {where} the plan would be worth about {-loss:.0f} more, if it could be set up"
        f" in {standing.setup_s:.0f} s as the others on average."
    )


def _more_or_less(loss: float) -> str:
    return f"{abs(loss):.0f} {'less' if loss > 0.0 else 'more'}"


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _TOLD_RIVALS} more" if len(keys) > _TOLD_RIVALS else ""
    return ", ".join(keys[:_TOLD_RIVALS]) + more
