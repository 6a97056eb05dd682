"""Look at the installation: check files and devices, print service units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli import words
from ctmo_indi.cli.options import ConfigOption, DataOption, JsonOption, ProfileOption
from ctmo_indi.cli.output import print_json
from ctmo_indi.running_config import find_config

if TYPE_CHECKING:
    from ctmo_indi.config import Config
    from ctmo_indi.profiles import Profile

_SERVICES = ("scheduler", "telescope", "dome", "preprocessor", "safety")
_WORDS = {True: "ok", False: "WRONG"}
_KEYS = ("what", "ok", "detail", "warning")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(check)
    app.command()(units)


def check(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    data: DataOption = None,
    devices: Annotated[
        bool, typer.Option("--devices", help="Also look for each device on the INDI server.")
    ] = False,
    notify: Annotated[
        bool, typer.Option("--notify", help="Also send a trial notice to everybody in Notify.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is right and wrong here.

    Looks at configuration, profile, device files, contract, the scheduler's configuration and its
    driver, data folder, access, services and, where configured, the Tango devices; warns of what
    KStars on this machine could do.
    """
    from ctmo_indi import daemon
    from ctmo_indi.cli import kstars_traps, tango_check

    settings, observatory = daemon.load(find_config(config, data), profile, data)
    held: list[str] = []
    rows = [
        ("configuration", True, str(settings.file or "defaults")),
        ("profile", True, f"{observatory.name}: {observatory.site.name}"),
        *_check_devices(observatory),
        *_check_closing(observatory),
        _check_contract(observatory),
        *_check_scheduler(settings, observatory),
        _check_data_folder(settings.data_dir),
        *_check_access(settings),
        *_check_secrecy(settings),
        *_check_services(settings, held),
        *tango_check.look(settings.tango),
    ]
    if devices:
        rows += _check_indi(settings, observatory)
    if notify:
        rows.append(_check_notices(settings, observatory))
    warnings = [("weather", text) for text in _check_opening(observatory)]
    warnings += [("takeover", text) for text in held]
    warnings += [("KStars", text) for text in kstars_traps.look(settings, observatory)]
    if as_json:
        told = [(what, good, detail, False) for what, good, detail in rows]
        told += [(what, True, detail, True) for what, detail in warnings]
        print_json([dict(zip(_KEYS, row, strict=True)) for row in told])
    else:
        for what, good, detail in rows:
            typer.echo(f"{_WORDS[good]:6} {what:28} {detail}")
        for what, detail in warnings:
            typer.echo(f"beware {what:28} {detail}")
    if not all(good for _, good, _ in rows):
        raise typer.Exit(5)


def _check_devices(observatory: Profile) -> list[tuple[str, bool, str]]:
    import shutil

    from ctmo_indi.devices import description as descriptions

    rows = []
    for role, equipment in observatory.equipment.items():
        description = descriptions.load(equipment.description)
        there = (
            not observatory.indiserver.start or shutil.which(description.driver or "") is not None
        )
        named = equipment.device or description.device
        detail = f"{named} ({description.driver or description.name})"
        rows.append(
            (f"device {role.value}", there, detail if there else f"{detail} is not installed")
        )
    return rows


def _check_closing(observatory: Profile) -> list[tuple[str, bool, str]]:
    """Devices and safety policy together: told only when the shutter would never close."""
    from ctmo_indi.devices.closable import require_closable
    from ctmo_indi.errors import ConfigError

    try:
        require_closable(observatory)
    except ConfigError as error:
        return [("closing", False, str(error))]
    return []


def _check_opening(observatory: Profile) -> list[str]:
    """Say that the dome will never open: right for a site that is still being set up."""
    from ctmo_indi.profiles import Role

    if not observatory.safety.weather_required or Role.WEATHER in observatory.equipment:
        return []
    return [
        f"{observatory.file or observatory.name} has no weather station, so it is never SAFE and "
        "nothing ever opens: name one under equipment.weather, or say safety: {weather_required: "
        "false} where somebody else judges the weather"
    ]


def _check_contract(observatory: Profile) -> tuple[str, bool, str]:
    from ctmo_indi.work_orders.contract import Contract

    Contract.load(observatory)
    return ("wire contract", True, "schemas compile")


def _check_scheduler(settings: Config, observatory: Profile) -> list[tuple[str, bool, str]]:
    """Both steps of the scheduler's configuration: its own keys, then its driver's."""
    from ctmo_indi.scheduler import configuration

    name = settings.scheduler_configuration
    problems = configuration.check(name, observatory)
    what = "scheduler configuration"
    if problems:
        return [(what, False, problem) for problem in problems]
    return [(what, True, name), *_check_blocks(configuration.load(name).blocks_folder)]


def _check_blocks(folder: Path | None) -> list[tuple[str, bool, str]]:
    """Observing blocks, ours and those of the site's folder, script by script."""
    from ctmo_indi.errors import ConfigError
    from ctmo_indi.script_queue.block_library import BlockLibrary
    from ctmo_indi.script_queue.registry import ScriptRegistry

    what = "observing blocks"
    try:
        library = BlockLibrary.load(folder, ScriptRegistry.load())
    except ConfigError as error:
        return [(what, False, problem) for problem in error.problems]
    wrong = [
        (what, False, f"{block.name}: {step}: {text}")
        for block in library.blocks
        for step, texts in library.invalid(block.name).items()
        for text in texts
    ]
    return wrong or [(what, True, ", ".join(library.valid_names))]


