"""Hand in Work Orders and take them back: submit, cancel."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ctmo_indi.cli import named_order
from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import exit_code, print_json, print_reply
from ctmo_indi.errors import BadOrder

# WOType or Request -> the desk that takes it; everything else goes to the scheduler.
_DESK_OF = {"Dome": "dome"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(submit)
    app.command()(cancel)


def submit(
    file: Annotated[
        str, typer.Argument(help="A JSON file with one order or a list, or - (stdin).")
    ],
    service: Annotated[
        str | None, typer.Option("--service", help="Desk to use instead of the order's own.")
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", help="Wait that many seconds for each to end.", min=0)
    ] = 0.0,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Submit Work Orders from a JSON file."""
    orders = _read_orders(file)
    settings = load_config(config, data)
    replies = []
    for order in orders:
        name = service or _DESK_OF.get(str(order.get("WOType")), "scheduler")
        with client(settings, name) as desk:
            reply = desk.front_desk(order)
            if wait:
                reply = desk.wait_for(str(reply["Receipt"]), timeout_s=wait)
        replies.append(reply)
        if not as_json:
            print_reply(reply, as_json=False)
    if as_json:
        print_json(replies if len(replies) != 1 else replies[0])
    return exit_code(*replies) if wait else 0


def _read_orders(file: str) -> list[dict[str, object]]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadOrder(f"{file}: {why}; expected a file with Work Orders in JSON") from error
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadOrder(
            f"{file}: line {error.lineno}: {error.msg}; expected a JSON object or a list of them"
        ) from error
    orders = data if isinstance(data, list) else [data]
    for order in orders:
        if not isinstance(order, Mapping):
            raise BadOrder(f"{file}: {order!r} is no Work Order; expected a JSON object")
    return [dict(order) for order in orders]


def cancel(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="Receipt of the order, or its own ID.")
    ],
    user: Annotated[
        str | None, typer.Option("--user", help="Whose order: needed for an ID of another user.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel an order; one under way is stopped."""
    with client(load_config(config, data), "scheduler") as desk:
        reply = named_order.ask(
            desk, {"WOType": "Cancel"}, order, user, command="ctmo-indi cancel", changes=True
        )
    print_reply(reply, as_json=as_json)
