"""``ctmo-indi close``: close the observatory by whatever still works; the owner's last resort.

Telescope and safety are asked first, one after the other; when neither is seen to close within the
time stated, this process closes over the INDI server itself. It needs no database, no disk and no
service, and with ``--host`` no configuration either.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctmo_indi import ctrl_c_again
from ctmo_indi.cli.options import (
    ConfigOption,
    DataOption,
    JsonOption,
    ProfileOption,
    UserOption,
    client,
    load_config,
)
from ctmo_indi.cli.output import print_json
from ctmo_indi.errors import ConfigError, CtmoError, Locked, NotConnected, ServiceUnreachable

if TYPE_CHECKING:
    from ctmo_indi.config import Config
    from ctmo_indi.desk_client.client import DeskClient
    from ctmo_indi.profiles import Profile

ASK_TIMEOUT_S = 3.0
LOOK_S = 0.5
CLOSED, CLOSING = "CLOSED", "CLOSING"
_EXIT_UNREACHABLE, _EXIT_LOCKED, _EXIT_NOT_CLOSED = 3, 4, 5


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(close)


def close(
    reason: Annotated[str, typer.Option("--reason", help="For the log.")] = "close command",
    patience: Annotated[
        float,
        typer.Option("--patience", help="Seconds a service may take to begin closing.", min=0),
    ] = 10.0,
    limit: Annotated[
        float | None,
        typer.Option(
            "--limit",
            help="Seconds a service may take to close; default: the site's time limits added up.",
            min=0,
            show_default=False,
        ),
    ] = None,
    only_indi: Annotated[
        bool, typer.Option("--only-indi", help="Ask no service, talk to INDI at once.")
    ] = False,
    despite_lock: Annotated[
        bool,
        typer.Option("--despite-lock", help="Close over people under a maintenance lock, too."),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option("--host", help="INDI server, without a configuration.", show_default=False),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Its port.", min=1, max=65535)] = 7624,
    user: UserOption = "cli",
    config: ConfigOption = None,
    profile: ProfileOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close the observatory by whatever still works, and read it back.

    Asks telescope, then safety; when neither closes, does it over the INDI server by itself. Exit
    code 0 only when mount and shutter were read back as parked and closed, 3 when there is no INDI
    server, 4 under a maintenance lock, 5 when it is not closed.
    """
    told = _Told(as_json)
    site = _read_site(config, data, profile, host is not None, told)
    effort = _Effort(site, user, reason, patience, limit, told)
    with ctrl_c_again.heedless_of_hangups():  # a connection by ssh that is lost ends no closing
        try:
            if despite_lock:
                told.line("nobody is asked: a maintenance lock is overruled")
            elif effort.locked_by():
                raise Locked(effort.locked_by())  # noqa: TRY301
            is_closed = not (only_indi or despite_lock or host) and effort.by_services()
            code = 0 if is_closed else effort.by_indi(host, port)
        except Locked as error:
            told.line(f"nothing moves: {error}")
            code = _EXIT_LOCKED
    told.end(code)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class _SiteFiles:
    """Configuration and profile, as far as they can be read."""

    config: Config
    profile: Profile | None


