"""The observatory's status in words, for the front page: the rules of the Rubin Scheduler.

The words are worked out anew from facts and from what operators said; the rules stand in tables
below. What is kept (the operator's words and note, and which components were in fault) outlives
STANDBY and a restart: it is about the observatory, not about the scheduling driver. It informs and
interlocks ``resume``; who closes is safety's business.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import IntFlag
from pathlib import Path

from ctmo_indi.durable_file import write_json
from ctmo_indi.errors import BadOrder, WrongState

_log = logging.getLogger(__name__)


class Status(IntFlag):
    """The words; UNKNOWN is none of them."""

    UNKNOWN = 0
    OPERATIONAL = 1
    FAULT = 2
    WEATHER = 4
    DOWNTIME = 8
    DAYTIME = 16
    IDLE = 32


WORDS: tuple[Status, ...] = (
    Status.OPERATIONAL,
    Status.FAULT,
    Status.WEATHER,
    Status.DOWNTIME,
    Status.DAYTIME,
    Status.IDLE,
)
EXCLUDED_BY: dict[Status, Status] = {
    Status.OPERATIONAL: Status.FAULT | Status.DOWNTIME | Status.DAYTIME | Status.IDLE,
    Status.IDLE: Status.OPERATIONAL
    | Status.FAULT
    | Status.WEATHER
    | Status.DOWNTIME
    | Status.DAYTIME,
}
"""Words that no other of these may stand beside; WEATHER may stand beside OPERATIONAL."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known without asking anybody.

    Parameters
    ----------
    is_alive
        False in STANDBY and OFFLINE: then nothing is known.
    is_day
        None: not known yet.
    in_fault
        Components that are in fault now.
    held
        Which humans hold the observatory.
    """

    is_alive: bool
    is_day: bool | None
    is_weather_bad: bool
    in_fault: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives a fact.

    Parameters
    ----------
    said
        The operators' words, and OPERATIONAL since ``resume``.
    note
        The operator's; it stands until the next one.
    were_in_fault
        Components that were in fault, until an operator clears it.
    """

    said: int = 0
    note: str = ""
    were_in_fault: tuple[str, ...] = ()


def status_of(facts: Facts, kept: Kept) -> Status:
    """Work the words out."""
    if not facts.is_alive:
        return Status.UNKNOWN
    said = Status(kept.said)
    claims = {
        Status.FAULT: bool(facts.in_fault or kept.were_in_fault) or Status.FAULT in said,
        Status.WEATHER: facts.is_weather_bad or Status.WEATHER in said,
        Status.DOWNTIME: Status.DOWNTIME in said,
        Status.DAYTIME: facts.is_day is True,
    }
    status = Status.UNKNOWN
    for word, holds in claims.items():
        status |= word if holds else Status.UNKNOWN
    if Status.OPERATIONAL in said and not status & EXCLUDED_BY[Status.OPERATIONAL]:
        status |= Status.OPERATIONAL
    if status is Status.UNKNOWN and facts.is_day is False:
        return Status.IDLE  # a night with nothing else
    return status


def note_of(facts: Facts, kept: Kept) -> str:
    """The operator's note, and ours behind it, which go with their reasons."""
    recovered = [name for name in kept.were_in_fault if name not in facts.in_fault]
    notes = [kept.note] if kept.note else []
    if facts.held:
        notes.append(f"held: {'; '.join(facts.held)}")
    if facts.in_fault:
        notes.append(f"in fault: {', '.join(facts.in_fault)}")
    if recovered:
        notes.append(f"were in fault: {', '.join(recovered)}")
    return "; ".join(notes)


