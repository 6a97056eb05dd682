"""Start one indiserver with its drivers, watch it, restart it, end it without a trace.

For demo, tests, and profiles that say ``start: true``; a site may as well run indiserver itself.
It is not a client: what the devices do is :mod:`ctmo_indi.indi.client`'s business.

Facts behind it, measured with indiserver 1.9.9 and libfaketime 0.9.10: two servers on one host need
different ports *and* different ``-u`` names; the server gives a driver up after 10 restarts unless
``-r`` says more; under libfaketime each start of the server begins at the date in FAKETIME again,
so that date is computed anew; drivers inherit the clock, also when they are restarted.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import socket as sockets
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ctmo_indi.clock import Clock, ClockAnchor, SystemClock
from ctmo_indi.errors import ConfigError, NotConnected
from ctmo_indi.indi.child_processes import children_of
from ctmo_indi.indi.endpoint import Endpoint
from ctmo_indi.indi.server_run import ServerOptions, ServerRun, fake_time_available, has_options
from ctmo_indi.indi.sky_clock import measure_utc_offset_s

__all__ = ["IndiServer", "fake_time_available", "free_port"]

_log = logging.getLogger(__name__)

_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_S = 60.0  # a server that lived that long starts the back-off anew
_LISTEN_TIMEOUT_S = 10.0
_PORT_TRIES = 3  # a free port may be taken by somebody else before indiserver binds it


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class IndiServer:
    """One indiserver and its drivers; all methods from any thread.

    Parameters
    ----------
    drivers
        Programs found on PATH (``indi_simulator_ccd``), or absolute paths. With an option
        (``indi_simulator_telescope -n "CTMO Mount"``) they are started through the FIFO, since
        indiserver takes no driver options on its own command line.
    clock
        With ``fake_time`` the drivers live in its sky time.
    workdir
        Gets ``indiserver.log``, and ``home/.indi`` with what drivers save. Made when missing.
    port, socket
        A free port and a fresh socket name when not given; kept over restarts.
    restarts
        How often indiserver may restart a driver that died.
    path_prefix
        Folders put before PATH; the CCD simulator looks for ``gsc`` there.
    home
        HOME of the drivers, where they keep their saved configuration; ``workdir/home`` unless
        given, so that settings saved by hand elsewhere do not leak in.
    """

    def __init__(
        self,
        drivers: Sequence[str],
        *,
        clock: Clock,
        workdir: Path,
        port: int | None = None,
        socket: Path | None = None,
        fake_time: bool = False,
        restarts: int = 1000,
        path_prefix: Sequence[Path] = (),
        home: Path | None = None,
    ) -> None:
        self.log_file = workdir / "indiserver.log"
        self.starts = 0
        self._options = ServerOptions(
            drivers=tuple(drivers),
            restarts=restarts,
            path_prefix=tuple(path_prefix),
            home=workdir / "home" if home is None else home,
            log_file=self.log_file,
            fake_time=fake_time,
        )
        self._clock = clock
        self._port = port
        self._socket = socket
        self._endpoint: Endpoint | None = None
        self._folder: Path | None = None
        self._start_lag_s = 0.0
        self._run: ServerRun | None = None
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._supervisor: threading.Thread | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens; NotConnected while it was not started."""
        endpoint = self._endpoint
        if endpoint is None:
            raise NotConnected("indiserver was not started, so it has no address")
        return endpoint

    @property
    def pid(self) -> int | None:
        """Process id of indiserver itself; changes with a restart; None when not started."""
        run = self._run
        return None if run is None else run.pid

    @property
    def fifo(self) -> Path | None:
        """Its FIFO (``start DRIVER``, ``stop DRIVER``); None when not started."""
        return None if self._folder is None else self._folder / "fifo"

    @property
    def clock(self) -> Clock:
        """The clock the drivers' one is derived from at each start."""
        return self._clock

    def start(self, timeout_s: float = _LISTEN_TIMEOUT_S) -> None:
        """Start it and wait until it accepts a connection.

        Parameters
        ----------
        timeout_s
            Machine seconds.

        Raises
        ------
        ConfigError
            indiserver, a driver or libfaketime is not installed; nothing was started.
        NotConnected
            It ended at once or did not listen in time; the message quotes its log.
        """
        with self._lock:
            if self.is_alive():
                return
            self._end_run(2.0)  # what a crash left
            self._stopping.clear()
            self._options.check_programs()
            for tries_left in reversed(range(1 if self._port is not None else _PORT_TRIES)):
                self._choose_address()
                try:
                    self._start_once(timeout_s)
                except NotConnected:
                    self._end_run(2.0)
                    self._give_address_up()
                    if not tries_left:
                        raise
                else:
                    return

    def supervise(self, on_restart: Callable[[], None] | None = None) -> None:
        """Watch it from a thread and start it again, with back-off, whenever it ends.

        Parameters
        ----------
        on_restart
            Called in that thread after each restart that succeeded.
        """
        with self._lock:
            if self._supervisor is not None and self._supervisor.is_alive():
                return
            self._supervisor = threading.Thread(
                target=self._watch, args=(on_restart,), name="indiserver-supervisor", daemon=True
            )
            self._supervisor.start()

    def is_alive(self) -> bool:
        """Whether indiserver runs."""
        run = self._run
        return run is not None and run.is_alive()

    def kill(self) -> None:
        """End indiserver with SIGKILL, as a crash would; for tests. Does not block."""
        run = self._run
        if run is not None:
            run.kill()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End indiserver and all drivers and remove what they left; blocks until it is done.

        Parameters
        ----------
        timeout_s
            Machine seconds after which whatever still runs is ended with SIGKILL.
        """
        self._stopping.set()
        supervisor = self._supervisor
        with self._lock:
            self._end_run(timeout_s)
            self._give_address_up()
        if supervisor is not None and supervisor is not threading.current_thread():
            supervisor.join(timeout_s)

    def driver_pids(self) -> dict[str, int]:
        """Name of each driver as given to the constructor -> its process id, of those that run."""
        pid = self.pid
        if pid is None or not self.is_alive():
            return {}
        given = {_program_and_name(text): text for text in self._options.drivers}
        found: dict[str, int] = {}
        for child in children_of(pid):
            # A driver that is a script has its interpreter in front.
            programs = [Path(word).name for word in child.argv[:2]]
            if not programs:  # it has ended, and nobody has taken its exit code yet
                continue
            keys = [
                (program, name)
                for name in (child.environment.get("INDIDEV"), None)
                for program in programs
            ]
            known = next((given[key] for key in keys if key in given), None)
            found[known or programs[0]] = child.pid
        return found

    def start_driver(self, driver: str) -> None:
        """Start one more driver through the FIFO; it is not started again after a server restart.

        Raises
        ------
        NotConnected
            The server does not run.
        """
        self._write_fifo(f"start {driver}")

    def stop_driver(self, driver: str) -> None:
        """End one driver through the FIFO; NotConnected as above."""
        self._write_fifo(f"stop {driver}")

    def measure_utc_offset_s(self, timeout_s: float = 10.0) -> float:
        """Measure how far the drivers' clock is ahead of :attr:`clock`, sky seconds; blocks.

        To correct our clock by it use :meth:`calibrate`.

        Parameters
        ----------
        timeout_s
            Machine seconds.

        Raises
        ------
        NotConnected
            No connection, or no driver sent a time in time.
        """
        return measure_utc_offset_s(self.endpoint, self._clock, timeout_s)

    def calibrate(self, timeout_s: float = 10.0) -> SystemClock:
        """Measure the drivers' clock and return ours, corrected to agree with it; blocks.

        From then on it is also :attr:`clock`, and restarts begin so much earlier that the drivers
        agree with it again. Hand its anchor to every process. Parameters and errors as
        :meth:`measure_utc_offset_s`.
        """
        offset_s = self.measure_utc_offset_s(timeout_s)
        with self._lock:
            clock = self._clock
            utc_s = clock.utc().timestamp() + offset_s
            corrected = SystemClock(ClockAnchor(clock.machine_s(), utc_s, clock.speed))
            self._start_lag_s -= offset_s / clock.speed
            self._clock = corrected
        _log.info("indiserver clock calibrated offset_s=%.3f", offset_s)
        return corrected

    def _choose_address(self) -> None:
        if self._endpoint is not None:
            return
        # Short, since a socket's name has 107 characters at most; tests have deep folders.
        self._folder = Path(tempfile.mkdtemp(prefix="ctmo-indi-", dir="/tmp"))
        os.mkfifo(self._folder / "fifo", 0o600)
        port = free_port() if self._port is None else self._port
        self._endpoint = Endpoint("127.0.0.1", port, self._socket or self._folder / "socket")

    def _give_address_up(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._endpoint = None

    def _start_once(self, timeout_s: float) -> None:
        if self._folder is None:
            raise NotConnected("indiserver was not started, so it cannot be started again")
        command = self._options.command(self.endpoint, self._folder / "fifo")
        run = ServerRun(command, self._folder, self._options, self._clock, self._start_lag_s)
        self._run = run
        run.wait_listening(self.endpoint, timeout_s)
        for text in self._options.drivers:
            if has_options(text):
                self._write_fifo(f"start {text}")
        self.starts += 1
        _log.info("indiserver started pid=%d port=%d", run.pid, self.endpoint.port)

    def _end_run(self, timeout_s: float) -> None:
        if self._run is not None:
            self._run.end(timeout_s)
            self._run = None

    def _write_fifo(self, line: str) -> None:
        fifo = self.fifo
        if fifo is None or not self.is_alive():
            raise NotConnected(f"indiserver does not run, so it cannot {line!r}")
        try:
            handle = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise NotConnected(f"indiserver does not read its FIFO, so no {line!r}") from error
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)

    def _watch(self, on_restart: Callable[[], None] | None) -> None:
        failures = 0
        while not self._stopping.is_set():
            run = self._run
            if run is not None:
                run.wait()
                if self._clock.machine_s() - run.started_machine_s > _STEADY_S:
                    failures = 0
            pause_s = _BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]
            if self._stopping.is_set():
                return
            _log.warning("indiserver ended starts=%d restart_in_s=%g", self.starts, pause_s)
            failures += 1
            if self._stopping.wait(pause_s):
                return
            try:
                self._restart()
            except (NotConnected, ConfigError, OSError) as error:
                _log.error("indiserver restart failed reason=%s", error)
                continue
            if on_restart is not None and not self._stopping.is_set():
                on_restart()

    def _restart(self) -> None:
        with self._lock:
            if not self._stopping.is_set():
                self._end_run(2.0)
                self._start_once(_LISTEN_TIMEOUT_S)


def _program_and_name(driver: str) -> tuple[str, str | None]:
    words = shlex.split(driver)
    name = words[words.index("-n") + 1] if "-n" in words[:-1] else None
    return Path(words[0]).name, name
