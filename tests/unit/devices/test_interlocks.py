from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.devices.interlocks import (
    RULES,
    STOPPING,
    TOWARD_SAFE,
    Facts,
    MotionKind,
    ShutterState,
    check,
    violations,
)
from ctmo_indi.devices.limits import Pointing
from ctmo_indi.errors import Interlocked, Locked, SafetyError, Stopped, Unsafe
from ctmo_indi.models.verdict import Hand, Lock, LockKind
from ctmo_indi.profiles import Limits
from ctmo_indi.testing.verdicts import HOLD, LATCHED, MAINTENANCE_LOCK, OBSERVER_LOCK, SAFE, UNSAFE

ANA = Hand("ana")
BEN = Hand("ben", is_proved=True)
ANA_BY_TOKEN = Hand("ana", is_proved=True)
PROVED_LOCK = replace(
    OBSERVER_LOCK, lock=Lock(LockKind.OBSERVER, "ana", "", "now", None, is_proved=True)
)
LIMITS = Limits(horizon_deg=15.0, max_altitude_deg=88.0, max_hour_angle_h=5.0)
TARGET = Pointing(
    10.0, 20.0, alt_deg=50.0, az_deg=180.0, hour_angle_h=0.0, sun_separation_deg=120.0
)

# Everything known and good: whatever is forbidden now is forbidden by one change alone.
GOOD = Facts(
    verdict=SAFE,
    verdict_age_s=1.0,
    sun_altitude_deg=-20.0,
    sun_max_altitude_deg=-6.0,
    limits=LIMITS,
    mount_parked=False,
    mount_tracking=True,
    mount_slewing=False,
    mount_error_arcsec=5.0,
    path_sun_separation_deg=90.0,
    shutter=ShutterState.OPEN,
    dome_parked=False,
    dome_error_deg=1.0,
    camera_busy=False,
)
PARKED = replace(GOOD, mount_parked=True, mount_tracking=False)


def refused(motion: MotionKind, facts: Facts, target: Pointing | None = TARGET) -> str:
    names = [violation.rule for violation in violations(motion, target, facts)]
    return ", ".join(names)


@pytest.mark.parametrize(
    "motion", sorted(set(MotionKind) - {MotionKind.CLOSE_SHUTTER, MotionKind.PARK_DOME})
)
def test_everything_but_closing_is_allowed_when_all_is_good(motion: MotionKind) -> None:
    check(motion, TARGET, GOOD)


@pytest.mark.parametrize("motion", [MotionKind.CLOSE_SHUTTER, MotionKind.PARK_DOME])
def test_closing_is_allowed_over_a_parked_telescope(motion: MotionKind) -> None:
    check(motion, None, PARKED)


@pytest.mark.parametrize("motion", MotionKind)
@pytest.mark.parametrize(
    ("facts", "is_allowed"),
    [
        (replace(PARKED, verdict=OBSERVER_LOCK), False),
        (replace(GOOD, verdict=OBSERVER_LOCK, acting_for=frozenset({BEN})), False),
        (replace(GOOD, verdict=OBSERVER_LOCK, acting_for=frozenset({ANA})), True),
        (replace(GOOD, verdict=PROVED_LOCK, acting_for=frozenset({ANA})), False),
        (replace(GOOD, verdict=PROVED_LOCK, acting_for=frozenset({ANA_BY_TOKEN})), True),
        (replace(GOOD, verdict=MAINTENANCE_LOCK, acting_for=frozenset({ANA})), False),
    ],
)
def test_an_observer_lock_lets_its_owners_hand_through(
    motion: MotionKind, facts: Facts, is_allowed: bool
) -> None:
    if motion not in TOWARD_SAFE:
        assert ("lock" not in refused(motion, facts)) is is_allowed


M = MotionKind


