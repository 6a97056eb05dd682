"""``ctmo-indi simulate``: nights on the models alone, tens of thousands of times real time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli.options import ConfigOption, JsonOption, ProfileOption, load_config
from ctmo_indi.cli.output import print_json, print_table
from ctmo_indi.running_config import DEFAULT_DATA

if TYPE_CHECKING:
    from ctmo_indi.profiles import Profile
    from ctmo_indi.scheduling.driver import Driver
    from ctmo_indi.scheduling.models import Models
    from ctmo_indi.scheduling.night_simulation import SimulatedNight

_MOST_NIGHTS_SHOWN = 31


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(simulate)


def simulate(
    nights: Annotated[int, typer.Option("--nights", help="How many nights.", min=1)] = 1,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--start",
            help="Evening of the first night, the site's date; default: the coming one.",
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
        ),
    ] = None,
    orders: Annotated[
        int, typer.Option("--orders", help="Orders drawn by lot, each night.", min=0)
    ] = 300,
    orders_file: Annotated[
        Path | None,
        typer.Option(
            "--orders-file",
            help="Observation orders in YAML or JSON instead; they wait until they are observed.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    driver: Annotated[
        str | None,
        typer.Option("--driver", help="Scheduling driver; default: plan.", show_default=False),
    ] = None,
    configuration: Annotated[
        str | None,
        typer.Option(
            "--configuration",
            help="Scheduler configuration whose driver is taken.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    weather: Annotated[
        float, typer.Option("--weather", help="Part of the hours that is closed.", min=0, max=1)
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of orders and weather.", min=0)] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="SQLite file for the visits; an older one is replaced. Default: in ./ctmo-data.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Simulate nights without any device, and write every visit to a database."""
    from ctmo_indi import profiles
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.scheduler.models_of_site import models_of_site
    from ctmo_indi.scheduling.night_simulation import NightSimulation, summary
    from ctmo_indi.scheduling.simulated_orders import DrawnOrders, OrdersOfFile

    clock = SystemClock()
    site = profiles.load(profile or load_config(config, None).profile)
    models = models_of_site(site)
    simulation = NightSimulation(
        _driver(models, driver, configuration),
        models,
        site.site,
        OrdersOfFile(orders_file, site) if orders_file else DrawnOrders(site, orders, seed),
        weather=weather,
        seed=seed,
    )
    first = start or _evening(site, clock.utc())
    path = output or DEFAULT_DATA / "simulations" / f"{first:%Y%m%d}-{nights}-nights.sqlite3"
    begin_s = clock.machine_s()
    coming = simulation.nights(first.date(), nights)
    done = _written(path, _told(coming, nights, quiet=as_json), site)
    took_s = clock.machine_s() - begin_s
    dark_s = sum(night.length_s for night in done)
    figures = {**summary(done), "Took (s)": round(took_s, 3), "Speed": round(dark_s / took_s)}
    if as_json:
        rows = [dict(zip(_COLUMNS, _row(night), strict=True)) for night in done]
        print_json({"File": str(path), "Summary": figures, "Nights": rows})
    else:
        _print(path, done, figures)
    return 0


def _driver(models: Models, name: str | None, configuration: str | None) -> Driver:
    """Return the driver that is asked for, configured and started cold."""
    from ctmo_indi.errors import ConfigError
    from ctmo_indi.scheduler import configuration as configurations
    from ctmo_indi.scheduling import registry

    if configuration is None:
        default = configurations.SchedulerCscParameters().driver_type
        made = registry.driver_class(name or default)(models)
        made.configure_scheduler({})
    else:
        read = configurations.load(configuration)
        if name is None and read.parameters.mode is configurations.SchedulerModes.DRY:
            raise ConfigError(
                read.lines.problem(
                    ("mode",),
                    "came 'DRY', which has no driver to simulate; expected ADVANCE or "
                    "SIMPLE, or --driver NAME",
                )
            )
        made = registry.driver_class(name or read.parameters.driver_type)(models)
        configurations.configure_driver(made, read)
    made.cold_start()
    return made


def _evening(profile: Profile, utc: datetime) -> datetime:
    """Return the date of the coming night, at the site."""
    from ctmo_indi.models.nights import night_of

    return datetime.strptime(night_of(profile.site, utc), "%Y%m%d")  # noqa: DTZ007 - a date only


def _written(
    path: Path, nights: Iterable[SimulatedNight], profile: Profile
) -> list[SimulatedNight]:
    """Write night after night beside ``path``; it takes the place of an older file at the end."""
    from ctmo_indi.errors import StoreUnavailable
    from ctmo_indi.models.coordinates import mjd
    from ctmo_indi.scheduling.schema_converter import SchemaConverter
    from ctmo_indi.store import simulated_nights

    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        converter = SchemaConverter(profile.site)
        done = []
        for night in nights:
            converter.write_visits(part, night.visits)
            simulated_nights.append(
                part,
                [
                    {
                        "night": night.number,
                        "label": night.night.label,
                        "evening_mjd": float(mjd(night.night.evening)),
                        "morning_mjd": float(mjd(night.night.morning)),
                        "visits": len(night.targets),
                        "orders": night.waiting,
                        "completed": night.completed,
                        "exposing_s": night.exposing_s,
                        "slewing_s": night.slewing_s,
                        "idle_s": night.idle_s,
                        "weather_s": night.weather_s,
                    }
                ],
            )
            done.append(night)
        part.replace(path)
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return done


def _told(nights: Iterator[SimulatedNight], count: int, *, quiet: bool) -> Iterator[SimulatedNight]:
    """Show a bar on the terminal (stderr) while the nights go by."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield from nights
        return
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(nights, "nights", count, console=console, transient=True)


_COLUMNS = (
    "Night",
    "Dark (h)",
    "Orders",
    "Completed",
    "Visits",
    "Open Shutter (%)",
    "Idle (%)",
    "Weather (%)",
    "Mean Slew (s)",
)


def _row(night: SimulatedNight) -> list[object]:
    from ctmo_indi.scheduling.night_simulation import summary

    figures = {**summary([night]), "Night": night.night.label}
    return [figures[column] for column in _COLUMNS]


def _print(path: Path, nights: Sequence[SimulatedNight], figures: dict[str, float | int]) -> None:
    if len(nights) <= _MOST_NIGHTS_SHOWN:
        print_table(_COLUMNS, [_row(night) for night in nights])
    print_table(("Together", ""), list(figures.items()))
    typer.echo(f"{figures['Speed']:,} times real time; visits in {path}")
