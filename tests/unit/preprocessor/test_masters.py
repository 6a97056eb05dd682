"""Which master is taken: the first rule that holds, and the reason when none does."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.frames import Master, ProductKind
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.masters import (
    Choice,
    MasterLimits,
    Wanted,
    can_scale,
    choose,
    predecessor,
)

from .night_frames import NIGHT, READOUT, frame, master

BIASM, DARKM, FLATM = ProductKind.BIASM, ProductKind.DARKM, ProductKind.FLATM
LIMITS = MasterLimits()


def wanted(kind: ProductKind = DARKM, *, is_for_flat: bool = False, **facts: object) -> Wanted:
    return Wanted.by(frame(FrameType.LIGHT, **facts), kind, NIGHT, is_for_flat=is_for_flat)


def chosen(*masters: Master, of: Wanted | None = None) -> Choice:
    return choose(of or wanted(), masters, LIMITS)


def name(choice: Choice) -> str | None:
    return None if choice.master is None else choice.master.product_id


def test_an_exact_dark_of_the_night_is_taken_as_it_is() -> None:
    choice = chosen(master(DARKM, "exact"), master(DARKM, "long", exposure_s=120.0))
    assert (name(choice), choice.scale) == ("exact", 1.0)
    assert choice.rule == "master dark of the same night, exact, -10.0 C for -10.0 C"


@pytest.mark.parametrize(
    ("masters", "first"),
    [
        # the rules in their order
        ([("exact", 0, 60), ("scaled", 0, 90), ("before", -1, 60)], "exact"),
        ([("scaled", 0, 90), ("before", -1, 60), ("after", 1, 60)], "scaled"),
        ([("before scaled", -1, 90), ("before", -2, 60), ("after", 1, 60)], "before"),
        ([("before scaled", -1, 90), ("after", 1, 60)], "before scaled"),
        ([("after scaled", 1, 90), ("after", 2, 60)], "after"),
        # the nearest of those of one rule
        ([("longer", 0, 300), ("nearer", 0, 90)], "nearer"),
        ([("an older", -5, 60), ("the newer", -2, 60)], "the newer"),
    ],
)
def test_rules_go_before_nearness(masters: list[tuple[str, float, float]], first: str) -> None:
    made = [master(DARKM, one, days=days, exposure_s=s) for one, days, s in masters]
    assert name(chosen(*made)) == first
    assert name(chosen(*reversed(made))) == first


def test_a_scaled_dark_says_its_factor() -> None:
    choice = chosen(master(DARKM, exposure_s=120.0))
    assert choice.scale == 0.5
    assert "scaled after bias removal, 120 s to 60 s, factor 0.5" in choice.rule


def test_a_master_of_another_night_says_how_far() -> None:
    assert "of an earlier night, exact, 2.0 days before" in chosen(master(DARKM, days=-2)).rule


@pytest.mark.parametrize("seconds", [29.0, 601.0, 0.0])
def test_a_dark_outside_the_limits_of_scaling_is_not_taken(seconds: float) -> None:
    choice = chosen(master(DARKM, exposure_s=seconds))
    assert choice.master is None
    assert choice.rule.endswith("of 1 known 1 of an exposure that cannot be scaled to it")


def test_a_dark_with_its_bias_is_never_scaled() -> None:
    dark = master(DARKM, exposure_s=90.0, has_bias=True)
    assert chosen(dark).master is None
    assert can_scale(wanted(), dark, LIMITS) is None
    assert chosen(replace(dark, exposure_s=60.0)).scale == 1.0


def test_a_flat_may_take_a_much_longer_dark() -> None:
    dark = master(DARKM, exposure_s=300.0)
    assert chosen(dark, of=wanted(exposure_s=2.0)).master is None
    assert chosen(dark, of=wanted(exposure_s=2.0, is_for_flat=True)).scale == 2.0 / 300.0


@pytest.mark.parametrize(("degrees", "is_taken"), [(-9.5, True), (-10.5, True), (-9.4, False)])
def test_a_dark_is_within_half_a_degree(degrees: float, is_taken: bool) -> None:
    assert (chosen(master(DARKM, temperature_c=degrees)).master is not None) is is_taken


def test_an_unknown_temperature_goes_with_an_unknown_one_only() -> None:
    unknown = master(DARKM, temperature_c=None)
    assert chosen(unknown).master is None
    assert chosen(unknown, of=wanted(temperature_c=None)).master is unknown


def test_bias_and_flat_ask_nothing_of_temperature_and_exposure() -> None:
    assert chosen(master(BIASM, temperature_c=5.0), of=wanted(BIASM)).master is not None
    assert chosen(master(FLATM, temperature_c=5.0), of=wanted(FLATM)).master is not None


@pytest.mark.parametrize(
    ("kind", "changed", "told"),
    [
        (DARKM, {"readout": replace(READOUT, gain=0.0)}, "1 read out otherwise"),
        (DARKM, {"readout": replace(READOUT, x_binning=2)}, "1 read out otherwise"),
        (FLATM, {"filter_name": "V"}, "1 of another filter"),
        (DARKM, {"temperature_c": 0.0}, "1 at another temperature"),
        (DARKM, {"days": -31}, "1 too far in time"),
        (BIASM, {"days": -31}, "1 too far in time"),
        (FLATM, {"days": -15}, "1 too far in time"),
    ],
)
def test_why_a_master_is_not_taken_is_told(
    kind: ProductKind, changed: dict[str, Any], told: str
) -> None:
    choice = chosen(master(kind, **changed), of=wanted(kind))
    assert choice.master is None
    assert told in choice.rule
    assert f"no {kind.words} for CCD Simulator 64x48 binning 1x1 gain 90" in choice.rule


def test_without_any_master_that_is_told() -> None:
    assert chosen(master(BIASM)).rule.endswith("60 s, -10.0 C: none is known")


def test_a_new_master_is_compared_with_the_newest_that_must_look_like_it() -> None:
    new = master(DARKM, "new")
    like = [master(DARKM, "a newer", days=-2), master(DARKM, "older", days=-5)]
    others: list[Master] = [
        master(DARKM, "of tonight"),
        master(DARKM, "of a later night", days=1),
        master(DARKM, "expired", days=-31),
        master(DARKM, "warmer", days=-1, temperature_c=-9.0),
        master(DARKM, "longer", days=-1, exposure_s=90.0),
        master(DARKM, "with bias", days=-1, has_bias=True),
        master(DARKM, "other gain", days=-1, readout=replace(READOUT, gain=0.0)),
        master(BIASM, "bias", days=-1),
    ]
    assert predecessor(new, [*others, *like], LIMITS) is like[0]
    assert predecessor(new, others, LIMITS) is None


def test_a_flat_is_compared_with_one_of_its_filter() -> None:
    new = master(FLATM, "new")
    assert predecessor(new, [master(FLATM, "V", days=-1, filter_name="V")], LIMITS) is None
    assert predecessor(new, [master(FLATM, "R", days=-1)], LIMITS) is not None


MASTERS = st.lists(
    st.builds(
        lambda number, kind, days, exposure, degrees, has_bias, gain: master(
            kind,
            f"m{number}",
            days=days,
            exposure_s=exposure if kind is DARKM else 0.0,
            temperature_c=degrees,
            has_bias=has_bias,
            readout=replace(READOUT, gain=gain),
        ),
        st.integers(0, 10**9),
        st.sampled_from([BIASM, DARKM, FLATM]),
        st.integers(-15, 8),
        st.sampled_from([5.0, 30.0, 59.9, 60.0, 120.0, 900.0]),
        st.one_of(st.none(), st.floats(-11.0, -9.0)),
        st.booleans(),
        st.sampled_from([90.0, 0.0]),
    ),
    max_size=25,
    unique_by=lambda one: one.product_id,
)


@given(masters=MASTERS, seed=st.integers(), kind=st.sampled_from([BIASM, DARKM, FLATM]))
def test_a_choice_keeps_the_limits_and_does_not_depend_on_the_order(
    masters: list[Master], seed: int, kind: ProductKind
) -> None:
    asked = wanted(kind)
    choice = choose(asked, masters, LIMITS)

    assert choose(asked, random.Random(seed).sample(masters, len(masters)), LIMITS) == choice
    assert choice.rule
    if choice.master is None:
        return
    taken = choice.master
    assert (taken.kind, taken.readout) == (kind, asked.readout)
    assert abs(taken.utc_s - asked.utc_s) <= LIMITS.valid_days[kind] * 86400.0
    if kind is DARKM:
        assert taken.temperature_c is not None
        assert abs(taken.temperature_c + 10.0) <= 0.5 + 1e-9
        assert choice.scale == 1.0 or not taken.has_bias
        assert 0.1 <= choice.scale <= 2.0
    else:
        assert choice.scale == 1.0
