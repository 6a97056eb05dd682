"""A human's hand on the observatory: dome, control, stop, lock, unlock."""

from __future__ import annotations

from typing import Annotated

import typer

from ctmo_indi.cli import words
from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    ProfileOption,
    UserOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import exit_code, print_json, print_reply
from ctmo_indi.errors import ServiceUnreachable

WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for the end.", min=0)]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(dome)
    app.command()(control)
    app.command()(stop)
    app.command()(lock)
    app.command()(unlock)
    app.command()(release)


def dome(
    command: Annotated[
        str,
        typer.Argument(
            help="open, close, park, unpark, azimuth, or a switch: Blink01=on.",
            autocompletion=words.offering("open", "close", "park", "unpark", "azimuth"),
        ),
    ],
    azimuth_deg: Annotated[
        float | None, typer.Argument(help="With azimuth: degrees, north through east.")
    ] = None,
    wait: WaitOption = 240.0,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move dome or shutter, or switch what the profile binds."""
    order: dict[str, object] = {"WOType": "Dome", "User": user}
    if command in {"open", "close"}:
        order["Shutter"] = command
    elif command in {"park", "unpark"}:
        order["Park"] = command == "park"
    elif command == "azimuth":
        if azimuth_deg is None:
            raise typer.BadParameter("azimuth needs degrees, e.g. ctmo-indi dome azimuth 180")
        order["Azimuth"] = azimuth_deg
    elif "=" in command:
        name, _, state = command.partition("=")
        if state not in {"on", "off"}:
            raise typer.BadParameter(f"{name} is {state!r}, expected on or off")
        order[name] = state == "on"
    else:
        raise typer.BadParameter(
            f"{command!r} is unknown, expected open, close, park, unpark, azimuth or NAME=on|off"
        )
    _send(config, data, "dome", order, wait_s=wait, as_json=as_json)


def control(
    command: Annotated[
        str,
        typer.Argument(
            help="slew, track, park, unpark, open, close, filter, focus, abort, stop or release.",
            autocompletion=words.offering(*words.CONTROL_COMMANDS),
        ),
    ],
    ra_deg: Annotated[float | None, typer.Option("--ra-deg", help="ICRS, with slew.")] = None,
    dec_deg: Annotated[float | None, typer.Option("--dec-deg", help="ICRS, with slew.")] = None,
    filter_name: Annotated[str | None, typer.Option("--filter", help="With filter.")] = None,
    position: Annotated[int | None, typer.Option("--position", help="Steps, with focus.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="For the log.")] = None,
    wait: WaitOption = 240.0,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move one thing by hand; every limit and interlock holds."""
    order: dict[str, object] = {"WOType": "Control", "User": user, "Command": command}
    parameters = {
        "RA": ra_deg, "Dec": dec_deg, "Filter": filter_name, "Position": position, "Reason": reason,
    }  # fmt: skip
    order.update({key: value for key, value in parameters.items() if value is not None})
    if command in {"lock", "unlock"}:
        _send(config, data, "safety", order, wait_s=wait, as_json=as_json)
        return
    try:
        _send(config, data, "telescope", order, wait_s=wait, as_json=as_json)
    except ServiceUnreachable:
        if command != "release":
            raise
        _send(config, data, "safety", order, wait_s=wait, as_json=as_json)


def lock(
    kind: Annotated[
        str,
        typer.Argument(
            help="observer or maintenance.",
            autocompletion=words.offering("observer", "maintenance"),
        ),
    ] = "observer",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "no reason given",
    expires: Annotated[
        str | None, typer.Option("--expires", help="ISO 8601 UTC; without it, until unlock.")
    ] = None,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the observatory into your own hands.

    observer: the manager keeps off, safety still closes. maintenance: nothing moves at all.
    """
    order: dict[str, object] = {
        "WOType": "Control", "User": user, "Command": "lock", "Kind": kind, "Reason": reason,
    }  # fmt: skip
    if expires:
        order["Expires"] = expires
    _send(config, data, "safety", order, wait_s=0.0, as_json=as_json)


def unlock(
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the observatory back to the manager."""
    order: dict[str, object] = {"WOType": "Control", "User": user, "Command": "unlock"}
    _send(config, data, "safety", order, wait_s=0.0, as_json=as_json)


def release(
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a stop, or a takeover by another INDI client: things may move again."""
    order: dict[str, object] = {"WOType": "Control", "User": user, "Command": "release"}
    try:  # the telescope, which knows of takeovers, passes it on to safety
        _send(config, data, "telescope", order, wait_s=0.0, as_json=as_json)
    except ServiceUnreachable:
        _send(config, data, "safety", order, wait_s=0.0, as_json=as_json)
        typer.echo("The telescope does not answer: a takeover is not released.", err=True)


def _send(
    config: ConfigOption,
    data: DataOption,
    service: str,
    order: dict[str, object],
    *,
    wait_s: float,
    as_json: bool,
) -> None:
    from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

    with client(load_config(config, data), service, timeout_s=10.0) as desk:
        reply = desk.front_desk(order)
        if wait_s and reply.get("Receipt"):
            reply = desk.wait_for(str(reply["Receipt"]), timeout_s=wait_s, until=SETTLED_ATTEMPTS)
    print_reply(reply, as_json=as_json)
    code = exit_code(reply)
    if code:
        raise typer.Exit(code)


def stop(
    reason: Annotated[str, typer.Option("--reason", help="For the log.")] = "stop command",
    user: UserOption = "cli",
    config: ConfigOption = None,
    profile: ProfileOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop all motion and the exposure now, by whatever still works.

    Asks safety, telescope and scheduler at the same time; when neither safety nor telescope has
    confirmed it within a second, tells the INDI server as well: a stop twice harms nobody.
    """
    from ctmo_indi.api.stopping import is_stopped, stop_by_all

    answers = stop_by_all(load_config(config, data), user=user, reason=reason, profile=profile)
    if as_json:
        print_json(answers)
    else:
        for name, answer in answers.items():
            typer.echo(f"{name:10} {answer}")
        if answers["safety"] == "stopped":
            typer.echo('Nothing moves again before "ctmo-indi release".')
    if not is_stopped(answers):
        raise typer.Exit(3)
