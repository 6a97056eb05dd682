"""DispatchDesk: kind, role and contract decide who sees an order."""

from __future__ import annotations

import pytest

from ctmo_indi.errors import BadOrder, NotPermitted, NotServedHere
from ctmo_indi.testing.desks import FakeDesk, reply_faults
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.desk import ROLE_FOR
from ctmo_indi.work_orders.model import OrderKind

RIGHT = {
    OrderKind.OBSERVATION: {
        "WOType": "Observation",
        "User": "A",
        "RA": 1,
        "Dec": 1,
        "Filter": "I",
        "Exposure Time": 1,
    },
    OrderKind.DOME: {"WOType": "Dome", "User": "A", "Park": True},
    OrderKind.CALIBRATION: {"Request": "Exposure Calibration", "File Location": "file:///d"},
    OrderKind.CONTROL: {"WOType": "Control", "Command": "stop"},
    OrderKind.SCHEDULER: {"WOType": "Scheduler", "Command": "start"},
    OrderKind.SCRIPT_QUEUE: {"WOType": "Script Queue", "Command": "showQueue"},
    OrderKind.STATUS: {"WOType": "Status"},
    OrderKind.CANCEL: {"WOType": "Cancel", "Receipt": "O-1"},
    OrderKind.EXPLAIN: {"WOType": "Explain", "Receipt": "O-1"},
    OrderKind.PLAN: {"WOType": "Plan"},
    OrderKind.EVENTS: {"WOType": "Events"},
    OrderKind.HEARTBEAT: {"WOType": "Heartbeat", "Service": "telescope"},
}


@pytest.mark.parametrize("kind", list(OrderKind))
@pytest.mark.parametrize("role", list(Role))
async def test_role_decides(kind: OrderKind, role: Role) -> None:
    desk = FakeDesk("all", kinds=list(OrderKind))
    caller = Caller("ada", role, "127.0.0.1")
    if role >= ROLE_FOR[kind]:
        assert (await desk.handle(RIGHT[kind], caller))["Kind"] == kind
    else:
        with pytest.raises(NotPermitted, match=ROLE_FOR[kind].name.lower()):
            await desk.handle(RIGHT[kind], caller)
        assert desk.orders == []


OPERATOR = Caller("ada", Role.OPERATE, "127.0.0.1")


async def test_kind_without_handler_is_not_served_here_whatever_else_is_wrong() -> None:
    desk = FakeDesk("safety", kinds=[OrderKind.STATUS])
    with pytest.raises(NotServedHere, match="safety does not carry out; it serves Status"):
        await desk.handle({"WOType": "Observation", "nonsense": 1}, OPERATOR)


async def test_handler_never_sees_a_bad_order() -> None:
    desk = FakeDesk("scheduler")
    with pytest.raises(BadOrder):
        await desk.handle({"WOType": "Dome", "User": "A", "Park": 3}, OPERATOR)
    assert desk.orders == []


async def test_reply_has_the_keys_of_every_reply_whatever_the_handler_says() -> None:
    desk = FakeDesk("scheduler", answer=lambda _checked: {"Status": "ENABLED"})
    reply = await desk.handle({"WOType": "Status", "User": "Ada", "ID": "7"}, OPERATOR)
    assert reply_faults("Status", reply) == []
    assert (reply["ID"], reply["Kind"], reply["Status"]) == ("7", "Status", "ENABLED")


async def test_reply_echoes_the_pointing_as_understood() -> None:
    desk = FakeDesk("scheduler")
    order = RIGHT[OrderKind.OBSERVATION] | {"RA": "1:00:00", "Dec": "-1:30"}
    reply = await desk.handle(order, OPERATOR)
    assert (reply["RA"], reply["Dec"]) == (15.0, -1.5)
