"""The one place that writes: a thread that commits whatever is waiting in one transaction.

A durable commit costs milliseconds of disk, a row some tens of microseconds of CPU; so everything
that came in while one commit was under way goes into the next one (group commit). Nobody waits
longer than for two commits, and a single order on an idle system waits for its own only.

Work Orders come by the thousand. They are items of a :class:`Bulk`: one statement writes all those
of a group, and their sender is told of all of them at once.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from ctmo_indi.errors import InternalError, StoreUnavailable
from ctmo_indi.store.database import Connection, Database, our_errors
from ctmo_indi.store.write_groups import Bulk, Item, Job, parts_of

__all__ = ["MAX_GROUP", "MAX_WAITING", "Bulk", "Writer"]

_log = logging.getLogger(__name__)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

MAX_WAITING = 10_000
MAX_GROUP = 512


class Writer:
    """Runs functions on the database, one after the other, and commits them in groups.

    Parameters
    ----------
    max_waiting
        How many functions may wait; more are refused at once.
    """

    def __init__(self, database: Database, *, max_waiting: int = MAX_WAITING) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._waiting: deque[Job | Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.commits = 0
        self.committed = 0
        self.failures = 0
        self._thread = threading.Thread(
            target=self._work, name=f"{database.service}-writer", daemon=True
        )
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def submit(self, function: Callable[[Connection], ResultT]) -> Future[ResultT]:
        """Have ``function`` run in the next transaction; any thread, does not block.

        The future has the function's result once it is **durable**, or its error; a function that
        fails leaves no trace and does not disturb the others of its group. It may be canceled
        until it runs. The function must do nothing but use its connection, and be quick.

        Raises
        ------
        StoreUnavailable
            Too many are waiting, or the writer is closed; the function will not run.
        """
        future: Future[ResultT] = Future()
        self._take((function, future))
        return future

    def submit_item(self, bulk: Bulk[ItemT, ResultT], item: ItemT) -> None:
        """Have ``item`` written with others of ``bulk``; any thread, does not block.

        Raises
        ------
        StoreUnavailable
            Too many are waiting, or the writer is closed; the item will not be written.
        """
        self._take((bulk, item))

    def _take(self, job: Job | Item) -> None:
        with self._changed:
            if self._closed:
                raise StoreUnavailable(f"{self._database.described}: the writer is closed")
            if len(self._waiting) >= self._max_waiting:
                raise StoreUnavailable(
                    f"{self._database.described}: {len(self._waiting)} writes are waiting, no more "
                    "are taken; try again later"
                )
            self._waiting.append(job)
            if len(self._waiting) == 1:
                self._changed.notify()

    def run(self, function: Callable[[Connection], ResultT], timeout_s: float = 30.0) -> ResultT:
        """Submit and wait until it is durable; any thread but the writer's own.

        Parameters
        ----------
        timeout_s
            Machine seconds.

        Raises
        ------
        StoreUnavailable
            Not written: refused, the database failed, or it was still waiting at the deadline. Or,
            as the text then says, not known: its commit was under way at the deadline.
        """
        if threading.current_thread() is self._thread:
            raise InternalError("Writer.run called inside a write: it would wait for itself")
        future = self.submit(function)
        try:
            return future.result(timeout_s)
        except FutureTimeout:
            if future.done():  # the function itself raised TimeoutError, or it came just now
                return future.result()
            fate = "it was not written" if future.cancel() else "whether it was written is unknown"
            raise StoreUnavailable(
                f"{self._database.described}: no commit within {timeout_s:.1f} s; {fate}"
            ) from None

    def close(self, timeout_s: float = 30.0) -> None:
        """Write what is waiting, then end the thread; may be repeated.

        Raises
        ------
        StoreUnavailable
            The thread did not end within ``timeout_s`` machine seconds.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise StoreUnavailable(
                f"{self._database.described}: writes did not end within {timeout_s:.1f} s"
            )

    def _work(self) -> None:
        while group := self._next_group():
            self._write(group)

    def _next_group(self) -> list[Job | Item]:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            count = min(len(self._waiting), MAX_GROUP)
            return [self._waiting.popleft() for _ in range(count)]

    def _write(self, group: list[Job | Item]) -> None:
        parts = parts_of(group)
        if not parts:
            return
        try:
            with self._database.write() as connection:
                savepoints = _Savepoints(connection)
                for part in parts:
                    part.run(lambda write: self._run_one(connection, savepoints, write))
        except Exception as error:  # noqa: BLE001 - outermost loop: whatever it is, the group failed
            self.failures += 1
            _log.error(
                "write failed service=%s writes=%d failures=%d error=%s",
                self._database.service,
                len(group),
                self.failures,
                error,
            )
            for part in parts:
                part.fail(error)
        else:
            self.commits += 1
            self.committed += sum(part.count for part in parts)
        for part in parts:
            part.tell()

    def _run_one(
        self,
        connection: Connection,
        savepoints: _Savepoints,
        function: Callable[[Connection], Any],
    ) -> tuple[Any, BaseException | None]:
        """Run in a savepoint; raises only when the whole transaction is lost."""
        savepoints.begin()
        try:
            with our_errors(self._database.described, "write"):
                result = function(connection)
        except BaseException as error:  # noqa: BLE001 - belongs to the submitter, whatever it is
            savepoints.undo()
            return None, error
        savepoints.keep()
        return result, None


class _Savepoints:
    """One savepoint after the other, straight on the driver: through SQLAlchemy it cost 23 us.

    A full disk makes SQLite roll the whole transaction back by itself. Then the savepoint is gone
    too, and ``undo`` and ``keep`` raise: nothing of the group is taken for written.
    """

    def __init__(self, connection: Connection) -> None:
        self._described = str(connection.engine.url.database)
        self._cursor = connection.connection.cursor()

    def begin(self) -> None:
        self._execute("SAVEPOINT one")

    def undo(self) -> None:
        self._execute("ROLLBACK TO SAVEPOINT one")
        self._execute("RELEASE SAVEPOINT one")

    def keep(self) -> None:
        self._execute("RELEASE SAVEPOINT one")

    def _execute(self, statement: str) -> None:
        try:
            self._cursor.execute(statement)
        except Exception as error:  # the driver's own class, which depends on the driver
            raise StoreUnavailable(
                f"{self._described}: the transaction is lost: {error}"
            ) from error
