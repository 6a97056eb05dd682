"""Draw the tables of the code into the documents: ``python docs/draw_tables.py``.

A document has a place ``<!-- drawn: NAME -->`` ... ``<!-- end -->``; what stands between becomes
the picture or table of that name. The tests fail while a document differs from what is drawn.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.cli import app
from ctmo_indi.cli.man_page import man_page
from ctmo_indi.installer import MAN_PAGE
from ctmo_indi.metrics.tables import listing
from ctmo_indi.models.states import SummaryState
from ctmo_indi.scheduler.configuration import SchedulerModes
from ctmo_indi.scheduler.modes.steps import MODE_STEPS
from ctmo_indi.scheduler.states import (
    COMMAND_RULES,
    DETAILED_TABLE,
    ERROR_MEANINGS,
    SUMMARY_TABLE,
    CommandRule,
    DetailedState,
)
from ctmo_indi.state_machine import TransitionTable
from ctmo_indi.tango import listing as tango_listing
from ctmo_indi.tango.devices import DEVICES
from ctmo_indi.tango.listing import Cells

FOLDER = Path(__file__).resolve().parent
_PLACE = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def documents() -> list[Path]:
    """Return the documents that have a place to draw in."""
    found = sorted(FOLDER.rglob("*.md"))
    return [path for path in found if _PLACE.search(path.read_text("utf-8"))]


def drawn(text: str) -> str:
    """Return a document with every place drawn anew; KeyError for an unknown name."""
    return _PLACE.sub(lambda place: place[1] + _DRAWINGS[place[2]]() + place[3], text)


def _summary() -> str:
    labels = {
        (before, rule.leads_to): command.value
        for command, rule in COMMAND_RULES.items()
        if rule.leads_to is not None
        for before in rule.needs
    }
    return _machine(SUMMARY_TABLE, SummaryState, SummaryState.STANDBY, labels, "fault")


def _detailed() -> str:
    return _machine(DETAILED_TABLE, DetailedState, DetailedState.IDLE, {}, "")


def _machine(
    table: TransitionTable[StrEnum],
    states: Iterable[StrEnum],
    first: StrEnum,
    labels: Mapping[tuple[StrEnum, StrEnum], str],
    otherwise: str,
) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    for before in states:
        for after in states:
            if table.allows(before, after):
                label = labels.get((before, after), otherwise)
                lines.append(f"    {before} --> {after}" + (f": {label}" if label else ""))
    return "\n".join([*lines, "```", ""])


def _commands() -> str:
    rows = [
        (
            f"`{command.value}`",
            " ".join(rule.needs),
            {True: "running", False: "not running", None: "either"}[rule.running],
            str(rule.leads_to or "the same"),
            _remarks(rule),
        )
        for command, rule in COMMAND_RULES.items()
    ]
    return _table(("command", "taken in", "production loop", "leads to", "remarks"), rows)


def _remarks(rule: CommandRule) -> str:
    remarks = []
    if rule.needs_driver:
        remarks.append("not in DRY")
    if rule.is_beside:
        remarks.append("also beside another command")
    remarks += [f"ends {command.value}" for command in rule.interrupts]
    return ", ".join(remarks)


def _errors() -> str:
    rows = [(str(int(code)), meaning) for code, meaning in ERROR_MEANINGS.items()]
    return _table(("code", "means"), rows)


def _metrics(service: str) -> str:
    rows = [
        (f"`{row['Name']}`", row["Type"], row["Labels"], row["About"])
        for row in listing()
        if row["Service"] == service
    ]
    return _table(("name", "type", "labels", "means"), rows)


def _mode(mode: SchedulerModes) -> str:
    lines = ["```mermaid", "flowchart TD"]
    for name, step in MODE_STEPS[mode].items():
        lines.append(f'    {name}["{step.does}<br><i>{step.detailed}</i>"]')
        for after, why in step.then.items():
            lines.append(f"    {name} -->" + (f"|{why}| {after}" if why else f" {after}"))
    return "\n".join([*lines, "```", ""])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _tango_devices() -> str:
    """Draw every device: what it is, its states, attributes and commands."""
    profile = profiles.load("simulators")
    parts = [_rows(tango_listing.devices(DEVICES))]
    for spec in DEVICES:
        parts += [f"\n## {spec.name}\n\n", _rows(tango_listing.states(spec.name)), "\n"]
        parts += [_rows(tango_listing.attributes(spec, profile))]
        if spec.commands:
            parts += ["\n", _rows(tango_listing.commands(spec))]
    return "".join(parts)


def _rows(cells: Iterable[Cells]) -> str:
    head, *rows = cells
    return _table(head, rows)


_DRAWINGS: Mapping[str, Callable[[], str]] = {
    "summary": _summary,
    "detailed": _detailed,
    "commands": _commands,
    "errors": _errors,
    **{
        f"metrics_{service}": partial(_metrics, service)
        for service in ("every", "scheduler", "telescope", "safety", "preprocessor")
    },
    "tango_devices": _tango_devices,
    "tango_states": lambda: _rows(tango_listing.states("")),
    "tango_refusals": lambda: _rows(tango_listing.refusals()),
    "simple": partial(_mode, SchedulerModes.SIMPLE),
    "advance": partial(_mode, SchedulerModes.ADVANCE),
}


def files() -> dict[Path, str]:
    """Return what every drawn file is to be: documents, and the manual page."""
    found = {path: drawn(path.read_text("utf-8")) for path in documents()}
    return {**found, MAN_PAGE: man_page(app)}


def main() -> int:
    """Draw into every document; say which have changed."""
    for path, after in files().items():
        if not path.is_file() or path.read_text("utf-8") != after:
            path.write_text(after, "utf-8")
            print(f"drawn: {path.relative_to(FOLDER.parent)}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
