"""One run of indiserver, from its start to its end, through the launcher.

:class:`~ctmo_indi.indi.indiserver.IndiServer` makes one for each (re)start and keeps the address.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import ConfigError, NotConnected
from ctmo_indi.indi import indiserver_launcher
from ctmo_indi.indi.endpoint import Endpoint

_FAKETIME_PLACES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
    "/opt/homebrew/lib/faketime/libfaketimeMT.1.dylib",
    "/usr/local/lib/faketime/libfaketimeMT.1.dylib",
)
_LOG_LIMIT_BYTES = 10_000_000
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)


def fake_time_available() -> Path | None:
    """Return libfaketime's multi-threaded library, None when it is not installed."""
    for pattern in _FAKETIME_PLACES:
        found = sorted(Path("/").glob(pattern.lstrip("/")))
        if found:
            return found[0]
    return None


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What every run of one server has in common; see :class:`IndiServer` for the meaning."""

    drivers: tuple[str, ...]
    restarts: int
    path_prefix: tuple[Path, ...]
    home: Path
    log_file: Path
    fake_time: bool

    def environment(self) -> dict[str, str]:
        """Return the environment of launcher, server and drivers, without the fast clock."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("FAKETIME")}
        places = [str(place) for place in self.path_prefix]
        kept["PATH"] = os.pathsep.join([*places, kept.get("PATH", os.defpath)])
        kept["HOME"] = str(self.home)
        kept["TZ"] = "UTC"  # libfaketime reads its date as local time
        for name in ("INDIDEV", "INDICONFIG"):  # would rename or configure every driver
            kept.pop(name, None)
        return kept

    def check_programs(self) -> None:
        """Raise ConfigError, naming all of them, when programs are not installed."""
        path = self.environment()["PATH"]
        problems = []
        if shutil.which("indiserver", path=path) is None:
            problems.append("indiserver is not on PATH: install the Debian package indi-bin")
        for text in self.drivers:
            program = shlex.split(text)[0]
            if "@" not in program and shutil.which(program, path=path) is None:
                problems.append(f"driver {program} is not on PATH: install the package it is in")
        if self.fake_time and fake_time_available() is None:
            problems.append(
                "a fast clock needs libfaketime: install the Debian package libfaketime"
            )
        if problems:
            raise ConfigError(problems)

    def command(self, endpoint: Endpoint, fifo: Path) -> list[str]:
        """Return the command line of indiserver; drivers with options come by the FIFO later."""
        program = shutil.which("indiserver", path=self.environment()["PATH"])
        return [
            str(program),
            *("-p", str(endpoint.port), "-u", str(endpoint.socket), "-r", str(self.restarts)),
            *("-f", str(fifo)),
            *(text for text in self.drivers if not has_options(text)),
        ]


def has_options(driver: str) -> bool:
    """Whether that driver can only be started through the FIFO."""
    return len(shlex.split(driver)) > 1


class ServerRun:
    """A started indiserver; it need not listen yet.

    Parameters
    ----------
    command
        From :meth:`ServerOptions.command`.
    folder
        Holds FIFO and socket, nothing else; the launcher removes it when this process is gone.
    clock, start_lag_s
        With ``fake_time`` the drivers' clock starts at ``clock.utc()`` plus that many machine
        seconds, which pass between computing the date and the drivers' first look at it.

    Raises
    ------
    NotConnected
        It could not be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        options: ServerOptions,
        clock: Clock,
        start_lag_s: float,
    ) -> None:
        self.started_machine_s = clock.machine_s()
        self._clock = clock
        self._log_file = options.log_file
        options.home.mkdir(parents=True, exist_ok=True)
        if self._log_file.is_file() and self._log_file.stat().st_size > _LOG_LIMIT_BYTES:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        self._log_start = self._log_file.stat().st_size if self._log_file.is_file() else 0
        spec: dict[str, object] = {"argv": list(command), "log": str(self._log_file)}
        spec["folder"] = str(folder)
        spec["preload"] = spec["fake_time"] = None
        if options.fake_time:
            utc_s = clock.utc().timestamp() + start_lag_s * clock.speed
            spec["fake_time"] = (clock.machine_s(), utc_s, clock.speed)
            spec["preload"] = str(fake_time_available())
        self._launcher = subprocess.Popen(
            [sys.executable, "-S", "-E", "-s", indiserver_launcher.__file__, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=options.environment(),
            start_new_session=True,  # Ctrl-C in a terminal must not end it before we parked
        )
        line = self._launcher.stdout.readline() if self._launcher.stdout else b""
        self.pid = int(line.split()[1]) if line.startswith(b"pid ") else 0
        if not self.pid:
            self.end(1.0)
            raise NotConnected("the launcher of indiserver ended before it started the server")

    def is_alive(self) -> bool:
        """Whether it has not ended; a server just killed may count as alive for some ms."""
        return self._launcher.poll() is None

    def wait(self) -> None:
        """Block until it has ended and nothing is left of it."""
        self._launcher.wait()

    def kill(self) -> None:
        """SIGKILL to indiserver alone, as a crash would end it."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait_listening(self, endpoint: Endpoint, timeout_s: float) -> None:
        """Block until it accepts connections at both addresses; machine seconds.

        Raises
        ------
        NotConnected
            It ended, or did not listen in time; the message quotes its log.
        """
        deadline = Deadline(self._clock, 0.0, timeout_s)
        while not self._accepts(endpoint):
            if deadline.expired:
                raise NotConnected(
                    f"indiserver did not listen on port {endpoint.port} after {timeout_s:g} s: "
                    f"{self._log_tail()}"
                )
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._launcher.wait(0.005)
                raise NotConnected(f"indiserver ended at once: {self._log_tail()}")

    def end(self, timeout_s: float) -> None:
        """End server and drivers, at the latest after ``timeout_s`` machine seconds by SIGKILL."""
        if self._launcher.stdin is not None:
            self._launcher.stdin.close()  # the launcher's sign to end everything
        try:
            self._launcher.wait(timeout_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._launcher.wait(2.0)
            self._launcher.kill()
            self._launcher.wait()
        if self._launcher.stdout is not None:
            self._launcher.stdout.close()
        if self.pid:
            indiserver_launcher.remove_shared_memory(self.pid)

    def _accepts(self, endpoint: Endpoint) -> bool:
        # On a port alone we might meet another server while ours is still failing to bind.
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(1.0)
                link.connect(endpoint.local_address() or "")
                if sys.platform == "linux":
                    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                    if _CREDENTIALS.unpack(raw)[0] != self.pid:
                        return False
            with socket.create_connection((endpoint.host, endpoint.port), timeout=1.0):
                return True
        except OSError:
            return False

    def _log_tail(self) -> str:
        try:
            with self._log_file.open("rb") as stream:
                stream.seek(self._log_start)
                text = stream.read(100_000).decode("utf-8", "replace")
        except OSError as error:
            return f"no log ({error})"
        return " | ".join(text.strip().splitlines()[-5:]) or "its log is empty"