def after_update(words: Iterable[str], note: str, facts: Facts, kept: Kept) -> Kept:
    """What is kept after an operator said ``words``.

    Raises
    ------
    BadOrder
        A word that is none, or words that exclude each other.
    WrongState
        They contradict what is known: it is day or night, a component is in fault.
    """
    said = Status.UNKNOWN
    given = list(words)
    for name in given:
        if name not in Status.__members__:
            expected = ", ".join(Status.__members__)
            raise BadOrder(f"Status: came {name!r}, expected words of {expected}")
        said |= Status[name]
    if "UNKNOWN" in given and len(given) > 1:
        raise BadOrder("Status: came UNKNOWN with other words, expected it alone")
    for word, others in EXCLUDED_BY.items():
        if word in said and said & others:
            raise BadOrder(
                f"Status: came {labels(word)} with {labels(said & others)}, expected not both"
            )
    if facts.is_day is True and Status.DAYTIME not in said:
        raise WrongState("Status: it is day, expected DAYTIME among the words")
    if facts.is_day is False and Status.DAYTIME in said:
        raise WrongState("Status: it is night, expected no DAYTIME")
    if facts.in_fault and Status.FAULT not in said:
        raise WrongState(f"Status: FAULT cannot be cleared, in fault: {', '.join(facts.in_fault)}")
    cleared = () if Status.FAULT not in said else kept.were_in_fault
    return Kept(int(said & ~Status.DAYTIME & ~Status.IDLE), note, cleared)


def labels(status: Status) -> str:
    """Words joined as the Rubin Scheduler does: ``FAULT | DAYTIME``."""
    return " | ".join(str(word.name) for word in WORDS if word in status) or "UNKNOWN"


class ObservatoryStatus:
    """Keeps the status and publishes every change of it; engine thread only.

    Parameters
    ----------
    path
        Where is kept what outlives the process.
    """

    def __init__(
        self, path: Path, publish: Callable[[str, str, dict[str, object]], object]
    ) -> None:
        self._path = path
        self._publish = publish
        self._facts = Facts(is_alive=False, is_day=None, is_weather_bad=False)
        self._kept = _read(path)
        self._told: tuple[Status, str] | None = None

    @property
    def in_fault(self) -> tuple[str, ...]:
        """Components that are in fault now."""
        return self._facts.in_fault

    def look(self, facts: Facts) -> None:
        """Take the facts as they are now."""
        new = tuple(name for name in facts.in_fault if name not in self._kept.were_in_fault)
        self._facts = facts
        if new:
            self._keep(replace(self._kept, were_in_fault=(*self._kept.were_in_fault, *new)))
        self._tell()

    def update(self, words: Iterable[str], note: str) -> None:
        """Take an operator's words; raises as :func:`after_update`."""
        self._keep(after_update(words, note, self._facts, self._kept))
        self._tell()

    def set_operational(self, is_on: bool) -> None:
        """The production loop was resumed, or has ended."""
        said = Status(self._kept.said) & ~Status.OPERATIONAL
        if is_on:
            said |= Status.OPERATIONAL
        if int(said) != self._kept.said:
            self._keep(replace(self._kept, said=int(said)))
            self._tell()

    def to_wire(self) -> dict[str, object]:
        """Keys of the event and of Status."""
        status = status_of(self._facts, self._kept)
        return {
            "Status": int(status),
            "Words": [str(word.name) for word in WORDS if word in status] or ["UNKNOWN"],
            "Labels": labels(status),
            "Note": note_of(self._facts, self._kept),
        }

    def _tell(self) -> None:
        now = (status_of(self._facts, self._kept), note_of(self._facts, self._kept))
        if now != self._told:
            self._told = now
            self._publish("observatoryStatus", "", self.to_wire())

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        try:
            write_json(self._path, asdict(kept))
        except OSError as error:
            _log.error("observatory status not written path=%s error=%s", self._path, error)


def _read(path: Path) -> Kept:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        # Nothing is operational before somebody resumes.
        said = Status(int(data["said"])) & ~Status.OPERATIONAL
        return Kept(int(said), str(data["note"]), tuple(map(str, data["were_in_fault"])))
    except FileNotFoundError:
        return Kept()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.error("observatory status unreadable path=%s error=%r", path, error)
        return Kept()
