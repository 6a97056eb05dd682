"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

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
    message = reply.get("Message")
    if message:
        typer.echo(str(message))
    for key in ("Receipt", "ID", "Status", "Priority", "RA", "Dec"):
        if reply.get(key) not in (None, ""):
            typer.echo(f"  {key}: {reply[key]}")
    reasons = reply.get("Reasons")
    if isinstance(reasons, Sequence) and not isinstance(reasons, str):
        for reason in reasons:
            typer.echo(f"  - {reason}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a plain table with aligned columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in columns:  # the first names the row: people copy it, so it is never cut
        table.add_column(name, no_wrap=not table.columns, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)


def print_tree(value: Mapping[str, object], indent: int = 0) -> None:
    """Print a nested struct, one key a line."""
    for key, inner in value.items():
        lead = "  " * indent
        if isinstance(inner, Mapping) and inner:
            typer.echo(f"{lead}{key}:")
            print_tree(inner, indent + 1)
        elif isinstance(inner, Sequence) and not isinstance(inner, str) and inner:
            typer.echo(f"{lead}{key}:")
            for item in inner:
                if isinstance(item, Mapping):
                    typer.echo(f"{lead}  -")
                    print_tree(item, indent + 2)
                else:
                    typer.echo(f"{lead}  - {item}")
        else:
            typer.echo(f"{lead}{key}: {inner if inner not in ({}, []) else '-'}")
