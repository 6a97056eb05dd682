"""The component by itself: what comes too late, what never comes, and how FAULT is entered."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ctmo_indi.checked_yaml import Lines
from ctmo_indi.errors import ConfigError, WrongState
from ctmo_indi.models.states import SummaryState
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.component.csc import START_TIMEOUT_S, SchedulerCsc
from ctmo_indi.scheduler.component.csc_parts import CscParts, GoesOn
from ctmo_indi.scheduler.component.startup import Progress, Started, StartWish
from ctmo_indi.scheduler.configuration import Configuration, SchedulerCscParameters, StartupType
from ctmo_indi.scheduler.modes.dry_mode import DryMode
from ctmo_indi.scheduler.states import Command, DetailedState, ErrorCode
from ctmo_indi.scheduler.tickets import Ticket, TicketBook, TicketState
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.testing.fake_clock import FakeClock

FILE = Path("test.scheduler.yaml")


def started() -> Started:
    configuration = Configuration("test", FILE, "", SchedulerCscParameters(), Lines(FILE, {}))
    return Started(configuration, BlockLibrary({}, ScriptRegistry({})), StartupType.COLD)


@dataclass
class Rig:
    """A component whose surroundings are the test's."""

    clock: FakeClock = field(default_factory=FakeClock)
    starts: list[Future[Started]] = field(default_factory=list)
    loads: list[Future[None]] = field(default_factory=list)
    tell: Progress = lambda _text: None
    is_quiet: bool = True
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    refusal: Exception | None = None

    def __post_init__(self) -> None:
        numbers = iter(range(1, 1000))
        self.tickets = TicketBook(lambda: f"T-{next(numbers)}", lambda _ticket: None)
        self.csc = SchedulerCsc(
            CscParts(
                tickets=self.tickets,
                clock=self.clock,
                begin_start=self._begin_start,
                make_mode=self._make_mode,
                begin_load=self._begin_load,
                begin_prediction=lambda _on_done: lambda: None,
                at_once={
                    Command.FLUSH: lambda _: {"Targets": 2},
                    Command.ADD_BLOCK: lambda _: GoesOn(self.done.append),
                    Command.REMOVE_BLOCK: self._refuse,
                },
                publish=lambda kind, _subject, data: self.events.append((kind, data)),
                post=lambda call: call(),
                stop_scripts=lambda _reason: self.done.append("stop scripts"),
                is_quiet=lambda: self.is_quiet,
                make_safe=lambda: self.done.append("make safe"),
                make_safe_timeout_s=100.0,
                driver_timeout_s=lambda: 30.0,
                wipe=lambda: self.done.append("wipe"),
                on_offline=lambda: self.done.append("offline"),
            )
        )

    def send(self, command: Command, **arguments: object) -> Ticket:
        return self.csc.command(CommandCall(command, **arguments))  # type: ignore[arg-type]

    def enabled(self) -> Rig:
        self.send(Command.START)
        self.starts[-1].set_result(started())
        self.send(Command.ENABLE)
        assert self.csc.summary is SummaryState.ENABLED
        return self

    def _begin_start(self, wish: StartWish, tell: Progress) -> Future[Started]:
        if wish.configuration == "bug":
            raise ValueError("bug")
        self.starts.append(Future())
        self.tell = tell
        return self.starts[-1]

    def _begin_load(self, _uri: str) -> Future[None]:
        self.loads.append(Future())
        return self.loads[-1]

    def _make_mode(self, _started: Started) -> DryMode:
        if self.refusal is not None:
            raise self.refusal
        return DryMode(None)  # type: ignore[arg-type]  # it asks nothing of its context

    @staticmethod
    def _refuse(_call: CommandCall) -> dict[str, object]:
        raise WrongState("nothing to remove")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_start_that_never_ends_is_given_up_and_can_be_repeated(rig: Rig) -> None:
    ticket = rig.send(Command.START)
    rig.clock.advance(START_TIMEOUT_S - 1.0)
    rig.csc.tick()
    assert rig.tickets.get(ticket.receipt).state is TicketState.IN_PROGRESS
    rig.clock.advance(2.0)
    rig.csc.tick()
    assert rig.tickets.get(ticket.receipt).state is TicketState.FAILED
    rig.send(Command.START)
    rig.starts[0].set_result(started())  # the first one comes back after all
    assert rig.csc.summary is SummaryState.STANDBY
    rig.starts[1].set_result(started())
    assert rig.csc.summary is SummaryState.DISABLED


