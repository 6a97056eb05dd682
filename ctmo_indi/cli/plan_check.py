"""Go through a plan that a scheduler shows, with the independent checker, in this process.

Everything comes from the reply of a Plan order and the profile: what each visit is, what its order
asks for, and what setups were planned with. So anybody can check any plan, on any machine. The
checker is ``planner/checker.py``: it has the sky from astropy, the setups from the specification.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ctmo_indi.cli.output import structs
from ctmo_indi.errors import ConfigError
from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.work_orders.limit_names import LIMIT_NAMES

if TYPE_CHECKING:
    from ctmo_indi.models.observatory_model import ObservatoryModel
    from ctmo_indi.models.orders import Window
    from ctmo_indi.planner.plan import Plan
    from ctmo_indi.planner.plan_request import PlanRequest
    from ctmo_indi.profiles import Profile

_SETUPS = ("setup", "stated setup")
_SAME_SITE_DEG = 1e-6


@dataclass(frozen=True, slots=True)
class CheckedReply:
    """What the checker found.

    Parameters
    ----------
    violations
        One line each; empty: no rule is broken.
    visits
        How many were looked at.
    not_known
        Visits whose orders do not wait any more: what they ask for is not in the reply.
    """

    violations: tuple[str, ...]
    visits: int
    not_known: int

    def words(self) -> list[str]:
        """Say it in sentences."""
        said = [f"check: {line}" for line in self.violations]
        told = f"{len(said)} rules are broken" if len(said) > 1 else "1 rule is broken"
        said.append(
            f"Checked with astropy, visits: {self.visits}; {told if said else 'no rule is broken'}."
        )
        if self.visits:
            said.append("Not checked: the setup before the first visit.")
        if self.not_known:
            said.append(
                f"Visits under way or next: {self.not_known}; what their orders ask for is not"
                " known here."
            )
        return said


def check_reply(reply: Mapping[str, object], profile: Profile) -> CheckedReply:
    """Check the plan in a reply to a Plan order; a second for 60 visits.

    Raises
    ------
    ConfigError
        The profile is of another site; a reply without numbers.
    """
    with FIRST_IMPORT:
        from ctmo_indi.models.observatory import ObservatoryModelState
        from ctmo_indi.planner.checker import check

    _refuse_another_site(reply, profile)
    refused = str(reply.get("Refused") or "")
    shown = structs(reply.get("Visits"))
    if refused or not shown:
        why = (f"the scheduling driver does not follow it: {refused}",) if refused else ()
        return CheckedReply(why, 0, 0)
    names = _names(shown)
    requests = [_request(name, one) for name, one in zip(names, shown, strict=True)]
    plan = _plan(reply, names, shown)
    found = check(
        plan,
        [*requests, *_missing_members(shown)],
        profile.site,
        profile.limits,
        profile.night,
        _model(reply, profile),
        ObservatoryModelState(plan.begin_utc_s, is_parked=False, is_open=True),
    )
    return CheckedReply(
        violations=tuple(
            str(one) for one in found if not (one.constraint in _SETUPS and one.key == names[0])
        ),
        visits=len(shown),
        not_known=sum(not one.get("Waits", True) for one in shown),
    )


# -- from the reply -------------------------------------------------------------------------------


def _names(shown: Sequence[Mapping[str, object]]) -> list[str]:
    """Return a name for each visit: the receipt, with a number for the later ones of a series."""
    times: dict[str, int] = {}
    found = []
    for one in shown:
        receipt = str(one.get("Receipt"))
        times[receipt] = times.get(receipt, 0) + 1
        found.append(receipt if times[receipt] == 1 else f"{receipt} visit {times[receipt]}")
    return found


def _plan(
    reply: Mapping[str, object], names: Sequence[str], shown: Sequence[Mapping[str, object]]
) -> Plan:
    from ctmo_indi.planner.plan import Plan, PlannedVisit

    visits = tuple(
        PlannedVisit(
            key=name,
            row=-1,
            start_utc_s=_unix_s(one, "Start"),
            end_utc_s=_unix_s(one, "End"),
            setup_s=_number(one, "Setup"),
            value=_number(one, "Value"),
        )
        for name, one in zip(names, shown, strict=True)
    )
    return Plan(
        visits=visits,
        # A plan that was changed has its bound from before.
        bound=math.inf if "Changed" in reply else _number(reply, "Bound"),
        begin_utc_s=_unix_s(reply, "Begin"),
        end_utc_s=_unix_s(reply, "End") + 1.0,  # told to the second
        requests=len(shown),
        kept=len(shown),
        price=(),
        price_step_s=1.0,
    )


def _request(name: str, one: Mapping[str, object]) -> PlanRequest:
    from ctmo_indi.models.orders import Constraints
    from ctmo_indi.planner.plan_request import PlanRequest

    limits = one.get("Constraints")
    wants = limits if isinstance(limits, Mapping) else {}
    return PlanRequest(
        key=name,
        ra_deg=_number(one, "Planned RA" if "Planned RA" in one else "RA"),
        dec_deg=_number(one, "Planned Dec" if "Planned Dec" in one else "Dec"),
        exposure_s=_number(one, "Exposure Time"),
        count=int(_number(one, "Count")),
        filter_name=str(one.get("Filter") or ""),
        priority=_number(one, "Priority"),
        windows=tuple(_windows(one)),
        constraints=Constraints(
            **{field: _number(wants, key) for field, key in LIMIT_NAMES.items() if key in wants}
        ),
        group=str(one.get("Group") or ""),
    )


def _windows(one: Mapping[str, object]) -> Iterator[Window]:
    """Yield the order's windows, none later than its latest start allows."""
    from ctmo_indi.models.orders import Window

    last_s = math.inf
    if "Latest Start" in one:
        last_s = _unix_s(one, "Latest Start") + _unix_s(one, "End") - _unix_s(one, "Start")
    listed = structs(one.get("Windows"))
    if not listed and math.isfinite(last_s):
        yield Window(-math.inf, last_s)
    for span in listed:
        yield Window(_unix_s(span, "From"), min(_unix_s(span, "To"), last_s))


