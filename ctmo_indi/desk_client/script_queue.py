"""Look at the scheduler's script queue, and change it; part of :class:`SchedulerClient`."""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.work_orders.model import QueueLocation, ScriptQueueCommand


class ScriptQueueCalls:
    """Each call returns the reply: Queue, Current, History, and what was asked for.

    A refusal is a DeskFault with the reason; nothing was changed then.
    """

    def __init__(self, desk: DeskClient) -> None:
        self._desk = desk

    def _queue(self, command: ScriptQueueCommand, **keys: object) -> dict[str, object]:
        order = {"WOType": "Script Queue", "Command": command.value, **given(keys)}
        return self._desk.front_desk(order)

    def queue(self) -> dict[str, object]:
        """Return what runs, what waits and what has ended."""
        return self._queue(ScriptQueueCommand.SHOW_QUEUE)

    def queue_add(
        self,
        script: str,
        parameters: Mapping[str, object] | None = None,
        *,
        location: str = QueueLocation.LAST,
        at_index: int | None = None,
        reason: str = "",
    ) -> dict[str, object]:
        """Add a script; ``Index`` of the reply is its index.

        Parameters
        ----------
        location
            first, last, or before or after the waiting script ``at_index``.
        """
        return self._queue(
            ScriptQueueCommand.ADD,
            Script=script,
            Parameters=parameters,
            Location=str(location),
            Reason=reason,
            **{"At Index": at_index},
        )

    def queue_move(
        self, index: int, location: str, *, at_index: int | None = None, reason: str = ""
    ) -> dict[str, object]:
        """Move a waiting script; ``location`` and ``at_index`` as of :meth:`queue_add`."""
        keys = {"Index": index, "Location": str(location), "At Index": at_index, "Reason": reason}
        return self._queue(ScriptQueueCommand.MOVE, **keys)

    def queue_requeue(
        self,
        index: int,
        *,
        location: str = QueueLocation.LAST,
        at_index: int | None = None,
        reason: str = "",
    ) -> dict[str, object]:
        """Add a script that waits or has ended once more; as :meth:`queue_add`."""
        keys = {"Index": index, "Location": str(location), "At Index": at_index, "Reason": reason}
        return self._queue(ScriptQueueCommand.REQUEUE, **keys)

    def queue_stop(
        self, *indices: int, terminate: bool = False, reason: str = ""
    ) -> dict[str, object]:
        """End scripts, waiting ones too; ``terminate``: without waiting for their own end."""
        return self._queue(
            ScriptQueueCommand.STOP_SCRIPTS,
            Indices=list(indices),
            Terminate=terminate or None,
            Reason=reason,
        )

    def queue_pause(self, *, reason: str = "") -> dict[str, object]:
        """Start no further script."""
        return self._queue(ScriptQueueCommand.PAUSE, Reason=reason)

    def queue_resume(self, *, reason: str = "") -> dict[str, object]:
        """Start scripts again, also after one that failed."""
        return self._queue(ScriptQueueCommand.RESUME, Reason=reason)

    def queue_schema(self, script: str) -> dict[str, object]:
        """Return ``Schema``, the JSON Schema of a script's parameters."""
        return self._queue(ScriptQueueCommand.SHOW_SCHEMA, Script=script)

    def queue_scripts(self) -> dict[str, object]:
        """Return ``Scripts``, the names that :meth:`queue_add` takes."""
        return self._queue(ScriptQueueCommand.SHOW_AVAILABLE_SCRIPTS)

    def queue_script(self, index: int) -> dict[str, object]:
        """Return ``Script``, one of the queue with its parameters."""
        return self._queue(ScriptQueueCommand.SHOW_SCRIPT, Index=index)


def given(keys: Mapping[str, object]) -> dict[str, object]:
    """Return the keys that have a value; what is None or empty is left out of an order."""
    return {key: value for key, value in keys.items() if value not in (None, "", [], {})}
