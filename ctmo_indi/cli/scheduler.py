"""Commands to the scheduler's component: scheduler COMMAND."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from ctmo_indi.cli import words
from ctmo_indi.cli.arguments import read_struct, read_words
from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    UserOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import (
    exit_code,
    print_json,
    print_reply,
    print_structs,
    print_tree,
    structs,
)
from ctmo_indi.cli.progress import telling_progress

EXIT_INVALID = 2
_FOR_PROGRAMS = frozenset({"Definition"})  # a whole file as text; --json has it


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(scheduler)


def scheduler(
    command: Annotated[
        str,
        typer.Argument(
            help="start, enable, resume, stop, disable, standby or exitControl; load,"
            " computePredictedSchedule, flush, reschedule; addBlock, getBlockStatus, removeBlock,"
            " validateBlock; setLogLevel, updateObservatoryStatus.",
            autocompletion=words.offering(*words.SCHEDULER_COMMANDS),
        ),
    ],
    configuration: Annotated[
        str | None, typer.Option("--configuration", help="With start: name of the configuration.")
    ] = None,
    abort: Annotated[
        bool, typer.Option("--abort", help="With stop: end what is being observed, too.")
    ] = False,
    uri: Annotated[
        str | None, typer.Option("--uri", help="With load: a file for the driver, or file:///...")
    ] = None,
    block: Annotated[
        str | None, typer.Option("--block", help="With the block commands: name of the block.")
    ] = None,
    override: Annotated[
        str | None,
        typer.Option(
            "--override", help="With addBlock: values for its parameters.", metavar="FILE|JSON"
        ),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            "--level",
            help="With setLogLevel: DEBUG, INFO, WARNING, ERROR.",
            autocompletion=words.offering("DEBUG", "INFO", "WARNING", "ERROR"),
        ),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", help="With updateObservatoryStatus: DOWNTIME,WEATHER ..."),
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="With updateObservatoryStatus: a remark.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="For the log.")] = None,
    wait: Annotated[
        float, typer.Option("--wait", help="Seconds to wait for the end; 0: do not.", min=0)
    ] = 60.0,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send a command to the scheduler; it says why when it refuses."""
    from ctmo_indi.desk_client.scheduler import SchedulerClient

    keys: dict[str, object] = {
        "User": user,
        "Configuration": configuration,
        "Abort": True if abort else None,
        "URI": None if uri is None else as_uri(uri),
        "Block": block,
        "Override": None if override is None else read_struct("--override", override),
        "Level": None if level is None else level.upper(),
        "Status": [word.upper() for word in read_words(status or ())],
        "Note": note,
        "Reason": reason,
    }
    name = spelled(command)
    with (
        client(load_config(config, data), "scheduler") as desk,
        telling_progress(name, quiet=as_json) as tell,
    ):
        reply = SchedulerClient(desk, wait_s=wait, on_progress=tell).send(name, keys)
    if as_json:
        print_json(reply)
    else:
        # the ID was given to it on the way and says nothing to people
        print_reply({key: reply[key] for key in reply if key != "ID"}, as_json=False)
        print_result(reply.get("Result"))
    return exit_code(reply) or (EXIT_INVALID if _says_invalid(reply) else 0)


def _says_invalid(reply: Mapping[str, object]) -> bool:
    """Whether validateBlock found something wrong."""
    result = reply.get("Result")
    return isinstance(result, Mapping) and result.get("Valid") is False


def as_uri(text: str) -> str:
    """Return the address of a file of this machine; an address stays as it is."""
    from pathlib import Path

    return text if "://" in text else Path(text).resolve().as_uri()


def spelled(command: str) -> str:
    """Return a command as the scheduler spells it: addblock and add-block are addBlock."""
    from ctmo_indi.work_orders.model import SchedulerCommand

    known = {known.value.lower(): known.value for known in SchedulerCommand}
    return known.get(command.lower().replace("-", "").replace("_", ""), command)


def print_result(result: object) -> None:
    """Print what a command found: its plain keys, then a table for each array of structs."""
    if not isinstance(result, Mapping):
        return
    result = {key: value for key, value in result.items() if key not in _FOR_PROGRAMS}
    tables = {key: rows for key, value in result.items() if (rows := structs(value))}
    print_tree({key: value for key, value in result.items() if key not in tables})
    for key, rows in tables.items():
        typer.echo(f"{key}:")
        print_structs(rows)
