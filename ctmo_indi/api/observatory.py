"""A whole site for people who write Python: every service its configuration names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ctmo_indi import config as config_file
from ctmo_indi.api.command import Command
from ctmo_indi.api.desk import FrontDesk, login_name
from ctmo_indi.api.stopping import is_stopped, stop_by_all
from ctmo_indi.api.values import instant_text, night_text, number_in, place_icrs
from ctmo_indi.api.views import FrameView, NightReport, ObservatoryView, VerdictView
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_own_desk, own_token
from ctmo_indi.errors import BadOrder, ServiceUnreachable
from ctmo_indi.running_config import find_config

if TYPE_CHECKING:
    from ctmo_indi.api.values import Instant, Night, Number, Place

SERVICES = ("scheduler", "telescope", "dome", "preprocessor", "safety")
_REPORT_S = 60.0  # of a long night with many orders


class Observatory:
    """All services of a site. A context manager; thread-safe; every call blocks its thread.

    Nothing is connected before it is asked for, and leaving the ``with`` disconnects without
    moving anything: :meth:`close` closes the dome.

    Every limit, interlock, lock and latch holds for what is commanded here, as for any sender. A
    command that is refused at once is a DeskFault with the reason; one that fails on its way is
    :class:`~ctmo_indi.api.command.NotDone`, raised by the ``wait`` of what it returned.

    Parameters
    ----------
    config
        A configuration file, or what was read from one. None: the configuration that ``ctmo-indi``
        itself would read, that is ``/etc/ctmo/ctmo.conf.yaml`` or, where there is none, that of the
        manager which runs on ``./ctmo-data``.
    user
        Whose hand it is, for locks and the log; the login name when None and there is no token.
    timeout_s
        Machine seconds for an answer.

    Examples
    --------
    >>> from ctmo_indi import Observatory
    >>> with Observatory.connect() as site:
    ...     print(site.verdict.level)
    ...     with site.lock("eyepiece night"):
    ...         _ = site.open().wait(timeout_s=240)
    ...         print(site.state.state)
    ...         _ = site.close().wait(timeout_s=240)
    ...     print(site.state.state)
    SAFE
    OPEN
    CLOSED
    """

    def __init__(
        self,
        config: Config | str | Path | None = None,
        *,
        user: str | None = None,
        timeout_s: Number = 10.0,
    ) -> None:
        if not isinstance(config, Config):
            given = None if config is None else Path(config)
            config = config_file.load(find_config(given, None))
        self.config = config
        self._user = user or (login_name() if own_token(config) is None else None)
        self._timeout_s = number_in("s", timeout_s, "timeout_s")
        self._open = ExitStack()
        self._clients: dict[str, DeskClient] = {}

    @classmethod
    def connect(
        cls, config: Config | str | Path | None = None, *, user: str | None = None
    ) -> Observatory:
        """Return the observatory once its scheduler, telescope and safety have answered.

        Raises
        ------
        ConfigError
            The configuration cannot be read; each problem with file, line and key.
        ServiceUnreachable
            One of them does not answer.
        """
        site = cls(config, user=user)
        with ExitStack() as undo:
            undo.callback(site.disconnect)
            for service in ("safety", "telescope", "scheduler"):
                site.ask(service)
            undo.pop_all()
        return site

    def __enter__(self) -> Observatory:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def disconnect(self) -> None:
        """Close the connections; nothing moves."""
        self._open.close()
        self._clients.clear()

    @property
    def desk(self) -> FrontDesk:
        """The scheduler's front desk, for orders, plan and explanations."""
        return FrontDesk(self._client("scheduler"))

    def ask(self, service: str) -> Mapping[str, object]:
        """Return the Status reply of a service as it came.

        Parameters
        ----------
        service
            "scheduler", "telescope", "dome", "preprocessor" or "safety".
        """
        return self._client(service).status()

    def _client(self, service: str) -> DeskClient:
        if service not in SERVICES:
            raise BadOrder(f"service: came {service!r:.40}, expected one of {', '.join(SERVICES)}")
        if service not in self._clients:
            client = open_own_desk(self.config, service, timeout_s=self._timeout_s, user=self._user)
            self._open.callback(client.close)
            self._clients[service] = client
        return self._clients[service]

    # What is

    @property
    def state(self) -> ObservatoryView:
        """Dome, mount and camera as the telescope service sees them now."""
        return ObservatoryView.from_wire(self.ask("telescope"))

    @property
    def verdict(self) -> VerdictView:
        """What safety says now, with lock and stop."""
        return VerdictView.from_wire(self.ask("safety"))

    def frames(self, night: Night | None = None, limit: int = 100) -> tuple[FrameView, ...]:
        """Return the raw frames of a night as they were seen at a quick look, newest first.

        Parameters
        ----------
        night
            The evening's date: YYYYMMDD or a date; the last night with frames when None.
        """
        order: dict[str, object] = {"WOType": "Frames", "Limit": limit, **_night(night)}
        reply = self._client("scheduler").front_desk(order)
        return tuple(map(FrameView.from_wire, reply["Frames"]))

    def report(self, night: Night | None = None) -> NightReport:
        """Return the report of a night; of the last one that is over when ``night`` is None."""
        with open_own_desk(self.config, "scheduler", timeout_s=_REPORT_S, user=self._user) as desk:
            return NightReport.from_wire(desk.front_desk({"WOType": "Report", **_night(night)}))

    # What is done by hand

    def slew(self, target: Place) -> Command:
        """Point the mount there, and track.

        Parameters
        ----------
        target
            SkyCoord of any frame, or a pair (RA, Dec), ICRS, as of ``FrontDesk.observe``.
        """
        return self._control("slew", **place_icrs(target).to_wire())

    def open(self) -> Command:
        """Open for the night; refused unless safety says SAFE."""
        return self._control("open")

    def close(self) -> Command:
        """Stop, park and close, in that order."""
        return self._control("close")

    def park(self) -> Command:
        """Park the mount."""
        return self._control("park")

    def unpark(self) -> Command:
        """Unpark the mount."""
        return self._control("unpark")

    def select_filter(self, name: str) -> Command:
        """Turn the filter wheel; ``name`` as the profile has it."""
        return self._control("filter", Filter=name)

    def abort(self) -> Command:
        """End motion and exposure now, without a latch: what comes next may move again."""
        return self._control("abort")

    def _control(self, name: str, **keys: object) -> Command:
        client = self._client("telescope")
        reply = client.front_desk({"WOType": "Control", "Command": name, **keys})
        return Command(name, client, reply)

    def stop(self, reason: str = "stopped from Python") -> dict[str, str]:
        """Stop everything by whatever still works; nothing moves again before :meth:`release`.

        Safety, telescope and scheduler are asked at the same time, INDI itself when they are
        silent for a second. What of it succeeded is told by name.

        Raises
        ------
        ServiceUnreachable
            Nobody confirmed it. Go and look.
        """
        answers = stop_by_all(self.config, user=self._user, reason=reason)
        if not is_stopped(answers):
            told = "; ".join(f"{name}: {answer}" for name, answer in answers.items())
            raise ServiceUnreachable(f"nobody confirmed the stop: {told}")
        return answers

    def release(self) -> None:
        """End a stop, or a takeover by another INDI client: things may move again."""
        order = {"WOType": "Control", "Command": "release"}
        try:  # the telescope, which knows of takeovers, passes it on to safety
            self._client("telescope").front_desk(order)
        except ServiceUnreachable:
            self._client("safety").front_desk(order)

    @contextmanager
    def lock(
        self,
        reason: str,
        *,
        kind: str = "observer",
        expires: Instant | datetime | None = None,
    ) -> Iterator[VerdictView]:
        """Hold the observatory inside the ``with``: only this user's hand moves anything.

        Parameters
        ----------
        kind
            "observer": the manager keeps off, safety still closes. "maintenance": nothing moves.
        expires
            When the lock ends by itself, should this program die; until unlocked when None.
        """
        safety = self._client("safety")
        order: dict[str, object] = {
            "WOType": "Control", "Command": "lock", "Kind": kind, "Reason": reason,
        }  # fmt: skip
        if expires is not None:
            order["Expires"] = instant_text(expires, "expires")
        safety.front_desk(order)
        try:
            yield self.verdict
        finally:
            safety.front_desk({"WOType": "Control", "Command": "unlock"})


def _night(night: Night | None) -> dict[str, object]:
    return {} if night is None else {"Night": night_text(night)}
