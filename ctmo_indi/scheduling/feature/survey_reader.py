"""Reads the surveys of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from ctmo_indi.checked_yaml import nearest
from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.feature.basis_function import BasisFunction
from ctmo_indi.scheduling.feature.basis_functions import BASIS_FUNCTIONS
from ctmo_indi.scheduling.feature.blob_survey import BlobSurvey, Block
from ctmo_indi.scheduling.feature.detailers import DETAILERS, Detailer
from ctmo_indi.scheduling.feature.field_survey import FieldSurvey, Step, VisitSequence
from ctmo_indi.scheduling.feature.fields import FieldSet
from ctmo_indi.scheduling.feature.greedy_survey import FieldPlan, GreedySurvey
from ctmo_indi.scheduling.feature.orders_survey import Chosen, OrdersSurvey
from ctmo_indi.scheduling.feature.survey import Survey
from ctmo_indi.scheduling.feature.survey_settings import (
    SURVEYS,
    BlobSettings,
    FieldSettings,
    FilterOrder,
    GreedySettings,
    OrdersSettings,
    StepSettings,
)

Kind = TypeVar("Kind")
_FILTER_ORDER = "filter_order"
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "greedy": ("type", "basis_functions", "detailers"),
    "blob": ("type", "basis_functions", "detailers"),
    "field": ("type", "basis_functions", "detailers", "sequence"),
    "orders": ("type", "basis_functions"),
}


class SurveyReader:
    """Makes surveys of a configuration's entries.

    Parameters
    ----------
    sets
        Sets of fields by name; None for one that is wrong.
    filters
        Of the profile; empty: any.
    problems
        Where everything that is wrong is noted.

    Attributes
    ----------
    seen
        Names of the surveys that were read, right or wrong.
    """

    def __init__(
        self,
        sets: Mapping[str, FieldSet | None],
        filters: Sequence[str],
        problems: list[str],
    ) -> None:
        self._sets = sets
        self._filters = filters
        self._problems = problems
        self.seen: dict[str, str] = {}

    def read(self, entry: object, key: str) -> Survey | None:
        """Return the survey of an entry; None after a problem, which is noted."""
        if not isinstance(entry, Mapping):
            self._note(key, f"came {settings.shown(entry)}, expected a survey's keys")
            self.seen.setdefault(key, key)
            return None
        kind = entry.get("type")
        name = entry.get("name")
        label = name if isinstance(name, str) else key
        if label in self.seen:
            self._note(f"{key}.name", f"came {label!r} again, it is {self.seen[label]} already")
        self.seen[label] = key
        if not isinstance(kind, str) or kind not in SURVEYS:
            near = nearest(kind, list(SURVEYS)) if isinstance(kind, str) else ""
            came = f"came {settings.shown(kind)}{near}"
            self._note(f"{key}.type", f"{came}, expected one of {', '.join(SURVEYS)}")
            return None
        before = len(self._problems)
        wanted = settings.read(SURVEYS[kind], entry, key, self._problems, others=_OTHERS[kind])
        functions = self._functions(entry.get("basis_functions"), key, kind)
        if isinstance(wanted, OrdersSettings):
            return self._orders(wanted, functions, len(self._problems) > before)
        detailers, order = self._detailers(entry.get("detailers", []), key, kind)
        steps = self._steps(entry.get("sequence"), f"{key}.sequence") if kind == "field" else ()
        if wanted is None:
            return None
        fields = self._fields(wanted.fields, key)
        if isinstance(wanted, FieldSettings):
            self._check_targets(wanted.targets, fields, key)
            if fields is None or len(self._problems) > before:
                return None
            sequence = VisitSequence(steps, wanted.longest_s, order.first == "loaded")
            return _field_survey(wanted, functions, fields, detailers, sequence)
        self._check_filters(wanted.filters, f"{key}.filters")
        if fields is None or len(self._problems) > before:
            return None
        return _greedy_survey(wanted, functions, fields, detailers)

    def _orders(
        self, wanted: OrdersSettings, functions: list[BasisFunction], is_wrong: bool
    ) -> Survey | None:
        if is_wrong:
            return None
        chosen = Chosen(wanted.users, wanted.job_types, wanted.object_types, wanted.least_priority)
        return OrdersSurvey(wanted.name, functions, chosen)

    def _functions(self, listed: object, key: str, kind: str) -> list[BasisFunction]:
        found = self._listed(listed, f"{key}.basis_functions", BASIS_FUNCTIONS)
        if listed is None or listed == []:
            self._note(f"{key}.basis_functions", "none came, expected at least one")
        has = "orders" if kind == "orders" else "visits"
        for where, one in found:
            if one.needs not in ("", has):
                other = "fields" if has == "orders" else "orders"
                self._note(where, f"came {one.name!r}, which only surveys of {other} can have")
        return [one for _, one in found]

    def _detailers(
        self, listed: object, key: str, kind: str
    ) -> tuple[tuple[Detailer, ...], FilterOrder]:
        known: Mapping[str, type[Detailer | FilterOrder]] = DETAILERS
        if kind == "field":
            known = {**DETAILERS, _FILTER_ORDER: FilterOrder}
        found = [one for _, one in self._listed(listed, f"{key}.detailers", known)]
        orders = [one for one in found if isinstance(one, FilterOrder)]
        order = orders[-1] if orders else FilterOrder(first="as_given")
        return tuple(one for one in found if isinstance(one, Detailer)), order

    def _listed(
        self, listed: object, key: str, known: Mapping[str, type[Kind]]
    ) -> list[tuple[str, Kind]]:
        """Return the records of a list of entries with ``type``, each with its place."""
        if listed is None:
            return []
        if not isinstance(listed, list):
            self._note(key, f"came {settings.shown(listed)}, expected a list")
            return []
        found: list[tuple[str, Kind]] = []
        for index, entry in enumerate(listed):
            where = f"{key}[{index}]"
            kind = entry.get("type") if isinstance(entry, Mapping) else entry
            rest = entry if isinstance(entry, Mapping) else {}
            if not isinstance(kind, str) or kind not in known:
                near = nearest(kind, list(known)) if isinstance(kind, str) else ""
                expected = f"expected one of {', '.join(sorted(known))}"
                self._note(f"{where}.type", f"came {settings.shown(kind)}{near}, {expected}")
                continue
            made = settings.read(known[kind], rest, where, self._problems, others=("type",))
            if made is not None:
                found.append((where, made))
        return found

    def _steps(self, listed: object, key: str) -> tuple[Step, ...]:
        if not isinstance(listed, list) or not listed:
            expected = "expected a list of filter, exposure_s, count"
            self._note(key, f"came {settings.shown(listed)}, {expected}")
            return ()
        found = []
        for index, entry in enumerate(listed):
            where = f"{key}[{index}]"
            one = settings.read(StepSettings, entry, where, self._problems)
            if one is not None:
                if one.filter is not None:
                    self._check_filters((one.filter,), f"{where}.filter")
                found.append(Step(one.filter, one.exposure_s, one.count))
        return tuple(found)

    def _fields(self, name: str, key: str) -> FieldSet | None:
        if name not in self._sets:
            near = nearest(name, list(self._sets))
            known = ", ".join(self._sets) or "none: the key 'fields' names none"
            self._note(f"{key}.fields", f"came {name!r}{near}, expected one of {known}")
        return self._sets.get(name)

    def _check_targets(self, names: Sequence[str], fields: FieldSet | None, key: str) -> None:
        for name in names:
            if fields is not None and name not in fields.row_of:
                near = nearest(name, fields.ids) if fields.size <= 1000 else ""
                expected = f"expected a field of {fields.name}"
                self._note(f"{key}.targets", f"came {name!r}{near}, {expected}")

    def _check_filters(self, names: Sequence[str], key: str) -> None:
        for name in names:
            if self._filters and name not in self._filters:
                near = nearest(name, self._filters)
                expected = f"expected one of {', '.join(self._filters)}"
                self._note(key, f"came {name!r}{near}, {expected}")

    def _note(self, key: str, text: str) -> None:
        self._problems.append(f"{key}: {text}")


def _greedy_survey(
    wanted: GreedySettings,
    functions: Sequence[BasisFunction],
    fields: FieldSet,
    detailers: tuple[Detailer, ...],
) -> GreedySurvey:
    plan = FieldPlan(
        fields,
        tuple(dict.fromkeys(wanted.filters)) or (None,),
        wanted.exposure_s,
        wanted.count,
        wanted.priority,
        wanted.program,
        detailers,
    )
    if isinstance(wanted, BlobSettings):
        block = Block(wanted.radius_deg, wanted.most_fields, wanted.longest_s)
        return BlobSurvey(wanted.name, functions, plan, block)
    return GreedySurvey(wanted.name, functions, plan)


def _field_survey(
    wanted: FieldSettings,
    functions: Sequence[BasisFunction],
    fields: FieldSet,
    detailers: tuple[Detailer, ...],
    sequence: VisitSequence,
) -> FieldSurvey:
    plan = FieldPlan(
        fields,
        tuple(dict.fromkeys(step.filter_name for step in sequence.steps)),
        min(step.exposure_s for step in sequence.steps),
        priority=wanted.priority,
        program=wanted.program,
        detailers=detailers,
    )
    return FieldSurvey(wanted.name, functions, plan, wanted.targets, sequence)
