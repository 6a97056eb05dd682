"""``ctmo-indi status``: the observatory at a glance, an order, the orders, or all of a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli import named_order, next_steps, words
from ctmo_indi.cli.options import ConfigOption, DataOption, JsonOption, client, load_config
from ctmo_indi.cli.output import print_json, print_table, print_tree, width_for_people
from ctmo_indi.errors import CtmoError, ServiceUnreachable

if TYPE_CHECKING:
    from ctmo_indi.cli.glance import Seen
    from ctmo_indi.config import Config

_ASKED = ("scheduler", "telescope", "safety", "preprocessor", "dome")
_TIMEOUT_S = 5.0
_RECENT_EVENTS = 500  # more than the telemetry of one round, in which the night is told
EXIT_UNREACHABLE = 3


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(status)


def status(
    receipt: Annotated[
        str | None,
        typer.Argument(
            metavar="ORDER",
            help="Receipt of an order, or its own ID; without it the observatory.",
            show_default=False,
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="All that the scheduler tells, not a glance.")
    ] = False,
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            help="All of this service's status.",
            show_default=False,
            autocompletion=words.offering(*words.SERVICES),
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Whose order, where several have that ID.")
    ] = None,
    order_id: Annotated[str | None, typer.Option("--id", help="The order's own ID.")] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="List the orders in that state.",
            autocompletion=words.offering(*words.ORDER_STATES),
        ),
    ] = None,
    all_orders: Annotated[bool, typer.Option("--all", help="List every order.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the observatory at a glance, an order, or the list of orders.

    Exit code 3 when a service does not answer.
    """
    order: dict[str, object] = {"WOType": "Status"}
    settings = load_config(config, data)
    name = receipt or order_id
    if not (name or full or service or state or all_orders or as_json):
        _show_glance(settings)
        return
    with client(settings, service or "scheduler") as desk:
        if name:
            reply = named_order.ask(desk, order, name, user, command="ctmo-indi status")
        else:
            if all_orders or state:
                order["All"] = True
            if state:
                order["State"] = state.upper()
            reply = desk.front_desk({**order, "User": user or named_order.OWN_USER})
    if as_json:
        print_json(reply)
    elif "All" in order:
        _print_orders(reply)
    else:
        print_tree(reply)


def _print_orders(reply: Mapping[str, object]) -> None:
    columns = ("Receipt", "ID", "User", "Status", "Priority", "Object", "Frames")
    rows = []
    orders = reply.get("Orders")
    for order in orders if isinstance(orders, list) else []:
        frames = f"{order.get('Good Exposures', 0)}/{order.get('Number of Exposures', '')}"
        cells = {**order, "Frames": frames}
        rows.append([cells.get(column, "") for column in columns])
    print_table(columns, rows, left_out_first=("Priority", "User"))


def _show_glance(settings: Config) -> None:
    """Print what the services say now; what does not answer is said, too.

    Raises
    ------
    ServiceUnreachable
        None of them answers.
    """
    from ctmo_indi.cli import glance

    seen = _look(settings)
    for line in glance.lines(seen, width_for_people()):
        typer.echo(line)
    if seen.silent:
        typer.echo(next_steps.NOT_RUNNING, err=True)
        raise typer.Exit(EXIT_UNREACHABLE)


def _look(settings: Config) -> Seen:
    """Ask all services at once, then the scheduler for the names of what runs and is next."""
    from concurrent.futures import ThreadPoolExecutor

    from ctmo_indi.cli.glance import Seen

    def ask(service: str) -> dict[str, object] | CtmoError:
        try:
            with client(settings, service, timeout_s=_TIMEOUT_S) as desk:
                return desk.front_desk({"WOType": "Status", "User": named_order.OWN_USER})
        except CtmoError as error:
            return error

    with ThreadPoolExecutor(len(_ASKED)) as pool:
        answers = dict(zip(_ASKED, pool.map(ask, _ASKED), strict=True))
    errors = {name: one for name, one in answers.items() if isinstance(one, CtmoError)}
    if len(errors) == len(answers):
        raise next(iter(errors.values()))
    replies = {name: one for name, one in answers.items() if not isinstance(one, CtmoError)}
    silent = {
        name: "DOES NOT ANSWER" if isinstance(one, ServiceUnreachable) else f"refuses: {one}"
        for name, one in errors.items()
    }
    names, night = _of_scheduler(settings, replies.get("scheduler", {}))
    return Seen(replies, silent, names, night)


def _of_scheduler(
    settings: Config, reply: Mapping[str, object]
) -> tuple[dict[str, dict[str, object]], Mapping[str, object]]:
    """Return the orders behind what runs and is next, and the night; as far as it is told."""
    from ctmo_indi.web.wire_readers import number, struct, structs, text

    receipts = {
        text(struct(reply.get("Current")).get("Subject")),
        text(struct(reply.get("Next Target")).get("Parent")),
        *(text(one.get("Subject")) for one in structs(reply.get("Queue"))[:1]),
    }
    names: dict[str, dict[str, object]] = {}
    night: Mapping[str, object] = {}
    if not reply:
        return names, night
    with client(settings, "scheduler", timeout_s=_TIMEOUT_S) as desk:
        user = named_order.OWN_USER
        for receipt in filter(None, receipts):
            try:
                told = desk.status(receipt, User=user)
                parent = text(told.get("Parent"))
                names[receipt] = desk.status(parent, User=user) if parent else told
            except CtmoError:
                continue
        cursor = max(0, int(number(reply.get("Revision"), 0.0)) - _RECENT_EVENTS)
        order = {"WOType": "Events", "User": user, "Kinds": ["generalInfo"], "Cursor": cursor}
        try:
            events = structs(desk.front_desk(order).get("Events"))
        except CtmoError:
            return names, night
    return names, struct(events[-1].get("Data")) if events else night