def _missing_members(shown: Sequence[Mapping[str, object]]) -> Iterator[PlanRequest]:
    """Yield a request for each member of a group that waits and is not among the visits."""
    from ctmo_indi.planner.plan_request import PlanRequest

    members: dict[str, set[str]] = {}
    wanted: dict[str, int] = {}
    for one in shown:
        group = str(one.get("Group") or "")
        if group:
            members.setdefault(group, set()).add(str(one.get("Receipt")))
            wanted[group] = int(_number(one, "Group Of"))
    for group, there in members.items():
        for number in range(wanted[group] - len(there)):
            yield PlanRequest(f"another of {group} ({number + 1})", 0.0, 0.0, 1.0, group=group)


def _model(reply: Mapping[str, object], profile: Profile) -> ObservatoryModel:
    """Return the profile's model with the kinematics that setups were planned with."""
    from ctmo_indi.models.observatory_model import ObservatoryModel

    model = ObservatoryModel.of(profile)
    told = reply.get("Kinematics")
    known = told if isinstance(told, Mapping) else {}
    numbers: dict[str, Any] = {}  # Any: keywords of replace
    for name in known:
        if hasattr(model.kinematics, str(name)):
            numbers[str(name)] = _number(known, name)
    learned = copy.copy(model)
    learned.kinematics = replace(model.kinematics, **numbers)
    return learned


def _refuse_another_site(reply: Mapping[str, object], profile: Profile) -> None:
    told, site = reply.get("Site"), profile.site
    where = told if isinstance(told, Mapping) else {}
    here = {"Latitude": site.latitude_deg, "Longitude": site.longitude_deg}
    for key, degrees in here.items():
        if abs(_number(where, key) - degrees) > _SAME_SITE_DEG:
            raise ConfigError(
                f"--check: the plan is of {where.get('Name')} ({key} {where.get(key)}), expected"
                f" the site of the profile {profile.name} ({degrees}); name it with --profile"
            )


def _number(table: Mapping[str, object], key: str) -> float:
    value = table.get(key)
    if not isinstance(value, int | float):
        raise ConfigError(f"--check: {key} of the plan came {value!r}, expected a number")
    return float(value)


def _unix_s(table: Mapping[str, object], key: str) -> float:
    try:
        return datetime.fromisoformat(str(table.get(key))).timestamp()
    except ValueError:
        raise ConfigError(
            f"--check: {key} of the plan came {table.get(key)!r}, expected an instant"
        ) from None
