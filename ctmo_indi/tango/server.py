"""The process of the Tango device server: ``ctmo-indi serve tango``.

Tango runs in the main thread (in another one the interpreter would hang at its end), the watches of
the services beside it. Requests are not serialised: what a command waits for keeps nobody from
pressing stop, and all that is shared is immutable.
"""

from __future__ import annotations

import faulthandler
import functools
import logging
import os
import signal
import threading
from dataclasses import replace

import tango

from ctmo_indi import logs, notify
from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.config import Config
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.desk_client.credentials import open_desk
from ctmo_indi.errors import ConfigError
from ctmo_indi.liveness import Liveness
from ctmo_indi.profiles import Profile
from ctmo_indi.service_health import Health
from ctmo_indi.tango import database
from ctmo_indi.tango.desk_calls import LONGEST_S, DeskCalls
from ctmo_indi.tango.desk_watch import DeskWatch
from ctmo_indi.tango.device_classes import Bridge, device_class
from ctmo_indi.tango.devices import devices_of
from ctmo_indi.tango.picture import Seen
from ctmo_indi.tango_settings import SERVER, TangoSettings

_log = logging.getLogger(__name__)

USER = "tango"
STOP_TIMEOUT_S = 4.0
JOIN_S = 1.5
WATCH_TIMEOUT_S = 4.0
HANGS_AFTER_S = 30.0
_LOOP_S = 0.05
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class TangoServer:
    """The devices of one site, until :meth:`stop`.

    Parameters
    ----------
    config
        Where the desks are, and the key ``Tango``.
    stop
        Ends it, also when it is set before it runs.
    """

    def __init__(
        self, config: Config, profile: Profile, clock: Clock, stop: threading.Event
    ) -> None:
        self.settings = config.tango
        self._specs = devices_of(profile)
        self._clock = clock
        self._stop = stop
        if self.settings.token_file is not None:
            access = replace(config.access, client_token_file=self.settings.token_file)
            config = replace(config, access=access)
        # With a token the desk knows our name.
        user = USER if config.access.client_token_file is None else None
        open_one = functools.partial(open_desk, config, user=user, clock=clock)
        services = {spec.service for spec in self._specs}
        asked = services | {
            name for spec in self._specs for one in spec.commands for name in one.asks
        }
        self._asking: dict[str, DeskClient] = {
            name: open_one(name, timeout_s=LONGEST_S - 0.2) for name in asked
        }
        self._watching: dict[str, DeskClient] = {
            name: open_one(name, timeout_s=WATCH_TIMEOUT_S) for name in services
        }
        self._watches: dict[str, DeskWatch] = {}
        self.bridge = Bridge(profile, clock, DeskCalls(self._asking, clock), self._seen)
        for name, desk in self._watching.items():
            self._watches[name] = DeskWatch(name, desk, clock, self.bridge.on_news)

    def _seen(self, service: str) -> Seen:
        return self._watches[service].seen

    def stop(self) -> None:
        """End :meth:`run` soon; any thread, also a signal's handler."""
        self._stop.set()

    def run(self) -> None:
        """Serve until :meth:`stop`; blocks the main thread.

        Raises
        ------
        ConfigError
            The port is taken, or there is no database where it should be.
        """
        if self.settings.database is not None:
            os.environ["TANGO_HOST"] = self.settings.database
            database.register(self.settings, [spec.name for spec in self._specs])
        threads = [
            threading.Thread(target=self._watch, args=(watch,), name=f"watch {name}", daemon=True)
            for name, watch in self._watches.items()
        ]
        notifier = notify.Notifier()
        self._take_signals()
        try:
            util = tango.Util(arguments(self.settings, [spec.name for spec in self._specs]))
            util.set_serial_model(tango.SerialModel.NO_SYNC)
            for spec in self._specs:
                made = device_class(spec, self.bridge)
                util.add_class(made.TangoClassClass, made, spec.name)
            util.server_set_event_loop(lambda: self._stop.wait(_LOOP_S))
            util.server_init()
        except (tango.DevFailed, RuntimeError) as error:  # the latter of a port that is taken
            why = error.args[0].desc if isinstance(error, tango.DevFailed) else "cannot be used"
            raise ConfigError(f"Tango: {self.settings.host}:{self.settings.port}: {why}") from error
        self._take_signals()
        for thread in threads:
            thread.start()
        notifier.ready("Tango devices are there")
        _log.info(
            "service_ready service=tango devices=%d address=%s:%d database=%s pid=%d",
            len(self._specs), self.settings.host, self.settings.port,
            self.settings.database or "none", os.getpid(),
        )  # fmt: skip
        alive = threading.Thread(target=self._live, args=(notifier,), daemon=True)
        alive.start()
        try:
            util.server_run()
        finally:
            notifier.stopping()
            self._end(threads)

    def _take_signals(self) -> None:
        """Hear SIGTERM and SIGINT ourselves, before Tango's start and after: it blocks them."""
        for number in _SIGNALS:
            signal.signal(number, lambda *_: self.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _watch(self, watch: DeskWatch) -> None:
        with tango.EnsureOmniThread():
            watch.run()

    def _live(self, notifier: notify.Notifier) -> None:
        liveness = Liveness(self.health, notifier, SystemClock())
        while not self._stop.wait(liveness.period_s):
            if not liveness.look():
                os._exit(5)  # its threads do not end; the supervisor starts it again

    def health(self) -> Health:
        """Whether every watch comes round; any thread, does not block."""
        now_s = self._clock.machine_s()
        silent = [
            name
            for name, watch in self._watches.items()
            if now_s - watch.looked_machine_s > HANGS_AFTER_S
        ]
        if silent:
            return Health(is_alive=False, status=f"{', '.join(silent)} not looked at")
        lost = [name for name, watch in self._watches.items() if watch.seen.error]
        return Health(
            is_alive=True, status=f"no answer of {', '.join(lost)}" if lost else "serving"
        )

    def _end(self, threads: list[threading.Thread]) -> None:
        for watch in self._watches.values():
            watch.stop()
        for desk in (*self._asking.values(), *self._watching.values()):
            desk.close()
        end_s = self._clock.machine_s() + JOIN_S
        for thread in threads:
            thread.join(max(0.0, end_s - self._clock.machine_s()))
        _log.info("service_stopped service=tango")


def arguments(settings: TangoSettings, classes: list[str]) -> list[str]:
    """Return the command line that Tango reads."""
    host = "" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    words = [SERVER, settings.instance]
    if settings.database is None:
        devices = ",".join(f"{name}::{settings.names[name]}" for name in classes)
        words += ["-nodb", "-dlist", devices]
    return [*words, "-ORBendPoint", f"giop:tcp:{host}:{settings.port}"]


def run(config: Config, profile: Profile, clock: Clock, stop: threading.Event) -> None:
    """Serve until SIGTERM or SIGINT; a process that hangs at its end is ended then."""
    TangoServer(config, profile, clock, stop).run()
    logs.flush()
    faulthandler.dump_traceback_later(STOP_TIMEOUT_S, exit=True)
