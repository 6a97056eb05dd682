"""What the scheduler expects to observe next: prediction."""

from __future__ import annotations

from collections.abc import Mapping
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
from ctmo_indi.cli.progress import telling_progress


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(prediction)


def prediction(
    compute: Annotated[
        bool,
        typer.Option("--compute", help="Compute it now; only while nothing is being observed."),
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", help="With --compute: seconds to wait.", min=0)
    ] = 120.0,
    user: UserOption = "cli",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the predicted schedule that the scheduler published last."""
    from ctmo_indi.desk_client.scheduler import SchedulerClient

    with client(load_config(config, data), "scheduler", user=user) as desk:
        if compute:
            with telling_progress("computePredictedSchedule", quiet=as_json) as tell:
                SchedulerClient(desk, wait_s=wait, on_progress=tell).compute_predicted_schedule()
        event = SchedulerClient(desk).predicted_schedule()
    if as_json:
        print_json(event)
    elif event is None:
        typer.echo("no prediction yet; ctmo-indi prediction --compute makes one")
    else:
        _print_prediction(event)
    return 0


def _print_prediction(event: Mapping[str, object]) -> None:
    """Print the targets as a table, and when they were predicted."""
    data = event.get("Data")
    schedule = data if isinstance(data, Mapping) else {}
    rows = structs(schedule.get("Targets"))
    typer.echo(f"predicted {str(event.get('UTC', ''))[:19]}Z: {len(rows)} targets")
    if rows:
        print_table(_COLUMNS, [[_cell(row, column) for column in _COLUMNS] for row in rows])


_COLUMNS = ("Start", "Target", "RA", "Dec", "Filter", "Exposures", "End")


def _cell(row: Mapping[str, object], column: str) -> object:
    if column == "Exposures":
        return f"{row.get('Number of Exposures', 1)} x {row.get('Exposure Time', 0):g} s"
    return row.get(column, "")
