"""The kinematics of the observatory against astropy, a simulated drive and hand calculation."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi import profiles
from ctmo_indi.models.dome_geometry import DomeMeasurements, TubeSide
from ctmo_indi.models.observatory import ObservatoryModelState
from ctmo_indi.models.observatory_model import (
    ACTIVITIES,
    EXPOSURE,
    ObservatoryModel,
    longest_path,
    travel_s,
)
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Kinematics, MountKind, Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None

CTMO = Site("CTMO", 25.996275, -97.571269, 12.0)
LOCATION = EarthLocation(lat=CTMO.latitude_deg * u.deg, lon=CTMO.longitude_deg * u.deg, height=12.0)
CENTRED = DomeMeasurements(radius_m=2.5)
FORK = Kinematics(
    mount=MountKind.FORK,
    hour_angle_rate_deg_s=2.0,
    hour_angle_acceleration_deg_s2=1.0,
    declination_rate_deg_s=1.0,
    declination_acceleration_deg_s2=0.5,
    mount_settle_s=3.0,
    dome_rate_deg_s=4.0,
    dome_acceleration_deg_s2=1000.0,
    dome_settle_s=0.5,
    dome_free_deg=5.0,
    dome_passes_north=True,
    filter_change_s=2.0,
    filter_step_s=1.5,
    readout_s=4.0,
    lamp_settle_s=7.0,
    open_s=50.0,
    close_s=40.0,
    dome_park_s=12.0,
    unpark_s=6.0,
    start_tracking_s=1.0,
)
GERMAN = replace(FORK, mount=MountKind.GERMAN)
SLOTS = {"U": 1, "B": 2, "V": 3, "R": 4, "I": 5, "H": 6, "O": 7, "C": 8}
UTC_S = 1795318200.0  # 2026-11-22T05:30 UTC

skies = st.tuples(st.floats(0.0, 359.9), st.floats(-60.0, 89.0))


def model(kinematics: Kinematics = FORK, dome: DomeMeasurements | None = None) -> ObservatoryModel:
    return ObservatoryModel(CTMO, kinematics, dome, SLOTS)


def tracking(ra_deg: float, dec_deg: float, **changes: object) -> ObservatoryModelState:
    state = ObservatoryModelState(UTC_S, ra_deg, dec_deg, True, False, 180.0, "V", True)
    return replace(state, **changes)


def order(frame_type: FrameType = FrameType.LIGHT, **changes: object) -> ObservationRequest:
    plain = ObservationRequest("1", "ada", frame_type, 30.0, 1)
    return replace(plain, **changes)


def hour_angle_deg(ra_deg: float, dec_deg: float, utc_s: float) -> tuple[float, float]:
    """Hour angle and declination of date, degrees, by astropy."""
    when = Time(utc_s, format="unix")
    apparent = SkyCoord(ra_deg * u.deg, dec_deg * u.deg).transform_to(TETE(obstime=when))
    sidereal = when.sidereal_time("apparent", longitude=LOCATION.lon)
    hours = (sidereal - apparent.ra).wrap_at(12 * u.hourangle)
    return float(hours.deg), float(apparent.dec.deg)


def azimuth_deg(ra_deg: float, dec_deg: float, utc_s: float) -> float:
    frame = AltAz(obstime=Time(utc_s, format="unix"), location=LOCATION)
    return float(SkyCoord(ra_deg * u.deg, dec_deg * u.deg).transform_to(frame).az.deg)


def driven_s(way_deg: float, rate_deg_s: float, acceleration_deg_s2: float) -> float:
    """Drive an axis in small steps: full power until it must brake, then brake."""
    step_s, gone_deg, speed, time_s = 1e-3, 0.0, 0.0, 0.0
    while way_deg - gone_deg > speed * speed / (2.0 * acceleration_deg_s2):
        speed = min(rate_deg_s, speed + acceleration_deg_s2 * step_s)
        gone_deg += speed * step_s
        time_s += step_s
    return time_s + speed / acceleration_deg_s2


@pytest.mark.parametrize("way_deg", [0.0, 0.3, 2.0, 7.9, 8.1, 50.0])
def test_an_axis_takes_as_long_as_a_drive_that_accelerates_and_brakes(way_deg: float) -> None:
    assert travel_s(way_deg, 2.0, 0.5) == pytest.approx(driven_s(way_deg, 2.0, 0.5), abs=0.01)


def test_a_fork_turns_by_the_differences_of_hour_angle_and_declination() -> None:
    here, there = (30.0, 10.0), (70.0, 55.0)
    from_ha, from_dec = hour_angle_deg(*here, UTC_S)
    to_ha, to_dec = hour_angle_deg(*there, UTC_S)
    assert abs(to_ha) < 90.0
    took = model().activities_s(tracking(*here), order(ra_deg=there[0], dec_deg=there[1]))
    # Rate 2 from 1 deg/s2 and rate 1 from 0.5: both are reached, two seconds more each.
    assert took["hour angle"] == pytest.approx(abs(to_ha - from_ha) / 2.0 + 2.0, abs=0.01)
    assert took["declination"] == pytest.approx(abs(to_dec - from_dec) / 1.0 + 2.0, abs=0.01)


def test_a_fork_never_passes_the_lower_meridian() -> None:
    lower = sidereal_deg() + 180.0
    here, there = ((lower - 10.0) % 360.0, 80.0), ((lower + 10.0) % 360.0, 80.0)
    took = model().activities_s(tracking(*here), order(ra_deg=there[0], dec_deg=there[1]))
    assert took["hour angle"] == pytest.approx((360.0 - 20.0) / 2.0 + 2.0, abs=0.2)


def sidereal_deg() -> float:
    when = Time(UTC_S, format="unix")
    return float(when.sidereal_time("apparent", longitude=LOCATION.lon).deg)


def test_a_german_mount_changes_sides_at_the_meridian() -> None:
    east, west = sidereal_deg() + 10.0, sidereal_deg() - 10.0
    request = order(ra_deg=west % 360.0, dec_deg=40.0)
    took = model(GERMAN).activities_s(tracking(east % 360.0, 40.0), request)
    # The polar axis by half a turn less the twenty degrees, the tube over the pole: 50 + 50.
    assert took["hour angle"] == pytest.approx((180.0 - 20.0) / 2.0 + 2.0, abs=0.3)
    assert took["declination"] == pytest.approx(100.0 / 1.0 + 2.0, abs=0.5)
    # After tracking over the meridian the tube is still where the slew had put it.
    late = tracking((west - 1.0) % 360.0, 40.0, tube_side=TubeSide.WEST)
    assert model(GERMAN).activities_s(late, request)["declination"] == pytest.approx(102.0, abs=0.5)
    same = tracking((west - 1.0) % 360.0, 40.0, tube_side=TubeSide.EAST)
    assert model(GERMAN).activities_s(same, request)["declination"] < 1.0
    slow = model(replace(GERMAN, flip_s=90.0))
    for state, flip_s in ((tracking(east % 360.0, 40.0), 90.0), (late, 90.0), (same, 0.0)):
        assert slow.activities_s(state, request)["flip"] == flip_s
        more_s = (
            slow.observe(state, request, 1).slew_s - model(GERMAN).observe(state, request, 1).slew_s
        )
        assert more_s == pytest.approx(flip_s)
    fork = model(replace(FORK, flip_s=90.0))
    assert fork.activities_s(tracking(east % 360.0, 40.0), request)["flip"] == 0.0


@pytest.mark.parametrize("frame_type", [FrameType.LIGHT, FrameType.BIAS, FrameType.FLAT])
def test_what_is_done_before_each_visit_stands_before_all_else(frame_type: FrameType) -> None:
    request = replace(order(ra_deg=10.0, dec_deg=20.0, filter_name="R"), frame_type=frame_type)
    state = tracking(70.0, 0.0)
    plain_s = model().observe(state, request, 1).slew_s
    handled = model(replace(FORK, handling_s=4.5))
    assert handled.observe(state, request, 1).slew_s == pytest.approx(plain_s + 4.5)


def test_the_dome_turns_to_the_targets_azimuth_by_the_shorter_way() -> None:
    target = (20.0, 35.0)
    wanted = azimuth_deg(*target, UTC_S)
    for off_deg in (-100.0, -6.0, 3.0, 44.0, 170.0):
        state = tracking(*target, dome_azimuth_deg=(wanted + off_deg) % 360.0)
        request = order(ra_deg=target[0], dec_deg=target[1])
        took = model(dome=CENTRED).activities_s(state, request)
        beyond_deg = max(0.0, abs(off_deg) - 5.0)  # free range
        assert took["dome"] == pytest.approx(beyond_deg / 4.0, abs=0.07)
        assert took["dome settle"] == (0.5 if beyond_deg else 0.0)


def test_a_dome_that_does_not_pass_north_takes_the_long_way() -> None:
    target = (20.0, 35.0)
    wanted = azimuth_deg(*target, UTC_S)
    present = (wanted + 190.0) % 360.0
    state = tracking(*target, dome_azimuth_deg=present)
    request = order(ra_deg=target[0], dec_deg=target[1])
    around = model(replace(FORK, dome_passes_north=False), CENTRED).activities_s(state, request)
    assert around["dome"] == pytest.approx((abs(present - wanted) - 5.0) / 4.0, abs=0.05)
    through = model(dome=CENTRED).activities_s(state, request)
    assert through["dome"] == pytest.approx((170.0 - 5.0) / 4.0, abs=0.05)


@pytest.mark.parametrize(
    ("present", "wanted", "expected_s"),
    [
        ("V", "V", 0.0),
        ("V", None, 0.0),
        ("V", "R", 3.5),
        ("U", "C", 3.5),  # neighbours around the wheel
        ("U", "I", 8.0),
        (None, "V", 8.0),  # not known: half the wheel
    ],
)
def test_the_wheel_takes_the_shorter_way_around(
    present: str | None, wanted: str | None, expected_s: float
) -> None:
    state = tracking(10.0, 20.0, filter_name=present)
    request = order(ra_deg=10.0, dec_deg=20.0, filter_name=wanted)
    assert model().activities_s(state, request)["filter"] == expected_s


def test_every_activity_stands_after_what_it_waits_for() -> None:
    names = list(ACTIVITIES)
    for name, before in ACTIVITIES.items():
        assert all(names.index(each) < names.index(name) for each in before)


# As telescope/steps.py does it: one after the other, or side by side.
IN_TURN = {
    ("open", "unpark"),
    ("unpark", "start tracking"),
    ("start tracking", "hour angle"),
    ("start tracking", "dome"),
    ("start tracking", "filter"),
    ("hour angle", "mount settle"),
    ("declination", "flip"),
    ("flip", "mount settle"),
    ("handling", "open"),
    ("handling", "filter"),
    ("dome", "dome settle"),
    ("filter", "lamp"),
    ("open", "declination"),
    ("open", "dome settle"),
}
SIDE_BY_SIDE = {
    ("hour angle", "declination"),
    ("mount settle", "dome settle"),
    ("hour angle", "dome"),
    ("declination", "filter"),
    ("dome", "filter"),
    ("dome", "mount settle"),
}


@pytest.mark.parametrize("name", ACTIVITIES)
def test_an_exposure_waits_for_every_activity(name: str) -> None:
    assert longest_path({name: 100.0}) == 100.0


@pytest.mark.parametrize("pair", sorted(IN_TURN | SIDE_BY_SIDE))
def test_activities_run_in_turn_or_side_by_side_as_in_an_attempt(pair: tuple[str, str]) -> None:
    took_s = longest_path(dict(zip(pair, (10.0, 20.0), strict=True)))
    assert took_s == (30.0 if pair in IN_TURN else 20.0)


@given(st.lists(st.floats(0.0, 100.0), min_size=len(ACTIVITIES), max_size=len(ACTIVITIES)))
def test_the_delay_is_the_longest_of_all_paths(seconds: list[float]) -> None:
    durations = dict(zip(ACTIVITIES, seconds, strict=True))

    def paths(name: str) -> list[float]:
        ways = itertools.chain.from_iterable(paths(each) for each in ACTIVITIES[name])
        return [durations[name] + way for way in ways] or [durations[name]]

    assert longest_path(durations) == pytest.approx(max(paths(EXPOSURE)))


def test_opening_comes_first_and_the_rest_runs_side_by_side() -> None:
    state = model().at_rest(UTC_S)
    request = order(ra_deg=20.0, dec_deg=0.0, filter_name="V")
    took = model().activities_s(state, request)
    assert (took["open"], took["unpark"], took["start tracking"]) == (50.0, 6.0, 1.0)
    expected_s = 57.0 + max(took["hour angle"], took["declination"]) + 3.0
    assert model().observe(state, request, 1).slew_s == pytest.approx(expected_s)


@given(
    st.sampled_from([FORK, GERMAN, replace(GERMAN, flip_s=30.0, handling_s=2.0)]),
    st.sampled_from([None, CENTRED, DomeMeasurements(2.5, 1.0, -0.2, 0.1, 0.3, 0.4)]),
    skies,
    st.lists(
        st.tuples(skies, st.sampled_from([None, *SLOTS, "unheard of"])), min_size=1, max_size=6
    ),
    st.booleans(),
    st.sampled_from([None, *TubeSide]),
)
def test_many_targets_at_once_take_what_each_takes_alone(
    kinematics: Kinematics,
    dome: DomeMeasurements | None,
    here: tuple[float, float],
    targets: list[tuple[tuple[float, float], str | None]],
    is_closed: bool,
    side: TubeSide | None,
) -> None:
    ours = model(kinematics, dome)
    state = ours.at_rest(UTC_S) if is_closed else tracking(*here, tube_side=side)
    ra_deg = np.array([place[0] for place, _ in targets])
    dec_deg = np.array([place[1] for place, _ in targets])
    names = [name for _, name in targets]
    together = ours.delays_s(state, ra_deg, dec_deg, names)
    assert together.shape == ra_deg.shape
    for index, ((ra, dec), name) in enumerate(targets):
        alone_s = ours.delay_s(state, ra, dec, name)
        assert together[index] == pytest.approx(alone_s, abs=1e-9)
        request = order(ra_deg=ra, dec_deg=dec, filter_name=name)
        assert ours.observe(state, request, 1).slew_s == pytest.approx(alone_s, abs=1e-9)
    assert ours.delays_s(state, ra_deg, dec_deg).max() <= together.max()


def test_a_visit_leaves_the_mount_on_its_target_and_the_dome_behind_it() -> None:
    ours = model(dome=CENTRED)
    request = order(ra_deg=350.0, dec_deg=30.0, filter_name="R")
    visit = ours.observe(ours.at_rest(UTC_S), request, 5)
    assert visit.start_utc_s == UTC_S + visit.slew_s
    assert visit.end_utc_s == visit.start_utc_s + 5 * (30.0 + 4.0)
    after = visit.after
    assert (after.utc_s, after.ra_deg, after.dec_deg) == (visit.end_utc_s, 350.0, 30.0)
    assert (after.is_tracking, after.is_parked, after.is_open) == (True, False, True)
    assert after.filter_name == "R"
    assert after.dome_azimuth_deg == pytest.approx(
        azimuth_deg(350.0, 30.0, visit.end_utc_s), abs=0.02
    )


@pytest.mark.parametrize(
    ("frame_type", "delay_s", "filter_name"),
    [(FrameType.BIAS, 0.0, None), (FrameType.DARK, 0.0, None), (FrameType.FLAT, 10.5, "R")],
)
def test_calibrations_leave_mount_and_dome_alone(
    frame_type: FrameType, delay_s: float, filter_name: str | None
) -> None:
    state = replace(model().at_rest(UTC_S), filter_name="V")
    visit = model().observe(state, order(frame_type, filter_name=filter_name), 2)
    assert visit.slew_s == delay_s
    assert visit.after == replace(state, utc_s=visit.end_utc_s, filter_name=filter_name or "V")


def test_a_sky_frame_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="without RA and Dec"):
        model().observe(model().at_rest(UTC_S), order(), 1)


def test_a_tracking_telescope_waits_on_its_target_and_the_dome_follows() -> None:
    ours = model(dome=CENTRED)
    state = tracking(20.0, 35.0)
    later = ours.idle(state, UTC_S + 3600.0)
    assert (later.ra_deg, later.dec_deg, later.utc_s) == (20.0, 35.0, UTC_S + 3600.0)
    assert later.dome_azimuth_deg == pytest.approx(azimuth_deg(20.0, 35.0, later.utc_s), abs=0.02)
    assert ours.idle(later, UTC_S) == later


def test_a_still_telescope_keeps_its_altitude_and_azimuth() -> None:
    state = tracking(20.0, 35.0, is_tracking=False)
    later = model(dome=CENTRED).idle(state, UTC_S + 5 * 3600.0)
    assert later.dome_azimuth_deg == state.dome_azimuth_deg
    before, after = (
        SkyCoord(one.ra_deg * u.deg, one.dec_deg * u.deg).transform_to(
            AltAz(obstime=Time(one.utc_s, format="unix"), location=LOCATION)
        )
        for one in (state, later)
    )
    assert before.az.deg == pytest.approx(after.az.deg, abs=0.003)
    assert before.alt.deg == pytest.approx(after.alt.deg, abs=0.003)


def test_closing_parks_the_mount_then_shuts_then_parks_the_dome() -> None:
    ours = model(dome=CENTRED)
    state = tracking(20.0, 35.0, dome_azimuth_deg=251.0)
    from_ha, from_dec = hour_angle_deg(20.0, 35.0, UTC_S)
    park_s = max(abs(from_ha + 90.0) / 2.0, from_dec) + 2.0 + 3.0
    dome_s = (161.0 - 5.0) / 4.0
    closed = ours.close(state)
    assert closed.utc_s - UTC_S == pytest.approx(park_s + 40.0 + dome_s, abs=0.05)
    assert closed == replace(ours.at_rest(closed.utc_s), filter_name="V")
    near = ours.close(replace(state, dome_azimuth_deg=91.0))
    assert near.utc_s - UTC_S == pytest.approx(park_s + 40.0 + 12.0, abs=0.05)
    assert ours.close(closed) == closed


def test_the_model_of_a_profile_knows_dome_and_slots() -> None:
    profile = profiles.load("simulators")
    ours = ObservatoryModel.of(profile)
    assert ours.kinematics == profile.kinematics
    assert ours.dome == DomeMeasurements(2.5, 1.0, -0.2, 0.0, 0.1, 0.3)
    real = ObservatoryModel.of(profiles.load("ctmo"))
    state = tracking(10.0, 20.0, filter_name="U")
    took = real.activities_s(state, order(ra_deg=10.0, dec_deg=20.0, filter_name="Clear"))
    assert took["filter"] == 3.0  # neighbours around the wheel of eight
    assert math.isfinite(real.delay_s(state, 10.0, 20.0))


def test_the_simulators_profile_says_the_defaults() -> None:
    assert profiles.load("simulators").kinematics == Kinematics()
