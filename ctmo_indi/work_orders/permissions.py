"""What each order needs: one table, the same at every desk. Shown in ``xmlrpc/front_desk.yaml``.

Two things are asked of a caller. His role must reach what the kind of the order, or its command,
needs: that is here. And he must be allowed to use the ``User`` of the order, to touch an order that
is somebody else's, to undo somebody else's lock: that is in :class:`~.access.Caller`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctmo_indi.work_orders.access import Role
from ctmo_indi.work_orders.model import OrderKind, SchedulerCommand, ScriptQueueCommand

#: What a caller needs for each kind of order.
ROLE_FOR: Mapping[OrderKind, Role] = {
    OrderKind.OBSERVATION: Role.SUBMIT,
    OrderKind.CALIBRATION: Role.SUBMIT,
    OrderKind.CANCEL: Role.SUBMIT,  # his own; other people's: operate
    OrderKind.DOME: Role.OPERATE,
    OrderKind.CONTROL: Role.OPERATE,  # undoing another's lock: admin
    OrderKind.SCHEDULER: Role.OPERATE,
    OrderKind.SCRIPT_QUEUE: Role.OPERATE,
    OrderKind.HEARTBEAT: Role.OPERATE,  # with a token: admin, since it speaks as a service
    OrderKind.STATUS: Role.READ,
    OrderKind.EXPLAIN: Role.READ,
    OrderKind.PLAN: Role.READ,
    OrderKind.FRAMES: Role.READ,
    OrderKind.REPORT: Role.READ,
    OrderKind.EVENTS: Role.READ,
}

#: Commands that need another role than their kind: those that only look.
ROLE_FOR_COMMAND: Mapping[OrderKind, Mapping[str, Role]] = {
    OrderKind.SCHEDULER: {
        SchedulerCommand.GET_BLOCK_STATUS: Role.READ,
        SchedulerCommand.VALIDATE_BLOCK: Role.READ,
    },
    OrderKind.SCRIPT_QUEUE: {
        ScriptQueueCommand.SHOW_QUEUE: Role.READ,
        ScriptQueueCommand.SHOW_SCHEMA: Role.READ,
        ScriptQueueCommand.SHOW_AVAILABLE_SCRIPTS: Role.READ,
        ScriptQueueCommand.SHOW_SCRIPT: Role.READ,
    },
}

_KINDS = frozenset(OrderKind)


def needed(kind: OrderKind, command: object) -> Role:
    """Return the role that an order needs; ``command`` as it came, None where it has none."""
    commands = ROLE_FOR_COMMAND.get(kind)
    if commands is None or not isinstance(command, str):
        return ROLE_FOR[kind]
    return commands.get(command, ROLE_FOR[kind])


def changes_something(kind: OrderKind, command: object) -> bool:
    """Whether an order asks for more than an answer; such orders are written into the audit log.

    Heartbeats come every second and are left out.
    """
    return kind is not OrderKind.HEARTBEAT and needed(kind, command) > Role.READ


def only_asks(order: Mapping[str, object]) -> bool:
    """Whether an order, as it came, has no effect: its answer is for nobody once its caller left.

    Heartbeats have one, and so has what is no order at all: it is to be refused.
    """
    kind = order.get("WOType")
    if "Wait" in order:
        return True
    if not isinstance(kind, str) or kind not in _KINDS or kind == OrderKind.HEARTBEAT:
        return False
    return needed(OrderKind(kind), order.get("Command")) is Role.READ
