"""``ctmo-indi demo``: a whole simulated night in about six minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ctmo_indi.cli.options import JsonOption, ProfileOption
from ctmo_indi.running_config import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed", help="Sky seconds per second; default: a night in 5 minutes.", min=1
        ),
    ] = None,
    profile: ProfileOption = None,
    data: Annotated[
        Path, typer.Option("--data", help="Where frames and databases go.", metavar="DIR")
    ] = DEFAULT_DATA,
    frames: Annotated[int, typer.Option("--frames", help="Frames of each order.", min=1)] = 4,
    as_json: JsonOption = False,
) -> int:
    """Run a night on simulators, from orders to calibrated frames.

    Ends with Ctrl-C, SIGTERM, or when its terminal is gone: the observatory is closed first, then
    everything stops.
    """
    from ctmo_indi import ctrl_c_again
    from ctmo_indi.cli import data_folder, demo_night

    with ctrl_c_again.begun_by_signals(), data_folder.owned(data, "demo"):
        summary = demo_night.run(
            profile_name=profile, data_dir=data, speed=speed, frames=frames, quiet=as_json
        )
    demo_night.print_summary(summary, as_json=as_json)
    return 0 if summary.is_success else 5
