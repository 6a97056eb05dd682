"""A command on its way: one object from sending to its end.

The book keeps every command that is under way, feeds it the updates of its properties and ends it
on completion, refusal, deadline, loss or cancellation. It holds no lock of its own: the client
calls it under its lock, on the thread that brings the news, so that a waiter wakes without a
detour.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.errors import (
    CommandCanceled,
    CommandRejected,
    CommandTimeout,
    CtmoError,
    DriverLost,
    NotConnected,
    ServerLost,
)
from ctmo_indi.indi.completion import CompletionRule, CompletionWatch, Judgement
from ctmo_indi.indi.ending import Ending
from ctmo_indi.indi.snapshot import PropertySnapshot, PropertyState

_log = logging.getLogger(__name__)

__all__ = ["Command", "CommandBook", "CompletionRule"]

Key = tuple[str, str]


class Command(Ending[PropertySnapshot]):
    """One command under way or ended; any thread.

    Made by :meth:`IndiClient.command`, never by hand.
    """

    def __init__(
        self,
        watch: CompletionWatch,
        label: str,
        clock: Clock,
        *,
        ack_floor_s: float,
        finish_floor_s: float,
        cancel: Callable[[Command, str], None],
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        super().__init__(post)
        self.device, self.property = watch.commanded_key
        self.label = label or f"{self.device}.{self.property}"
        self._watch = watch
        self._clock = clock
        self._started_s = clock.elapsed_s()
        self._ack_end_machine_s = clock.machine_s() + max(
            watch.rule.ack_timeout_s / clock.speed, ack_floor_s
        )
        self._finish = Deadline(clock, watch.rule.timeout_s, finish_floor_s)
        self._settle: Deadline | None = None
        self._settle_floor_s = ack_floor_s
        self._ack_judged = False
        self._cancel = cancel
        self._transitions: list[tuple[PropertyState, float]] = []

    def __repr__(self) -> str:
        return f"<Command {self.label} {'ended' if self.done() else 'under way'}>"

    @property
    def transitions(self) -> tuple[tuple[PropertyState, float], ...]:
        """State changes of the commanded and watched property since sending, with elapsed_s."""
        return tuple(self._transitions)

    def wait(self, timeout_s: float | None = None) -> PropertySnapshot:
        """Block until the command has ended and return the property it was judged by.

        Parameters
        ----------
        timeout_s
            Sky seconds to wait here; the command goes on when they are over. None: to its end,
            which its own deadline bounds.

        Raises
        ------
        CommandRejected, CommandTimeout, CommandCanceled, DriverLost, ServerLost, NotConnected
            As the command ended; CommandTimeout also when ``timeout_s`` passed.
        """
        if timeout_s is None:
            # The book ends it at its deadline; the extra seconds only guard against our own bugs.
            limit_s = self._finish.remaining_machine_s() + 10.0
        else:
            limit_s = Deadline(self._clock, timeout_s).remaining_machine_s()
        if not self._wait(limit_s):
            raise CommandTimeout(
                f"{self.label}: still under way after "
                f"{self._clock.elapsed_s() - self._started_s:.1f} s: {self._watch.reason}"
            )
        return self._outcome()

    def cancel(self, reason: str) -> None:
        """End it with CommandCanceled; what the device does is up to the caller."""
        self._cancel(self, reason)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The properties it must be fed with."""
        watch = self._watch
        if watch.watched_key == watch.commanded_key:
            return (watch.commanded_key,)
        return (watch.commanded_key, watch.watched_key)

    @property
    def watch(self) -> CompletionWatch:
        """Its judge. For the book."""
        return self._watch

    def observe(self, snapshot: PropertySnapshot) -> Judgement:
        """Feed one update. For the book."""
        judgement = self._watch.observe(snapshot)
        if not self._transitions or self._transitions[-1][0] is not snapshot.state:
            self._transitions.append((snapshot.state, snapshot.elapsed_s))
        if judgement is Judgement.SETTLING:
            self._settle = Deadline(self._clock, self._watch.rule.settle_s, self._settle_floor_s)
        return judgement

    def judge_deadlines(self, lag_s: float) -> Judgement | None:
        """Look at the deadlines; None when the last one passed. For the book.

        A driver has its whole time to react, however long a slow link keeps the answer
        (``lag_s``, machine seconds).
        """
        if not self._ack_judged and self._clock.machine_s() >= self._ack_end_machine_s + lag_s:
            self._ack_judged = True
            judgement = self._watch.on_ack_deadline()
            if judgement is not Judgement.PENDING:
                return judgement
        if self._settle is not None and self._settle.expired:
            self._settle = None
            judgement = self._watch.on_settle_deadline()
            if judgement is not Judgement.PENDING:
                return judgement
        return None if self._finish.expired else Judgement.PENDING

    def took_s(self) -> float:
        """Sky seconds since it was made."""
        return self._clock.elapsed_s() - self._started_s


