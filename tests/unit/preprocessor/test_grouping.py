"""What belongs together is put together, whatever the noise of a driver's numbers."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.frames import Frame
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.grouping import (
    group_bias,
    group_darks,
    group_flats,
    group_targets,
    same_exposure,
    separation_deg,
)

from .night_frames import READOUT, frame, frames

WINDOW_C = 0.5
DARKS = st.lists(
    st.tuples(
        st.sampled_from([10.0, 10.01, 60.0, 60.2, 300.0]),
        st.one_of(st.none(), st.floats(-20.0, 5.0)),
        st.sampled_from([READOUT, replace(READOUT, gain=0.0), replace(READOUT, gain=None)]),
    ),
    max_size=40,
)


def darks_of(facts: list[tuple[float, float | None, object]]) -> list[Frame]:
    return [
        frame(FrameType.DARK, number, exposure_s=exposure, temperature_c=degrees, readout=readout)
        for number, (exposure, degrees, readout) in enumerate(facts)
    ]


@given(facts=DARKS)
def test_each_dark_is_in_one_group_and_every_group_is_of_one_kind(
    facts: list[tuple[float, float | None, object]],
) -> None:
    darks = darks_of(facts)
    groups = group_darks(darks, WINDOW_C)

    assert Counter(one for group in groups for one in group.frames) == Counter(darks)
    for group in groups:
        assert {one.readout for one in group.frames} == {group.readout}
        exposures = [one.exposure_s for one in group.frames]
        assert same_exposure(min(exposures), max(exposures))
        degrees = [one.temperature_c for one in group.frames]
        known = [one for one in degrees if one is not None]
        assert len(known) in (0, len(degrees))
        assert not known or max(known) - min(known) <= WINDOW_C
        assert list(group.frames) == sorted(group.frames, key=lambda one: one.start_utc_s)


@given(facts=DARKS, seed=st.integers())
def test_groups_do_not_depend_on_the_order_of_the_files(
    facts: list[tuple[float, float | None, object]], seed: int
) -> None:
    darks = darks_of(facts)
    turned = random.Random(seed).sample(darks, len(darks))
    assert set(group_darks(darks, WINDOW_C)) == set(group_darks(turned, WINDOW_C))


def test_temperatures_on_both_sides_of_a_rounding_edge_stay_together() -> None:
    darks = [
        frame(FrameType.DARK, n, temperature_c=c) for n, c in enumerate([-10.26, -10.24, -10.1])
    ]
    (group,) = group_darks(darks, WINDOW_C)
    assert group.temperature_c == -10.24


def test_biases_are_parted_by_readout_only() -> None:
    colder = frames(FrameType.BIAS, 3, 5, temperature_c=-15.0)
    other = frames(FrameType.BIAS, 2, 10, readout=replace(READOUT, x_binning=2, y_binning=2))
    groups = group_bias([*frames(FrameType.BIAS, 3), *colder, *other])
    assert [len(group.frames) for group in groups] == [6, 2]


def test_flats_are_parted_by_filter_not_by_exposure() -> None:
    flats = [
        frame(FrameType.FLAT, n, filter_name=name, exposure_s=1.0 + n)
        for n, name in enumerate("RVRV")
    ]
    groups = group_flats(flats)
    assert [(group.filter_name, len(group.frames)) for group in groups] == [("R", 2), ("V", 2)]


def test_a_target_is_its_name_its_filter_and_its_place() -> None:
    near = frame(FrameType.LIGHT, 1, ra_deg=10.75, target_name="m 31")
    far = frame(FrameType.LIGHT, 2, ra_deg=12.0)
    other_filter = frame(FrameType.LIGHT, 3, filter_name="V")
    unplaced = frame(FrameType.LIGHT, 4, ra_deg=None, dec_deg=None)
    unnamed = frame(FrameType.LIGHT, 5, target_name="")
    first = frame(FrameType.LIGHT, 0)

    groups = group_targets([first, near, far, other_filter, unplaced, unnamed], 0.25)

    assert [set(group) for group in groups] == [{first, near, unplaced}, {far}, {other_filter}]


def test_a_separation_crosses_zero_hours() -> None:
    west = frame(FrameType.LIGHT, 0, ra_deg=359.9, dec_deg=0.0)
    east = frame(FrameType.LIGHT, 1, ra_deg=0.1, dec_deg=0.0)
    assert abs(separation_deg(west, east) - 0.2) < 1e-9