def _check_data_folder(folder: Path) -> tuple[str, bool, str]:
    import os

    nearest = next((p for p in (folder, *folder.resolve().parents) if p.exists()), Path("/"))
    good = os.access(nearest, os.W_OK)
    return ("data folder", good, f"{folder}" if good else f"{folder}: {nearest} is not writable")


def _check_access(settings: Config) -> list[tuple[str, bool, str]]:
    """Tokens, TLS and what addresses on the network need."""
    from ctmo_indi.front_desk.opening import INSECURE, access_problems
    from ctmo_indi.tokens import read_tokens

    addresses = {name: getattr(settings, name) for name in _SERVICES}
    problems = access_problems(settings, addresses)
    if not settings.access.is_network_insecure:
        problems += _bare_tokens(settings)
    if problems:
        return [("access", False, problem) for problem in problems]
    if settings.access.is_network_insecure:
        return [("access", True, INSECURE)]
    count = len(read_tokens(settings.access.tokens))
    role = "operate" if settings.anonymous_may_operate else "read"
    tls = "TLS on the network" if settings.access.has_tls else "this machine only"
    return [("access", True, f"{tls}; {count} tokens; without one on this machine: {role}")]


def _bare_tokens(settings: Config) -> list[str]:
    """Name the keys by which the services' token, or a person's, would go unencrypted."""
    import os

    from ctmo_indi.desk_client.credentials import FILE_VARIABLE, TOKEN_VARIABLE, bare_token

    token = settings.access.client_token_file
    if token is not None:
        whose = f"Access: Client Token File is {token}"
    elif os.environ.get(TOKEN_VARIABLE) or os.environ.get(FILE_VARIABLE):
        whose = "a token is in the environment"
    else:
        return []
    found = [bare_token(settings, service) for service in _SERVICES]
    return [f"{problem}; {whose}" for problem in found if problem]


def _check_secrecy(settings: Config) -> list[tuple[str, bool, str]]:
    """Addresses of Notify, which hold passwords, in a file that every user here can read."""
    notify = settings.notify
    if notify is None:
        return []
    holders = [settings.file if notify.urls else None, notify.file]
    return [
        ("secrecy", False, f"{file} holds passwords, and others can read it: chmod o-r, or Notify: "
         "{File: ...} with a file of its own")
        for file in holders
        if file is not None and file.is_file() and file.stat().st_mode & 0o004
    ]  # fmt: skip


def _check_services(settings: Config, held: list[str]) -> list[tuple[str, bool, str]]:
    """Ask each service; one that another INDI client took over is noted in ``held``."""
    from ctmo_indi.cli.options import client
    from ctmo_indi.errors import ConfigError, CtmoError, ServiceUnreachable

    rows = []
    for name in _SERVICES:
        address = getattr(settings, name).http
        try:
            with client(settings, name, timeout_s=2.0) as desk:
                status = desk.front_desk({"WOType": "Status", "User": "check"})
        except ServiceUnreachable:
            rows.append((f"service {name}", True, f"{address} is not running"))
        except ConfigError as error:
            rows.append((f"service {name}", False, f"not asked: {error}"))
        except CtmoError as error:
            rows.append((f"service {name}", True, f"{address} answers: {error}"))
        else:
            rows.append((f"service {name}", True, f"{address} answers"))
            if name == "telescope" and status.get("Held"):
                held.append(f"{status['Held']}: ctmo-indi release gives it back")
    return rows


def _check_notices(settings: Config, observatory: Profile) -> tuple[str, bool, str]:
    from ctmo_indi.errors import ConfigError
    from ctmo_indi.safety.notices import Notice, apprise_sender

    what = "notices"
    if settings.notify is None:
        return (what, False, "the configuration has no key Notify")
    try:
        addresses = settings.notify.addresses()
        send = apprise_sender(addresses)
    except ConfigError as error:
        return (what, False, str(error))
    title = f"{observatory.site.name}: trial"
    if send(Notice("trial", title, "A trial notice of ctmo-indi check --notify.", is_urgent=False)):
        return (what, True, f"sent to {len(addresses)}")
    return (what, False, f"not taken by every one of {len(addresses)}")


def _check_indi(settings: Config, observatory: Profile) -> list[tuple[str, bool, str]]:
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.devices.stopping import look_for_devices

    return look_for_devices(observatory, settings.indi, SystemClock())


def units(
    folder: Annotated[
        Path | None, typer.Option("--write", help="Write them into this folder.", metavar="DIR")
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            help="systemd or launchd; default: this machine's.",
            autocompletion=words.offering("systemd", "launchd"),
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the service units for this installation."""
    import sys

    from ctmo_indi import units as unit_files

    chosen = system or ("launchd" if sys.platform == "darwin" else "systemd")
    rendered = unit_files.render_all(chosen, program=Path(sys.argv[0]).resolve())
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in rendered.items():
            (folder / name).write_text(text)
    if as_json:
        print_json(rendered)
        return
    for name, text in rendered.items():
        typer.echo(str(folder / name) if folder is not None else f"# {name}\n{text}")
