"""What a plan that is shown or explained says of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ctmo_indi.scheduling.alerts import AlertKinds
from ctmo_indi.scheduling.candidates import Candidate
from ctmo_indi.scheduling.plan.night_plan import NightPlan


def alerts_shown(
    told: Mapping[str, object],
    plan: NightPlan,
    candidates: Mapping[str, Candidate],
    kinds: AlertKinds,
) -> dict[str, object]:
    """Return what is shown of a plan with its alerts: Alert of visits, Changed, Lost to Alerts."""
    visits = told["Visits"]
    assert isinstance(visits, list)  # of structs
    shown: dict[str, object] = {
        **told,
        "Visits": [one | {"Alert": _is_alert(one["Receipt"], candidates, kinds)} for one in visits],
        "Lost to Alerts": [{"Receipt": key, "Alert": alert} for key, alert in plan.lost],
    }
    if plan.changed_utc_s > 0.0:
        shown["Changed"] = f"{datetime.fromtimestamp(plan.changed_utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return shown


def alerts_explained(
    told: Mapping[str, object], plan: NightPlan | None, one: Candidate, kinds: AlertKinds
) -> dict[str, object]:
    """Return an explanation with what alerts have to do with an order.

    Parameters
    ----------
    told
        By the keys of an Explain reply; ``Plan`` may be missing.
    """
    words: list[str] = []
    lost = {} if plan is None else dict(plan.lost)
    is_planned = plan is not None and one.key in plan.keys
    rival = lost.get(one.key)
    if kinds.takes(one.request) and one.request.group:
        words.append("It would be an alert, but is planned with its group, by value.")
    elif kinds.takes(one.request):
        words.append(_standing(told, plan, rival, is_planned=is_planned))
    elif rival is not None and not is_planned:
        words.append(f"It lost its time to the alert {rival}.")
    if not words:
        return dict(told)
    of_plan = told.get("Plan")
    known = dict(of_plan) if isinstance(of_plan, Mapping) else {"Planned": is_planned}
    before = known.get("Words")
    known["Words"] = [*words, *(before if isinstance(before, list) else [])]
    if rival is not None and not is_planned:
        known["Lost to Alert"] = rival
    return {**told, "Plan": known}


def _standing(
    told: Mapping[str, object], plan: NightPlan | None, rival: str | None, *, is_planned: bool
) -> str:
    if is_planned:
        return "It is an alert: it has its place in the plan whatever it is worth."
    if rival is not None:
        return f"It is an alert, and the alert {rival} goes first."
    if not told.get("Starts"):
        return "It is an alert, and cannot be observed this night any more."
    if plan is None:
        return "It is an alert; there is no plan yet."
    return "It is an alert; it gets its place when what is under way is over."


def _is_alert(key: object, candidates: Mapping[str, Candidate], kinds: AlertKinds) -> bool:
    one = candidates.get(str(key))
    return one is not None and kinds.takes(one.request) and not one.request.group
