"""``ctmo-indi init``: a profile and a configuration of one's own, asked for or found on a server.

Nothing is ever overwritten without ``--force``, and nothing is written that ``ctmo-indi check``
would refuse to read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi.cli.options import JsonOption
from ctmo_indi.errors import NotConnected

if TYPE_CHECKING:
    from ctmo_indi.cli.init_answers import Answers
    from ctmo_indi.cli.init_draft import DraftDevice
    from ctmo_indi.devices.scan import Match, SeenDevice

PORT = 7624


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(init)


@dataclass(frozen=True, slots=True)
class Found:
    """What a server told; empty without one."""

    host: str = ""
    port: int = PORT
    seen: tuple[SeenDevice, ...] = ()
    matches: tuple[Match, ...] = ()


def init(
    folder: Annotated[
        Path, typer.Argument(help="Where the files go; made when it is not there.")
    ] = Path(),
    scan: Annotated[
        str | None,
        typer.Option(
            "--scan",
            help="Look at this INDI server for devices, place and optics.",
            metavar="HOST[:PORT]",
            show_default=False,
        ),
    ] = None,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect",
            help="Have the server connect its devices: some tell filters and place only then.",
        ),
    ] = False,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            help="ROLE=FILE or ROLE=FILE:NAME, such as mount=lx200gps; ROLE= leaves one out.",
            metavar="ROLE=FILE[:NAME]",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the profile.", show_default=False)
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", help="Name of the observatory.", show_default=False)
    ] = None,
    latitude: Annotated[
        str | None,
        typer.Option("--latitude", help="Degrees, or 25:59:46 N.", show_default=False),
    ] = None,
    longitude: Annotated[
        str | None,
        typer.Option("--longitude", help="Degrees, east positive, or 97:34 W.", show_default=False),
    ] = None,
    elevation: Annotated[
        str | None, typer.Option("--elevation", help="Metres above the sea.", show_default=False)
    ] = None,
    aperture: Annotated[
        str | None, typer.Option("--aperture", help="Millimetres.", show_default=False)
    ] = None,
    focal_length: Annotated[
        str | None, typer.Option("--focal-length", help="Millimetres.", show_default=False)
    ] = None,
    filters: Annotated[
        str | None,
        typer.Option(
            "--filters", help="Names of the wheel's slots in order: B,V,R.", show_default=False
        ),
    ] = None,
    no_weather: Annotated[
        bool, typer.Option("--no-weather", help="Somebody else judges the weather.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing; what is missing is an error.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a profile and a configuration of your own, asking or by looking at an INDI server."""
    from ctmo_indi.cli import init_answers
    from ctmo_indi.cli.init_draft import NAME, Draft, filters_of
    from ctmo_indi.cli.init_files import write

    asks = sys.stdin.isatty() and not no_input and not as_json
    answers = init_answers.Answers(asks)
    found = Found()
    if scan is not None:
        found = _look(scan, connects=connect)
    elif asks and not device:
        found = _look_if_there(answers, connects=connect)
    if found.seen and not as_json:
        _tell(found)
    devices = init_answers.devices(answers, found.matches, device or ())
    place = next((one.place_deg_m for one in _mount_first(found) if one.place_deg_m), None)
    optics = next((one.optics_mm for one in _mount_first(found) if one.optics_mm), None)
    site = answers.need("--site", "Name of the observatory", site, None, init_answers.line)
    draft = Draft(
        name=answers.need(
            "--name", "Name of the profile", name, init_answers.slug(site), _matching(NAME)
        ),
        site=site,
        latitude_deg=answers.need(
            "--latitude", "Latitude", latitude, _at(place, 0), init_answers.latitude
        ),
        longitude_deg=answers.need(
            "--longitude", "Longitude, east positive", longitude, _at(place, 1),
            init_answers.longitude,
        ),
        elevation_m=answers.need(
            "--elevation", "Elevation, m", elevation, _at(place, 2), init_answers.metres
        ),
        aperture_mm=answers.need(
            "--aperture", "Aperture, mm", aperture, _at(optics, 0), init_answers.millimetres
        ),
        focal_length_mm=answers.need(
            "--focal-length", "Focal length, mm", focal_length, _at(optics, 1),
            init_answers.millimetres,
        ),
        devices=devices,
        filters=filters_of(init_answers.slots(answers, filters, devices, found.seen)),
        server=_server(found, devices),
        is_weather_judged_elsewhere=no_weather,
    )  # fmt: skip
    answers.require_all()
    write(folder, draft, force=force, as_json=as_json)


def _look_if_there(answers: Answers, *, connects: bool) -> Found:
    """Ask for a server; one that does not answer is told, and the devices are asked for."""
    address = answers.text("INDI server to look at, or none", f"localhost:{PORT}", None)
    if not address:
        return Found()
    try:
        return _look(address, connects=connects)
    except NotConnected as error:
        typer.echo(f"  {error}")
        return Found()


def _look(address: str, *, connects: bool) -> Found:
    from ctmo_indi.clock import SystemClock
    from ctmo_indi.devices import scan
    from ctmo_indi.indi.endpoint import Endpoint

    host, _, port = address.rpartition(":") if ":" in address else (address, "", str(PORT))
    if not (port.isdigit() and 0 < int(port) < 65536):
        raise typer.BadParameter(f"--scan {address}: expected HOST or HOST:PORT")
    try:
        seen = scan.look(
            Endpoint(host or "localhost", int(port), None), SystemClock(), connects=connects
        )
    except NotConnected as error:
        raise NotConnected(
            f"no INDI server at {address} within {scan.LINK_MACHINE_S:g} s. Start it with the "
            "drivers of your devices, such as: indiserver -v indi_lx200gps; or name them by "
            "--device, without --scan: ctmo-indi init --help has the options"
        ) from error
    return Found(host or "localhost", int(port), seen, scan.match(seen))


def _mount_first(found: Found) -> list[SeenDevice]:
    first = {one.device for one in found.matches[:1]}
    return sorted(found.seen, key=lambda device: device.name not in first)


def _tell(found: Found) -> None:
    roles = {match.device: (match.role.value, match.description) for match in found.matches}
    typer.echo(f"{found.host}:{found.port} has {len(found.seen)} devices:")
    for device in found.seen:
        role, file = roles.get(device.name, ("of no use here", ""))
        typer.echo(f"  {device.name:28} {role:14} {file}")


def _at(values: Sequence[float] | None, index: int) -> str | None:
    return None if values is None else f"{values[index]:.6g}"


def _matching(pattern: object) -> Callable[[str], str]:
    from ctmo_indi.cli import init_answers

    return lambda text: init_answers.matching(text, pattern)


def _server(found: Found, devices: Sequence[DraftDevice]) -> dict[str, object]:
    """Return the keys of indiserver: one that runs is left to who runs it."""
    from ctmo_indi.devices import description as descriptions

    if found.host:
        return {"host": found.host, "port": found.port, "start": False}
    starts = bool(devices) and all(
        descriptions.load(device.description).driver for device in devices
    )
    return {"start": starts}
