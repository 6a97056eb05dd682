"""How a night was: report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    UserOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import print_json
from ctmo_indi.errors import ServiceUnreachable

if TYPE_CHECKING:
    from ctmo_indi.config import Config

_ANSWER_S = 70.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(report)


def report(
    night: Annotated[
        str, typer.Argument(metavar="[NIGHT]", help="Evening date YYYYMMDD; the last whole night.")
    ] = "",
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write it as a page.", metavar="FILE", show_default=False),
    ] = None,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say how a night was: where its time went, orders, frames, faults, calibration debt.

    Without a running scheduler the file of that night is shown, where there is one.
    """
    settings = load_config(config, data)
    order = {"WOType": "Report", "User": user} | ({"Night": night} if night else {})
    try:
        with client(settings, "scheduler", timeout_s=_ANSWER_S, user=user) as desk:
            told = desk.front_desk(order)
    except ServiceUnreachable:
        stored = _of_file(settings, night)
        if stored is None:
            raise
        told = stored
    if html is not None:
        from ctmo_indi.scheduler.report.as_html import page

        html.write_text(page(told), encoding="utf-8")
    if as_json:
        print_json(told)
    elif html is None:
        typer.echo(str(told.get("Text", "")), nl=False)
    return 0


def _of_file(settings: Config, night: str) -> dict[str, object] | None:
    """Return the report of a file, and say so; None when there is none."""
    from ctmo_indi.scheduler.report.report_files import ReportFiles

    files = ReportFiles(settings.data_dir / "reports")
    nights = [night] if night else [file.stem for file in files.folder.glob("????????.json")]
    found = files.read(max(nights)) if nights else None
    if found is not None:
        typer.echo(f"the scheduler does not answer: from {files.folder}", err=True)
    return found
