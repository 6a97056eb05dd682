"""The configuration of a feature based driver: data that is checked, never code that is run.

Everything that is wrong is found in one go: key, what came, what was expected, the nearest name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi.checked_yaml import nearest
from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling import settings
from ctmo_indi.scheduling.errors import NoNsideError, NoSchedulerError
from ctmo_indi.scheduling.feature import tessellation
from ctmo_indi.scheduling.feature.field_file import read_fields
from ctmo_indi.scheduling.feature.fields import FieldSet
from ctmo_indi.scheduling.feature.greedy_survey import GreedySurvey
from ctmo_indi.scheduling.feature.memory import Memory, Running
from ctmo_indi.scheduling.feature.survey import Survey
from ctmo_indi.scheduling.feature.survey_reader import SurveyReader
from ctmo_indi.scheduling.feature.survey_settings import DriverSettings, FieldSetSettings
from ctmo_indi.scheduling.feature.visits import Visits

MOST_FIELDS = 1_000_000
"""Of one set."""

_OTHERS = ("fields", "tiers")


@dataclass(frozen=True, slots=True)
class Tier:
    """Surveys of one rank; a later tier is asked when none of an earlier one has a target."""

    name: str
    surveys: tuple[Survey, ...]


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration as read."""

    settings: DriverSettings
    fields: Mapping[str, FieldSet]
    tiers: tuple[Tier, ...]

    def memory(self) -> Memory:
        """Return an empty memory for its fields and surveys."""
        surveys = [one for tier in self.tiers for one in tier.surveys]
        filters: dict[str, set[str | None]] = {name: set() for name in self.fields}
        running: dict[str, Running] = {}
        for survey in surveys:
            if isinstance(survey, GreedySurvey):
                filters[survey.plan.fields.name].update(survey.plan.filters)
                if isinstance(survey, Running):
                    running[survey.name] = survey
        visits = {
            name: Visits(
                fields, sorted(filters[name], key=lambda one: (one is not None, one or ""))
            )
            for name, fields in self.fields.items()
        }
        return Memory(visits, running)


def read(
    configuration: Mapping[str, object],
    resolve: Callable[[str], Path],
    filters: Sequence[str],
) -> Configured:
    """Read it; blocks for the files of fields.

    Parameters
    ----------
    resolve
        Path of a file's name.
    filters
        Of the profile; empty: not known, then any is taken.

    Raises
    ------
    NoSchedulerError
        There are no tiers, or none with a survey.
    NoNsideError
        A set of fields has neither a file nor a resolution.
    ConfigError
        Anything else. Each has everything that is wrong.
    """
    problems: list[str] = []
    own = settings.read(DriverSettings, configuration, "", problems, others=_OTHERS)
    without_resolution: list[str] = []
    sets = _field_sets(configuration.get("fields", {}), resolve, problems, without_resolution)
    reader = SurveyReader(sets, filters, problems)
    listed = configuration.get("tiers")
    tiers: list[Tier] = []
    if listed is not None and not isinstance(listed, list):
        problems.append(f"tiers: came {settings.shown(listed)}, expected a list of tiers")
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        _read_tier(entry, f"tiers[{index}]", reader, tiers, problems)
    missing = "tiers: no survey came, expected a list of tiers, each with name and surveys"
    is_empty = not reader.seen and not isinstance(listed, Mapping | str | int | float)
    if is_empty:
        problems.append(missing)
    if problems:
        named = [f"feature driver: {problem}" for problem in dict.fromkeys(problems)]
        if is_empty:
            raise NoSchedulerError(named)
        raise (NoNsideError if without_resolution else ConfigError)(named)
    assert own is not None  # or there were problems
    known = {name: fields for name, fields in sets.items() if fields is not None}
    return Configured(own, known, tuple(tiers))


def _read_tier(
    entry: object, key: str, reader: SurveyReader, tiers: list[Tier], problems: list[str]
) -> None:
    known = ("name", "surveys")
    if not isinstance(entry, Mapping):
        problems.append(f"{key}: came {settings.shown(entry)}, expected name and surveys")
        return
    for word in entry:
        if word not in known:
            near = nearest(str(word), known)
            problems.append(f"{key}.{word}: unknown key{near}, expected one of name, surveys")
    name, listed = entry.get("name", f"tier {len(tiers) + 1}"), entry.get("surveys")
    if not isinstance(name, str):
        problems.append(f"{key}.name: came {settings.shown(name)}, expected text")
    if not isinstance(listed, list) or not listed:
        problems.append(f"{key}.surveys: came {settings.shown(listed)}, expected a list of surveys")
        listed = []
    found = [reader.read(survey, f"{key}.surveys[{index}]") for index, survey in enumerate(listed)]
    tiers.append(Tier(str(name), tuple(one for one in found if one is not None)))


def _field_sets(
    entry: object,
    resolve: Callable[[str], Path],
    problems: list[str],
    without_resolution: list[str],
) -> dict[str, FieldSet | None]:
    """Return the sets by name; None for one that is wrong."""
    if not isinstance(entry, Mapping):
        came = settings.shown(entry)
        problems.append(f"fields: came {came}, expected the sets of fields by name")
        return {}
    found: dict[str, FieldSet | None] = {}
    for name, given in entry.items():
        key = f"fields.{name}"
        found[str(name)] = None
        if not all(one.isalnum() or one in "_.-" for one in str(name)):
            problems.append(f"{key}: expected a name of letters, digits, _ . and -")
        wanted = settings.read(FieldSetSettings, given, key, problems)
        if wanted is None:
            continue
        if wanted.file:
            try:
                found[name] = read_fields(name, resolve(wanted.file))
            except ConfigError as error:
                problems.extend(f"{key}.file: {problem}" for problem in error.problems)
        elif _is_resolved(wanted):
            made = _tessellated(name, wanted)
            found[name] = made
            if made is None:
                problems.append(f"{key}: more than {MOST_FIELDS:,} fields, expected a coarser sky")
            elif not made.size:
                problems.append(f"{key}.declination_deg: no field between these declinations")
        else:
            without_resolution.append(key)
            expected = (
                "field_of_view_deg"
                if wanted.tessellation == "zones"
                else ("nside (12 nside^2 fields) or field_of_view_deg")
            )
            problems.append(f"{key}: no resolution came, expected {expected}, or a file")
    return found


def _is_resolved(wanted: FieldSetSettings) -> bool:
    has_view = wanted.field_of_view_deg is not None
    return has_view or (wanted.nside is not None and wanted.tessellation == "fibonacci")


def _tessellated(name: str, wanted: FieldSetSettings) -> FieldSet | None:
    """Return the fields; None when there would be too many."""
    view_deg, is_zones = wanted.field_of_view_deg, wanted.tessellation == "zones"
    if wanted.nside is not None and not is_zones:
        count = tessellation.count_of_nside(wanted.nside)
    else:
        assert view_deg is not None  # looked at before
        count = tessellation.count_of_view(view_deg * (1.0 - wanted.overlap))
    if count > MOST_FIELDS * (2 if is_zones else 1):  # squares need half as many as circles
        return None
    if view_deg is not None and is_zones:
        return tessellation.zones(name, view_deg, wanted.overlap, wanted.declination_deg)
    return tessellation.fibonacci(name, count, wanted.declination_deg)
