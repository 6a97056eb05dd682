"""What a group commit is made of: functions somebody waits for, and items written together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from ctmo_indi.errors import InternalError, StoreUnavailable
from ctmo_indi.store.database import Connection

_log = logging.getLogger(__name__)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, eq=False)  # each is itself
class Bulk(Generic[ItemT, ResultT]):
    """Items of one kind that are written together.

    Parameters
    ----------
    write
        Writes items and gives a result for each, in their order; an exception in the place of a
        result refuses that item. What it raises undoes all it has done: the items are then written
        one by one.
    done
        Told of every item with its result or its exception, once it is durable or has failed; in
        the writer's thread, must neither block nor raise.
    """

    write: Callable[[Connection, Sequence[ItemT]], Sequence[ResultT | Exception]]
    done: Callable[[Sequence[tuple[ItemT, ResultT | BaseException]]], None]


# Any: types of items and results are known to their submitter only
Job: TypeAlias = "tuple[Callable[[Connection], Any], Future[Any]]"
Item: TypeAlias = "tuple[Bulk[Any, Any], Any]"

#: Runs a function in a savepoint: its result, or what it raised.
RunOne: TypeAlias = Callable[[Callable[[Connection], Any]], tuple[Any, BaseException | None]]


def parts_of(group: Sequence[Job | Item]) -> list[Single | Together]:
    """Put neighbours of one bulk together; leave out what was canceled."""
    parts: list[Single | Together] = []
    for what, whose in group:
        if isinstance(what, Bulk):
            last = parts[-1] if parts else None
            if isinstance(last, Together) and last.bulk is what:
                last.add(whose)
            else:
                parts.append(Together(what, whose))
        elif whose.set_running_or_notify_cancel():
            parts.append(Single(what, whose))
    return parts


class Single:
    """A function somebody waits for."""

    count = 1

    def __init__(self, function: Callable[[Connection], Any], future: Future[Any]) -> None:
        self._function = function
        self._future = future
        self._result: Any = None
        self._failed: BaseException | None = None

    def run(self, run_one: RunOne) -> None:
        """Run it; raises only when the whole transaction is lost."""
        self._result, self._failed = run_one(self._function)

    def fail(self, error: Exception) -> None:
        """Note that the whole transaction was lost."""
        self._failed = _copy(error)  # one exception each: many threads will raise them

    def tell(self) -> None:
        """Wake who waits."""
        if self._failed is None:
            self._future.set_result(self._result)
        else:
            self._future.set_exception(self._failed)


class Together:
    """Items of one bulk."""

    def __init__(self, bulk: Bulk[Any, Any], first: Any) -> None:  # Any: see Item
        self.bulk = bulk
        self._items = [first]
        self._results: Sequence[Any] = ()

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self._items)

    def add(self, item: Any) -> None:  # Any: see Item
        """Take one more."""
        self._items.append(item)

    def run(self, run_one: RunOne) -> None:
        """Run it; raises only when the whole transaction is lost."""
        self._results, failed = run_one(partial(self._write, self._items))
        if failed is None:
            return
        if self.count == 1:
            self._results = [failed]
            return
        results: list[Any] = []
        for item in self._items:
            alone, failed = run_one(partial(self._write, [item]))
            results.append(alone[0] if failed is None else failed)
        self._results = results

    def _write(self, items: Sequence[Any], connection: Connection) -> Sequence[Any]:
        results = self.bulk.write(connection, items)
        if len(results) != len(items):
            raise InternalError(f"{len(items)} items were written with {len(results)} results")
        return results

    def fail(self, error: Exception) -> None:
        """Note that the whole transaction was lost."""
        self._results = [_copy(error) for _ in self._items]

    def tell(self) -> None:
        """Tell the bulk of every item."""
        try:
            self.bulk.done(list(zip(self._items, self._results, strict=True)))
        except Exception:  # noqa: BLE001 - outermost of the sender: log, the others are told
            _log.exception("nobody was told of what was written items=%d", self.count)


def _copy(error: Exception) -> Exception:
    kind = StoreUnavailable if isinstance(error, StoreUnavailable) else InternalError
    copy = kind(str(error))
    copy.__cause__ = error
    return copy
