"""Requests to the script queue: what each does and what is answered. Engine thread only."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping

from ctmo_indi.errors import WrongState
from ctmo_indi.script_queue.kinds import AttemptBinding, ScriptParts
from ctmo_indi.script_queue.queueing import Place, ScriptQueue, Sender
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.script_queue.script import SCHEDULER
from ctmo_indi.work_orders.model import ScriptQueueCommand, ScriptQueueRequest

_log = logging.getLogger(__name__)

Reply = dict[str, object]

HISTORY_SHOWN = 100
_ADDING = frozenset({ScriptQueueCommand.ADD, ScriptQueueCommand.REQUEUE})


class QueueCommands:
    """Carries requests out; give it to whatever receives them.

    Parameters
    ----------
    make_parts
        What scripts are made from; called with None, for there is no attempt here.
    is_emptying
        Whether the component ends every script and waits for it: none is taken meanwhile.

    Attributes
    ----------
    on_move
        Called when what waits stands in another order than before, with the keys that tell it.
    """

    def __init__(
        self,
        queue: ScriptQueue,
        registry: ScriptRegistry,
        make_parts: Callable[[AttemptBinding | None], ScriptParts],
        is_emptying: Callable[[], bool] = lambda: False,
    ) -> None:
        self._queue = queue
        self._registry = registry
        self._make_parts = make_parts
        self._is_emptying = is_emptying
        self.on_move: Callable[[Reply], object] = lambda _told: None
        self._table: Mapping[ScriptQueueCommand, Callable[[ScriptQueueRequest], Reply]] = {
            ScriptQueueCommand.ADD: self._add,
            ScriptQueueCommand.MOVE: self._move,
            ScriptQueueCommand.REQUEUE: self._requeue,
            ScriptQueueCommand.STOP_SCRIPTS: self._stop_scripts,
            ScriptQueueCommand.PAUSE: self._pause,
            ScriptQueueCommand.RESUME: self._resume,
            ScriptQueueCommand.SHOW_QUEUE: lambda _request: self.show_queue(),
            ScriptQueueCommand.SHOW_SCHEMA: self._show_schema,
            ScriptQueueCommand.SHOW_AVAILABLE_SCRIPTS: self._show_available_scripts,
            ScriptQueueCommand.SHOW_SCRIPT: self._show_script,
        }

    def handle(self, request: ScriptQueueRequest) -> Reply:
        """Carry a request out and return the keys of its reply.

        Raises
        ------
        UnknownOrder
            A script that is meant is not where it would have to be.
        BadOrder
            No such script, or wrong parameters: everything that is wrong.
        WrongState
            The script cannot be queued by hand, or not a second time; the queue is full, or is
            being emptied; the place is between the scripts of one block.
        """
        if request.command in _ADDING and self._is_emptying():
            raise WrongState(f"{request.command}: refused, the scheduler ends every script")
        return {"Kind": "Script Queue", **self._table[request.command](request)}

    def show_queue(self) -> Reply:
        """Return the whole queue."""
        queue = self._queue
        current = queue.current
        return {
            "Paused": queue.is_paused,
            "Message": _message(queue),
            "Current": current.to_wire() if current is not None else {},
            "Queue": [run.to_wire() for run in queue.waiting],
            "History": [run.to_wire() for run in queue.history[-HISTORY_SHOWN:]],
        }

    def _add(self, request: ScriptQueueRequest) -> Reply:
        configured = self._registry.configure(request.script, request.parameters)
        if configured.kind.needs_attempt:
            raise WrongState(
                f"script {request.script}: it belongs to an order, hand in an Observation"
            )
        parts = self._make_parts(None)
        run = self._queue.add_made(
            request.script, lambda: configured.make(parts), _place(request), _sender(request)
        )
        return {"Index": run.index, **self.show_queue()}

    def _move(self, request: ScriptQueueRequest) -> Reply:
        before = _order(self._queue)
        run = self._queue.move(_index(request), _place(request))
        after = _order(self._queue)
        if after != before:
            _log.info("script moved index=%d user=%s order=%s", run.index, request.user, after)
            self.on_move(
                {
                    "Paused": self._queue.is_paused,
                    "Reason": f"script {run.index} moved by {request.user}",
                    "Order": after,
                }
            )
        return {"Index": run.index, **self.show_queue()}

    def _requeue(self, request: ScriptQueueRequest) -> Reply:
        run = self._queue.requeue(_index(request), _place(request), user=_user(request))
        return {"Index": run.index, **self.show_queue()}

    def _stop_scripts(self, request: ScriptQueueRequest) -> Reply:
        reason = request.reason or f"stopped by {request.user}"
        stopped = self._queue.stop(request.indices, reason, terminate=request.terminate)
        return {"Stopped": [run.index for run in stopped], **self.show_queue()}

    def _pause(self, request: ScriptQueueRequest) -> Reply:
        self._queue.pause(request.reason or f"paused by {request.user}")
        return self.show_queue()

    def _resume(self, _request: ScriptQueueRequest) -> Reply:
        self._queue.resume()
        return self.show_queue()

    def _show_available_scripts(self, _request: ScriptQueueRequest) -> Reply:
        kinds = [self._registry.kind(name) for name in self._registry.names]
        return {
            "Scripts": [
                {
                    "Script": name,
                    "About": kind.description,
                    "Standard": name in self._registry.standard,
                    "Needs Target": kind.needs_attempt,
                }
                for name, kind in zip(self._registry.names, kinds, strict=True)
            ],
            "Broken": dict(self._registry.broken),
        }

    def _show_schema(self, request: ScriptQueueRequest) -> Reply:
        kind = self._registry.kind(request.script)
        return {"About": kind.description, "Schema": copy.deepcopy(dict(kind.schema))}

    def _show_script(self, request: ScriptQueueRequest) -> Reply:
        run = self._queue.find(_index(request))
        parameters = dict(run.metadata.parameters)
        return {
            "Index": run.index,
            "Script": {**run.to_wire(), "Parameters": parameters},
            **self.show_queue(),
        }


def _message(queue: ScriptQueue) -> str:
    if queue.is_paused:
        return f"paused: {queue.pause_reason}" if queue.pause_reason else "paused"
    current = queue.current
    doing = f"{current.name} {current.state.value}" if current is not None else "nothing runs"
    return f"{doing}, {len(queue.waiting)} waiting"


def _order(queue: ScriptQueue) -> list[int]:
    return [run.index for run in queue.waiting]


def _place(request: ScriptQueueRequest) -> Place:
    return Place(request.location, request.at_index)


def _sender(request: ScriptQueueRequest) -> Sender:
    return Sender(user=_user(request))


def _user(request: ScriptQueueRequest) -> str:
    """Return who asks; whoever calls himself scheduler is not the scheduler."""
    return f"{request.user} (by hand)" if request.user == SCHEDULER else request.user


def _index(request: ScriptQueueRequest) -> int:
    return 0 if request.index is None else request.index
