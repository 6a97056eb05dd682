"""A master that would spoil a night is refused, with every reason; drift is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.frames import ProductKind
from ctmo_indi.preprocessor.gates import GATES, refusal

P = ProductKind
BIAS = {"median": 500.0, "sigma": 2.0, "bad_share": 0.001, "hot_share": 0.0}
DARK = {"median": 3.0, "sigma": 1.5, "bad_share": 0.001, "hot_share": 0.001}
FLAT = {"median": 1.0, "sigma": 0.03, "bad_share": 0.001}
GOOD = {P.BIASM: BIAS, P.DARKM: DARK, P.FLATM: FLAT}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_master_passes_alone_and_against_itself(kind: ProductKind) -> None:
    assert refusal(kind, GOOD[kind]) == ""
    assert refusal(kind, GOOD[kind], GOOD[kind]) == ""


@pytest.mark.parametrize(
    ("kind", "changed", "told"),
    [
        (P.BIASM, {"bad_share": 0.05}, "share of bad pixels is 0.05, expected at most 0.02"),
        (P.DARKM, {"sigma": 0.0}, "scatter is 0, expected above 0"),
        (P.FLATM, {"median": 0.5}, "level is 0.5, expected 0.8 to 1.25"),
        (P.FLATM, {"sigma": 0.7}, "scatter is 0.7, expected at most 0.5"),
    ],
)
def test_a_master_that_is_bad_by_itself_is_refused(
    kind: ProductKind, changed: dict[str, float], told: str
) -> None:
    assert refusal(kind, GOOD[kind] | changed) == told


@pytest.mark.parametrize(
    ("kind", "changed", "told"),
    [
        (P.BIASM, {"median": 511.0}, "level's shift over what it may drift is 1.1"),
        (P.BIASM, {"median": 489.0}, "level's shift"),
        (P.DARKM, {"median": 9.0}, "level's shift"),
        (P.BIASM, {"sigma": 9.0}, "scatter over that before is 4.5, expected 0.2 to 4"),
        (P.FLATM, {"sigma": 0.005}, "scatter over that before is 0.1667"),
        (P.DARKM, {"hot_share": 0.01}, "hot pixels over those before is 10, expected at most 3"),
    ],
)
def test_a_master_unlike_the_one_before_is_refused(
    kind: ProductKind, changed: dict[str, float], told: str
) -> None:
    new = GOOD[kind] | changed
    assert told in refusal(kind, new, GOOD[kind])
    assert refusal(kind, new) == ""


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (P.BIASM, {"median": 509.0}),
        (P.DARKM, {"median": 0.5}),
        (P.DARKM, {"hot_share": 0.002}),
        (P.BIASM, {"sigma": 0.7}),
    ],
)
def test_drift_and_another_number_of_frames_are_no_fault(
    kind: ProductKind, changed: dict[str, float]
) -> None:
    assert refusal(kind, GOOD[kind] | changed, GOOD[kind]) == ""


def test_a_level_near_zero_may_move_by_its_noise() -> None:
    """A simulated camera's bias is some ADU: a share of that is nothing."""
    assert refusal(P.BIASM, BIAS | {"median": 6.0}, BIAS | {"median": 4.5}) == ""


def test_every_reason_is_told_at_once() -> None:
    told = refusal(P.FLATM, {"median": 0.1, "sigma": 0.9, "bad_share": 0.5})
    assert told.count("expected") == 3


def test_what_was_not_finite_fails_but_not_for_the_previous_masters_lack() -> None:
    assert "level is not finite" in refusal(P.FLATM, {"sigma": 0.03, "bad_share": 0.0})
    assert refusal(P.BIASM, BIAS, {}) == ""
    assert refusal(P.DARKM, DARK, DARK | {"hot_share": 0.0}) == ""
    assert "hot pixels" in refusal(P.DARKM, DARK | {"hot_share": 0.002}, DARK | {"hot_share": 0.0})


@given(kind=st.sampled_from(list(GOOD)), factor=st.floats(0.1, 10.0))
def test_a_wider_scatter_never_turns_a_refusal_into_a_pass(
    kind: ProductKind, factor: float
) -> None:
    good = GOOD[kind]
    wide = good | {"sigma": good["sigma"] * (4.0 + factor)}
    assert "scatter" in refusal(kind, wide, good)


def test_every_gate_is_reached_by_a_kind() -> None:
    assert all(gate.kinds <= GOOD.keys() and gate.least < gate.most for gate in GATES)
