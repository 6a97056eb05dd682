"""``ctmo-indi completion``: the script with which a shell completes commands and options."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

VARIABLE = "_CTMO_INDI_COMPLETE"
"""Set by the script; then the command line answers the shell instead of running anything."""


class Shell(StrEnum):
    """Shells that are served."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(completion)


def completion(
    shell: Annotated[
        Shell | None, typer.Argument(help="Default: that of $SHELL.", show_default=False)
    ] = None,
) -> None:
    """Print the script that completes commands and options in your shell.

    bash: ctmo-indi completion bash > ~/.local/share/bash-completion/completions/ctmo-indi

    zsh: ctmo-indi completion zsh > DIR/_ctmo-indi, with a DIR of $fpath

    fish: ctmo-indi completion fish > ~/.config/fish/completions/ctmo-indi.fish
    """
    # used by typer's own options, but not in its list of public names
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # see above

    name = shell or os.environ.get("SHELL", "").rpartition("/")[2]
    if name not in set(Shell):
        raise typer.BadParameter(f"SHELL is {name or 'not set'!r}: expected {', '.join(Shell)}")
    typer.echo(get_completion_script(prog_name="ctmo-indi", complete_var=VARIABLE, shell=name))


def get_ready() -> None:
    """Have typer answer a shell that asks."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # as above

        completion_init()
