"""Safety's desk tells of itself only: it has no orders, and reads no properties for others."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import BadOrder
from ctmo_indi.safety.desk_handlers import SafetyHandlers
from ctmo_indi.testing.desks import small_profile
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import Contract
from ctmo_indi.work_orders.desk import DispatchDesk
from ctmo_indi.work_orders.revisions import RevisionBoard

CALLER = Caller("ada", Role.READ, "127.0.0.1")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"Receipt": "O-1"}, "Receipt: came 'O-1', .* expected at scheduler or telescope"),
        ({"ID": "1", "User": "ada"}, "ID: came '1', .* expected at scheduler or telescope"),
        ({"All": True}, "All: came True, .* expected at scheduler or telescope"),
        ({"Properties": ["a.B.C"]}, "Properties: came .* expected at telescope"),
    ],
)
async def test_what_others_answer_is_refused_with_who_does(
    keys: dict[str, object], expected: str
) -> None:
    clock, nobody = SystemClock(), cast(Any, None)  # Any: nothing of it is asked
    handlers = SafetyHandlers(
        loop=nobody, holds=nobody, beats=nobody, closer=nobody, board=RevisionBoard(clock),
        clock=clock, stop_all=str, observatory_status=dict, clock_watch=nobody, notices=nobody,
    )  # fmt: skip
    desk = DispatchDesk("safety", Contract.load(small_profile()), handlers.table())
    with pytest.raises(BadOrder, match=expected):
        await desk.handle({"WOType": "Status", **keys}, CALLER)
