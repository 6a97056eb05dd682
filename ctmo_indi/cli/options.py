"""Options that several commands share, and what they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.running_config import find_config

if TYPE_CHECKING:
    from ctmo_indi.config import Config
    from ctmo_indi.desk_client.client import DeskClient

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file.", metavar="FILE", show_default=False),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", help="Profile: a name or a file.", metavar="NAME|FILE", show_default=False
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data directory of the running manager.", metavar="DIR", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UserOption = Annotated[str, typer.Option("--user", help="Who asks; part of an order's identity.")]

SERVICES = ("scheduler", "telescope", "dome", "preprocessor", "safety")


def load_config(config: Path | None, data: Path | None) -> Config:
    """Read the configuration that a client command talks to."""
    from ctmo_indi import config as config_file

    return config_file.load(find_config(config, data))


def client(
    config: Config, service: str, *, timeout_s: float = 10.0, user: str | None = None
) -> DeskClient:
    """Return a client of the desk of ``service`` (scheduler, telescope, dome, safety ...)."""
    from ctmo_indi.cli.nearest import one_of
    from ctmo_indi.desk_client.credentials import open_own_desk
    from ctmo_indi.errors import BadOrder

    if service not in SERVICES:
        raise BadOrder(f"service {one_of(service, SERVICES)}")
    return open_own_desk(config, service, timeout_s=timeout_s, user=user)
