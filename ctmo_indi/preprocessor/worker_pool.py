"""Worker processes of this machine: one task each at a time, one socket each.

Why not ``concurrent.futures.ProcessPoolExecutor``: there the death of one worker fails the tasks of
all, no task can be ended at its deadline, and a killed owner leaves workers behind that compute on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.preprocessor.executors import Failure, Outcome, Task
from ctmo_indi.preprocessor.worker_process import READY, end_children

NICENESS = 10
START_S = 180.0
"""For the imports and the compilation of kernels at the first start after an installation."""
END_S = 10.0
STALL_S = 10.0
"""For a message that has begun: a worker that is stopped within one has died to us."""
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

# Planes of one size come and go: glibc keeps them instead of having each zeroed by the kernel anew,
# which is an eighth of a light's CPU time. Other libraries do not know these names.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 31)}


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    deadline_machine_s: float
    is_ready: bool = False
    task: Task | None = None


@dataclass(slots=True)
class _Lines:
    """Tasks that wait; those whose worker died wait for a time when nothing else runs."""

    fresh: deque[Task] = field(default_factory=deque)
    again: deque[Task] = field(default_factory=deque)


class ProcessPool:
    """An executor on worker processes of lower priority, which end when this process does.

    A task whose worker is killed (by the kernel, when memory is short) is tried once more while no
    other task runs; then it has failed. Other tasks are not touched. At its deadline a task is
    ended with its worker.

    Parameters
    ----------
    slots
        How many workers; by default one for each processor.
    warm_up
        A function of a module that a new worker runs before its first task: imports, kernels.
    environment
        Added to that of this process, such as ``NUMBA_CACHE_DIR``.
    niceness
        Added to that of this process: desk and telescope come first.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        warm_up: Callable[[], None] | None = None,
        environment: Mapping[str, str] | None = None,
        niceness: int = NICENESS,
        clock: Clock | None = None,
    ) -> None:
        self.slots = slots or os.cpu_count() or 1
        self._warm_up = warm_up
        self._environment = dict(environment or {})
        self._niceness = niceness
        self._clock = clock or SystemClock()
        self._workers: list[_Worker] = []
        self._lines = _Lines()
        self._tried_again: set[str] = set()
        self._ended: deque[Outcome] = deque()

    @property
    def pids(self) -> dict[int, str]:
        """Process id of each worker -> key of its task, "" when it has none."""
        return {one.process.pid: one.task.key if one.task else "" for one in self._workers}

    def start(self) -> None:
        """Start the workers that are missing; they get warm by themselves."""
        while len(self._workers) < self.slots:
            self._workers.append(self._new_worker())

    def submit(self, task: Task) -> None:
        """Put it in the line; a worker takes it while an outcome is waited for."""
        self._lines.fresh.append(task)

    def next_outcome(self, timeout_s: float) -> Outcome | None:
        """Hand out what waits, and wait for the next outcome up to ``timeout_s`` machine s."""
        end_s = self._clock.machine_s() + timeout_s
        while not self._ended:
            self._hand_out()
            now_s = self._clock.machine_s()
            nearest_s = min((one.deadline_machine_s for one in self._busy()), default=end_s)
            connections = [one.connection for one in self._workers]
            heard = wait(connections, max(0.0, min(end_s, nearest_s) - now_s))
            for worker in [one for one in self._workers if one.connection in heard]:
                self._hear(worker)
            self._end_late_ones()
            if not self._ended and self._clock.machine_s() >= end_s:
                return None
        self._hand_out()  # whoever is free begins before the caller looks at what came
        return self._ended.popleft()

    def cancel(self) -> None:
        """Drop what waits, and end the workers that run something."""
        self._lines = _Lines()
        self._tried_again.clear()
        self._ended.clear()
        for worker in [one for one in self._workers if one.task is not None]:
            self._end(worker)

    def close(self) -> None:
        """Cancel and end all workers; blocks until they are gone."""
        self.cancel()
        for worker in list(self._workers):
            self._end(worker)

    def _busy(self) -> list[_Worker]:
        """Those with a deadline: they run a task, or they are starting."""
        return [one for one in self._workers if one.task is not None or not one.is_ready]

    def _hand_out(self) -> None:
        lines, running = self._lines, sum(one.task is not None for one in self._workers)
        if not (lines.fresh or lines.again):
            return
        self.start()
        is_alone = any(
            one.task is not None and one.task.key in self._tried_again for one in self._workers
        )
        for worker in self._workers:
            if worker.task is not None or not worker.is_ready or is_alone:
                continue
            if lines.fresh:
                self._give(worker, lines.fresh.popleft())
            elif lines.again and running == 0:
                self._give(worker, lines.again.popleft())
                return
            running += 1

    def _give(self, worker: _Worker, task: Task) -> None:
        worker.task = task
        worker.deadline_machine_s = self._clock.machine_s() + task.deadline_s
        with contextlib.suppress(OSError):  # it has died: its end of the socket tells
            worker.connection.send(task)

    def _hear(self, worker: _Worker) -> None:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self._died(worker)
            return
        if message == READY:
            worker.is_ready = True
            return
        worker.task = None
        self._tried_again.discard(message.key)
        self._ended.append(message)

    def _died(self, worker: _Worker) -> None:
        task = worker.task
        how = _manner(self._end(worker))
        if task is None:
            if not worker.is_ready:
                self._give_up_all(f"a worker process ended before it was ready ({how})")
            return
        if task.key in self._tried_again:
            self._tried_again.discard(task.key)
            reason = f"its worker process ended twice, the second time alone ({how})"
            self._ended.append(Outcome(task.key, failure=Failure(reason)))
        else:
            self._tried_again.add(task.key)
            self._lines.again.append(task)

    def _end_late_ones(self) -> None:
        now_s = self._clock.machine_s()
        for worker in [one for one in self._busy() if now_s >= one.deadline_machine_s]:
            task = worker.task
            self._end(worker)
            if task is None:
                self._give_up_all(f"a worker process was not ready within {START_S:g} s")
            else:
                self._tried_again.discard(task.key)
                late = f"took longer than {task.deadline_s:g} s and was ended"
                self._ended.append(Outcome(task.key, failure=Failure(late)))

    def _give_up_all(self, reason: str) -> None:
        """No worker can be had: say so of all that waits, instead of starting workers for ever."""
        waiting = [*self._lines.fresh, *self._lines.again]
        self._lines = _Lines()
        self._ended.extend(Outcome(task.key, failure=Failure(reason)) for task in waiting)

    def _new_worker(self) -> _Worker:
        ours, theirs = socket.socketpair()
        limit = struct.pack("@ll", int(STALL_S), int(STALL_S % 1.0 * 1e6))  # a struct timeval
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        with ours, theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "ctmo_indi.preprocessor.worker_process",
                    str(theirs.fileno()),
                    str(self._niceness),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**_KEEP_MEMORY, **os.environ, **_ONE_THREAD, **self._environment},
                start_new_session=True,  # Ctrl-C is for us, and its children are ended with it
            )
            connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # it has died: its end of the socket tells
            connection.send(self._warm_up)
        return _Worker(process, connection, self._clock.machine_s() + START_S)

    def _end(self, worker: _Worker) -> int:
        """End a worker and its children, and return how it ended as ``Popen.returncode``."""
        self._workers.remove(worker)
        worker.connection.close()
        # One that is ending by itself keeps its own code; nobody has waited for it, so that its
        # group's number is still its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end_children(worker.process.pid)
            os.killpg(worker.process.pid, signal.SIGKILL)
        try:
            return worker.process.wait(END_S)
        except subprocess.TimeoutExpired:  # it hangs in a disk; killed it is all the same
            return -signal.SIGKILL


def _manner(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