class _Told:
    """What is said, line by line, or at the end as JSON; nobody who hears it keeps no dome open."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._lines: list[str] = []

    def line(self, text: str) -> None:
        """Say one step; where that fails, a reader gone or a disk full, it is left unsaid."""
        self._lines.append(text)
        if self._as_json:
            return
        try:
            typer.echo(text)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def end(self, code: int) -> None:
        """Say how it ended."""
        if self._as_json:
            print_json({"Closed": code == 0, "Steps": self._lines})
        elif code != 0:
            typer.echo("THE OBSERVATORY IS NOT KNOWN TO BE CLOSED: look after it.", err=True)


def _read_site(
    config: Path | None, data: Path | None, name: str | None, is_host_given: bool, told: _Told
) -> _SiteFiles:
    """Read what can be read: a broken file must not keep an observatory open."""
    from ctmo_indi import profiles
    from ctmo_indi.config import Config

    settings = Config()
    try:
        settings = load_config(config, data)
    except (ConfigError, OSError) as error:
        told.line(f"the configuration is left aside: {str(error).splitlines()[0]}")
        if name is None:
            return _SiteFiles(settings, None)
    if is_host_given and name is None and config is None and data is None:
        return _SiteFiles(settings, None)
    try:
        return _SiteFiles(settings, profiles.load(name or settings.profile))
    except (ConfigError, OSError) as error:
        told.line(f"the profile is left aside: {str(error).splitlines()[0]}")
        return _SiteFiles(settings, None)


class _Effort:
    """One way after the other."""

    def __init__(
        self,
        site: _SiteFiles,
        user: str,
        reason: str,
        patience_s: float,
        limit_s: float | None,
        told: _Told,
    ) -> None:
        from ctmo_indi.clock import SystemClock
        from ctmo_indi.safety_policy import SafetyPolicy

        self._site = site
        self._order = {
            "WOType": "Control", "User": user, "Command": "close", "Reason": reason,
        }  # fmt: skip
        self._patience_s = patience_s
        policy = site.profile.safety if site.profile is not None else SafetyPolicy()
        longest_s = policy.park_timeout_s + 3.0 * policy.shutter_timeout_s + 120.0
        self._limit_s = longest_s if limit_s is None else limit_s
        self._told = told
        self._clock = SystemClock()

    def locked_by(self) -> str:
        """Who holds a maintenance lock, as safety's file says; empty: nobody, or it is no help."""
        from ctmo_indi.devices.last_resort import maintenance_lock

        path = self._site.config.data_dir / "safety" / "holds.json"
        return maintenance_lock(path, self._clock)

    def by_services(self) -> bool:
        """Have telescope or safety close; True when one has, and was read back as closed."""
        return any(self._by_service(name) for name in ("telescope", "safety"))

    def _by_service(self, name: str) -> bool:
        from ctmo_indi.desk_client.client import DeskFault

        try:
            with client(self._site.config, name, timeout_s=ASK_TIMEOUT_S) as desk:
                desk.front_desk(self._order)
                self._told.line(f"{name}: is asked to close")
                return self._follow(name, desk)
        except ServiceUnreachable:
            self._told.line(f"{name}: does not answer")
        except DeskFault as fault:
            self._told.line(f"{name}: refused: {fault.text}")
            if fault.code == Locked.fault_code:
                raise Locked(fault.text) from fault
        except CtmoError as error:
            self._told.line(f"{name}: {error}")
        return False

    def _follow(self, name: str, desk: DeskClient) -> bool:
        """Wait until the service has closed, gives up, or does not get on."""
        begun_s = at_it_s = self._clock.machine_s()
        last, shown = "", ""
        pause = threading.Event()
        while self._clock.machine_s() - begun_s < self._limit_s:
            status = desk.front_desk({"WOType": "Status", "User": "cli"})
            state = str(status.get("Observatory") or status.get("Status"))
            if state != shown:
                self._told.line(f"{name}: {state}")
                shown = state
            if state == CLOSED:
                return True
            now_s = self._clock.machine_s()
            if state == CLOSING or _is_busy(status):
                at_it_s = now_s
            elif at_it_s != begun_s and status.get("Alarm"):
                last = str(status["Alarm"])
                break
            elif now_s - at_it_s > self._patience_s:
                last = f"has not been closing for {self._patience_s:g} s"
                break
            pause.wait(LOOK_S)
        else:
            last = f"has not closed within {self._limit_s:g} s"
        self._told.line(f"{name}: {last}")
        return False

    def by_indi(self, host: str | None, port: int) -> int:
        """Close over an own connection; return the exit code."""
        from ctmo_indi.devices.last_resort import close_by_indi
        from ctmo_indi.devices.stopping import endpoint_of
        from ctmo_indi.indi.endpoint import Endpoint
        from ctmo_indi.profiles import IndiServerSettings

        profile = self._site.profile
        settings = profile.indiserver if profile is not None else IndiServerSettings()
        endpoint = endpoint_of(self._site.config.indi, settings)
        if host is not None:
            endpoint = Endpoint(host, port, None)
        where = str(endpoint.socket or f"{endpoint.host}:{endpoint.port}")
        self._told.line(f"INDI server {where}: closing by ourselves")
        say: Callable[[str], None] = lambda text: self._told.line(f"INDI: {text}")  # noqa: E731
        try:
            report = close_by_indi(profile, endpoint, self._clock, say)
        except NotConnected as error:
            self._told.line(f"INDI server {where}: {error}")
            return _EXIT_UNREACHABLE
        except CtmoError as error:
            self._told.line(f"INDI: {error}")
            return _EXIT_NOT_CLOSED
        self._told.line(f"INDI: {report.state}, after {report.elapsed_s:.0f} s")
        return 0 if report.confirmed else _EXIT_NOT_CLOSED


def _is_busy(status: Mapping[str, object]) -> bool:
    return status.get("Closing") is True or status.get("Busy") == "closing"
