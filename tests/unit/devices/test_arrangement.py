"""The table of mount, shutter and dome against the sentences it was written from."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ctmo_indi.devices.arrangement import ARRANGEMENTS, may_begin
from ctmo_indi.devices.interlocks import STOPPING, Facts, violations
from ctmo_indi.devices.limits import Pointing
from ctmo_indi.devices.motion_kinds import DomePlace, MotionKind, MountPlace, ShutterState
from ctmo_indi.profiles import Limits
from ctmo_indi.testing.verdicts import SAFE

M, S, P, D = MotionKind, ShutterState, MountPlace, DomePlace
WORLDS = list(itertools.product(P, S, D, (False, True), (False, True)))
OF_THE_TABLE = {"shutter over telescope", "closed dome", "parked dome", "parked mount"}

TARGET = Pointing(10.0, 20.0, 50.0, 180.0, 0.0, 120.0)
FACTS = Facts(
    verdict=SAFE,
    verdict_age_s=0.0,
    sun_altitude_deg=-20.0,
    sun_max_altitude_deg=-6.0,
    limits=Limits(),
    mount_tracking=True,
    mount_slewing=False,
    mount_error_arcsec=0.0,
    path_sun_separation_deg=90.0,
    dome_error_deg=0.0,
    camera_busy=False,
)
_KNOWN = {"PARKED": True, "OUT": False, "FREE": False, "UNKNOWN": None}


@pytest.mark.parametrize("motion", sorted(ARRANGEMENTS))
def test_the_interlocks_say_what_the_table_says(motion: MotionKind) -> None:
    for mount, shutter, dome, emergency, closed_dome in WORLDS:
        facts = replace(
            FACTS,
            mount_parked=_KNOWN[mount],
            shutter=shutter,
            dome_parked=_KNOWN[dome],
            emergency=emergency,
            closed_dome=closed_dome,
        )
        found = {entry.rule for entry in violations(motion, TARGET, facts)} & OF_THE_TABLE
        allowed = may_begin(
            motion, mount, shutter, dome, emergency=emergency, closed_dome=closed_dome
        )
        assert allowed is (not found), (mount, shutter, dome, found)


def test_no_shutter_closes_over_a_telescope_but_in_an_emergency() -> None:
    for mount, shutter, dome, emergency, closed_dome in WORLDS:
        order = {"emergency": emergency, "closed_dome": closed_dome}
        closes = may_begin(M.CLOSE_SHUTTER, mount, shutter, dome, **order)
        assert closes is (mount is P.PARKED or emergency)
        parks = may_begin(M.PARK_DOME, mount, shutter, dome, **order)
        assert parks is (mount is P.PARKED or shutter is S.CLOSED)


def test_a_telescope_goes_out_only_under_a_shutter_that_stands() -> None:
    for mount, shutter, dome, emergency, closed_dome in WORLDS:
        for motion in (M.SLEW, M.TRACK, M.UNPARK_MOUNT):
            if may_begin(
                motion, mount, shutter, dome, emergency=emergency, closed_dome=closed_dome
            ):
                assert shutter is S.OPEN or (closed_dome and shutter is S.CLOSED)


def test_what_is_unknown_forbids_wherever_a_place_is_asked_for() -> None:
    for row in ARRANGEMENTS.values():
        assert P.UNKNOWN not in row.mount or row.mount == frozenset(P)
        assert S.UNKNOWN not in row.shutter or row.shutter == frozenset(S)
        assert D.UNKNOWN not in row.dome or row.dome == frozenset(D)
        assert row.closed_dome_shutter <= {S.CLOSED}


def test_stopping_and_parking_ask_nothing_of_the_table() -> None:
    for mount, shutter, dome, emergency, closed_dome in WORLDS:
        for motion in STOPPING | {M.PARK_MOUNT}:
            assert may_begin(
                motion, mount, shutter, dome, emergency=emergency, closed_dome=closed_dome
            )
