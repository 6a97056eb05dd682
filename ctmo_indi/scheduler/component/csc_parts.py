"""What the component is wired to: see ``component.py`` for the wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from ctmo_indi.clock import Clock
from ctmo_indi.scheduler.command_call import CommandCall
from ctmo_indi.scheduler.component.startup import Progress, Started, StartWish
from ctmo_indi.scheduler.modes.mode import Mode
from ctmo_indi.scheduler.states import Command
from ctmo_indi.scheduler.tickets import TicketBook


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A command that was begun and holds up no other; ``begun`` is given its ticket's receipt."""

    begun: Callable[[str], None]


AtOnce = Callable[[CommandCall], Mapping[str, object] | GoesOn]


@dataclass(frozen=True, slots=True)
class CscParts:
    """What the component works with; each call is made in the engine thread and does not block.

    Parameters
    ----------
    begin_start
        Begins a start in a new driver's thread; the callable given may be called from there.
    make_mode
        Makes the operation mode around what a start has made.
    begin_load
        Hands the file of that address to the driver, in its thread; raises when it may not be read.
    begin_prediction
        Begins a predicted schedule; calls back with why it failed, "" for success. Returns what
        gives it up.
    at_once
        Commands that others carry out on the spot: they raise, or give the ticket's result, or
        see to its end themselves.
    post
        Runs a call later in the engine thread.
    stop_scripts
        Ends every script, for the given reason; completion is seen by ``is_quiet``.
    is_quiet
        Whether no script waits or runs.
    make_safe
        Begins to leave the devices safe; ``is_quiet`` tells when they are, or could not be.
    make_safe_timeout_s
        Elapsed seconds the component waits for that before it reports FAULT.
    driver_timeout_s
        Machine seconds the driver has.
    wipe
        Drops whatever was gathered besides the mode; nothing survives STANDBY.
    """

    tickets: TicketBook
    clock: Clock
    begin_start: Callable[[StartWish, Progress], Future[Started]]
    make_mode: Callable[[Started], Mode]
    begin_load: Callable[[str], Future[None]]
    begin_prediction: Callable[[Callable[[str], None]], Callable[[], None]]
    at_once: Mapping[Command, AtOnce]
    publish: Callable[[str, str, dict[str, object]], object]
    post: Callable[[Callable[[], object]], None]
    stop_scripts: Callable[[str], None]
    is_quiet: Callable[[], bool]
    make_safe: Callable[[], None]
    make_safe_timeout_s: float
    driver_timeout_s: Callable[[], float]
    wipe: Callable[[], None]
    on_offline: Callable[[], None]