@pytest.mark.parametrize(
    ("motion", "change", "rule"),
    [
        (M.SLEW, {"verdict": UNSAFE}, "verdict"),
        (M.SLEW, {"verdict": None}, "verdict"),
        (M.SLEW, {"verdict_age_s": 10.5}, "verdict"),
        (M.SLEW, {"verdict_age_s": float("nan")}, "verdict"),
        (M.TRACK, {"verdict": UNSAFE}, "verdict"),
        (M.UNPARK_MOUNT, {"verdict": UNSAFE}, "verdict"),
        (M.OPEN_SHUTTER, {"verdict": UNSAFE}, "verdict"),
        (M.UNPARK_DOME, {"verdict": UNSAFE}, "verdict"),
        (M.EXPOSE_LIGHT, {"verdict": UNSAFE}, "verdict"),
        (M.ROTATE_DOME, {"verdict": UNSAFE}, "verdict in the open"),
        (M.SLEW, {"closing": True}, "closing"),
        (M.ROTATE_DOME, {"closing": True}, "closing"),
        (M.ROTATE_DOME, {"verdict": HOLD, "verdict_age_s": 10.5}, "verdict in the open"),
        *((motion, {"verdict": HOLD}, "verdict") for motion in (M.SLEW, M.TRACK, M.UNPARK_MOUNT)),
        *((motion, {"verdict": HOLD}, "verdict") for motion in (M.OPEN_SHUTTER, M.EXPOSE_LIGHT)),
        (M.OPEN_SHUTTER, {"sun_altitude_deg": -5.0}, "Sun up"),
        (M.UNPARK_DOME, {"sun_altitude_deg": -5.0}, "Sun up"),
        (M.OPEN_SHUTTER, {"sun_altitude_deg": None}, "Sun up"),
        (M.OPEN_SHUTTER, {"dome_parked": True}, "parked dome"),
        (M.OPEN_SHUTTER, {"dome_parked": None}, "parked dome"),
        (M.ROTATE_DOME, {"dome_parked": True}, "parked dome"),
        (M.CLOSE_SHUTTER, {}, "shutter over telescope"),
        (M.CLOSE_SHUTTER, {"mount_parked": None}, "shutter over telescope"),
        (M.PARK_DOME, {}, "shutter over telescope"),
        (M.SLEW, {"shutter": ShutterState.CLOSED}, "closed dome"),
        (M.SLEW, {"shutter": ShutterState.OPENING}, "closed dome"),
        (M.SLEW, {"shutter": ShutterState.UNKNOWN}, "closed dome"),
        (M.SLEW, {"shutter": ShutterState.CLOSING, "closed_dome": True}, "closed dome"),
        (M.UNPARK_MOUNT, {"shutter": ShutterState.CLOSED}, "closed dome"),
        (M.SLEW, {"mount_parked": True}, "parked mount"),
        (M.TRACK, {"mount_parked": True}, "parked mount"),
        (M.SLEW, {"mount_parked": None}, "parked mount"),
        (M.EXPOSE_LIGHT, {"mount_tracking": False}, "on target"),
        (M.EXPOSE_LIGHT, {"mount_tracking": None}, "on target"),
        (M.EXPOSE_LIGHT, {"mount_slewing": True}, "on target"),
        (M.EXPOSE_LIGHT, {"mount_error_arcsec": 121.0}, "on target"),
        (M.EXPOSE_LIGHT, {"mount_error_arcsec": None}, "on target"),
        (M.EXPOSE_LIGHT, {"dome_error_deg": 5.5}, "dome at azimuth"),
        (M.EXPOSE_LIGHT, {"dome_error_deg": None}, "dome at azimuth"),
        (M.EXPOSE_LIGHT, {"camera_busy": True}, "camera busy"),
        (M.EXPOSE_CALIBRATION, {"camera_busy": None}, "camera busy"),
    ],
)
def test_one_bad_fact_forbids(motion: MotionKind, change: dict[str, object], rule: str) -> None:
    assert refused(motion, replace(GOOD, **change)) == rule  # type: ignore[arg-type]


