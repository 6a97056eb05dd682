"""The parent process of indiserver: nothing of it outlives us, and nothing becomes a zombie.

Run as a program by :mod:`ctmo_indi.indi.server_run`, standard library only, so that it is up in a
few milliseconds. It exists for three things that a plain child process cannot do:

* its standard input is a pipe from the daemon. When the daemon ends, however it ends, the pipe
  closes and the server is stopped. (A parent-death signal alone would not do: it fires when the
  *thread* that started the child ends.)
* it adopts the drivers when indiserver is killed (PR_SET_CHILD_SUBREAPER), ends those that do not
  go by themselves, so that no old driver holds a serial port when the next server starts, and reaps
  them: in a container nobody else does.
* it computes the date for libfaketime at the very moment of the start, and removes the two files
  libfaketime leaves in ``/dev/shm``, which bear the pid of indiserver.

Protocol: one JSON object in ``argv[1]`` (``argv``; ``log``: a path; ``preload``: libfaketime's path
or null; ``fake_time``: [machine_s, utc_s, speed] or null; ``folder``: of FIFO and socket, removed
when the daemon is gone); prints ``pid N`` when the server was started; ends with its exit code.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 1.5  # for SIGTERM, then for drivers whose server is gone; simulators need 10 ms
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where libfaketime puts its files


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def fake_date(anchor: tuple[float, float, float]) -> str:
    """Write the sky time of now as libfaketime reads it under TZ=UTC: ``@date xSPEED``."""
    machine_s, utc_s, speed = anchor
    now = datetime.fromtimestamp(utc_s + (time.monotonic() - machine_s) * speed, UTC)
    return f"@{now:%Y-%m-%d %H:%M:%S.%f} x{speed:g}"


def remove_shared_memory(pid: int) -> None:
    """Remove what libfaketime left of that process; it never does so itself (0.9.10)."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (_SHARED_MEMORY / name).unlink(missing_ok=True)


def _start(spec: dict[str, object]) -> int:
    argv = [str(word) for word in spec["argv"]]  # type: ignore[attr-defined]  # JSON of our daemon
    environment = dict(os.environ)
    launcher = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)  # one group: server, drivers and the programs they start
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        log = os.open(str(spec["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        anchor = spec["fake_time"]
        if anchor is not None:
            name = "DYLD_INSERT_LIBRARIES" if sys.platform == "darwin" else "LD_PRELOAD"
            environment[name] = str(spec["preload"])
            environment["FAKETIME"] = fake_date(tuple(anchor))  # type: ignore[arg-type]  # as above
        os.execve(argv[0], argv, environment)  # noqa: S606 - no shell wanted
    finally:
        os._exit(127)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # gone; macOS says EPERM for a group of zombies


class _Children:
    """Reaps; tells the exit status of the server and whether any child is left."""

    def __init__(self, server: int) -> None:
        self.server = server
        self.status: int | None = None
        self.none_left = False

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.none_left = True
                return
            if pid == 0:
                return
            if pid == self.server:
                self.status = os.waitstatus_to_exitcode(status)


def _wait(children: _Children, wake: int, seconds: float, *, all_gone: bool) -> bool:
    end = time.monotonic() + seconds
    while True:
        children.reap()
        if children.none_left or (not all_gone and children.status is not None):
            return True
        left = end - time.monotonic()
        if left <= 0:
            return False
        if select.select([wake], [], [], left)[0]:
            os.read(wake, 4096)


def _remove_folder(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    folder.rmdir()


def main() -> int:
    """Start the server, wait for its end or ours, clean up; the exit code is the server's."""
    spec = json.loads(sys.argv[1])
    parent = os.getppid()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake, wake_write = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    asked: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: asked.append(received))
    server = _start(spec)
    os.write(1, f"pid {server}\n".encode())
    children = _Children(server)
    while children.status is None and not asked:
        ready = select.select([0, wake], [], [])[0]
        if wake in ready:
            os.read(wake, 4096)
        if 0 in ready and not os.read(0, 4096):
            break
        children.reap()
    if children.status is None:
        os.kill(server, signal.SIGTERM)
        if not _wait(children, wake, _GRACE_S, all_gone=False):
            os.kill(server, signal.SIGKILL)
            _wait(children, wake, _GRACE_S, all_gone=False)
    if not _wait(children, wake, _GRACE_S, all_gone=True):
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(server, number)
            if _wait(children, wake, _GRACE_S, all_gone=True):
                break
    if sys.platform != "linux":  # not ours to reap there: launchd adopted the drivers
        _signal_group(server, signal.SIGTERM)
    remove_shared_memory(server)
    if os.getppid() != parent:  # else the daemon keeps it for the next start
        _remove_folder(Path(str(spec["folder"])))
    code = children.status
    return 1 if code is None else (code if code >= 0 else 128 - code)


if __name__ == "__main__":
    sys.exit(main())