class CommandBook:
    """All commands under way. The caller holds the client's lock.

    Parameters
    ----------
    messages
        Gives the last driver messages of a device, for error texts.
    """

    def __init__(self, messages: Callable[[str], Iterable[str]]) -> None:
        self._messages = messages
        self._by_key: dict[Key, list[Command]] = {}
        self._commands: dict[Key, Command] = {}

    def __len__(self) -> int:
        return len(self._commands)

    def under_way(self, device: str, name: str) -> Command | None:
        """The command of that property, if one is under way."""
        return self._commands.get((device, name))

    def add(self, command: Command) -> None:
        """Register before sending."""
        self._commands[command.device, command.property] = command
        for key in command.keys:
            self._by_key.setdefault(key, []).append(command)

    def observe(self, snapshot: PropertySnapshot) -> None:
        """Feed an update to whom it concerns."""
        commands = self._by_key.get((snapshot.device, snapshot.name))
        if not commands:
            return
        for command in tuple(commands):
            self._apply(command, command.observe(snapshot))

    def judge_deadlines(self, lag_s: float = 0.0) -> None:
        """End what is overdue; called by the client's beat, with the link's lag."""
        for command in tuple(self._commands.values()):
            judgement = command.judge_deadlines(lag_s)
            if judgement is None:
                text = f"not complete after {command.took_s():.1f} s: {command.watch.reason}"
                self.fail(command, CommandTimeout(self._text(command, text)))
            else:
                self._apply(command, judgement)

    def lose_server(self, reason: str) -> None:
        """Fail everything with ServerLost."""
        for command in tuple(self._commands.values()):
            self.fail(command, ServerLost(self._text(command, f"server lost: {reason}")))

    def lose_device(self, device: str, name: str | None = None) -> None:
        """Fail what concerns a driver that is gone, or one removed property."""
        for key in tuple(self._by_key):
            if key[0] != device or (name is not None and key[1] != name):
                continue
            for command in tuple(self._by_key.get(key, ())):
                error: NotConnected = (
                    DriverLost(self._text(command, f"the driver of {device} went away"))
                    if name is None
                    else NotConnected(self._text(command, f"{device} removed {name}"))
                )
                self.fail(command, error)

    def cancel(self, command: Command, reason: str) -> None:
        """End one with CommandCanceled."""
        self.fail(command, CommandCanceled(f"{command.label}: {reason}"))

    def fail(self, command: Command, error: CtmoError) -> None:
        """End one with an error."""
        self._remove(command)
        if command.end(None, error):
            _log.info("command_failed label=%r error=%s", command.label, error)

    def _apply(self, command: Command, judgement: Judgement) -> None:
        if judgement is Judgement.DONE:
            self._remove(command)
            command.end(command.watch.final, None)
        elif judgement is Judgement.REJECTED:
            self.fail(command, CommandRejected(self._text(command, command.watch.reason)))
        elif judgement is Judgement.SILENT:
            self.fail(command, CommandTimeout(self._text(command, command.watch.reason)))

    def _remove(self, command: Command) -> None:
        key = (command.device, command.property)
        if self._commands.get(key) is command:
            del self._commands[key]
        for key in command.keys:
            commands = self._by_key.get(key, [])
            if command in commands:
                commands.remove(command)
                if not commands:
                    del self._by_key[key]

    def _text(self, command: Command, what: str) -> str:
        where = f"{command.device}.{command.property}"
        head = where if command.label == where else f"{command.label} ({where})"
        said = " | ".join(self._messages(command.device))
        return f"{head}: {what}" + (f"; the driver said: {said}" if said else "")
