"""Which calibration frames the lights of the last nights lack: debt."""

from __future__ import annotations

from typing import Annotated

import typer

from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    UserOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import print_json, print_table, structs
from ctmo_indi.errors import BadOrder


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(debt)


def debt(
    night: Annotated[
        str, typer.Option("--night", help="Evening date YYYYMMDD to take them in; now: the coming.")
    ] = "",
    submit: Annotated[
        bool, typer.Option("--submit", help="Hand in the orders that pay it.")
    ] = False,
    user: UserOption = "calibration",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show which biases, darks and flats the lights of the last nights lack, and why.

    The scheduler orders them by itself when a night is over, where the profile says so.
    """
    settings = load_config(config, data)
    if not night:
        from ctmo_indi import profiles
        from ctmo_indi.clock import SystemClock
        from ctmo_indi.models import nights

        night = nights.night_of(profiles.load(settings.profile).site, SystemClock().utc())
    with client(settings, "preprocessor", user=user) as desk:
        owed = structs(desk.front_desk({"WOType": "Status", "Debt": night})["Debt"])
    receipts: dict[str, str] = {}
    if submit:
        with client(settings, "scheduler", user=user) as desk:
            for order in (one["Order"] for one in owed if "Order" in one):
                if not isinstance(order, dict):
                    raise BadOrder(f"Order: came {order!r:.80}, expected a struct")
                receipts[str(order["ID"])] = str(desk.front_desk(order)["Receipt"])
    if as_json:
        print_json({"Night": night, "Debt": owed, "Receipts": receipts})
    elif not owed:
        typer.echo("nothing is lacking")
    else:
        print_table(
            ("Frames", "Filter", "Exposure (s)", "For lights", "Order", "Why"),
            [
                (
                    f"{one['Number of Exposures']} {str(one['Frame Type']).lower()}s",
                    one["Filter"],
                    one["Exposure Time"],
                    one["Lights"],
                    _order_of(one, receipts),
                    one["Because"],
                )
                for one in owed
            ],
        )
    return 0


def _order_of(one: object, receipts: dict[str, str]) -> str:
    entry = one if isinstance(one, dict) else {}
    order = entry.get("Order")
    if isinstance(order, dict):
        name = str(order["ID"])
        return receipts.get(name, name)
    return f"none: {entry.get('Obstacle', '')}"
