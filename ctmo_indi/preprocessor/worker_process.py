"""The program of a worker process: takes tasks from its socket and answers each.

Its owner has the other end of the socket: when that closes, by order or because the owner was
killed, this process ends at once with all it has started (a plate solver), whatever it computes. A
thread of its own sees to that, since kernels hold no GIL; it needs no Linux.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from ctmo_indi.indi.child_processes import children_of
from ctmo_indi.preprocessor.executors import Failure, Outcome, Task, attempt

READY = "ready"
"""First message of a worker, once it is warm."""


def main(arguments: list[str]) -> None:
    """Serve the socket whose number is the first argument, at the niceness that is the second."""
    with contextlib.suppress(OSError):  # a unit may forbid it; then the unit says the priority
        os.nice(int(arguments[1]))
    connection = Connection(int(arguments[0]))
    warm_up: Callable[[], None] | None = connection.recv()
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    if warm_up is not None:
        with contextlib.suppress(Exception):  # the first task will tell
            warm_up()
    connection.send(READY)
    while True:
        _answer(connection, attempt(tasks.get()))


def _listen(connection: Connection, tasks: queue.SimpleQueue[Task]) -> None:
    """Read tasks until the owner is gone."""
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        pass
    finally:
        end_children(os.getpid())
        os.killpg(0, signal.SIGKILL)  # we lead a process group of our own


def end_children(pid: int) -> None:
    """Kill the process groups of what ``pid`` has started: a plate solver leads one of its own."""
    for child in children_of(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            group = os.getpgid(child.pid)
            if group != os.getpgid(pid):
                os.killpg(group, signal.SIGKILL)


def _answer(connection: Connection, outcome: Outcome) -> None:
    try:
        connection.send(outcome)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        failure = Failure(f"its answer cannot be sent: {error}")
        connection.send(Outcome(outcome.key, failure=failure))


if __name__ == "__main__":
    main(sys.argv[1:])
