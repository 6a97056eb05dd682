"""Run services: serve one, or up with all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli import words
from ctmo_indi.cli.options import ConfigOption, DataOption, ProfileOption
from ctmo_indi.running_config import DEFAULT_DATA

if TYPE_CHECKING:
    from ctmo_indi.clock import Clock
    from ctmo_indi.config import Config
    from ctmo_indi.profiles import Profile


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    app.command()(up)


def serve(
    name: Annotated[
        str,
        typer.Argument(
            help="scheduler, telescope, dome, safety, preprocessor or tango.",
            autocompletion=words.offering(*words.SERVICES, "tango"),
        ),
    ],
    config: ConfigOption = None,
    profile: ProfileOption = None,
    data: DataOption = None,
    parent_pid: Annotated[
        int | None, typer.Option("--parent-pid", hidden=True, help="End with this parent.")
    ] = None,
) -> None:
    """Run one service, as the system's units do."""
    from ctmo_indi import daemon

    daemon.serve(
        name, config_path=config, profile_name=profile, data_dir=data, parent_pid=parent_pid
    )


def up(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    data: DataOption = None,
    speed: Annotated[
        float, typer.Option("--speed", help="Sky seconds per second, simulators only.", min=0.1)
    ] = 1.0,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Begin observing by itself.")
    ] = True,
) -> None:
    """Run all services on this machine.

    INDI's server is run, too, when the profile says so. A fast clock goes on where it stood in the
    data folder.
    Ends with Ctrl-C, SIGTERM, or when its terminal is gone: the observatory is closed first, then
    everything stops.
    """
    from dataclasses import replace

    from ctmo_indi import daemon
    from ctmo_indi.cli import data_folder
    from ctmo_indi.devices.closable import require_closable
    from ctmo_indi.errors import ConfigError
    from ctmo_indi.scheduler import configuration

    settings, observatory = daemon.load(config, profile, data)
    require_closable(observatory)
    problems = configuration.check(settings.scheduler_configuration, observatory)
    if problems:
        raise ConfigError(problems)
    if data is None and settings.file is None:
        settings = replace(settings, data_dir=DEFAULT_DATA)
    settings = replace(settings, resume_at_start=resume)
    with data_folder.owned(settings.data_dir, "up"):
        _run_all(settings, observatory, speed)


def _run_all(settings: Config, observatory: Profile, speed: float) -> None:
    """Run all services until one of ``ctrl_c_again.stop_signals``."""
    import signal
    import threading
    from contextlib import ExitStack

    from ctmo_indi import ctrl_c_again
    from ctmo_indi.cli import kept_sky_clock
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.logs import quiet_log
    from ctmo_indi.simulator.gsc import star_catalogue
    from ctmo_indi.supervisor import Fleet, Supervisor

    folder = settings.data_dir
    quiet_log("up", folder)

    def notice(text: str) -> None:
        typer.echo(text, err=True)

    start_utc = kept_sky_clock.begin(folder, SystemClock().utc(), speed)
    if start_utc is not None:
        notice(f"the sky clock goes on where it stood here: {start_utc:%Y-%m-%d %H:%M} UTC")
    stop = threading.Event()
    for number in ctrl_c_again.stop_signals():
        signal.signal(number, lambda *_: stop.set())

    stars: Path | None = None
    if observatory.indiserver.start:
        stars = star_catalogue(folder / "run" / "gsc", notice)
    fleet = Fleet(
        settings,
        observatory,
        speed=speed,
        start_utc=start_utc,
        path_prefix=(stars,) if stars else (),
        notice=notice,
    )
    supervisor = Supervisor(fleet)

    def keep_sky() -> None:
        if fleet.is_simulated_time:
            kept_sky_clock.keep(folder, supervisor.clock.utc())

    with ExitStack() as stack:
        stack.callback(keep_sky)  # last of all: closing takes its time, too
        stack.enter_context(supervisor)
        supervisor.start()
        keep_sky()
        for name in ("scheduler", "telescope", "dome", "preprocessor", "safety"):
            typer.echo(f"{name:13} {getattr(supervisor.config, name).http}")
        if settings.tango.is_enabled:
            typer.echo(f"{'tango':13} {supervisor.config.tango.url('Scheduler')} and its like")
        if settings.resume_at_start:
            supervisor.resume_scheduler(stop)
        typer.echo(_outlook(observatory, supervisor.clock, speed))
        ask = _status_command(settings)
        typer.echo(f"Data and logs are in {folder}. In a second terminal: {ask}")
        typer.echo(f"In a browser: {supervisor.config.scheduler.http.rstrip('/')}/")
        typer.echo("Ready. Ctrl-C closes the observatory and stops everything.")
        while not stop.wait(kept_sky_clock.BEAT_S):
            keep_sky()


def _status_command(settings: Config) -> str:
    """Return what finds this fleet from the same folder; where it is by default needs no word."""
    import shlex

    from ctmo_indi.config import DEFAULT_FILE

    words = ["ctmo-indi", "status"]
    if settings.file is None and settings.data_dir != DEFAULT_DATA:
        words += ["--data", str(settings.data_dir)]
    elif settings.file not in {None, DEFAULT_FILE}:
        words += ["--config", str(settings.file)]
    return shlex.join(words)


def _outlook(observatory: Profile, clock: Clock, speed: float) -> str:
    """Say what the clock says and when it is night."""
    from ctmo_indi.models import sky

    utc = clock.utc()
    pace = f", {speed:g} times too fast" if speed != 1.0 else ""
    limit_deg = observatory.night.sun_max_altitude_deg
    bounds = sky.night_bounds(observatory.site, utc, limit_deg)
    night = "no night" if bounds is None else f"night {bounds[0]:%H:%M} to {bounds[1]:%H:%M}"
    return f"It is {utc:%Y-%m-%d %H:%M} UTC{pace}; {night} at {observatory.site.name}."
