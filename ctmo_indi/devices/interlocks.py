"""The interlock table: what may move, given what is known. Pure; no device is asked here.

Every command that moves something passes :func:`check` right before it is sent. Each row of
:data:`RULES` names the motions it applies to and says in words why one is forbidden. What is not
known counts as forbidden: a fact is None when it cannot be told.

Motion toward safe (stopping, parking, closing) needs no verdict and is refused for two reasons
only: somebody works in the dome under a maintenance lock (stopping is allowed even then), or the
shutter would close over a telescope that is not parked without the site's emergency policy.

INDI supplies none of this: a slew to -85 degrees at latitude +26 is accepted, and a shutter opens
in an alert (measured on 1.9.9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ctmo_indi.devices.limits import Pointing, limit_violations
from ctmo_indi.errors import Interlocked, Locked, SafetyError, Stopped, Unsafe
from ctmo_indi.models.verdict import LockKind, Verdict, VerdictLevel
from ctmo_indi.profiles import Limits


class MotionKind(StrEnum):
    """Everything the manager may ask a device to do."""

    SLEW = "slew"
    TRACK = "track"
    UNPARK_MOUNT = "unpark mount"
    PARK_MOUNT = "park mount"
    STOP_TRACKING = "stop tracking"
    ABORT_MOUNT = "abort mount"
    OPEN_SHUTTER = "open shutter"
    CLOSE_SHUTTER = "close shutter"
    ROTATE_DOME = "rotate dome"
    PARK_DOME = "park dome"
    UNPARK_DOME = "unpark dome"
    ABORT_DOME = "abort dome"
    EXPOSE_LIGHT = "expose light"
    EXPOSE_CALIBRATION = "expose calibration"
    ABORT_EXPOSURE = "abort exposure"
    SELECT_FILTER = "select filter"
    FOCUS = "focus"
    SWITCH = "switch"


class ShutterState(StrEnum):
    """What the dome's shutter is."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    OPENING = "OPENING"
    CLOSING = "CLOSING"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class MotionRequest:
    """One motion somebody asks for.

    Parameters
    ----------
    target_icrs_deg
        (ra_deg, dec_deg) of a slew or a light exposure.
    closed_dome
        The order says that the telescope moves under a closed dome.
    emergency
        The site's policy is to close over a telescope that does not park.
    """

    motion: MotionKind
    target_icrs_deg: tuple[float, float] | None = None
    closed_dome: bool = False
    emergency: bool = False


Guard = Callable[[MotionRequest], None]
"""Raises SafetyError when the motion is forbidden now."""


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
    verdict_max_age_s: float = 10.0
    on_target_arcsec: float = 120.0
    dome_at_azimuth_deg: float = 5.0


STOPPING = frozenset(
    {
        MotionKind.STOP_TRACKING,
        MotionKind.ABORT_MOUNT,
        MotionKind.ABORT_DOME,
        MotionKind.ABORT_EXPOSURE,
    }
)
TOWARD_SAFE = STOPPING | {MotionKind.PARK_MOUNT, MotionKind.CLOSE_SHUTTER, MotionKind.PARK_DOME}
ALL = frozenset(MotionKind)

# Nothing is exposed to the sky by these: they need no verdict.
_INDOORS = frozenset(
    {
        MotionKind.EXPOSE_CALIBRATION,
        MotionKind.SELECT_FILTER,
        MotionKind.FOCUS,
        MotionKind.SWITCH,
    }
)
# DOME_UNPARK may open the shutter, DOME_PARK closes it: both count as shutter commands.
_OPENING = frozenset({MotionKind.OPEN_SHUTTER, MotionKind.UNPARK_DOME})
_SHUTTING = frozenset({MotionKind.CLOSE_SHUTTER, MotionKind.PARK_DOME})
_MOUNT_OUT = frozenset({MotionKind.SLEW, MotionKind.TRACK, MotionKind.UNPARK_MOUNT})
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
    return f"{lock.owner} holds the observer lock: {lock.reason}; only closing is done"


def _latched(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    latch = facts.verdict.latch if facts.verdict else None
    if latch is None:
        return None
    return f"stop was pressed by {latch.owner}: {latch.reason}; release it first"


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
    if not facts.has_mount or facts.mount_parked is True or facts.emergency:
        return None
    state = "not parked" if facts.mount_parked is False else "not known to be parked"
    return f"the telescope is {state}: the shutter would close over it"


def _closed_dome(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if not facts.has_dome or facts.shutter is ShutterState.OPEN:
        return None
    if facts.closed_dome and facts.shutter is ShutterState.CLOSED:
        return None
    expected = "OPEN or CLOSED" if facts.closed_dome else "OPEN"
    return f"the shutter is {facts.shutter}, expected {expected}"


def _dome_parked(motion: MotionKind, target: Pointing | None, facts: Facts) -> str | None:
    if not facts.has_dome or not facts.dome_can_park or facts.dome_parked is False:
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
    if facts.mount_parked is False:
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
    Rule(
        "verdict",
        ALL - TOWARD_SAFE - _INDOORS - {MotionKind.ROTATE_DOME},
        Unsafe,
        _not_safe,
    ),
    Rule("verdict in the open", frozenset({MotionKind.ROTATE_DOME}), Unsafe, _rotates_in_the_open),
    Rule("Sun up", _OPENING, Interlocked, _sun_up),
    Rule("shutter over telescope", _SHUTTING, Interlocked, _over_telescope),
    Rule("closed dome", _MOUNT_OUT | {MotionKind.EXPOSE_LIGHT}, Interlocked, _closed_dome),
    Rule(
        "parked dome",
        frozenset({MotionKind.OPEN_SHUTTER, MotionKind.ROTATE_DOME}),
        Interlocked,
        _dome_parked,
    ),
    Rule("pointing limits", _AIMED, Interlocked, _out_of_limits),
    Rule("way past the Sun", frozenset({MotionKind.SLEW}), Interlocked, _through_the_sun),
    Rule(
        "parked mount",
        frozenset({MotionKind.SLEW, MotionKind.TRACK}),
        Interlocked,
        _parked_mount,
    ),
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
