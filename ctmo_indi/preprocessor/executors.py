"""Where the jobs of a night run: here, in worker processes of this machine, or on a farm.

A task is a function of a module and a small argument (paths and numbers, never arrays); what comes
back is as small. Pixels stay in the process that read them, files carry them further. The farm is
``dask.distributed`` (extra ``farm``), whose documentation asks for the same.
"""

from __future__ import annotations

import contextlib
import queue
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ctmo_indi.clock import Clock, SystemClock
from ctmo_indi.errors import ConfigError, CtmoError, ServiceUnreachable

Answer = Mapping[str, object]

DEADLINE_S = 900.0
"""For a task whose maker names none; the longest stage takes a minute on a slow machine."""


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work; picklable.

    Parameters
    ----------
    key
        Its name, unique among those under way.
    function
        Of a module, so that another process finds it by name; it returns a small mapping.
    argument
        Paths and parameters.
    deadline_s
        Machine seconds it may run.
    """

    key: str
    function: Callable[[Any], Answer]  # Any: whatever this function takes
    argument: object
    deadline_s: float = DEADLINE_S


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task has no answer.

    Parameters
    ----------
    reason
        For people.
    errno
        Of an OSError such as a full disk; else None.
    trace
        Stack of an error that was not foreseen, for the log; else "".
    """

    reason: str
    errno: int | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended: with ``answer``, or with ``failure``."""

    key: str
    answer: Answer | None = None
    failure: Failure | None = None


class Executor(Protocol):
    """Runs tasks, in any order. One thread uses it; :meth:`next_outcome` alone blocks."""

    @property
    def slots(self) -> int:
        """How many tasks run at once; more that are submitted wait."""
        ...

    def start(self) -> None:
        """Get workers ready ahead of the first task; returns at once; may be repeated."""
        ...

    def submit(self, task: Task) -> None:
        """Run ``task``; its outcome is told once, if it is not canceled."""
        ...

    def next_outcome(self, timeout_s: float) -> Outcome | None:
        """Return the next outcome; None when there was none within ``timeout_s``."""
        ...

    def cancel(self) -> None:
        """Drop what waits and end what runs, as far as it can be ended; no outcome is told."""
        ...

    def close(self) -> None:
        """Cancel, and give the workers back; :meth:`start` or a task gets new ones."""
        ...


def attempt(task: Task) -> Outcome:
    """Run ``task`` here; whatever it raises becomes its failure."""
    try:
        return Outcome(task.key, answer=dict(task.function(task.argument)))
    except CtmoError as error:
        return Outcome(task.key, failure=Failure(str(error)))
    except OSError as error:
        return Outcome(task.key, failure=Failure(f"{type(error).__name__}: {error}", error.errno))
    except MemoryError:
        return Outcome(task.key, failure=Failure("not enough memory"))
    except Exception as error:  # noqa: BLE001 - outermost of a job: told, logged, the next one runs
        reason = f"{type(error).__name__}: {error}"
        return Outcome(task.key, failure=Failure(reason, trace=traceback.format_exc()))


class Serial:
    """Runs each task in the caller's own thread, when its outcome is asked for; no deadline."""

    slots = 1

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()

    def start(self) -> None:
        """Nothing to get ready."""

    def submit(self, task: Task) -> None:
        """Put it in the line."""
        self._waiting.append(task)

    def next_outcome(self, timeout_s: float) -> Outcome | None:
        """Run the next task, however long it takes; None when none waits."""
        return attempt(self._waiting.popleft()) if self._waiting else None

    def cancel(self) -> None:
        """Drop what waits."""
        self._waiting.clear()

    def close(self) -> None:
        """Drop what waits."""
        self.cancel()


class Dask:
    """Runs tasks on the workers of a ``dask.distributed`` scheduler.

    The workers see the same folders under the same names, and have the same release installed. One
    that dies costs nothing but time: the scheduler gives its task to another, three times.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://head:8786``.
    connect_s
        How long to wait for it, machine seconds.
    """

    def __init__(
        self, address: str, *, connect_s: float = 10.0, clock: Clock | None = None
    ) -> None:
        self._address = address
        self._connect_s = connect_s
        self._clock = clock or SystemClock()
        self._client: Any = None  # Any: distributed has no types
        self._outcomes: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._running: dict[int, tuple[Task, Any, float]] = {}
        self._next_number = 0

    @property
    def slots(self) -> int:
        """Threads of all workers there are now; 1 at least."""
        threads: dict[str, int] = self._connected().nthreads()
        return max(1, sum(threads.values()))

    def start(self) -> None:
        """Connect to the scheduler; blocks.

        Raises
        ------
        ConfigError
            The extra ``farm`` is not installed.
        ServiceUnreachable
            No scheduler answers at the address.
        """
        self._connected()

    def submit(self, task: Task) -> None:
        """Hand it to the scheduler; raises as :meth:`start`."""
        client = self._connected()
        self._next_number += 1
        number = self._next_number
        future = client.submit(attempt, task, pure=False)
        self._running[number] = (task, future, self._clock.machine_s() + task.deadline_s)
        future.add_done_callback(lambda done: self._outcomes.put((number, done)))

    def next_outcome(self, timeout_s: float) -> Outcome | None:
        """Return the next outcome; None when there was none within ``timeout_s``.

        Raises
        ------
        ServiceUnreachable
            The scheduler went away; close and submit again.
        """
        end_s = self._clock.machine_s() + timeout_s
        while True:
            now_s = self._clock.machine_s()
            for number, (task, future, deadline_s) in self._running.items():
                if now_s > deadline_s:
                    del self._running[number]
                    future.cancel()
                    late = f"took longer than {task.deadline_s:g} s; it may still be running"
                    return Outcome(task.key, failure=Failure(late))
            nearest_s = min((entry[2] for entry in self._running.values()), default=end_s)
            with contextlib.suppress(queue.Empty):
                number, future = self._outcomes.get(timeout=max(0.0, min(end_s, nearest_s) - now_s))
                if number in self._running:  # else it was canceled, or too late
                    task = self._running.pop(number)[0]
                    return self._outcome(task, future)
            if self._clock.machine_s() >= end_s:
                return None

    def cancel(self) -> None:
        """Drop what waits; what a worker has begun goes on, unheard."""
        for _, future, _ in self._running.values():
            future.cancel()
        self._running.clear()

    def close(self) -> None:
        """Cancel and disconnect; the farm stays."""
        self.cancel()
        if self._client is not None:
            self._client.close()
            self._client = None

    def _outcome(self, task: Task, future: Any) -> Outcome:
        error = future.exception() if future.status == "error" else None
        if error is not None:  # KilledWorker, or what could not be pickled
            return Outcome(task.key, failure=Failure(f"the farm: {type(error).__name__}: {error}"))
        if future.status != "finished":  # it fails no task that the scheduler went away
            raise ServiceUnreachable(f"{self._address}: task {task.key} is {future.status}")
        outcome: Outcome = future.result()
        return outcome

    def _connected(self) -> Any:
        if self._client is None:
            try:
                import distributed  # of an extra, and 1 s to import
            except ImportError as error:
                raise ConfigError(
                    f"{self._address}: distributed is not installed; install ctmo-indi[farm]"
                ) from error
            make: Any = distributed.Client  # its constructor has no types
            try:
                self._client = make(self._address, timeout=self._connect_s, set_as_default=False)
            except (OSError, ValueError) as error:
                raise ServiceUnreachable(
                    f"{self._address}: no dask scheduler answers within {self._connect_s:g} s: "
                    f"{error}"
                ) from error
        return self._client
