"""Where a frame came from and what was made of it: trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli.options import JsonOption
from ctmo_indi.cli.output import print_json

if TYPE_CHECKING:
    from ctmo_indi.preprocessor.lineage import Node

_SHORT = 12


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(trace)


def trace(
    file: Annotated[
        Path, typer.Argument(help="A raw frame or a product.", exists=True, dir_okay=False)
    ],
    search: Annotated[
        list[Path] | None,
        typer.Option(
            "--in",
            help="Folder to search, also again; the nights around the file.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Show of what a file was made, and what was made of it, as the products themselves tell."""
    from ctmo_indi.preprocessor.lineage import folders_around
    from ctmo_indi.preprocessor.lineage import trace as walk

    found = walk(file, search or folders_around(file))
    if as_json:
        print_json({"Made Of": _struct(found.made_of), "Used In": _struct(found.used_in)})
        return 0
    typer.echo(f"{found.made_of.name} {found.made_of.kind}".rstrip())
    for title, node in (("made of", found.made_of), ("used in", found.used_in)):
        typer.echo(title if node.nodes else f"{title}: nothing that is known here")
        told: set[str] = set()
        for inner in node.nodes:
            for line in _lines(inner, 1, told):
                typer.echo(line)
    return 0


def _lines(node: Node, depth: int, told: set[str]) -> Iterator[str]:
    """Tell a node and those below it; what was told before is not told in full again."""
    what = " ".join(filter(None, (node.role, node.kind)))
    remarks = [node.identity[:_SHORT], *([] if node.path else ["not found here"])]
    remarks += [f"{name} {value}" for name, value in node.asked.items()]
    is_known = node.identity in told and bool(node.nodes)
    remarks += ["see above"] if is_known else []
    told.add(node.identity)
    yield f"{'  ' * depth}{what}: {node.name} ({', '.join(remarks)})"
    if node.rule:
        yield f"{'  ' * (depth + 1)}- {node.rule}"
    if not is_known:
        for inner in node.nodes:
            yield from _lines(inner, depth + 1, told)


def _struct(node: Node) -> dict[str, object]:
    return {
        "Role": node.role,
        "Name": node.name,
        "Identity": node.identity,
        "Kind": node.kind,
        "Path": str(node.path) if node.path else "",
        "Rule": node.rule,
        "Asked": {name.title(): value for name, value in node.asked.items()},
        "Nodes": [_struct(inner) for inner in node.nodes],
    }