@pytest.mark.parametrize("motion", [M.ROTATE_DOME, M.PARK_MOUNT, M.EXPOSE_CALIBRATION, M.FOCUS])
def test_a_hold_leaves_what_begins_nothing_under_the_sky(motion: MotionKind) -> None:
    check(motion, None, replace(GOOD, verdict=HOLD))


@pytest.mark.parametrize(
    ("target", "what"),
    [
        (replace(TARGET, alt_deg=14.9), "horizon"),
        (replace(TARGET, alt_deg=88.1), "highest allowed"),
        (replace(TARGET, hour_angle_h=-5.1), "hour angle"),
        (replace(TARGET, alt_deg=float("nan")), "horizon"),
        (None, "no target"),
    ],
)
@pytest.mark.parametrize("motion", [M.SLEW, M.EXPOSE_LIGHT])
def test_target_out_of_limits_is_refused(
    motion: MotionKind, target: Pointing | None, what: str
) -> None:
    with pytest.raises(Interlocked, match=what):
        check(motion, target, GOOD)


def test_target_near_the_sun_is_refused_only_while_the_sun_is_up() -> None:
    near = replace(TARGET, sun_separation_deg=29.0)
    check(M.SLEW, near, GOOD)
    with pytest.raises(Interlocked, match="distance to the Sun"):
        check(M.SLEW, near, replace(GOOD, sun_altitude_deg=-5.0))


def test_way_past_the_sun_is_refused_only_while_the_sun_is_up() -> None:
    past = replace(GOOD, path_sun_separation_deg=10.0)
    check(M.SLEW, TARGET, past)
    assert refused(M.SLEW, replace(past, sun_altitude_deg=-5.0)) == "way past the Sun"
    unknown = replace(past, sun_altitude_deg=-5.0, path_sun_separation_deg=None)
    assert refused(M.SLEW, unknown) == "way past the Sun"


def test_horizon_mask_counts() -> None:
    limits = replace(LIMITS, horizon_mask_deg=((0.0, 20.0), (180.0, 60.0)))
    assert refused(M.SLEW, replace(GOOD, limits=limits)) == "pointing limits"


def test_closed_dome_order_may_move_the_telescope_under_a_closed_shutter() -> None:
    closed = replace(GOOD, shutter=ShutterState.CLOSED, closed_dome=True)
    check(M.SLEW, TARGET, closed)


def test_emergency_policy_closes_over_the_telescope() -> None:
    check(M.CLOSE_SHUTTER, None, replace(GOOD, emergency=True))


def test_closed_dome_turns_without_a_verdict() -> None:
    check(M.ROTATE_DOME, None, replace(GOOD, shutter=ShutterState.CLOSED, verdict=None))


def test_observatory_without_a_dome_asks_nothing_of_it() -> None:
    bare = replace(
        GOOD, has_dome=False, shutter=ShutterState.UNKNOWN, dome_parked=None, dome_error_deg=None
    )
    check(M.SLEW, TARGET, bare)
    check(M.EXPOSE_LIGHT, TARGET, bare)


@pytest.mark.parametrize(
    ("verdict", "error"), [(OBSERVER_LOCK, Locked), (LATCHED, Stopped), (UNSAFE, Unsafe)]
)
def test_error_class_tells_who_forbids(verdict: object, error: type[SafetyError]) -> None:
    with pytest.raises(error):
        check(M.SLEW, TARGET, replace(GOOD, verdict=verdict))  # type: ignore[arg-type]


