import threading

import pytest

from ctmo_indi.errors import WrongState
from ctmo_indi.models.states import SummaryState
from ctmo_indi.scheduler.component.comeback import Comeback, WayBack
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import Ticket, TicketState
from ctmo_indi.testing.fake_clock import FakeClock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scheduler" / "comeback.json"


def test_a_new_scheduler_does_not_observe_by_itself(path):
    assert not Comeback(path).is_wanted


def test_resume_is_remembered_over_a_restart(path):
    Comeback(path).note(Command.RESUME)
    assert Comeback(path).is_wanted


@pytest.mark.parametrize(
    "command", [Command.STOP, Command.DISABLE, Command.STANDBY, Command.EXIT_CONTROL]
)
def test_each_way_of_ending_is_remembered_too(path, command):
    comeback = Comeback(path)
    comeback.note(Command.RESUME)
    comeback.note(command)
    assert not Comeback(path).is_wanted


def test_start_and_enable_change_nothing(path):
    comeback = Comeback(path)
    comeback.note(Command.RESUME)
    comeback.note(Command.START)
    comeback.note(Command.ENABLE)
    assert comeback.is_wanted


def test_the_configuration_of_the_last_start_is_remembered_with_resume(path):
    comeback = Comeback(path)
    comeback.note(Command.START, "summer")
    comeback.note(Command.START, "dry")
    assert Comeback(path).configuration == ""
    comeback.note(Command.RESUME)
    assert Comeback(path).configuration == "dry"


def test_a_file_without_configuration_means_the_default_one(path):
    path.parent.mkdir()
    path.write_text('{"observing": true}')
    assert Comeback(path).is_wanted
    assert Comeback(path).configuration == ""


def test_a_file_that_holds_a_list_means_no(path):
    path.parent.mkdir()
    path.write_text("[1]")
    assert not Comeback(path).is_wanted


def test_an_unreadable_file_means_no(path):
    path.parent.mkdir()
    path.write_text("{")
    assert not Comeback(path).is_wanted


class Component:
    """Carries commands out as a test says, and notes them and the waits between them."""

    def __init__(self, path, *, ends=(), state=SummaryState.STANDBY):
        self.clock = FakeClock()
        self.ends = list(ends)
        self.state = state
        self.is_running = False
        self.sent = []
        self.waits = []
        self.tickets = {}
        self.is_human_due = False
        self.comeback = Comeback(path, self.wait)
        self.comeback.note(Command.START, "night")
        self.comeback.note(Command.RESUME)
        self.lines = []

    def wait(self, wait_s):
        self.waits.append(wait_s)
        self.lines.append(self.comeback.to_wire(self.clock))
        if len(self.waits) > 30:
            raise AssertionError("it goes on for ever")
        if self.is_human_due:
            self.comeback.human_came(Command.START)
        self.clock.advance(wait_s)
        return self.comeback.is_over

    def command(self, step):
        self.sent.append(step)
        end = self.ends.pop(0) if self.ends else ""
        if isinstance(end, Exception):
            raise end
        if not end:
            if step is Command.RESUME:
                self.is_running = True
            else:
                self.state = AFTER[step]
        state = TicketState.FAILED if end else TicketState.COMPLETED
        ticket = Ticket(f"T-{len(self.sent)}", step, state, 1, end)
        self.tickets[ticket.receipt] = ticket
        return ticket

    def lead_back(self):
        """Lead back until it is over; return the commands that were given."""
        way = WayBack(
            self.command,
            self.tickets.__getitem__,
            lambda: (self.state, self.is_running),
            self.clock,
        )
        self.comeback.begin(way)
        for thread in threading.enumerate():
            if thread.name == "comeback":
                thread.join(10.0)
                assert not thread.is_alive()
        return self.sent


AFTER = {Command.START: SummaryState.DISABLED, Command.ENABLE: SummaryState.ENABLED}
START, ENABLE, RESUME = Command.START, Command.ENABLE, Command.RESUME


def test_it_leads_back_step_by_step(path):
    component = Component(path)
    assert component.lead_back() == [START, ENABLE, RESUME]
    assert component.comeback.to_wire(component.clock) == ""


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        (SummaryState.DISABLED, [ENABLE, RESUME]),
        (SummaryState.ENABLED, [RESUME]),
        (SummaryState.FAULT, []),
        (SummaryState.OFFLINE, []),
    ],
)
def test_it_leads_back_from_wherever_the_component_is_but_out_of_no_fault(path, state, sent):
    assert Component(path, state=state).lead_back() == sent


