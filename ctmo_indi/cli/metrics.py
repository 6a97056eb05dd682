"""``ctmo-indi metrics``: what the services tell Prometheus, and files for it and for Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ctmo_indi.cli.options import ConfigOption, DataOption, JsonOption, load_config
from ctmo_indi.cli.output import print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(metrics)


def metrics(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--write",
            help="Write scrape.yaml, alerts.yaml and grafana_board.json into this folder.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what each service tells Prometheus at /metrics of its port."""
    if folder is not None:
        from ctmo_indi.metrics.ready_made import files

        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, text in files(load_config(config, data)).items():
            (folder / name).write_text(text, "utf-8")
            written.append(str(folder / name))
        if as_json:
            print_json(written)
            return
        for path in written:
            typer.echo(path)
        return
    from ctmo_indi.metrics.tables import listing

    rows = listing()
    if as_json:
        print_json(rows)
        return
    columns = ("Name", "Service", "Type", "Labels", "About")
    print_table(columns, [[row[key] for key in columns] for row in rows], left_out_first=("Type",))
