"""Every command reaches a real scheduler in every state: it is done, or refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctmo_indi.desk_client.client import DeskFault
from ctmo_indi.desk_client.scheduler import CommandFailed, SchedulerClient
from ctmo_indi.models.states import SummaryState
from ctmo_indi.scheduler.states import COMMAND_RULES, Command
from ctmo_indi.testing.desks import reply_faults

if TYPE_CHECKING:
    from tests.unit.scheduler.conftest import Stack

OF_THE_CALLER = range(400, 500)  # refused: the state, the block, the file; never a bug of ours
KEYS: dict[Command, dict[str, object]] = {
    Command.LOAD: {"URI": "file:///nowhere/list.yaml"},
    Command.ADD_BLOCK: {"Block": "no-such-block"},
    Command.GET_BLOCK_STATUS: {"Block": "observe"},
    Command.REMOVE_BLOCK: {"Block": "observe"},
    Command.VALIDATE_BLOCK: {"Block": "observe"},
    Command.SET_LOG_LEVEL: {"Level": "INFO"},
    Command.UPDATE_OBSERVATORY_STATUS: {"Status": ["IDLE"]},
}
WAY: tuple[tuple[SummaryState, Command | None], ...] = (
    (SummaryState.STANDBY, None),
    (SummaryState.DISABLED, Command.START),
    (SummaryState.ENABLED, Command.ENABLE),
)


def test_each_command_is_refused_with_the_reason_where_the_table_says_so(stack: Stack) -> None:
    stack.start_scheduler()
    scheduler = SchedulerClient(stack.desk, wait_s=20.0)
    for state, way in WAY:
        if way is not None:
            scheduler.send(way.value)
        assert stack.desk.status()["Summary State"] == state
        for command, rule in COMMAND_RULES.items():
            if state in rule.needs:
                continue
            with pytest.raises(DeskFault, match=f"{command}: refused in {state}") as refused:
                scheduler.send(command.value, KEYS.get(command))
            assert refused.value.code == 412
        assert stack.desk.status()["Summary State"] == state


def test_each_command_that_changes_no_state_is_answered_while_enabled(stack: Stack) -> None:
    stack.start_scheduler()
    scheduler = SchedulerClient(stack.desk, wait_s=20.0)
    scheduler.start()
    scheduler.enable()
    for command, rule in COMMAND_RULES.items():
        if rule.leads_to is not None or command in (Command.RESUME, Command.STOP):
            continue
        try:
            reply = scheduler.send(command.value, KEYS.get(command))
        except DeskFault as refused:
            assert refused.code in OF_THE_CALLER, (command, refused)  # noqa: PT017
        else:
            assert reply["Status"] in ("COMPLETED", "FAILED"), command
            assert reply["Status"] == "COMPLETED" or reply["Failure"], command
    assert stack.desk.status()["Summary State"] == SummaryState.ENABLED


def test_blocks_by_name(stack: Stack) -> None:
    stack.start_scheduler()
    scheduler = SchedulerClient(stack.desk, wait_s=20.0)
    scheduler.start()
    scheduler.enable()
    status = scheduler.get_block_status("observe").result
    assert (status["Block"], status["Status"]) == ("observe", "AVAILABLE")
    assert scheduler.validate_block("observe").result["Valid"] is True
    for call in (scheduler.add_block, scheduler.get_block_status, scheduler.validate_block):
        with pytest.raises((DeskFault, CommandFailed), match="no-such-block") as refused:
            call("no-such-block")
        assert "observe" in str(refused.value)  # the names there are
    with pytest.raises((DeskFault, CommandFailed), match="nothing to remove"):
        scheduler.remove_block("observe")


def test_the_queue_of_a_real_scheduler(stack: Stack) -> None:
    stack.start_scheduler()
    scheduler = SchedulerClient(stack.desk, wait_s=20.0)
    scheduler.queue_pause(reason="a test")
    first = scheduler.queue_add("sleep", {"duration_s": 3600.0})["Index"]
    second = scheduler.queue_add("sleep", {"duration_s": 1.0}, location="first")["Index"]
    third = scheduler.queue_requeue(int(str(first)), location="before", at_index=int(str(first)))
    waiting = [run["Index"] for run in third["Queue"]]  # type: ignore[attr-defined]  # an array
    assert waiting == [second, third["Index"], first]
    shown = scheduler.queue_script(int(str(first)))
    assert shown["Script"]["Parameters"] == {"duration_s": 3600.0}  # type: ignore[index]  # a struct
    assert "a test" in str(shown["Message"])
    with pytest.raises(DeskFault, match="duration_s") as wrong:
        scheduler.queue_add("sleep", {"duration_s": -1.0})
    assert wrong.value.code == 400
    with pytest.raises(DeskFault, match="999"):
        scheduler.queue_move(999, "first")
    assert "sleep" in str(scheduler.queue_scripts()["Scripts"])
    assert "duration_s" in str(scheduler.queue_schema("sleep")["Schema"])
    scheduler.queue_stop(*waiting)
    for shape in (third, shown, scheduler.queue(), scheduler.queue_scripts()):
        assert reply_faults("Script Queue", shape) == []
    assert scheduler.queue_resume()["Queue"] == []


def test_a_night_of_python(stack: Stack) -> None:
    stack.start_scheduler()
    scheduler = SchedulerClient(stack.desk, wait_s=20.0)
    scheduler.start()
    scheduler.enable()
    scheduler.resume()
    assert stack.desk.status()["Running"] is True
    with pytest.raises(DeskFault, match="already running"):
        scheduler.resume()
    scheduler.stop()
    scheduler.disable()
    scheduler.standby()
    with pytest.raises((DeskFault, CommandFailed), match="no-such-configuration"):
        scheduler.start("no-such-configuration")
    assert stack.desk.status()["Summary State"] == SummaryState.STANDBY
    scheduler.exit_control()
    assert stack.offline.wait(20.0)
