"""The command ``ctmo-indi``: one small module per group of commands.

Nothing heavy is imported here: ``ctmo-indi --help`` starts in a fraction of a second. Each command
imports what it needs inside its function.

Exit codes: 0 done, 2 wrong usage or refused input, 3 a service cannot be reached, 4 unsafe or
interlocked, 5 failed; 130 interrupted, 141 nobody reads what is printed.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.exceptions import TyperException

from ctmo_indi import __version__
from ctmo_indi.cli import (
    access,
    closing,
    completion,
    debt,
    demo,
    events,
    fleet,
    frames,
    hands,
    init,
    installation,
    lineage,
    metrics,
    next_steps,
    orders,
    planning,
    prediction,
    preprocess,
    report,
    scheduler,
    script_queue,
    simulate,
    status,
)
from ctmo_indi.errors import BadOrder, ConfigError, CtmoError, OrderError, ServiceUnreachable

EXIT_USAGE = 2
EXIT_FAILED = 5
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141
# Commands that run services themselves: they know that one does not run.
_STARTERS = (["serve"], ["up"], ["demo"])

app = typer.Typer(
    name="ctmo-indi",
    help="Run a small observatory: Work Orders in, FITS frames out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_GROUPS = (
    fleet,
    demo,
    orders,
    status,
    scheduler,
    script_queue,
    planning,
    prediction,
    simulate,
    events,
    hands,
    closing,
    debt,
    report,
    frames,
    preprocess,
    lineage,
    access,
    init,
    installation,
    metrics,
    completion,
)
for module in _GROUPS:
    module.register(app)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ctmo-indi {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
    token_file: Path | None = typer.Option(  # noqa: B008 - typer's way
        None,
        "--token-file",
        help="File with your token, where the services ask for one; or CTMO_TOKEN_FILE.",
        metavar="FILE",
        show_default=False,
    ),
) -> None:
    """Run a small observatory: Work Orders in, FITS frames out."""
    if token_file is not None:
        # its name alone, never the token; commands that ask in several threads see it, too
        os.environ["CTMO_TOKEN_FILE"] = str(token_file.absolute())


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; prints errors to stderr."""
    # Without any handler Python would print warnings of the log between the answers.
    logging.getLogger("ctmo_indi").addHandler(logging.NullHandler())
    completion.get_ready()
    try:
        result = app(args=arguments, standalone_mode=False, prog_name="ctmo-indi")
    except typer.Exit as done:
        return done.exit_code
    except TyperException as wrong:
        typer.echo(_wrong_usage(wrong), err=True)
        return EXIT_USAGE
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except SystemExit as end:  # typer ends so where nobody reads what is printed
        if end.code != 1:
            raise
        return EXIT_NO_READER
    except OSError as error:  # of what is printed: commands turn those of their files into ours
        return _not_printed(error)
    except ConfigError as error:
        for line in (*error.problems, next_steps.after_config_error(error.problems)):
            if line:
                typer.echo(line, err=True)
        return error.exit_code
    except CtmoError as error:
        for line in _told(error, sys.argv[1:] if arguments is None else arguments):
            typer.echo(line, err=True)
        return error.exit_code
    if result == EXIT_INTERRUPTED:  # Ctrl-C becomes a result in there
        typer.echo("interrupted", err=True)
    return result if isinstance(result, int) else 0


def _not_printed(error: OSError) -> int:
    """Say why it cannot be printed or read; nothing of a reader that went away, such as head."""
    # else Python would complain when it flushes at its end
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        return EXIT_NO_READER
    where = f"{error.filename}: " if error.filename else ""
    typer.echo(f"{where}{error.strerror or error}", err=True)
    return EXIT_FAILED


def _wrong_usage(wrong: TyperException) -> str:
    """Say what is wrong, and where help is; a group without a command is help already."""
    text = wrong.format_message().strip()
    if text.startswith("Usage:"):
        return text
    stop = "" if text.endswith(("?", ".", ")")) else "."
    return f"{text}{stop} {_where_help_is(wrong)}"


def _where_help_is(wrong: TyperException) -> str:
    """Name the help of the command that is meant, as far as it is known."""
    context = getattr(wrong, "ctx", None)
    words: list[str] = []
    while context is not None and context.parent is not None:
        words.insert(0, str(context.info_name))
        context = context.parent
    return f"Try {' '.join(['ctmo-indi', *words])} --help."


def _told(error: CtmoError, arguments: Sequence[str] = ()) -> list[str]:
    """Say an error of that command line to people, one wrong key a line."""
    from ctmo_indi.desk_client.client import DeskFault, StillWaiting

    if isinstance(error, DeskFault):
        text = error.text.removeprefix(f"{error.code}: ")  # an answer of HTTP begins with it
        is_about_keys = error.code == BadOrder.fault_code
        problems = text.split("; ") if is_about_keys else [text]
        refused = [f"refused: {problem}" for problem in problems]
        return [*refused, *filter(None, [next_steps.next_step(error.code)])]
    if isinstance(error, ServiceUnreachable) and list(arguments[:1]) not in _STARTERS:
        return [str(error), next_steps.NOT_RUNNING]
    if isinstance(error, StillWaiting):
        receipt = error.last.get("Receipt", "")
        return [str(error), f'It goes on: "ctmo-indi status {receipt}".']
    says_it = "ctmo-indi " in str(error) or isinstance(error, ServiceUnreachable)
    step = "" if says_it else next_steps.next_step(error.fault_code)
    kind = "refused" if isinstance(error, OrderError) else type(error).__name__
    return [f"{kind}: {error}", *filter(None, [step])]


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())