def test_progress_stands_on_the_ticket_and_counts_revisions_until_it_ends(rig: Rig) -> None:
    ticket = rig.send(Command.START)
    rig.tell("replay 40,000 of 100,000")
    told = rig.tickets.get(ticket.receipt)
    assert (told.progress, told.revision) == ("replay 40,000 of 100,000", 2)
    assert told.to_wire()["Message"] == "start: IN_PROGRESS: replay 40,000 of 100,000"
    rig.starts[0].set_result(started())
    rig.tell("too late")
    assert rig.tickets.get(ticket.receipt).progress == ""


def test_a_bug_in_a_start_refuses_it_as_well(rig: Rig) -> None:
    ticket = rig.send(Command.START)
    rig.starts[0].set_exception(ZeroDivisionError("a driver's bug"))
    assert "a driver's bug" in rig.tickets.get(ticket.receipt).message
    assert (rig.csc.summary, rig.done) == (SummaryState.STANDBY, ["wipe"])


@pytest.mark.parametrize("refusal", [ConfigError("no such mode"), ValueError("no such mode")])
def test_a_mode_that_cannot_be_made_refuses_the_start(rig: Rig, refusal: Exception) -> None:
    rig.refusal = refusal
    ticket = rig.send(Command.START)
    rig.starts[0].set_result(started())
    assert "no such mode" in rig.tickets.get(ticket.receipt).message
    assert (rig.csc.summary, rig.csc.started) == (SummaryState.STANDBY, None)
    assert rig.send(Command.START).state is TicketState.IN_PROGRESS


def test_a_command_that_breaks_is_not_under_way_for_ever(rig: Rig) -> None:
    with pytest.raises(ValueError, match="bug"):
        rig.send(Command.START, configuration="bug")
    assert rig.send(Command.START).state is TicketState.IN_PROGRESS


def test_why_a_command_failed_is_cut_when_it_is_a_book(rig: Rig) -> None:
    ticket = rig.send(Command.START)
    rig.starts[0].set_exception(ConfigError("x" * 1_000_000))
    assert len(rig.tickets.get(ticket.receipt).message) < 11_000


def test_fault_is_entered_when_the_devices_are_safe_and_nothing_is_taken_until_then(
    rig: Rig,
) -> None:
    rig.enabled().send(Command.RESUME)
    rig.is_quiet = False
    rig.csc.fault(ErrorCode.ADVANCE_LOOP, "on purpose")
    rig.csc.tick()
    assert rig.done[-2:] == ["stop scripts", "make safe"]
    assert (rig.csc.summary, rig.csc.is_running) == (SummaryState.ENABLED, False)
    with pytest.raises(WrongState, match="goes to FAULT"):
        rig.send(Command.DISABLE)
    rig.csc.fault(ErrorCode.SNAPSHOT, "another one meanwhile")
    rig.is_quiet = True
    rig.csc.tick()
    assert rig.csc.summary is SummaryState.FAULT
    assert (rig.csc.error_code, rig.csc.error_report) == (ErrorCode.ADVANCE_LOOP, "on purpose")
    codes = [data["Code"] for kind, data in rig.events if kind == "errorCode"]
    assert codes == [401, 414]


def test_fault_does_not_wait_for_ever_for_devices_that_do_not_obey(rig: Rig) -> None:
    rig.enabled()
    rig.is_quiet = False
    rig.csc.fault(ErrorCode.ADVANCE_LOOP, "on purpose")
    rig.clock.advance(99.0)
    rig.csc.tick()
    assert rig.csc.summary is SummaryState.ENABLED
    rig.clock.advance(2.0)
    rig.csc.tick()
    assert rig.csc.summary is SummaryState.FAULT


