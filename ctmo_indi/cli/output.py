"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

import typer

# States in which an order ends without success. 4: nothing failed, but it was not safe, or a limit
# or an interlock forbade it; 5: it failed, or somebody ended it.
_EXIT_CODES = {
    "INTERRUPTED": 4,
    "NOT_ATTEMPTED": 4,
    "ABORTED": 5,
    "BAD_DATA": 5,
    "CANCELED": 5,
    "FAILED": 5,
    "FAILURE_LIMIT_REACHED": 5,
    "REJECTED": 5,
    "WINDOW_EXPIRED": 5,
}

# Columns of free text, which may be folded where the terminal is narrow.
_FOLDED = frozenset({"ID", "Object", "Target", "Reason", "About", "Value"})
# Characters that such a column keeps, before columns are left out for it.
_NARROWEST_TEXT = 15
_WIDTH_OF_A_FILE = 200


def exit_code(*replies: Mapping[str, object]) -> int:
    """Return the exit code for what these replies say has become of their orders."""
    return max((_EXIT_CODES.get(str(reply.get("Status")), 0) for reply in replies), default=0)


def print_json(value: object) -> None:
    """Print ``value`` as indented JSON on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_reply(reply: Mapping[str, object], *, as_json: bool) -> None:
    """Print the reply of a front desk: its message and receipt, or all of it as JSON."""
    if as_json:
        print_json(dict(reply))
        return
    message = str(reply.get("Message") or "")
    if message and " " not in message:  # the bare name of what was done
        message = f"{message}: {reply.get('Status', '')}"
    if message:
        typer.echo(message)
    for key in ("Receipt", "ID", "Status", "Priority", "RA", "Dec"):
        if reply.get(key) not in (None, ""):
            typer.echo(f"  {key}: {_cell(reply[key])}")
    reasons = reply.get("Reasons")
    if isinstance(reasons, Sequence) and not isinstance(reasons, str):
        for reason in reasons:
            typer.echo(f"  - {reason}")


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    left_out_first: Sequence[str] = (),
) -> None:
    """Print a plain table with aligned columns; as wide as it must be where nobody looks.

    Where it is too wide, the words of a heading stand below each other, then columns are left out,
    then free text is folded.

    Parameters
    ----------
    left_out_first
        Columns that a narrow terminal does without, the most dispensable first.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    width = width_for_people()
    cells = [[_cell(cell) for cell in row] for row in rows]
    shown, headings = _fitted(columns, cells, width, left_out_first)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in zip(shown, headings, strict=True):
        # the first names the row: people copy it, so it is never cut
        table.add_column(heading, no_wrap=columns[number] not in _FOLDED, overflow="fold")
    for row in cells:
        table.add_row(*(row[number] for number in shown))
    # what people call their targets is text, not markup
    Console(width=width, markup=False, emoji=False).print(table)


def width_for_people() -> int:
    """Return the width of COLUMNS, of the terminal, or of a file, in characters."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return _WIDTH_OF_A_FILE


def _fitted(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    left_out_first: Sequence[str],
) -> tuple[list[int], list[str]]:
    """Return which columns fit into ``width``, and their headings."""
    shown = list(range(len(columns)))
    longest = [max((len(row[number]) for row in rows), default=0) for number in shown]

    def needs(headings: Sequence[str]) -> int:
        total = 2 * len(shown) + 1  # a padding and a divider each, and the edges
        for number, heading in zip(shown, headings, strict=True):
            cell = longest[number]
            if columns[number] in _FOLDED:
                cell = min(cell, _NARROWEST_TEXT)
            total += max(cell, *map(len, heading.split("\n")))
        return total

    headings = list(columns)
    if needs(headings) <= width:
        return shown, headings
    stacked = [_stacked(name, longest[number]) for number, name in enumerate(columns)]
    for name in (None, *left_out_first):
        shown = [number for number in shown if columns[number] != name]
        headings = [stacked[number] for number in shown]
        if needs(headings) <= width:
            break
    return shown, headings


def _stacked(heading: str, cell_width: int) -> str:
    """Put the words of a heading below each other, as far as its cells are narrower."""
    line_width = max(cell_width, *map(len, heading.split()), 1)
    return "\n".join(textwrap.wrap(heading, line_width))


def structs(value: object) -> list[Mapping[str, object]]:
    """Return the structs in an array of a reply; none when it is something else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def print_structs(rows: Sequence[Mapping[str, object]]) -> None:
    """Print structs as a table; its columns are the keys that have a value in any of them."""
    columns = list(
        dict.fromkeys(
            key for row in rows for key, value in row.items() if value not in ("", None, [], {})
        )
    )
    print_table(columns, [[_short(row.get(column)) for column in columns] for row in rows])


def _short(value: object) -> object:
    """Write a nested value in one cell."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(str(item) for item in value)
    return value


def _cell(value: object) -> str:
    """Write a value for people: not more digits than anybody can use."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") if value % 1.0 else f"{value:.1f}"
    return "" if value is None else str(value)


def print_tree(value: Mapping[str, object], indent: int = 0) -> None:
    """Print a nested struct, one key a line; what is empty is left out."""
    for line in _tree(value):
        typer.echo("  " * indent + line)


def _tree(value: Mapping[str, object]) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield f"{key}:"
            yield from (f"  {line}" for line in _tree(inner))
        elif isinstance(inner, Sequence) and not isinstance(inner, str) and inner:
            yield f"{key}:"
            for item in inner:
                lines = list(_tree(item)) if isinstance(item, Mapping) else [_cell(item)]
                yield from (
                    f"  {' ' if number else '-'} {line}" for number, line in enumerate(lines)
                )
        elif inner not in ("", None, {}, []):
            yield f"{key}: {_cell(inner)}"
