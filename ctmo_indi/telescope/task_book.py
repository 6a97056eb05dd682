"""The orders the engine remembers: what runs, what waits, and the last that ended."""

from __future__ import annotations

from collections import OrderedDict

from ctmo_indi.telescope.attempt import Attempt
from ctmo_indi.telescope.control import ControlTask
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

MAX_REMEMBERED = 500

Task = Attempt | ControlTask


class TaskBook:
    """Engine thread only. Attempts that are forgotten here are still in the store."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def add(self, task: Task) -> None:
        """Remember a task; the oldest that has ended is forgotten for it."""
        self._tasks[task.receipt] = task
        while len(self._tasks) > self._limit:
            oldest = next(iter(self._tasks.values()))
            if oldest.state not in SETTLED_ATTEMPTS:
                break
            self._tasks.popitem(last=False)

    def get(self, receipt: str) -> Task | None:
        """Return the task of that receipt, None when it is not remembered."""
        return self._tasks.get(receipt)

    def view(self, receipt: str) -> dict[str, object] | None:
        """Return the status of one order, None when it is not remembered."""
        task = self._tasks.get(receipt)
        return None if task is None else {**task.to_wire(), "Revision": task.revision}

    def views(self, state: str | None, limit: int) -> list[dict[str, object]]:
        """Return the status of the remembered orders, newest first."""
        chosen = [task for task in reversed(self._tasks.values()) if state in (None, task.state)]
        return [{**task.to_wire(), "Revision": task.revision} for task in chosen[:limit]]

    def named(self, user: str, order_id: str) -> str:
        """Return the receipt of the newest order with that User and ID; empty when none."""
        for task in reversed(self._tasks.values()):
            if task.user == user and task.order_id == order_id:
                return task.receipt
        return ""
