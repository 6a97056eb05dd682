"""Calibrate a night in the foreground: preprocess."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli.options import ConfigOption, DataOption, JsonOption, ProfileOption
from ctmo_indi.cli.output import print_json
from ctmo_indi.cli.progress import showing_bar
from ctmo_indi.running_config import find_config

if TYPE_CHECKING:
    from ctmo_indi.config import Config
    from ctmo_indi.preprocessor.jobs import Settings
    from ctmo_indi.preprocessor.night_run import Report

_EXIT_INCOMPLETE = 5


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(preprocess)


def preprocess(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of raw frames, or of a night that has them in raw.",
            exists=True,
            file_okay=False,
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Worker processes; one a processor.", min=1, max=256),
    ] = None,
    cosmic_rays: Annotated[bool, typer.Option(help="Look for cosmic rays and mask them.")] = True,
    previews: Annotated[bool, typer.Option(help="Write a small picture of each product.")] = True,
    solve: Annotated[
        bool, typer.Option(help="Measure world coordinates, where solve-field is installed.")
    ] = True,
    compress: Annotated[
        bool | None,
        typer.Option(
            "--compress/--no-compress",
            help="Compress lights and stacks when all is made; else as the configuration says.",
        ),
    ] = None,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Calibrate a night: masters, calibrated lights, stacks, beside the raw frames.

    What is there already and whole is not made again. Masters of other nights are taken from the
    database of the data folder, where there is one. Exit code 5: some frame or product is lacking,
    which is told with the reason.
    """
    from ctmo_indi import daemon
    from ctmo_indi.preprocessor.locations import night_folder, products_folder
    from ctmo_indi.preprocessor.setting_up import settings_of

    file = find_config(config, data)
    settings, observatory = daemon.load(file if file and file.is_file() else None, profile, data)
    real = folder.expanduser().absolute()
    raw = night_folder(str(real.resolve()), [Path(real.anchor)])
    products = products_folder(raw)
    if data is None and settings.file is None:  # nobody's data folder: the night keeps its own
        settings = replace(settings, data_dir=products)
    pixels = replace(settings_of(observatory), has_cosmic_rays=cosmic_rays, has_previews=previews)
    if profile is None and settings.file is None:  # nobody's camera: the frames tell gain and noise
        pixels = replace(pixels, gain_e_per_adu=None, read_noise_e=None)
    has_compression = settings.preprocessing.has_compression if compress is None else compress
    pixels = replace(pixels, is_compressed=has_compression)
    if not solve:
        pixels = replace(pixels, solver="")
    with showing_bar(quiet=as_json) as show:
        report = _run(settings, pixels, raw, products, workers, show)
    if as_json:
        print_json(_as_struct(report, products))
    else:
        typer.echo(f"{report}; they are in {products}")
        for name, reason in (*report.not_made.items(), *report.rejected.items()):
            typer.echo(f"  - {name}: {reason}")
        for note in report.notes:
            typer.echo(f"  - {note}")
    return 0 if report.is_complete else _EXIT_INCOMPLETE


def _run(
    config: Config,
    settings: Settings,
    raw: Path,
    products: Path,
    workers: int | None,
    show: Callable[[str, int, int], None],
) -> Report:
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.preprocessor.night_book import NightBook
    from ctmo_indi.preprocessor.night_run import NightRun, RunParts
    from ctmo_indi.preprocessor.setting_up import database_place, executor_of, parameters_of
    from ctmo_indi.store.database import open_database
    from ctmo_indi.store.intake import Writer

    clock = SystemClock()
    parameters = parameters_of(settings)
    with ExitStack() as stack:
        database = open_database("preprocessor", database_place(config))
        stack.callback(database.close)
        writer = Writer(database)
        stack.callback(writer.close)
        executor = executor_of(config, workers)
        stack.callback(executor.close)
        executor.start()
        parts = RunParts(
            executor=executor,
            book=NightBook(database, writer, clock, parameters),
            settings=settings,
            parameters=parameters,
            tell=lambda progress: show(progress.stage, progress.done, progress.total),
        )
        return NightRun(raw, products, parts).run()


def _as_struct(report: Report, products: Path) -> dict[str, object]:
    return {
        "Night": report.night,
        "Folder": str(report.folder),
        "Products": str(products),
        "Made": [path.name for path in report.made],
        "Found": [path.name for path in report.found],
        "Not Made": dict(report.not_made),
        "Rejected": dict(report.rejected),
        "Notes": list(report.notes),
    }
