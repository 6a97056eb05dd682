"""Bring a scheduler to observing, from whatever state and while it is on its way by itself."""

from __future__ import annotations

import itertools
import threading

from ctmo_indi.clock import Deadline, SystemClock
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import CtmoError, WrongState
from ctmo_indi.work_orders.lifecycle import SETTLED_ATTEMPTS

TIMEOUT_S = 60.0
"""Of refusals without an end; the desk's client needs as much for one answer."""

# Of one command: the first start on a machine compiles the planner.
_COMMAND_TIMEOUT_S = 600.0
# Between two tries: a refusal may be one of a scheduler that is on its way by itself.
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0)
# Summary state -> the command that leads on toward observing.
_NEXT_COMMAND = {"STANDBY": "start", "DISABLED": "enable", "ENABLED": "resume"}


def start_observing(desk: DeskClient, give_up: threading.Event) -> None:
    """Give a scheduler one command after the other until it observes.

    Parameters
    ----------
    give_up
        Set by another thread to return soon, whatever the scheduler does.

    Raises
    ------
    CtmoError
        It goes on refusing for 60 s, or a command takes longer than ten minutes.
    """
    deadline = Deadline(SystemClock(), TIMEOUT_S)
    pauses_s = itertools.chain(_PAUSES_S, itertools.repeat(_PAUSES_S[-1]))
    while not give_up.is_set():
        status = desk.front_desk({"WOType": "Status", "User": "up"})
        if status.get("Running"):
            return
        try:
            _lead_on(desk, str(status["Status"]), give_up)
            deadline = Deadline(SystemClock(), TIMEOUT_S)
        except CtmoError:  # it may be on its way by itself, as before a restart
            if deadline.expired:
                raise
            give_up.wait(next(pauses_s))


def _lead_on(desk: DeskClient, state: str, give_up: threading.Event) -> None:
    """Give the scheduler the next command towards observing, and wait for its end."""
    command = _NEXT_COMMAND.get(state)
    if command is None:
        raise WrongState(f"the scheduler is {state}")
    order = {"WOType": "Scheduler", "User": "up", "Command": command}
    receipt = str(desk.front_desk(order)["Receipt"])
    ended = desk.wait_for(receipt, _COMMAND_TIMEOUT_S, until=SETTLED_ATTEMPTS, give_up=give_up)
    if ended["Status"] != "COMPLETED":
        raise WrongState(f"{command}: {ended.get('Message', ended['Status'])}")
