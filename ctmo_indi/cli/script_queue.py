"""The scheduler's script queue: queue, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli.arguments import read_pairs, read_struct
from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    UserOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import print_json, print_table, print_tree, structs

if TYPE_CHECKING:
    from ctmo_indi.desk_client.scheduler import SchedulerClient

    Call = Callable[[SchedulerClient], dict[str, object]]

IndexArgument = Annotated[int, typer.Argument(help="Index of the script, as queue shows it.")]
IndicesArgument = Annotated[list[int], typer.Argument(help="Indices of scripts.")]
LocationOption = Annotated[
    str, typer.Option("--location", help="first, last, before or after; the latter with --at.")
]
AtOption = Annotated[
    int | None, typer.Option("--at", help="Index of the script it goes before or after.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="For the log.")]

_COLUMNS = ("Index", "Where", "Script", "State")
_COLUMNS_IF_ANY = ("Block", "Subject", "User", "Started", "Ended", "Reason")
_LEFT_OUT_FIRST = ("Subject", "User", "Block", "Ended")
_TIMES = frozenset({"Started", "Ended"})

queue_app = typer.Typer(rich_markup_mode=None, help="Show the script queue, or change it.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(queue_app, name="queue")


def _ask(config: ConfigOption, data: DataOption, user: str, call: Call) -> dict[str, object]:
    from ctmo_indi.desk_client.scheduler import SchedulerClient

    with client(load_config(config, data), "scheduler", user=user) as desk:
        return call(SchedulerClient(desk))


def _change(config: ConfigOption, data: DataOption, user: str, as_json: bool, call: Call) -> None:
    reply = _ask(config, data, user, call)
    if as_json:
        print_json(reply)
        return
    message = str(reply.get("Message", ""))
    typer.echo(f"script {reply['Index']}; {message}" if "Index" in reply else message)
    _print_queue(reply, history=0)


@queue_app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    history: Annotated[
        int, typer.Option("--history", help="How many ended scripts to show.", min=0)
    ] = 10,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the script queue: ended scripts, the current one, waiting ones."""
    if context.invoked_subcommand is not None:
        if config or data or as_json:  # they would be lost here
            raise typer.BadParameter(
                f"options go after the command: ctmo-indi queue {context.invoked_subcommand} ..."
            )
        return
    reply = _ask(config, data, user, lambda scheduler: scheduler.queue())
    if as_json:
        print_json(reply)
        return
    _print_queue(reply, history=history)
    if reply.get("Paused"):
        typer.echo(str(reply.get("Message") or "paused"))
        typer.echo('No further script starts before "ctmo-indi queue resume".')


def _print_queue(reply: Mapping[str, object], *, history: int) -> None:
    runs = list(_rows(reply, history))
    if not runs:
        typer.echo("the queue is empty")
        return
    told = [name for name in _COLUMNS_IF_ANY if any(run.get(name) for run in runs)]
    columns = (*_COLUMNS, *told)
    cells = [[_cell(run, name) for name in columns] for run in runs]
    print_table(columns, cells, left_out_first=_LEFT_OUT_FIRST)


def _cell(run: Mapping[str, object], name: str) -> object:
    value = run.get(name, "")
    return str(value)[11:19] if name in _TIMES else value  # of an ISO 8601 instant the time of day


def _rows(reply: Mapping[str, object], history: int) -> Iterator[Mapping[str, object]]:
    """Yield the scripts in the order in which they run, each with Where it stands."""
    current = reply.get("Current")
    ended = structs(reply.get("History"))
    for where, runs in (
        ("ended", ended[max(0, len(ended) - history) :]),
        ("current", structs([current] if current else [])),
        ("waiting", structs(reply.get("Queue"))),
    ):
        yield from ({**run, "Where": where} for run in runs)


@queue_app.command()
def add(
    script: Annotated[str, typer.Argument(help="Name of the script, as queue scripts shows it.")],
    pairs: Annotated[
        list[str] | None, typer.Argument(help="Parameters.", metavar="[NAME=VALUE]...")
    ] = None,
    parameters: Annotated[
        str | None, typer.Option("--parameters", help="Parameters.", metavar="FILE|JSON")
    ] = None,
    location: LocationOption = "last",
    at: AtOption = None,
    reason: ReasonOption = "",
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a script."""
    given = read_struct("--parameters", parameters) if parameters is not None else {}
    given |= read_pairs(pairs or ())
    _change(
        config, data, user, as_json,
        lambda scheduler: scheduler.queue_add(
            script, given, location=location, at_index=at, reason=reason
        ),
    )  # fmt: skip


@queue_app.command()
def move(
    index: IndexArgument,
    location: LocationOption = "first",
    at: AtOption = None,
    reason: ReasonOption = "",
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a waiting script: to the front, unless told otherwise."""
    _change(
        config, data, user, as_json,
        lambda scheduler: scheduler.queue_move(index, location, at_index=at, reason=reason),
    )  # fmt: skip


@queue_app.command()
def requeue(
    index: IndexArgument,
    location: LocationOption = "last",
    at: AtOption = None,
    reason: ReasonOption = "",
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a script that waits or has ended once more."""
    _change(
        config, data, user, as_json,
        lambda scheduler: scheduler.queue_requeue(
            index, location=location, at_index=at, reason=reason
        ),
    )  # fmt: skip


@queue_app.command()
def stop(
    indices: IndicesArgument,
    reason: ReasonOption = "",
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take waiting scripts out, ask a running one to end."""
    _change(
        config, data, user, as_json,
        lambda scheduler: scheduler.queue_stop(*indices, reason=reason),
    )  # fmt: skip


@queue_app.command()
def terminate(
    indices: IndicesArgument,
    reason: ReasonOption = "",
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """End scripts without waiting for their own way to end."""
    _change(
        config, data, user, as_json,
        lambda scheduler: scheduler.queue_stop(*indices, terminate=True, reason=reason),
    )  # fmt: skip


@queue_app.command()
def pause(
    reason: ReasonOption = "",
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start no further script; the current one goes on."""
    _change(config, data, user, as_json, lambda scheduler: scheduler.queue_pause(reason=reason))


@queue_app.command()
def resume(
    reason: ReasonOption = "",
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start scripts again, also after one that failed."""
    _change(config, data, user, as_json, lambda scheduler: scheduler.queue_resume(reason=reason))


@queue_app.command()
def scripts(
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the scripts that can be added."""
    reply = _ask(config, data, user, lambda scheduler: scheduler.queue_scripts())
    if as_json:
        print_json(reply)
    else:
        rows = [
            (
                row.get("Script", ""),
                "order" if row.get("Needs Target") else "hand",
                row.get("About"),
            )
            for row in structs(reply.get("Scripts"))
        ]
        print_table(("Script", "Added by", "About"), rows)


@queue_app.command()
def schema(
    script: Annotated[str, typer.Argument(help="Name of the script.")],
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what parameters a script takes, as JSON Schema."""
    reply = _ask(config, data, user, lambda scheduler: scheduler.queue_schema(script))
    print_json(reply if as_json else reply.get("Schema", {}))


@queue_app.command()
def script(
    index: IndexArgument,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one script of the queue with its parameters."""
    reply = _ask(config, data, user, lambda scheduler: scheduler.queue_script(index))
    found = reply.get("Script")
    if as_json or not isinstance(found, Mapping):
        print_json(reply)
    else:
        print_tree(found)
