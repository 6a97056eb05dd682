"""The scripts that wait, in order, and where a new one goes among them. Owner's thread only."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ctmo_indi.errors import BadOrder, UnknownOrder, WrongState
from ctmo_indi.script_queue.script import SCHEDULER, Script, ScriptRun, ScriptState
from ctmo_indi.work_orders.model import QueueLocation


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A script of the queue, wherever it stands.

    Parameters
    ----------
    pause_on_failure
        Whether the queue pauses when it fails; None: as the queue's policy says.
    is_urgent
        It is started even while the queue is paused.
    """

    script: Script
    run: ScriptRun
    pause_on_failure: bool | None = None
    is_urgent: bool = False

    @property
    def index(self) -> int:
        """Index of the script."""
        return self.run.index


@dataclass(frozen=True, slots=True)
class Place:
    """Where among the waiting scripts; ``at_index`` goes with BEFORE and AFTER."""

    location: QueueLocation = QueueLocation.LAST
    at_index: int | None = None


LAST = Place()


@dataclass(frozen=True, slots=True)
class Sender:
    """Who puts scripts into the queue, and as part of what.

    Parameters
    ----------
    block, group
        Observing block, and the one carrying out of it: scripts of a group stand and fall together.
    pause_on_failure
        Whether the queue pauses when one of them fails; None: as the queue's policy says.
    is_urgent
        They are started even while the queue is paused: for scripts that lead toward safe.
    """

    user: str = SCHEDULER
    block: str = ""
    group: str = ""
    pause_on_failure: bool | None = None
    is_urgent: bool = False


US = Sender()


def check_deadline(script: Script) -> None:
    """Refuse, with BadOrder, a script that might never be stopped."""
    if not (math.isfinite(script.timeout_s) and script.timeout_s > 0.0):
        raise BadOrder(
            f"script {script.name}: its deadline is {script.timeout_s} s, expected a finite "
            "number > 0"
        )


def new_entry(index: int, script: Script, sender: Sender, now: datetime) -> Entry:
    """Return the entry of a script that enters the queue."""
    run = ScriptRun(
        index=index,
        name=script.name,
        subject=script.subject,
        state=ScriptState.CONFIGURED,
        queued_utc=now,
        metadata=script.metadata,
        user=sender.user,
        block=sender.block,
        group=sender.group,
    )
    return Entry(script, run, sender.pause_on_failure, sender.is_urgent)


class WaitingLine:
    """Scripts not yet started."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, index: int) -> Entry | None:
        """Return the entry of that index, None when it does not wait."""
        return next((entry for entry in self._entries if entry.index == index), None)

    def position(self, place: Place) -> int:
        """Return how many entries stand before ``place``.

        Raises
        ------
        BadOrder
            BEFORE or AFTER without an index.
        UnknownOrder
            The script of ``at_index`` does not wait.
        """
        if place.location is QueueLocation.FIRST:
            return 0
        if place.location is QueueLocation.LAST:
            return len(self._entries)
        if place.at_index is None:
            raise BadOrder(f"location {place.location}: expected the index of a waiting script")
        for position, entry in enumerate(self._entries):
            if entry.index == place.at_index:
                return position + (place.location is QueueLocation.AFTER)
        raise UnknownOrder(f"script {place.at_index}: does not wait in the queue")

    def check_insert(self, position: int, begun: Collection[str]) -> None:
        """Refuse, with WrongState, a place between the scripts of one block.

        Parameters
        ----------
        begun
            Groups of which a script runs or has ended: what waits of one follows at once.
        """
        if position >= len(self._entries):
            return
        behind = self._entries[position].run
        before = self._entries[position - 1].run.group if position else ""
        if behind.group and (behind.group == before or (not position and behind.group in begun)):
            last = max(one.index for one in self._entries if one.run.group == behind.group)
            raise WrongState(
                f"refused: it would stand between the scripts of block {behind.block};"
                f" script {last} is the last of them"
            )

    def check_move(self, index: int, place: Place, begun: Collection[str]) -> None:
        """Refuse, with WrongState, what would tear a block apart or change its order."""
        entry = self.find(index)
        if entry is None or place.at_index == index:
            return
        group = entry.run.group
        fellows = [one.index for one in self._entries if one.run.group == group]
        if group and (len(fellows) > 1 or group in begun):
            raise WrongState(
                f"script {index}: refused, it is one of the scripts of block {entry.run.block},"
                " which stay together and in order"
            )
        position = self.position(place)
        if self._entries[position : position + 1] != [entry]:  # else it stays where it is
            self.check_insert(position, begun)

    def insert(self, entries: Sequence[Entry], position: int) -> None:
        """Put ``entries`` in one after the other."""
        self._entries[position:position] = entries

    def take(self, entry: Entry) -> None:
        """Take an entry out; ValueError when it does not wait."""
        self._entries.remove(entry)

    def move(self, index: int, place: Place) -> Entry:
        """Put a waiting script elsewhere; before or after itself leaves it where it is.

        Raises
        ------
        BadOrder, UnknownOrder
            As :meth:`position`; the script itself does not wait. Nothing has moved then.
        """
        entry = self.find(index)
        if entry is None:
            raise UnknownOrder(f"script {index}: does not wait in the queue")
        self.position(place)
        if place.at_index != index:
            self._entries.remove(entry)
            self.insert([entry], self.position(place))
        return entry

    def next(self, *, urgent_only: bool) -> Entry | None:
        """Return the entry to be started next, None when there is none."""
        return next((entry for entry in self._entries if entry.is_urgent or not urgent_only), None)