def test_devices_are_made_safe_even_when_the_mode_cannot_stop(rig: Rig) -> None:
    rig.enabled().send(Command.RESUME)

    def broken() -> None:
        raise RuntimeError("on purpose")

    assert rig.csc.mode is not None
    rig.csc.mode.stop = broken  # type: ignore[method-assign]
    rig.csc.fault(ErrorCode.ADVANCE_LOOP, "on purpose")
    assert rig.done[-2:] == ["stop scripts", "make safe"]
    rig.csc.tick()
    assert rig.csc.summary is SummaryState.FAULT


def test_standby_from_fault_clears_the_code_and_forgets_the_mode(rig: Rig) -> None:
    rig.enabled()
    rig.csc.fault(ErrorCode.ADVANCE_LOOP, "on purpose")
    rig.csc.tick()
    rig.send(Command.STANDBY)
    assert (rig.csc.summary, rig.csc.mode) == (SummaryState.STANDBY, None)
    assert rig.csc.error_code is ErrorCode.NONE
    assert rig.events[-3][1]["Code"] == 0
    assert rig.done[-1:] == ["wipe"]


def test_stop_with_abort_ends_when_the_queue_is_empty(rig: Rig) -> None:
    rig.enabled().send(Command.RESUME)
    rig.is_quiet = False
    ticket = rig.send(Command.STOP, abort=True)
    assert ticket.state is TicketState.IN_PROGRESS
    assert rig.csc.is_emptying_queue
    with pytest.raises(WrongState, match="stop is being carried out"):
        rig.send(Command.RESUME)
    rig.is_quiet = True
    rig.csc.tick()
    assert not rig.csc.is_emptying_queue
    assert rig.tickets.get(ticket.receipt).state is TicketState.COMPLETED


def test_a_fault_fails_the_command_under_way(rig: Rig) -> None:
    rig.enabled().send(Command.RESUME)
    rig.is_quiet = False
    ticket = rig.send(Command.STOP, abort=True)
    rig.csc.fault(ErrorCode.REGISTRATION, "on purpose")
    assert rig.tickets.get(ticket.receipt).state is TicketState.FAILED


def test_commands_carried_out_at_once_have_results_refusals_or_tickets_of_others(rig: Rig) -> None:
    rig.enabled()
    assert dict(rig.send(Command.FLUSH).result) == {"Targets": 2}
    ticket = rig.send(Command.ADD_BLOCK)
    assert (ticket.state, rig.done[-1]) == (TicketState.IN_PROGRESS, ticket.receipt)
    with pytest.raises(WrongState, match="nothing to remove"):
        rig.send(Command.REMOVE_BLOCK)
    rig.send(Command.RESUME)  # the block under way holds up nothing


def alone(rig: Rig) -> Callable[[], None]:
    return rig.csc.detailed.begin_alone()


def test_what_is_done_alone_is_running_until_the_last_of_it_ends(rig: Rig) -> None:
    rig.enabled()
    first, second = alone(rig), alone(rig)
    first()
    first()
    assert rig.csc.detailed.state is DetailedState.RUNNING
    rig.send(Command.RESUME)
    rig.send(Command.STOP)
    assert rig.csc.detailed.state is DetailedState.RUNNING
    second()
    assert rig.csc.detailed.state is DetailedState.IDLE


def test_sub_operations_go_over_running_and_a_summary_state_forces_idle(rig: Rig) -> None:
    rig.enabled().send(Command.RESUME)
    rig.events.clear()
    rig.csc.set_detailed(DetailedState.GENERATING_TARGET_QUEUE)
    rig.csc.set_detailed(DetailedState.QUEUEING_TARGET)
    rig.send(Command.DISABLE)
    states = [data["Detailed State"] for kind, data in rig.events if kind == "detailedState"]
    assert states == ["GENERATING_TARGET_QUEUE", "RUNNING", "QUEUEING_TARGET", "IDLE", "IDLE"]