VERDICTS = st.sampled_from([None, SAFE, UNSAFE, OBSERVER_LOCK, LATCHED, MAINTENANCE_LOCK])
FACTS = st.builds(
    Facts,
    verdict=VERDICTS,
    verdict_age_s=st.none() | st.floats(0.0, 100.0),
    sun_altitude_deg=st.none() | st.floats(-90.0, 90.0),
    sun_max_altitude_deg=st.just(-6.0),
    limits=st.just(LIMITS),
    has_mount=st.booleans(),
    mount_parked=st.none() | st.booleans(),
    mount_tracking=st.none() | st.booleans(),
    mount_slewing=st.none() | st.booleans(),
    mount_error_arcsec=st.none() | st.floats(0.0, 500.0),
    path_sun_separation_deg=st.none() | st.floats(0.0, 180.0),
    has_dome=st.booleans(),
    shutter=st.sampled_from(ShutterState),
    dome_can_park=st.booleans(),
    dome_parked=st.none() | st.booleans(),
    dome_rotates=st.booleans(),
    dome_error_deg=st.none() | st.floats(0.0, 180.0),
    camera_busy=st.none() | st.booleans(),
    closed_dome=st.booleans(),
    emergency=st.booleans(),
    closes_over=st.booleans(),
    closing=st.booleans(),
)
MOTIONS = st.sampled_from(MotionKind)


def allowed(motion: MotionKind, facts: Facts) -> bool:
    return not refused(motion, facts)


@given(FACTS, st.sampled_from(sorted(STOPPING)))
def test_stopping_is_always_allowed(facts: Facts, motion: MotionKind) -> None:
    assert allowed(motion, facts)


@given(FACTS, st.sampled_from(sorted(TOWARD_SAFE)))
def test_motion_toward_safe_is_refused_for_two_reasons_only(
    facts: Facts, motion: MotionKind
) -> None:
    names = {violation.rule for violation in violations(motion, None, facts)}
    assert names <= {"maintenance lock", "shutter over telescope"}


@given(FACTS, st.sampled_from([M.CLOSE_SHUTTER, M.PARK_DOME]))
def test_shutter_never_closes_over_a_telescope_that_is_not_parked(
    facts: Facts, motion: MotionKind
) -> None:
    closes_something = motion is M.CLOSE_SHUTTER or facts.shutter is not ShutterState.CLOSED
    is_emergency = facts.emergency and motion is M.CLOSE_SHUTTER
    if facts.has_mount and facts.mount_parked is not True and not is_emergency and closes_something:
        assert not allowed(motion, facts)


@given(FACTS, st.sampled_from([M.OPEN_SHUTTER, M.UNPARK_DOME]))
def test_nothing_opens_unless_fresh_safe_dark_and_free(facts: Facts, motion: MotionKind) -> None:
    if allowed(motion, facts):
        assert facts.verdict is SAFE
        assert facts.verdict_age_s is not None
        assert facts.verdict_age_s <= 10.0
        assert facts.sun_altitude_deg is not None
        assert facts.sun_altitude_deg <= -6.0


@given(FACTS, st.sampled_from([M.SLEW, M.UNPARK_MOUNT, M.TRACK]))
def test_telescope_never_moves_out_under_a_shutter_that_is_not_still(
    facts: Facts, motion: MotionKind
) -> None:
    if allowed(motion, facts) and facts.has_dome:
        assert facts.shutter is ShutterState.OPEN or (
            facts.closed_dome and facts.shutter is ShutterState.CLOSED
        )


UNKNOWABLE = (
    "verdict",
    "verdict_age_s",
    "sun_altitude_deg",
    "mount_parked",
    "mount_tracking",
    "mount_slewing",
    "mount_error_arcsec",
    "path_sun_separation_deg",
    "dome_parked",
    "dome_error_deg",
    "camera_busy",
)


@given(FACTS, MOTIONS, st.sampled_from(UNKNOWABLE))
def test_knowing_less_never_allows_more(facts: Facts, motion: MotionKind, fact: str) -> None:
    # Losing the verdict loses the lock with it: everything it forbade needs a verdict, except
    # what a lock forbids toward safe and indoors, where only the last verdict heard can tell.
    if (
        fact == "verdict"
        and facts.verdict is not None
        and (facts.verdict.lock or facts.verdict.latch)
    ):
        return
    blind = replace(facts, **{fact: None})  # type: ignore[arg-type]
    assert not allowed(motion, blind) or allowed(motion, facts)


def test_every_rule_has_a_name_of_its_own_and_guards_something() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.motions for rule in RULES)
