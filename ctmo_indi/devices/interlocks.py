"""The interlock table: what may move, given what is known. Pure; no device is asked here.

Every command that moves something passes :func:`check` in the thread that sends it, under the
client's sending lock, right before the bytes go out (``devices/device.py``). Each row of
:data:`RULES` names the motions it applies to and says in words why one is forbidden; how mount,
shutter and dome must stand to each other is the table of :mod:`~ctmo_indi.devices.arrangement`.
What is not known counts as forbidden: a fact is None when it cannot be told.

Motion toward safe (stopping, parking, closing) needs no verdict and is refused for two reasons
only: somebody works in the dome under a maintenance lock (stopping is allowed even then), or the
shutter would close over a telescope that is not parked without the site's emergency policy.

INDI supplies none of this: a slew to -85 degrees at latitude +26 is accepted, and a shutter opens
in an alert (measured on 1.9.9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ctmo_indi.devices.arrangement import ARRANGEMENTS, motions_that_need
from ctmo_indi.devices.limits import Pointing, limit_violations
from ctmo_indi.devices.motion_kinds import (
    ALL,
    STOPPING,
    TOWARD_SAFE,
    DomePlace,
    Guard,
    MotionKind,
    MotionRequest,
    MountPlace,
    ShutterState,
)
from ctmo_indi.errors import Interlocked, Locked, SafetyError, Stopped, Unsafe
from ctmo_indi.models.verdict import Hand, LockKind, Verdict, VerdictLevel
from ctmo_indi.profiles import Limits

__all__ = [
    "ALL",
    "RULES",
    "STOPPING",
    "TOWARD_SAFE",
    "Facts",
    "Guard",
    "MotionKind",
    "MotionRequest",
    "Rule",
    "ShutterState",
    "Violation",
    "check",
    "violations",
]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one instant; None is "not known", which forbids.

    Parameters
    ----------
    verdict, verdict_age_s
        Of safety, and how old it is in machine seconds.
    mount_parked, mount_tracking
        None also while the mount is not connected.
    mount_error_arcsec
        Angle between where the mount says it points and the target of the request.
    path_sun_separation_deg
        Smallest angle to the Sun on the way to the target.
    dome_error_deg
        Difference between the dome's azimuth and the one the target needs.
    closes_over
        The site's policy is to close over a mount that failed to park.
    closing
        This process closes the observatory now.
    acting_for
        Humans whose orders by hand are carried out now.
    on_target_arcsec, dome_at_azimuth_deg
        What counts as there.
    """

    verdict: Verdict | None
    verdict_age_s: float | None
    sun_altitude_deg: float | None
    sun_max_altitude_deg: float
    limits: Limits
    has_mount: bool = True
    mount_parked: bool | None = None
    mount_tracking: bool | None = None
    mount_slewing: bool | None = None
    mount_error_arcsec: float | None = None
    path_sun_separation_deg: float | None = None
    has_dome: bool = True
    shutter: ShutterState = ShutterState.UNKNOWN
    dome_can_park: bool = True
    dome_parked: bool | None = None
    dome_rotates: bool = True
    dome_error_deg: float | None = None
    camera_busy: bool | None = None
    closed_dome: bool = False
    emergency: bool = False
    closes_over: bool = True
    closing: bool = False
    acting_for: frozenset[Hand] = frozenset()
    verdict_max_age_s: float = 10.0
    on_target_arcsec: float = 120.0
    dome_at_azimuth_deg: float = 5.0

    @property
    def mount_place(self) -> MountPlace:
        """The mount's column of the table."""
        if self.mount_parked is None:
            return MountPlace.UNKNOWN
        return MountPlace.PARKED if self.mount_parked else MountPlace.OUT

    @property
    def dome_place(self) -> DomePlace:
        """The dome's column of the table."""
        if self.dome_parked is None:
            return DomePlace.UNKNOWN
        return DomePlace.PARKED if self.dome_parked else DomePlace.FREE


# Nothing is exposed to the sky by these: they need no verdict.
_INDOORS = frozenset(
    {
        MotionKind.EXPOSE_CALIBRATION,
        MotionKind.SELECT_FILTER,
        MotionKind.FOCUS,
        MotionKind.SWITCH,
    }
)
# Unparking a dome may open its shutter: it counts as a shutter command.
_OPENING = frozenset({MotionKind.OPEN_SHUTTER, MotionKind.UNPARK_DOME})
_AIMED = frozenset({MotionKind.SLEW, MotionKind.EXPOSE_LIGHT})
_EXPOSING = frozenset({MotionKind.EXPOSE_LIGHT, MotionKind.EXPOSE_CALIBRATION})