def test_a_step_that_fails_is_tried_again_with_growing_waits(path):
    component = Component(path, ends=["line 3, mode: came FAST"] * 9)
    assert component.lead_back() == [START] * 10 + [ENABLE, RESUME]
    assert component.waits == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
    assert component.lines[2] == "failed: start: line 3, mode: came FAST; tried again in 20 s"


@pytest.mark.parametrize(
    "error",
    [WrongState("another command is being carried out"), TimeoutError(), OSError(28, "disk full")],
)
def test_what_refuses_or_breaks_is_tried_again_as_well(path, error):
    component = Component(path, ends=["", error])
    assert component.lead_back() == [START, ENABLE, ENABLE, RESUME]


def test_each_reason_is_logged_once_whatever_its_date(path, caplog):
    full = "snapshot-{:08d}-20260102T0304{:02d}-fields.json: No space left on device"
    ends = [full.format(n, n) for n in range(5)] + ["line 3: bad", "line 4: bad", "line 3: bad"]
    Component(path, ends=ends).lead_back()
    said = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(said) == 3
    for reason, message in zip(("No space left", "line 3", "line 4"), said, strict=True):
        assert reason in message


def test_a_human_ends_it(path):
    component = Component(path, ends=["bad"] * 3)
    component.is_human_due = True
    assert component.lead_back() == [START]
    assert component.comeback.to_wire(component.clock) == "ended: start was commanded"
    assert component.comeback.is_over


@pytest.mark.parametrize("command", [Command.SET_LOG_LEVEL, Command.GET_BLOCK_STATUS])
def test_who_only_asks_or_notes_does_not_end_it(path, command):
    component = Component(path)
    component.comeback.human_came(command)
    assert component.lead_back() == [START, ENABLE, RESUME]


def test_it_ends_when_observing_is_not_remembered_any_more(path):
    component = Component(path, ends=["bad"] * 9)

    def forget(wait_s):
        component.waits.append(wait_s)
        if len(component.waits) == 2:
            path.unlink()
        return False

    component.comeback._wait = forget
    assert component.lead_back() == [START, START]
    assert "not remembered" in component.comeback.to_wire(component.clock)


def test_it_ends_with_the_service(path):
    component = Component(path, ends=["bad"] * 9)
    component.comeback.end()
    assert component.lead_back() == []


def observing_with_a_spoilt_configuration(stack):
    """Let a scheduler observe, end, and begin again when its configuration is no good."""
    stack.configure("mode: SIMPLE\n")
    stack.start_scheduler()
    assert stack.command("start", "enable", "resume") == "COMPLETED"
    stack.stop_scheduler()
    stack.configure("mode: SIMPLE\nn_target: 3\n")
    stack.start_scheduler()
    stack.wait_until(lambda: str(stack.desk.status()["Comeback"]).startswith("failed: "))


def test_a_configuration_that_was_spoilt_is_told_and_observing_goes_on_when_it_is_mended(
    stack, monkeypatch
):
    monkeypatch.setattr("ctmo_indi.scheduler.component.comeback.AGAIN_FIRST_S", 0.05)
    monkeypatch.setattr("ctmo_indi.scheduler.component.comeback.AGAIN_LAST_S", 0.05)
    observing_with_a_spoilt_configuration(stack)
    assert "line 2, n_target: unknown key" in stack.desk.status()["Comeback"]
    assert stack.command("setLogLevel", Level="WARNING") == "COMPLETED"
    stack.configure("mode: SIMPLE\n")
    stack.wait_until(lambda: stack.desk.status()["Running"] is True)
    stack.wait_until(lambda: stack.desk.status()["Comeback"] == "")
    order = {"WOType": "Events", "Cursor": 0, "Kinds": ["logMessage"], "Limit": 500}
    said = [str(event["Data"]["Message"]) for event in stack.desk.front_desk(order)["Events"]]
    assert len([one for one in said if one.startswith("comeback failed")]) == 1


def test_a_humans_start_ends_the_tries(stack):
    observing_with_a_spoilt_configuration(stack)
    assert "tried again in" in stack.desk.status()["Comeback"]
    stack.configure("mode: SIMPLE\n")
    assert stack.command("start") == "COMPLETED"
    assert stack.desk.status()["Comeback"] == "ended: start was commanded"
    assert stack.desk.status()["Summary State"] == "DISABLED"
