"""The compiled setup is that of the model of the observatory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.models.dome_geometry import DomeMeasurements, TubeSide
from ctmo_indi.models.observatory_model import ObservatoryModel, ObservatoryModelState
from ctmo_indi.planner.dispatch import longest_setup_s
from ctmo_indi.planner.kept import Kept, Sky, setup_of
from ctmo_indi.planner.neighbours import least_setups_s, nearest, same_side_setup_s
from ctmo_indi.planner.setup_kernels import setup_s
from ctmo_indi.profiles import Kinematics, MountKind, Site

SITE = Site("CTMO", 25.996, -97.571, 12.0)
NIGHT_UTC_S = 1_795_312_800.0  # 2026-11-22 06:00
FILTERS = ("B", "V", "R")
DOME = DomeMeasurements(3.0, 1.0, 0.1, -0.2, 0.3, 0.5)


def model_of(mount: MountKind, dome: DomeMeasurements | None) -> ObservatoryModel:
    kinematics = Kinematics(
        mount=mount, filter_change_s=3.0, filter_step_s=1.5, flip_s=25.0, handling_s=4.0
    )
    return ObservatoryModel(SITE, kinematics, dome, {"B": 1, "V": 2, "R": 5}, 5)


def sky_and_kept(ra_deg: np.ndarray, dec_deg: np.ndarray, codes: np.ndarray) -> tuple[Sky, Kept]:
    """Targets as the model sees them: apparent places of the day's middle."""
    from ctmo_indi.models.observatory_model import _frame, _rotation_rad

    ra_rad, dec_rad = _frame(NIGHT_UTC_S).place_rad(ra_deg, dec_deg)
    latitude_rad = math.radians(SITE.latitude_deg)
    rotation_deg = math.degrees(_rotation_rad(NIGHT_UTC_S)) + SITE.longitude_deg
    sky = Sky(
        rotation_deg,
        360.0 * 1.00273781191135448 / 86400.0,
        math.sin(latitude_rad),
        math.cos(latitude_rad),
        36000.0,
    )
    count = ra_deg.size
    kept = Kept(
        np.degrees(ra_rad),
        np.degrees(dec_rad),
        np.sin(dec_rad),
        np.cos(dec_rad),
        np.ones(count),
        np.full(count, 60.0),
        codes,
        np.zeros(count + 1, dtype=np.int32),
        np.zeros(0),
        np.zeros(0),
    )
    return sky, kept


@pytest.mark.parametrize("mount", list(MountKind))
@pytest.mark.parametrize("dome", [None, DomeMeasurements(0.0), DOME])
def test_setup_is_the_models(mount: MountKind, dome: DomeMeasurements | None) -> None:
    model = model_of(mount, dome)
    generator = np.random.default_rng(7)
    ra_deg, dec_deg = generator.uniform(0.0, 360.0, 60), generator.uniform(-40.0, 85.0, 60)
    codes = generator.integers(0, 3, 60).astype(np.int32)
    sky, kept = sky_and_kept(ra_deg, dec_deg, codes)
    setup = setup_of(model, FILTERS)
    least_s = least_setups_s(kept, setup, np.arange(60))
    longest_s = longest_setup_s(setup)
    for here in range(30):
        for there in range(30, 60):
            side = None
            time_s = float(generator.uniform(0.0, 30000.0))
            is_west = bool(generator.random() < 0.5)
            if mount is MountKind.GERMAN:
                side = TubeSide.WEST if is_west else TubeSide.EAST
            state = ObservatoryModelState(
                utc_s=NIGHT_UTC_S + time_s - 1.0,
                ra_deg=float(ra_deg[here]),
                dec_deg=float(dec_deg[here]),
                is_tracking=True,
                is_parked=False,
                filter_name=FILTERS[codes[here]],
                is_open=True,
                tube_side=side,
            )
            state = model.idle(state, NIGHT_UTC_S + time_s)
            if dome is not None:
                place = model._place(state.utc_s, state.ra_deg, state.dec_deg)
                shown = side or (TubeSide.WEST if place.hour_angle_deg < 0.0 else TubeSide.EAST)
                state = replace(state, dome_azimuth_deg=float(model._slit_deg(place, shown)))
                is_west = shown is TubeSide.WEST
            expected_s = model.delay_s(
                state, float(ra_deg[there]), float(dec_deg[there]), FILTERS[codes[there]]
            )
            found_s = setup_s(sky, kept, setup, here, is_west, there, time_s)
            assert found_s == pytest.approx(expected_s, abs=0.01)
            assert found_s <= longest_s
            assert least_s[here] <= found_s + 1e-9
            assert least_s[there] <= found_s + 1e-9


@pytest.mark.parametrize("mount", list(MountKind))
@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_nearest_are_those_of_a_full_search(mount: MountKind, count: int) -> None:
    generator = np.random.default_rng(3)
    ra_deg, dec_deg = generator.uniform(0.0, 360.0, count), generator.uniform(-90.0, 90.0, count)
    codes = generator.integers(-1, 3, count).astype(np.int32)
    _, kept = sky_and_kept(ra_deg, dec_deg, codes)
    setup = setup_of(model_of(mount, None), FILTERS)
    rows, took_s = nearest(kept, setup, np.arange(count), 5)
    for row in range(count):
        every = sorted(
            same_side_setup_s(kept, setup, row, other) for other in range(count) if other != row
        )
        expected = np.array(every[:5])
        np.testing.assert_allclose(took_s[row, : expected.size], expected)
        assert np.count_nonzero(rows[row] >= 0) == min(5, count - 1)
