import threading

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import WrongState
from ctmo_indi.scheduler.comeback import Comeback
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import Ticket, TicketState


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scheduler" / "comeback.json"


def test_a_new_scheduler_does_not_observe_by_itself(path):
    assert not Comeback(path).is_wanted


def test_resume_is_remembered_over_a_restart(path):
    Comeback(path).note(Command.RESUME)
    assert Comeback(path).is_wanted


@pytest.mark.parametrize("command", [Command.STOP, Command.DISABLE, Command.STANDBY, Command.EXIT])
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


def lead_back(path, command):
    """Lead back with a fake component; return the commands it got."""
    sent: list[Command] = []
    tickets: dict[str, Ticket] = {}
    over = threading.Event()

    def send(step):
        sent.append(step)
        state = command(step)
        ticket = Ticket(f"T-{len(sent)}", step, state, 1)
        tickets[ticket.receipt] = ticket
        if step is Command.RESUME or state is TicketState.FAILED:
            over.set()
        return ticket

    Comeback(path).begin(send, tickets.__getitem__, SystemClock())
    assert over.wait(5.0)
    return sent


def test_it_leads_back_step_by_step(path):
    sent = lead_back(path, lambda _step: TicketState.COMPLETED)
    assert sent == [Command.START, Command.ENABLE, Command.RESUME]


def test_a_failed_step_ends_it(path):
    assert lead_back(path, lambda _step: TicketState.FAILED) == [Command.START]


def test_somebody_elses_command_ends_it(path):
    tried = threading.Event()

    def refuse(_step):
        tried.set()
        raise WrongState("another command is being carried out")

    Comeback(path).begin(refuse, {}.__getitem__, SystemClock())
    assert tried.wait(5.0)
