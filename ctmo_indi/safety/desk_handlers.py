"""What safety's front desk serves: Heartbeat, Status, Control, Events.

Handlers run on the front desk's loop; what takes time goes to a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ctmo_indi.clock import Clock
from ctmo_indi.devices.motion_kinds import ShutterState
from ctmo_indi.errors import BadOrder, CommandRejected, CtmoError, NotPermitted, NotServedHere
from ctmo_indi.models.states import AttemptState
from ctmo_indi.models.verdict import Hand, Lock, LockKind
from ctmo_indi.safety.beats import Beat, Beats
from ctmo_indi.safety.clock_watch import ClockWatch
from ctmo_indi.safety.closer import Closer
from ctmo_indi.safety.facts import DiskFacts
from ctmo_indi.safety.holds import Holds
from ctmo_indi.safety.loop import SafetyLoop
from ctmo_indi.safety.notices import Notices
from ctmo_indi.safety.watchdog_beats import WatchdogBeats
from ctmo_indi.work_orders.access import Caller, Role
from ctmo_indi.work_orders.contract import CheckedOrder
from ctmo_indi.work_orders.desk import Handler, Reply, order_reply
from ctmo_indi.work_orders.model import (
    ControlCommand,
    ControlRequest,
    EventsRequest,
    HeartbeatRequest,
    OrderKind,
    StatusRequest,
)
from ctmo_indi.work_orders.revisions import RevisionBoard, answer_on_change
from ctmo_indi.work_orders.status_keys import require_answered

BEATS_WITHIN_S = 3.0
"""Machine seconds in which a telescope that works beats at least twice."""

_LOOK_S = 0.05
_SHUTTER_MOVES = frozenset({ShutterState.OPENING, ShutterState.CLOSING})


class SafetyHandlers:
    """The handlers of safety's desk.

    Parameters
    ----------
    stop_all
        Stops every motion and the exposure over safety's own link; blocks; returns what it did.
    moved_ago_s
        Machine seconds since safety itself moved or stopped anything.
    observatory_status
        What the devices say, as a struct.
    disk
        The last measurement of the data folder.
    watchdog
        The keeper of INDI's WatchDog, None without one.
    """

    def __init__(
        self,
        *,
        loop: SafetyLoop,
        holds: Holds,
        beats: Beats,
        closer: Closer,
        board: RevisionBoard,
        clock: Clock,
        stop_all: Callable[[], str],
        moved_ago_s: Callable[[], float] = lambda: math.inf,
        observatory_status: Callable[[], dict[str, object]],
        clock_watch: ClockWatch,
        notices: Notices,
        disk: Callable[[], DiskFacts | None] = lambda: None,
        watchdog: WatchdogBeats | None = None,
    ) -> None:
        self._loop = loop
        self._holds = holds
        self._beats = beats
        self._closer = closer
        self._board = board
        self._clock = clock
        self._stop_all = stop_all
        self._moved_ago_s = moved_ago_s
        self._observatory_status = observatory_status
        self._clock_watch = clock_watch
        self._notices = notices
        self._disk = disk
        self._watchdog = watchdog
        self._commands: dict[ControlCommand, Callable[[ControlRequest, Caller], str]] = {
            ControlCommand.STOP: self._stop,
            ControlCommand.ABORT: lambda _request, _caller: self._stop_all(),
            ControlCommand.RELEASE: self._release,
            ControlCommand.LOCK: self._lock,
            ControlCommand.UNLOCK: self._unlock,
            ControlCommand.CLOSE: self._close,
        }

    def table(self) -> dict[OrderKind, Handler]:
        """Kind of order -> handler."""
        return {
            OrderKind.HEARTBEAT: self.heartbeat,
            OrderKind.STATUS: self.status,
            OrderKind.CONTROL: self.control,
            OrderKind.EVENTS: self.events,
        }

    async def heartbeat(self, order: CheckedOrder, caller: Caller) -> Reply:
        """Note the beat and give the verdict back."""
        request = order.request
        assert isinstance(request, HeartbeatRequest)
        self._beats.record(request.service, request.state)
        moved_ago_s = self._moved_ago_s()
        verdict = self._loop.verdict
        return order_reply(
            order,
            status="COMPLETED",
            message="",
            extra={
                "Verdict": verdict.to_wire(),
                "Verdict Age": round(self._clock.machine_s() - verdict.machine_s, 3),
                "Observatory": self._loop.state.value,
                "Closing": self._closer.is_closing,
                "Alarm": self._closer.alarm or "",
                "Beats": self._beats.to_wire(),
                # So that nobody takes what safety does for another client's hand.
                **({} if math.isinf(moved_ago_s) else {"Moved": round(moved_ago_s, 3)}),
            },
        )

    async def status(self, order: CheckedOrder, caller: Caller) -> Reply:
        """Verdict, holds, beats and what the devices say; waits for news when asked to."""
        request = order.request
        assert isinstance(request, StatusRequest)
        require_answered(order, "safety")
        return await answer_on_change(
            self._board,
            self._status_now,
            subject=None,
            since=request.since,
            wait_s=request.wait_s,
        )

    async def _status_now(self) -> Reply:
        verdict = self._loop.verdict
        return {
            "Service": "safety",
            "Status": self._loop.state.value,
            "Revision": self._board.revision,
            "UTC": verdict.utc,
            "Message": "; ".join(verdict.reasons) or "safe",
            "Verdict": verdict.to_wire(),
            "Verdict Age": round(self._clock.machine_s() - verdict.machine_s, 3),
            "Beats": self._beats.to_wire(),
            "Closing": self._closer.is_closing,
            "Alarm": self._closer.alarm or self._holds.write_failure,
            "Devices": self._observatory_status(),
            "Cycle": self._loop.pulse.to_wire(),
            "Clock Step": self._clock_watch.to_wire(),
            "Notices": self._notices.to_wire(),
            "Disk": _disk_to_wire(self._disk()),
            **({} if self._watchdog is None else {"Watchdog": self._watchdog.to_wire()}),
        }

    async def control(self, order: CheckedOrder, caller: Caller) -> Reply:
        """Carry out stop, abort, release, lock, unlock or close."""
        request = order.request
        assert isinstance(request, ControlRequest)
        command = self._commands.get(request.command)
        if command is None:
            served = ", ".join(sorted(self._commands))
            raise NotServedHere(
                f"Command: came {request.command.value!r}, safety takes {served}; the telescope's "
                "desk moves things"
            )
        request = replace(request, user=caller.answers_to(request.user))
        message = await _in_own_thread(lambda: command(request, caller), request.command.value)
        data = {"User": request.user, "Reason": request.reason, "Message": message}
        self._board.publish("control", request.command.value, data)
        told = f"by {request.user}: {request.reason or 'no reason given'}. {message}"
        self._notices.note(request.command.value, {"Message": told})
        return order_reply(
            order,
            status=AttemptState.COMPLETED.value,
            message=f"Work order received. {message}",
            revision=self._board.revision,
        )

    async def events(self, order: CheckedOrder, caller: Caller) -> Reply:
        """Everything published, from a cursor."""
        request = order.request
        assert isinstance(request, EventsRequest)
        page = await self._board.next_events(
            request.cursor, request.wait_s, request.kinds, request.limit
        )
        return page.to_wire()

    def _stop(self, request: ControlRequest, _: Caller) -> str:
        self._holds.set_latch(request.user, request.reason or "stop")
        try:
            done = f"Stopped and latched until release. {self._stop_all()}"
        except CtmoError as error:
            done = f"The stop latch is set, but not everything could be stopped: {error}"
        return done + self._not_durable()

    def _release(self, request: ControlRequest, _: Caller) -> str:
        self._holds.release(request.user)
        believed = " The computer's clock is believed." if self._clock_watch.believe() else ""
        return f"The stop latch is released.{believed}{self._not_durable()}"

    def _lock(self, request: ControlRequest, caller: Caller) -> str:
        expires_utc = (
            None
            if request.expires_utc_s is None
            else datetime.fromtimestamp(request.expires_utc_s, UTC)
        )
        if expires_utc is not None and expires_utc <= self._clock.utc():
            raise BadOrder(
                f"Expires: came {expires_utc:%Y-%m-%dT%H:%M:%SZ}, expected a time to come"
            )
        kind = request.lock_kind or LockKind.OBSERVER
        lock = self._holds.take_lock(
            kind, request.user, request.reason, expires_utc, is_proved=caller.is_known
        )
        until = f" until {lock.expires_utc}" if lock.expires_utc else ""
        locked = f"Locked ({lock.kind}) for {lock.owner}{until}."
        if kind is not LockKind.MAINTENANCE:
            return locked + self._not_durable()
        not_disarmed = self._disarm_watchdog()
        # Nothing moves under it: not what was moving before, and no tracking into a limit either.
        self._loop.tell_holds()
        seen = self._beats.last("telescope")
        try:
            told = f"{locked} {self._stop_all()}"
            if not self._telescope_knows(seen):
                told += " BUT the telescope service has not confirmed it: stay out until it does."
            elif _moves(self._observatory_status()):
                self._stop_all()  # what it had begun meanwhile
        except CtmoError as error:
            told = f"{locked} But not everything could be stopped: {error}"
        if not_disarmed is not None:
            raise CommandRejected(
                f"{told} BUT INDI's WatchDog is not known to be off and may park and close: stay "
                f"out, or end its driver. {not_disarmed}"
            ) from not_disarmed
        return told + self._not_durable()

    def _telescope_knows(self, seen: Beat | None) -> bool:
        """Wait until it has heard of what holds now; True, too, where there is none at work.

        It hears with the answer to a beat, and has taken that when it sends the next one.

        Parameters
        ----------
        seen
            Its last beat when the holds changed.
        """
        pause, beats = threading.Event(), 0
        for _ in range(round(BEATS_WITHIN_S / _LOOK_S)):
            last = self._beats.last("telescope")
            if last is None or self._beats.age_s("telescope") > BEATS_WITHIN_S:
                return True
            if last is not seen:
                seen, beats = last, beats + 1
            if beats == 2:
                return True
            pause.wait(_LOOK_S)
        return False

    def _disarm_watchdog(self) -> CtmoError | None:
        """Before a human is told that nothing moves; return why it is not known to be off."""
        if self._watchdog is None:
            return None
        try:
            self._watchdog.disarm()
        except CtmoError as error:
            return error
        return None

    def _unlock(self, request: ControlRequest, caller: Caller) -> str:
        def require(lock: Lock) -> None:
            """Refuse somebody else's lock: there may be a human in the dome."""
            user = request.user
            if caller.role >= Role.ADMIN or lock.belongs_to(Hand(user, caller.is_known)):
                return
            how = ", with a token," if lock.is_proved else ""
            raise NotPermitted(
                f"unlock: came from {user}, but {lock.owner} holds the lock ({lock.kind}){how}"
                f" since {lock.since_utc}; expected {lock.owner}, or a token with the role admin"
            )

        self._holds.drop_lock(request.user, require)
        return f"Unlocked.{self._not_durable()}"

    def _close(self, request: ControlRequest, _: Caller) -> str:
        lock = self._holds.lock
        if lock is not None and lock.kind is LockKind.MAINTENANCE:
            return f"Nothing moves: {lock.owner} holds the maintenance lock."
        self._closer.demand(f"asked by {request.user}: {request.reason or 'no reason given'}")
        return "Closing."

    def _not_durable(self) -> str:
        """Wait for the disk; what to tell when a restart would not know of it."""
        trouble = self._holds.trouble()
        return f" BUT A RESTART WOULD FORGET IT: {trouble}" if trouble else ""


def _moves(status: Mapping[str, object]) -> bool:
    """Whether mount or dome moves, or the mount tracks, by what a Status tells of the devices."""
    mount, dome = (status.get(name) for name in ("Mount", "Dome"))
    of_mount = mount if isinstance(mount, Mapping) else {}
    of_dome = dome if isinstance(dome, Mapping) else {}
    return (
        True in (of_mount.get("Slewing"), of_mount.get("Tracking"), of_dome.get("Moving"))
        or of_dome.get("Shutter") in _SHUTTER_MOVES
    )


def _disk_to_wire(disk: DiskFacts | None) -> dict[str, object]:
    if disk is None:
        return {}
    wire: dict[str, object] = {"Age": round(disk.age_s, 3), "Trouble": disk.trouble}
    return wire if disk.free_mb is None else {"Free (MB)": round(disk.free_mb, 3), **wire}


async def _in_own_thread(work: Callable[[], str], name: str) -> str:
    """Run ``work`` in a thread of its own: threads of a pool may all hang in a disk or a link."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()

    def settle(result: str | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result or "")

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - handed over to who waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the desk has stopped meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=f"safety-{name}", daemon=True).start()
    return await done