Test = Callable[[MotionKind, Pointing | None, Facts], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: which motions it guards, and why one is forbidden (None: it is not)."""

    name: str
    motions: frozenset[MotionKind]
    error: type[SafetyError]
    forbids: Test


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that forbids a motion."""

    rule: str
    message: str
    error: type[SafetyError]


def _maintenance(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    lock = facts.verdict.lock if facts.verdict else None
    if lock is None or lock.kind is not LockKind.MAINTENANCE:
        return None
    return f"{lock.owner} holds the maintenance lock: {lock.reason}; nothing moves"


def _observer(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    lock = facts.verdict.lock if facts.verdict else None
    if lock is None or lock.kind is not LockKind.OBSERVER:
        return None
    if any(lock.belongs_to(hand) for hand in facts.acting_for):
        return None
    return f"{lock.owner} holds the observer lock: {lock.reason}; only closing is done"


def _latched(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    latch = facts.verdict.latch if facts.verdict else None
    if latch is None:
        return None
    return f"stop was pressed by {latch.owner}: {latch.reason}; release it first"


def _closes(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    return "the observatory is being closed" if facts.closing else None


def _not_safe(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if facts.verdict is None or facts.verdict_age_s is None:
        return "there is no verdict of the safety service, expected SAFE"
    too_old = _too_old(facts)
    if too_old is not None:
        return too_old
    if not facts.verdict.is_safe:
        return f"the verdict is {facts.verdict.level}: {'; '.join(facts.verdict.reasons)}"
    return None


def _too_old(facts: Facts) -> str | None:
    if facts.verdict_age_s is not None and facts.verdict_age_s <= facts.verdict_max_age_s:
        return None
    age = "of unknown age" if facts.verdict_age_s is None else f"{facts.verdict_age_s:.1f} s old"
    return f"the verdict is {age}, expected at most {facts.verdict_max_age_s:g} s"


def _rotates_in_the_open(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if facts.shutter is ShutterState.CLOSED:
        return None
    if facts.verdict is not None and facts.verdict.level is VerdictLevel.HOLD:
        # What runs may finish, and an exposure needs the slit before it.
        return _too_old(facts)
    return _not_safe(motion, target, facts)


def _sun_up(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if facts.sun_altitude_deg is None:
        return "the altitude of the Sun is not known"
    if not facts.sun_altitude_deg <= facts.sun_max_altitude_deg:
        return (
            f"the Sun is at {facts.sun_altitude_deg:.1f} deg, the limit is "
            f"{facts.sun_max_altitude_deg:g} deg"
        )
    return None


def _over_telescope(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    row, place = ARRANGEMENTS[motion], facts.mount_place
    if not facts.has_mount or place in row.mount or facts.shutter in row.any_mount_under:
        return None
    if facts.emergency and place in row.emergency_mount:
        if facts.closes_over:
            return None
        return "the telescope is not parked, and the site's policy is to stay open over it"
    state = "not parked" if place is MountPlace.OUT else "not known to be parked"
    return f"the telescope is {state}: the shutter would close over it"


def _closed_dome(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    row = ARRANGEMENTS[motion]
    wanted = row.shutter | (row.closed_dome_shutter if facts.closed_dome else frozenset())
    if not facts.has_dome or facts.shutter in wanted:
        return None
    return f"the shutter is {facts.shutter}, expected {' or '.join(sorted(wanted, reverse=True))}"


def _dome_parked(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if not facts.has_dome or not facts.dome_can_park:
        return None
    if facts.dome_place in ARRANGEMENTS[motion].dome:
        return None
    return (
        "the dome is parked" if facts.dome_parked else "it is not known whether the dome is parked"
    )


def _out_of_limits(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if target is None:
        return "there is no target"
    found = limit_violations(target, facts.limits, facts.sun_altitude_deg)
    return "; ".join(violation.message for violation in found) or None


def _through_the_sun(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    sun = facts.sun_altitude_deg
    if sun is not None and sun <= facts.limits.sun_separation_above_deg:
        return None
    if facts.path_sun_separation_deg is None:
        return "it is not known how near the Sun the way to the target comes"
    if not facts.path_sun_separation_deg >= facts.limits.sun_separation_deg:
        return (
            f"the way to the target comes within {facts.path_sun_separation_deg:.1f} deg of the "
            f"Sun, the limit is {facts.limits.sun_separation_deg:g} deg"
        )
    return None


def _parked_mount(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if facts.mount_place in ARRANGEMENTS[motion].mount:
        return None
    return "the mount is parked" if facts.mount_parked else "it is not known whether it is parked"


def _off_target(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if facts.mount_slewing is not False:
        return "the mount is slewing" if facts.mount_slewing else "the mount's motion is not known"
    if facts.mount_tracking is not True:
        return (
            "the mount is not tracking"
            if facts.mount_tracking is False
            else ("it is not known whether the mount tracks")
        )
    if facts.mount_error_arcsec is None:
        return "it is not known where the mount points"
    if not facts.mount_error_arcsec <= facts.on_target_arcsec:
        return (
            f"the mount points {facts.mount_error_arcsec:.0f} arcsec off the target, the limit "
            f"is {facts.on_target_arcsec:g}"
        )
    return None


def _dome_elsewhere(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if not facts.has_dome or not facts.dome_rotates:
        return None
    if facts.dome_error_deg is None:
        return "it is not known where the dome's slit is"
    if not facts.dome_error_deg <= facts.dome_at_azimuth_deg:
        return (
            f"the dome's slit is {facts.dome_error_deg:.1f} deg off the telescope, the limit is "
            f"{facts.dome_at_azimuth_deg:g}"
        )
    return None


def _camera_busy(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if facts.camera_busy is False:
        return None
    return (
        "an exposure is under way, a second one would silently replace it"
        if facts.camera_busy
        else "the state of the camera is not known"
    )


RULES: tuple[Rule, ...] = (
    Rule("maintenance lock", ALL - STOPPING, Locked, _maintenance),
    Rule("observer lock", ALL - TOWARD_SAFE, Locked, _observer),
    Rule("stop latch", ALL - TOWARD_SAFE, Stopped, _latched),
    Rule("closing", ALL - TOWARD_SAFE - _INDOORS, Interlocked, _closes),
    Rule(
        "verdict",
        ALL - TOWARD_SAFE - _INDOORS - {MotionKind.ROTATE_DOME},
        Unsafe,
        _not_safe,
    ),
    Rule("verdict in the open", frozenset({MotionKind.ROTATE_DOME}), Unsafe, _rotates_in_the_open),
    Rule("Sun up", _OPENING, Interlocked, _sun_up),
    Rule(
        "shutter over telescope",
        motions_that_need("mount") & TOWARD_SAFE,
        Interlocked,
        _over_telescope,
    ),
    Rule("closed dome", motions_that_need("shutter"), Interlocked, _closed_dome),
    Rule("parked dome", motions_that_need("dome"), Interlocked, _dome_parked),
    Rule("pointing limits", _AIMED, Interlocked, _out_of_limits),
    Rule("way past the Sun", frozenset({MotionKind.SLEW}), Interlocked, _through_the_sun),
    Rule("parked mount", motions_that_need("mount") - TOWARD_SAFE, Interlocked, _parked_mount),
    Rule("on target", frozenset({MotionKind.EXPOSE_LIGHT}), Interlocked, _off_target),
    Rule("dome at azimuth", frozenset({MotionKind.EXPOSE_LIGHT}), Interlocked, _dome_elsewhere),
    Rule("camera busy", _EXPOSING, Interlocked, _camera_busy),
)


def violations(motion: MotionKind, target: Pointing | None, facts: Facts) -> Iterator[Violation]:
    """Yield every rule that forbids ``motion``, in the order of the table."""
    for rule in RULES:
        if motion not in rule.motions:
            continue
        message = rule.forbids(motion, target, facts)
        if message is not None:
            yield Violation(rule.name, message, rule.error)


def check(motion: MotionKind, target: Pointing | None, facts: Facts) -> None:
    """Refuse a motion that is forbidden.

    Parameters
    ----------
    target
        Where a slew or a light exposure points, else None.

    Raises
    ------
    Locked, Stopped, Unsafe, Interlocked
        The class of the first rule that forbids it; the message names every one of them.
    """
    found = tuple(violations(motion, target, facts))
    if found:
        reasons = "; ".join(f"{entry.rule}: {entry.message}" for entry in found)
        raise found[0].error(f"{motion} is forbidden: {reasons}")
