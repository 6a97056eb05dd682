"""Close the observatory: the one sequence that the telescope service and safety share.

Abort the exposure, park the mount, close the shutter, park the dome, read back. Bounded: the mount
has ``park_timeout_s`` in all, since the shutter waits for it; then the site's policy says whether
to close over an unparked telescope. The shutter is tried three times, with pauses and no stop in
between: a shutter stopped and restarted again and again stutters and stays open.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ctmo_indi.clock import Clock, Deadline
from ctmo_indi.devices.dome import DomeStatus
from ctmo_indi.devices.interlocks import MotionKind, MotionRequest, ShutterState
from ctmo_indi.devices.motion import Motion
from ctmo_indi.devices.mount import MountStatus
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import CommandCanceled, DeviceError, Interlocked
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind
from ctmo_indi.safety_policy import MountFailedPolicy, SafetyPolicy

_log = logging.getLogger(__name__)

TRIES = 3
_PAUSE_FLOOR_MACHINE_S = 0.1
_STEP_FLOOR_MACHINE_S = 5.0
_DOME_PARK_S = 200.0
_LONGEST_FLOOR_MACHINE_S = 50.0  # less than safety's, which then begins another closing
_BEAT_MACHINE_S = 1.0


@dataclass(frozen=True, slots=True)
class ClosingReport:
    """What a closing did.

    Parameters
    ----------
    confirmed
        True when everything was read back as closed.
    steps, failures
        One line each, in order.
    state
        Of the observatory afterwards; ALARM when not confirmed.
    """

    confirmed: bool
    steps: tuple[str, ...]
    failures: tuple[str, ...]
    state: ObservatoryState
    elapsed_s: float


def close_observatory(
    observatory: Observatory,
    policy: SafetyPolicy,
    clock: Clock,
    *,
    report: Callable[[str], None],
    give_way: Callable[[], str | None] | None = None,
    pause_s: float = 5.0,
) -> ClosingReport:
    """Close, whatever the state; blocks until it is read back or given up.

    Safe to call again and when all is closed already. Takes at most ``park_timeout_s`` + three
    times ``shutter_timeout_s`` + the dome's parking, elapsed seconds.

    Parameters
    ----------
    report
        Called with one line for each step and result.
    give_way
        Asked between the steps, and before an alarm is raised: a reason to leave the rest undone,
        or None.
    pause_s
        Elapsed seconds before the second try of a step; doubled before the third.

    Returns
    -------
    ClosingReport
        Not confirmed: the alarm is raised in the observatory's state, and the caller tells people.

    Raises
    ------
    Locked
        A maintenance lock: somebody is in the dome, nothing was moved.
    CommandCanceled
        ``give_way`` said so.
    """
    return _Closing(observatory, policy, clock, report, give_way, pause_s).run()


def until_stopped(
    latch: Callable[[], Latch | None], lock: Callable[[], Lock | None] = lambda: None
) -> Callable[[], str | None]:
    """Make a ``give_way``: who presses stop from now on, or goes inside, also stops this closing.

    A latch that is set already does not: it deferred the closing by the site's notice.

    Parameters
    ----------
    latch
        Returns the stop latch as it is; must not block.
    lock
        The same of the lock.
    """
    before, lock_before = latch(), lock()

    def give_way() -> str | None:
        now, held = latch(), lock()
        if held is not None and held != lock_before and held.kind is LockKind.MAINTENANCE:
            return f"maintenance lock of {held.owner}: {held.reason}"
        if now is None or now == before:
            return None
        return f"stopped by {now.owner}: {now.reason}"

    return give_way


class _Closing:
    """One run; the steps and what came of them."""

    def __init__(
        self,
        observatory: Observatory,
        policy: SafetyPolicy,
        clock: Clock,
        report: Callable[[str], None],
        give_way: Callable[[], str | None] | None,
        pause_s: float,
    ) -> None:
        self._observatory = observatory
        self._policy = policy
        self._clock = clock
        self._tell = report
        self._give_way = give_way
        self._pause_s = pause_s
        self._park_deadline = self._new_park_deadline()
        self._park_tries = 0
        self._steps: list[str] = []
        self._failures: list[str] = []

    def run(self) -> ClosingReport:
        started_s = self._clock.elapsed_s()
        self._observatory.guard(MotionRequest(MotionKind.PARK_MOUNT))
        # The next one finds what the first has closed.
        turn = self._observatory.closing_turn.turn(self._longest_machine_s(), self._yield_if_asked)
        with turn, self._observatory.phase(ObservatoryState.CLOSING):
            self._park_deadline = self._new_park_deadline()
            self._abort_exposure()
            self._stop_mount()
            self._park_mount()
            self._yield_if_asked()
            if self._close_shutter():
                self._park_dome()
        confirmed = self._read_back()
        if not confirmed:
            self._yield_if_asked()  # a human left it so on purpose
            self._observatory.raise_alarm("not closed: " + "; ".join(dict.fromkeys(self._failures)))
        return ClosingReport(
            confirmed=confirmed,
            steps=tuple(self._steps),
            failures=tuple(self._failures),
            state=self._observatory.state(),
            elapsed_s=self._clock.elapsed_s() - started_s,
        )

    def _abort_exposure(self) -> None:
        camera = self._observatory.camera
        if camera is None or camera.status().exposing is not True:
            return
        self._say("aborting the exposure")
        # Nobody waits for it here: parking comes first, and a frame more or less harms nobody.
        camera.abort()

    def _park_mount(self) -> bool:
        """Park, unless it is or the tries and the time for it in this closing are used up.

        Returns
        -------
        bool
            Whether the shutter may close without harm; False when parking was given up.
        """
        mount, deadline = self._observatory.mount, self._park_deadline
        if mount is None:
            return True
        while mount.can_park and not self._is_clear():
            if deadline.expired or self._park_tries >= TRIES:
                return False
            self._park_tries += 1
            self._say(f"parking the mount, try {self._park_tries}")
            error = self._try(mount.park, deadline)
            if error is None:
                self._park_tries = 0  # should it be sent out again, it is parked again
                continue
            self._fail(f"mount not parked: {error}")
            if isinstance(error, CommandCanceled):
                self._park_tries -= 1  # another order of ours took its place: the mount is well
                self._pause(0, deadline)
                self._yield_if_asked()
                continue
            if self._park_tries < TRIES and not deadline.expired:
                self._pause(self._park_tries, deadline)
                self._yield_if_asked()
        return mount.can_park

    def _longest_machine_s(self) -> float:
        """How long a closing may take as a whole; a minute at least."""
        policy = self._policy
        longest_s = policy.park_timeout_s + TRIES * policy.shutter_timeout_s + _DOME_PARK_S
        return max(longest_s / self._clock.speed, _LONGEST_FLOOR_MACHINE_S)

    def _new_park_deadline(self) -> Deadline:
        return Deadline(self._clock, self._policy.park_timeout_s, _STEP_FLOOR_MACHINE_S)

    def _stop_mount(self) -> None:
        mount = self._observatory.mount
        if mount is None or mount.can_park:
            return
        self._say("stopping the mount, which cannot park")
        error = self._try(mount.abort, self._park_deadline)
        if error is not None:
            self._fail(f"mount not stopped: {error}")

    def _is_clear(self) -> bool:
        """Whether the shutter may close without harm: no mount, or one that reads as parked."""
        mount = self._observatory.mount
        return mount is None or (mount.can_park and mount.status().parked is True)

    def _close_shutter(self) -> bool:
        dome = self._observatory.dome
        if dome is None:
            return True
        for number in range(1, TRIES + 1):
            if dome.status().shutter is ShutterState.CLOSED:
                return True
            # Asked for each try: a mount may be lost, found parked or sent out again at any moment.
            # Only parking that was given up is an emergency; what moves now is refused and retried.
            emergency = not self._park_mount()
            if emergency and self._policy.mount_failed is MountFailedPolicy.STAY_OPEN:
                self._fail("the shutter stays open over the telescope: the site's policy")
                return False
            over = " over an unparked telescope" if emergency else ""
            self._say(f"closing the shutter{over}, try {number}")
            deadline = Deadline(self._clock, self._policy.shutter_timeout_s, _STEP_FLOOR_MACHINE_S)
            error = self._try(partial(dome.close_shutter, emergency=emergency), deadline)
            if error is None:
                return True
            self._fail(f"shutter not closed: {error}")
            if number < TRIES:
                self._pause(number, None)
                self._yield_if_asked()
        return dome.status().shutter is ShutterState.CLOSED

    def _park_dome(self) -> None:
        dome = self._observatory.dome
        if dome is None or not dome.can_park or dome.status().parked is True:
            return
        self._say("parking the dome")
        timeout_s = dome.description.operation("park").finish_s
        deadline = Deadline(self._clock, timeout_s, _STEP_FLOOR_MACHINE_S)
        error = self._try(dome.park, deadline)
        if error is not None:
            # A dome that stands elsewhere is closed all the same.
            self._fail(f"dome not parked: {error}")

    def _read_back(self) -> bool:
        observatory = self._observatory
        dome, mount = observatory.dome, observatory.mount
        good = True
        if dome is not None and dome.status().shutter is not ShutterState.CLOSED:
            self._fail(f"the shutter reads {dome.status().shutter}")
            good = False
        if mount is not None and mount.can_park and mount.status().parked is not True:
            self._fail("the mount does not read as parked")
            good = False
        if mount is not None and not mount.can_park and not _stands_still(mount.status()):
            self._fail("the mount, which cannot park, does not read as standing still")
            good = False
        if good:
            self._say("closed")
        return good

    def _try(
        self, begin: Callable[[], Motion[MountStatus] | Motion[DomeStatus]], deadline: Deadline
    ) -> DeviceError | Interlocked | None:
        """Carry out a motion until the deadline; return why it failed."""
        try:
            motion = begin()
            while not motion.join(min(_BEAT_MACHINE_S, deadline.remaining_machine_s())):
                if deadline.expired:
                    motion.cancel("it took too long")
                    break
                self._keep_last_closer_waiting()
            motion.wait()
        except (DeviceError, Interlocked) as error:
            return error
        return None

    def _pause(self, number: int, deadline: Deadline | None) -> None:
        seconds = self._pause_s * 2.0 ** (number - 1)
        machine_s = Deadline(self._clock, seconds, _PAUSE_FLOOR_MACHINE_S).remaining_machine_s()
        if deadline is not None:
            machine_s = min(machine_s, deadline.remaining_machine_s())
        self._keep_last_closer_waiting()
        threading.Event().wait(machine_s)

    def _keep_last_closer_waiting(self) -> None:
        """Beat INDI's WatchDog: its PARK, sent while the mount parks, would end the parking.

        Only as long as a step here is within its time: then it may try.
        """
        if self._observatory.watchdog is not None:
            self._observatory.watchdog.beat_as_armed()

    def _yield_if_asked(self) -> None:
        reason = self._give_way() if self._give_way else None
        if reason:
            raise CommandCanceled(f"the closing was given up: {reason}")

    def _say(self, line: str) -> None:
        self._steps.append(line)
        self._keep_last_closer_waiting()
        _log.info("closing step=%r", line)
        self._tell(line)

    def _fail(self, line: str) -> None:
        self._failures.append(line)
        _log.error("closing_failure what=%r", line)
        self._tell(line)


def _stands_still(mount: MountStatus) -> bool:
    return mount.connected and mount.slewing is False and mount.tracking is not True
