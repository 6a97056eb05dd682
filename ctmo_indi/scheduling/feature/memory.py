"""What the driver remembers: visits to fields, blocks under way, the last change of filter.

Changed by :meth:`Memory.add` only, which takes an observation that was made. A target's name tells
all that is needed: ``survey:set/field:filter``, with ``#step`` behind it in a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ctmo_indi.models.observation import Observation
from ctmo_indi.scheduling.feature.visits import Visits

_DAY_S = 86400.0
_UNIX_EPOCH_MJD = 40587.0


@dataclass(frozen=True, slots=True)
class Run:
    """A block of visits under way.

    Parameters
    ----------
    row
        Of the field it began with.
    start_s, last_s
        Unix seconds of its first and of its newest visit.
    done
        What is done of it: rows of fields, or steps.
    """

    row: int
    start_s: int
    last_s: int
    done: tuple[int, ...]


@runtime_checkable
class Running(Protocol):
    """A survey whose visits come in blocks."""

    def after(self, run: Run | None, row: int, step: int, utc_s: int) -> Run:
        """Return the block after a visit to a field; pure."""
        ...


@dataclass(frozen=True, slots=True)
class TargetName:
    """The parts of a target's name.

    Parameters
    ----------
    step
        Of a sequence; -1: there is none.
    """

    survey: str
    fields: str
    field: str
    filter_name: str | None
    step: int = -1

    @property
    def text(self) -> str:
        """The name."""
        step = f"#{self.step}" if self.step >= 0 else ""
        return f"{self.survey}:{self.fields}/{self.field}:{self.filter_name or ''}{step}"

    @classmethod
    def of(cls, text: str) -> TargetName | None:
        """Take a name apart; None when it is no such name."""
        survey, colon, rest = text.partition(":")
        place, second, tail = rest.rpartition(":")
        fields, slash, field = place.partition("/")
        if not (colon and second and slash):
            return None
        filter_name, sharp, step = tail.partition("#")
        if sharp and not (step.isascii() and step.isdigit()):
            return None
        return cls(survey, fields, field, filter_name or None, int(step) if sharp else -1)


class Memory:
    """All of it.

    Parameters
    ----------
    visits
        By name of the set of fields.
    running
        Surveys whose visits come in blocks, by name.
    """

    def __init__(self, visits: Mapping[str, Visits], running: Mapping[str, Running]) -> None:
        self.visits = dict(visits)
        self.runs: dict[str, Run] = {}
        self.filter_name: str | None = None
        self.filter_since_s = 0
        self._running = running

    def add(self, observation: Observation, night_of: Callable[[float], str]) -> None:
        """Take an observation.

        Parameters
        ----------
        night_of
            Label of the night at an instant, Unix seconds.
        """
        utc_s = (observation.mjd - _UNIX_EPOCH_MJD) * _DAY_S
        when = max(1, round(utc_s))
        if observation.filter_name is not None and observation.filter_name != self.filter_name:
            self.filter_name, self.filter_since_s = observation.filter_name, when
        name = TargetName.of(observation.target_id)
        visits = self.visits.get(name.fields) if name is not None else None
        if name is None or visits is None:
            return
        row = visits.fields.row_of.get(name.field)
        if row is None:
            return
        visits.add(row, observation.filter_name, utc_s, night_of(utc_s))
        survey = self._running.get(name.survey)
        if survey is not None:
            run = self.runs.get(name.survey)
            self.runs[name.survey] = survey.after(run, row, name.step, when)

    def state(self) -> dict[str, object]:
        """Return all of it as JSON values; a copy."""
        return {
            "visits": {name: visits.state() for name, visits in self.visits.items()},
            "runs": {
                name: [run.row, run.start_s, run.last_s, list(run.done)]
                for name, run in self.runs.items()
            },
            "filter": [self.filter_name, self.filter_since_s],
        }

    def read(self, state: object) -> Memory:
        """Return what :meth:`state` returned, as an object of its own; this one stays as it is.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is no such state, or one of other fields.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"memory: came {type(state).__name__}, expected an object")
        visits, runs, filters = state["visits"], state["runs"], state["filter"]
        if not isinstance(visits, Mapping) or not isinstance(runs, Mapping):
            raise TypeError("visits or runs are of a wrong type, expected objects")
        if sorted(visits) != sorted(self.visits):
            raise ValueError(
                f"visits: came those of {', '.join(sorted(visits)) or 'no fields'},"
                f" expected those of {', '.join(sorted(self.visits)) or 'no fields'}"
            )
        name, since_s = filters
        if not (name is None or isinstance(name, str)) or not _is_whole(since_s):
            raise TypeError(f"filter: came {filters!r}, expected a name and Unix seconds")
        found = Memory({key: one.read(visits[key]) for key, one in self.visits.items()}, {})
        found._running = self._running
        found.filter_name, found.filter_since_s = name, since_s
        found.runs = {key: _run(run) for key, run in runs.items()}
        return found


def _run(value: object) -> Run:
    if not isinstance(value, list) or len(value) != 4 or not isinstance(value[3], list):
        raise TypeError(f"a run: came {value!r}, expected row, start, last and what is done")
    row, start_s, last_s, done = value
    if not all(_is_whole(one) for one in (row, start_s, last_s, *done)):
        raise TypeError(f"a run: came {value!r}, expected whole numbers")
    return Run(row, start_s, last_s, tuple(done))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
