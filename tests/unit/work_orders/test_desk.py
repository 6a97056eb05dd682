"""DispatchDesk: kind, role and contract decide who sees an order."""

from __future__ import annotations

import pytest

from ctmo_indi.errors import BadOrder, NotPermitted, NotServedHere
from ctmo_indi.testing.desks import FakeDesk, reply_faults
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.model import OrderKind
from ctmo_indi.work_orders.permissions import ROLE_FOR, needed

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
    OrderKind.SCRIPT_QUEUE: {"WOType": "Script Queue", "Command": "pause"},
    OrderKind.STATUS: {"WOType": "Status"},
    OrderKind.CANCEL: {"WOType": "Cancel", "Receipt": "O-1"},
    OrderKind.EXPLAIN: {"WOType": "Explain", "Receipt": "O-1"},
    OrderKind.PLAN: {"WOType": "Plan"},
    OrderKind.FRAMES: {"WOType": "Frames"},
    OrderKind.REPORT: {"WOType": "Report"},
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


@pytest.mark.parametrize(
    ("kind", "command", "role"),
    [
        (OrderKind.SCRIPT_QUEUE, "showQueue", Role.READ),
        (OrderKind.SCRIPT_QUEUE, "add", Role.OPERATE),
        (OrderKind.SCRIPT_QUEUE, "no such command", Role.OPERATE),
        (OrderKind.SCHEDULER, "getBlockStatus", Role.READ),
        (OrderKind.SCHEDULER, "exitControl", Role.OPERATE),
        (OrderKind.CONTROL, "showQueue", Role.OPERATE),
        (OrderKind.STATUS, None, Role.READ),
    ],
)
def test_commands_that_only_look_need_read(
    kind: OrderKind, command: str | None, role: Role
) -> None:
    assert needed(kind, command) is role


def known(role: Role, *users: str, via: str = "") -> Caller:
    return Caller("ada", role, "10.0.0.7", is_known=True, users=frozenset(users), via=via)


@pytest.mark.parametrize(
    ("caller", "user", "is_allowed"),
    [
        (known(Role.SUBMIT), "ada", True),
        (known(Role.SUBMIT), "bob", False),
        (known(Role.SUBMIT, "bob"), "bob", True),
        (known(Role.SUBMIT, "*"), "bob", True),
        (known(Role.SUBMIT, "*"), "scheduler", False),
        (known(Role.OPERATE), "bob", True),
        (known(Role.OPERATE), "Scheduler", False),
        (known(Role.ADMIN), "scheduler", True),
        (known(Role.SUBMIT, via="services"), "bob", True),
        (OPERATOR, "scheduler", True),
    ],
)
async def test_the_user_of_an_order_is_one_the_token_may_use(
    caller: Caller, user: str, is_allowed: bool
) -> None:
    desk = FakeDesk("scheduler")
    order = {**RIGHT[OrderKind.OBSERVATION], "User": user}
    if is_allowed:
        await desk.handle(order, caller)
        assert desk.orders[0].user == user
    else:
        with pytest.raises(NotPermitted, match=f"User: came '{user}'"):
            await desk.handle(order, caller)
        assert desk.orders == []


async def test_a_beat_in_the_name_of_a_service_needs_admin_where_there_are_tokens() -> None:
    desk = FakeDesk("safety")
    with pytest.raises(NotPermitted, match="the name of a service"):
        await desk.handle(RIGHT[OrderKind.HEARTBEAT], known(Role.OPERATE))
    assert desk.orders == []
    await desk.handle(RIGHT[OrderKind.HEARTBEAT], known(Role.ADMIN))
    assert len(desk.orders) == 1


async def test_an_order_without_a_user_is_the_tokens() -> None:
    desk = FakeDesk("scheduler")
    await desk.handle({"WOType": "Control", "Command": "stop"}, known(Role.OPERATE))
    assert desk.orders[0].user == "ada"


@pytest.mark.parametrize(
    ("caller", "is_allowed"),
    [
        (known(Role.SUBMIT), False),
        (known(Role.SUBMIT, "bob"), True),
        (known(Role.OPERATE), True),
        (OPERATOR, True),
    ],
)
def test_somebody_elses_order_needs_operate(caller: Caller, is_allowed: bool) -> None:
    if is_allowed:
        caller.require_own("bob", "O-1")
    else:
        with pytest.raises(NotPermitted, match=r"O-1 is bob's: that needs the role operate"):
            caller.require_own("bob", "O-1")


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
