"""What a service publishes: events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli import words
from ctmo_indi.cli.options import ConfigOption, DataOption, client, load_config

if TYPE_CHECKING:
    from ctmo_indi.desk_client.client import DeskClient

_PAGE = 100
_LONGEST_WAIT_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(events)


def events(
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only this kind, such as target; may be repeated."),
    ] = None,
    since: Annotated[
        int | None,
        typer.Option("--since", help="Only those after this revision; 0: all that are kept."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C; without --since: from now.")
    ] = False,
    service: Annotated[
        str,
        typer.Option(
            "--service", help="Whose events.", autocompletion=words.offering(*words.SERVICES)
        ),
    ] = "scheduler",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")] = False,
) -> None:
    """Show what a service published.

    States, targets, observations, scripts, faults, telemetry ...
    """
    cursor = since if since is not None or follow else 0
    is_empty = True
    with client(load_config(config, data), service) as desk:
        for event in read(desk, kind or [], cursor, follow=follow):
            typer.echo(json.dumps(event, ensure_ascii=False) if as_json else line(event))
            is_empty = False
    if is_empty:
        kinds = f" of kind {' or '.join(kind)}" if kind else ""
        typer.echo(f"{service} has published no event{kinds}", err=True)


def read(
    desk: DeskClient, kinds: list[str], cursor: int | None, *, follow: bool
) -> Iterator[Mapping[str, object]]:
    """Yield events above ``cursor`` (None: from now on), oldest first; for ever with ``follow``.

    Tells on stderr when events that were asked for are no longer kept.
    """
    order: dict[str, object] = {"WOType": "Events", "User": "cli", "Limit": _PAGE}
    if kinds:
        order["Kinds"] = kinds
    if follow:
        order["Wait"] = _LONGEST_WAIT_S
    while True:
        page = desk.front_desk(order if cursor is None else {**order, "Cursor": cursor})
        if page["Lost"] and cursor:
            typer.echo("events before these are no longer kept", err=True)
        yield from page["Events"]
        cursor = int(page["Cursor"])
        if not follow and not page["Events"]:
            return


def line(event: Mapping[str, object]) -> str:
    """Write an event for people: time, revision, kind, subject, then its keys."""
    utc = short_utc(str(event.get("UTC", "")))
    subject = f" {event['Subject']}" if event.get("Subject") else ""
    data = event.get("Data")
    told = data if isinstance(data, Mapping) else {}
    words = [f"{key}={_value(value)}" for key, value in told.items() if value not in ("", [], {})]
    return " ".join((f"{utc} {event.get('Revision')} {event.get('Kind')}{subject}", *words))


def short_utc(text: str) -> str:
    """Write an ISO 8601 instant to the millisecond, with Z; anything else as it is."""
    from datetime import UTC, datetime

    try:
        utc = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: object) -> str:
    if isinstance(value, str):
        return repr(value) if " " in value else value
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
