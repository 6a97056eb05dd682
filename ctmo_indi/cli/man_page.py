"""The manual page of the command, drawn from its commands and options: roff for man(1).

``python docs/draw_tables.py`` writes it to ``ctmo_indi/share/man``; an installation copies that
file, since the installer runs on the standard library alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from typer.main import get_command

if TYPE_CHECKING:
    from typer import Typer

Command: TypeAlias = Any  # typer's copy of click has no public names

NAME = "ctmo-indi"
EXIT_CODES = (
    ("0", "Done."),
    ("2", "Wrong usage, a wrong file, or refused input."),
    ("3", "A service cannot be reached."),
    ("4", "Unsafe, locked, stopped, or an interlock forbids it: nothing moved."),
    ("5", "Failed, or something is wrong (check)."),
    ("130", "Interrupted."),
)
ENVIRONMENT = (
    ("CTMO_TOKEN_FILE", "File with your token, as --token-file."),
    ("COLUMNS", "Width of tables."),
)
FILES = (
    ("/etc/ctmo/ctmo.conf.yaml", "Configuration, where --config names no other."),
    ("/etc/ctmo/profiles, /etc/ctmo/devices", "The site's own profiles and device files."),
    ("./ctmo-data", "Data folder of demo and up, where --data names no other."),
)


def man_page(app: Typer) -> str:
    """Return the page of all commands."""
    group: Command = get_command(app)
    lines = [
        f'.TH {NAME.upper()} 1 "" "ctmo-indi" "User Commands"',
        ".SH NAME",
        rf"{_roff(NAME)} \- run a small observatory: Work Orders in, FITS frames out",
        ".SH SYNOPSIS",
        rf".B {_roff(NAME)}",
        r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        "Work Orders are handed in over XML-RPC or by this command, the night is planned, devices",
        "are driven over INDI, safety watches over all, and the morning has calibrated frames.",
        rf"\fB{_roff(NAME)} demo\fR shows a whole night on simulators.",
        ".SH OPTIONS",
        *_parameters(group),
        ".SH COMMANDS",
        *_commands(group, ()),
        ".SH EXIT STATUS",
        *_terms(EXIT_CODES),
        ".SH ENVIRONMENT",
        *_terms(ENVIRONMENT),
        ".SH FILES",
        *_terms(FILES),
        ".SH SEE ALSO",
        r"\fBindiserver\fR(1), \fBindi_getprop\fR(1), \fBindi_setprop\fR(1)",
    ]
    return "\n".join(lines) + "\n"


def _commands(group: Command, words: tuple[str, ...]) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        path = (*words, name)
        if hasattr(command, "commands"):
            yield from _commands(command, path)
            continue
        yield f".SS {_roff(' '.join((NAME, *path)))}"
        yield from _usage(command, path)
        yield from _paragraphs(command.help or "")
        yield from _parameters(command)


def _usage(command: Command, path: tuple[str, ...]) -> Iterator[str]:
    arguments = [
        name if one.required else f"[{name}]"
        for one in command.params
        if one.param_type_name == "argument"
        for name in [(one.metavar or one.name or "").upper() + ("..." if one.nargs != 1 else "")]
    ]
    options = ["[OPTIONS]"] if any(one.opts[0].startswith("-") for one in command.params) else []
    yield ".PP"
    yield rf"\fB{_roff(' '.join((NAME, *path)))}\fR {_roff(' '.join((*options, *arguments)))}"


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        yield ".PP"
        yield _roff(" ".join(paragraph.replace("\b", "").split()))


def _parameters(command: Command) -> Iterator[str]:
    for one in command.params:
        told = getattr(one, "help", None)
        if getattr(one, "hidden", False) or (not told and one.param_type_name == "argument"):
            continue
        if one.param_type_name == "argument":
            label = rf"\fI{_roff((one.metavar or one.name or '').upper())}\fR"
        else:
            names = ", ".join([*one.opts, *one.secondary_opts])
            value = "" if getattr(one, "is_flag", False) else f" {_metavar(one)}"
            label = rf"\fB{_roff(names)}\fR\fI{_roff(value)}\fR"
        yield ".TP"
        yield label
        yield _roff(" ".join((told or "").split())) or r"\&"


def _metavar(one: object) -> str:
    metavar = getattr(one, "metavar", None)
    kind = getattr(getattr(one, "type", None), "name", "value")
    return str(metavar or kind).upper()


def _terms(rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for term, meaning in rows:
        yield ".TP"
        yield rf"\fB{_roff(term)}\fR"
        yield _roff(meaning)


def _roff(text: str) -> str:
    """Write text so that roff shows it as it is."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
