"""What the scheduler expects to observe next: prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from ctmo_indi.cli.output import print_json, print_table
from ctmo_indi.cli.progress import telling_progress

_UNIX_EPOCH_MJD = 40587.0
_COLUMNS = ("Start", "End", "Target", "Filter", "Exposures", "RA", "Dec")
_ARRAYS = (
    "MJD", "End", "Target", "Filter", "Exposure Time", "Number of Exposures", "RA", "Dec",
)  # fmt: skip


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
    rows = list(_rows(schedule))
    window = f"from {_minute(schedule.get('UTC'))} until {_minute(schedule.get('Until'))}"
    typer.echo(f"{len(rows)} targets {window} UTC")
    if rows:
        print_table(_COLUMNS, rows)


def _rows(schedule: Mapping[str, object]) -> Iterator[tuple[object, ...]]:
    """Yield a row of the table for each target; the event has an array for each column."""
    arrays = [schedule.get(name) for name in _ARRAYS]
    lists = [array if isinstance(array, list) else [] for array in arrays]
    for begin, end, target, filter_name, exposure_s, count, ra_deg, dec_deg in zip(
        *lists, strict=True
    ):
        exposures = f"{count} x {exposure_s:g} s"
        yield _time(begin), _time(end), target, filter_name, exposures, ra_deg, dec_deg


def _time(mjd: float) -> str:
    """Return the time of day of an MJD (UTC), to the second."""
    from datetime import UTC, datetime, timedelta

    since = timedelta(days=mjd - _UNIX_EPOCH_MJD) + timedelta(seconds=0.5)
    return f"{datetime.fromtimestamp(0, UTC) + since:%H:%M:%S}"


def _minute(instant: object) -> str:
    """Return date and time of an ISO 8601 instant, to the minute."""
    return str(instant or "")[:16].replace("T", " ")
