"""Who may call the services: tokens, and the log of what everybody ordered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli import words
from ctmo_indi.cli.options import ConfigOption, DataOption, JsonOption, load_config
from ctmo_indi.cli.output import print_json, print_table

if TYPE_CHECKING:
    from ctmo_indi.tokens import Token

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--tokens",
        help="The file of tokens; without it the one of the configuration.",
        metavar="FILE",
        show_default=False,
    ),
]
NameArgument = Annotated[str, typer.Argument(help="Letters, digits, '.', '_' and '-'.")]

token = typer.Typer(
    no_args_is_help=True,
    help="Tokens: who may call the services, and what each may do.",
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(token, name="token")
    app.command()(audit)


@token.command()
def add(
    name: NameArgument,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help="read, submit, operate or admin.",
            autocompletion=words.offering("read", "submit", "operate", "admin"),
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option("--expires", help="ISO 8601 UTC, or days such as 90d; without it, never."),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user",
            help="With submit: a further name allowed in User of its orders; '*' for any.",
        ),
    ] = None,
    tokens: FileOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and print it, this once.

    It counts at once; no service has to be started again.
    """
    from ctmo_indi import tokens as token_file
    from ctmo_indi.clock import SystemClock

    now = SystemClock().utc()
    if role not in token_file.ROLES:
        raise typer.BadParameter(f"--role {role}: expected {', '.join(token_file.ROLES)}")
    if not token_file.NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r}: expected letters, digits, '.', '_' and '-'")
    until = None if expires is None else _expiry(expires, now)
    path = _path(tokens, config, data)
    with token_file.one_at_a_time(path):
        known = token_file.read_tokens(path)
        if any(other.name == name for other in known):
            raise typer.BadParameter(f"{name}: there is one already, revoke it first")
        secret = token_file.new_secret()
        made = token_file.Token(
            name, role, token_file.digest(secret), now, until, tuple(user or ())
        )
        token_file.write_tokens(path, (*known, made))
    if as_json:
        print_json({"name": name, "role": role, "token": secret, "file": str(path)})
        return
    typer.echo(secret)
    typer.echo(f"the token of {name} ({role}); it is shown only now, {path} keeps a hash", err=True)


@token.command(name="list")
def list_tokens(
    tokens: FileOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who has a token; not the tokens, which nobody can show."""
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.tokens import read_tokens

    now = SystemClock().utc()
    rows = [_row(each, now) for each in read_tokens(_path(tokens, config, data))]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "role", "created", "expires", "users")
    print_table(
        [column.title() for column in columns],
        [[_cell(row[column]) for column in columns] for row in rows],
        left_out_first=("Created", "Users"),
    )


@token.command()
def revoke(
    name: NameArgument,
    tokens: FileOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Make a token invalid at once, also on connections that are open."""
    from ctmo_indi import tokens as token_file

    path = _path(tokens, config, data)
    with token_file.one_at_a_time(path):
        known = token_file.read_tokens(path)
        rest = tuple(each for each in known if each.name != name)
        if len(rest) == len(known):
            raise typer.BadParameter(f"{name}: no such token in {path}")
        token_file.write_tokens(path, rest)
    typer.echo(f"the token of {name} is revoked")


def audit(
    since: Annotated[
        str | None,
        typer.Option("--since", help="ISO 8601 UTC, or a span such as 2h or 7d."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")] = False,
) -> None:
    """Show who ordered what on this machine, accepted or refused."""
    import json

    from ctmo_indi.audit_log import path_for, read_audit
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.errors import ConfigError

    settings = load_config(config, data)
    start = None if since is None else _since(since, SystemClock().utc())
    try:
        for entry in read_audit(path_for(settings.logging.file, settings.data_dir), start):
            typer.echo(json.dumps(entry) if as_json else _line(entry))
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error


def _path(tokens: Path | None, config: Path | None, data: Path | None) -> Path:
    return tokens if tokens is not None else load_config(config, data).access.tokens


def _row(each: Token, now: datetime) -> dict[str, object]:
    row = each.to_json()
    del row["sha256"]
    row["expired"] = each.expires_utc is not None and each.expires_utc <= now
    return row


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def _span(text: str) -> timedelta | None:
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS_S and number.isascii() and number.isdigit() and len(number) < 6:
        return timedelta(seconds=int(number) * _UNITS_S[unit])
    return None


def _expiry(text: str, now: datetime) -> datetime:
    span = _span(text)
    instant = now + span if span is not None else _instant("--expires", text)
    if instant <= now:
        raise typer.BadParameter(f"--expires {text}: that is past")
    return instant


def _since(text: str, now: datetime) -> datetime:
    span = _span(text)
    return now - span if span is not None else _instant("--since", text)


def _instant(option: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} {text}: expected 2026-11-21, 2026-11-21T18:00 or a span such as 90d"
        ) from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _line(entry: Mapping[str, object]) -> str:
    """Write an entry for people."""
    who = str(entry.get("caller") or "nobody")
    if entry.get("via"):
        who += f" via {entry['via']}"
    what = " ".join(str(entry[key]) for key in ("kind", "command") if entry.get(key))
    fault = f" {entry['fault']}" if entry.get("fault") else ""
    names = (entry.get("receipt") or entry.get("id"), entry.get("status"), entry.get("text"))
    words = (
        str(entry["utc"]).replace("+00:00", "Z"),
        entry.get("service"),
        f"{who}@{entry.get('address')}",
        what,
        f"{entry.get('outcome')}{fault}",
        *names,
    )
    return " ".join(ascii(word)[1:-1] if isinstance(word, str) else "" for word in words if word)
