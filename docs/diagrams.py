"""Diagrams of states and of steps, as tables.

In the repository they are Mermaid, which its viewers draw. The site would need 3 MB of script for
that, and a drawing of five boxes cannot be read on a phone; a table can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_STATES = re.compile(r"(\S+) --> (\w+)(?:: (.+))?$")
_STEP = re.compile(r'(\w+)\["(.+?)<br><i>(\w+)</i>"\]$')
_AFTER = re.compile(r"(\w+) -->(?:\|(.+?)\|)? (\w+)$")


def as_tables(text: str) -> str:
    """Return a page with each Mermaid diagram as a table.

    Raises
    ------
    ValueError
        a line is none of a state diagram or of a flow chart as ``draw_tables.py`` writes them
    """
    return _DIAGRAM.sub(lambda found: _table(found[1]), text)


def _table(diagram: str) -> str:
    kind, *lines = (line.strip() for line in diagram.strip().splitlines())
    if kind == "stateDiagram-v2":
        return _states(lines)
    if kind.startswith("flowchart"):
        return _steps(lines)
    raise ValueError(f"a diagram of the kind {kind!r}: expected stateDiagram-v2 or flowchart")


def _states(lines: Iterable[str]) -> str:
    rows: dict[str, list[str]] = {}
    for line in lines:
        before, after, why = _parts(_STATES, line)
        name = "(at first)" if before == "[*]" else before
        rows.setdefault(name, []).append(f"{after} ({why})" if why else after)
    return _drawn(("from", "to"), ((name, ", ".join(after)) for name, after in rows.items()))


def _steps(lines: Iterable[str]) -> str:
    told: dict[str, tuple[str, str]] = {}
    then: dict[str, list[str]] = {}
    for line in lines:
        if _STEP.match(line):
            name, does, state = _parts(_STEP, line)
            told[name] = does, state
        else:
            name, why, after = _parts(_AFTER, line)
            then.setdefault(name, []).append(f"{why}: **{after}**" if why else f"**{after}**")
    rows = (
        (f"**{name}**", f"{does} (*{state}*)", "; ".join(then.get(name, ())))
        for name, (does, state) in told.items()
    )
    return _drawn(("step", "does (*detailed state*)", "then"), rows)


def _parts(form: re.Pattern[str], line: str) -> tuple[str, ...]:
    if not (found := form.match(line)):
        raise ValueError(f"in a diagram: {line!r}")
    return found.groups()


def _drawn(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
