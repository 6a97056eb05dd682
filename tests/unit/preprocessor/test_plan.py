"""The plan of a night: a graph, the same for the same frames, no light half calibrated."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.errors import InternalError
from ctmo_indi.models.frames import Frame, Master, NightBundle, ProductKind
from ctmo_indi.models.states import FrameType
from ctmo_indi.pixels.frame_bands import MOST
from ctmo_indi.preprocessor.plan import MOST_FRAMES, plan_night
from ctmo_indi.preprocessor.planned import Parameters, Plan

from .night_frames import NIGHT, READOUT, frame, frames, master, whole_night

P = ProductKind
PARAMETERS = Parameters(version="1")
ALL_MASTERS = [master(kind, kind.value, days=-1) for kind in (P.BIASM, P.DARKM, P.FLATM)]


def plan(made: list[Frame], known: list[Master] | None = None, **refused: str) -> Plan:
    return plan_night(
        NightBundle(Path("/nights/20261121"), NIGHT, tuple(made)),
        known or [],
        PARAMETERS,
        refused=refused,
    )


def kinds(made: Plan) -> list[ProductKind]:
    return [product.kind for product in made.products]


def test_a_whole_night_gives_masters_then_lights_then_a_stack() -> None:
    made = plan_night(whole_night(), [], PARAMETERS)

    assert kinds(made) == [P.BIASM, P.DARKM, P.FLATM, *[P.CALIB_LIGHT] * 2, P.STACK_LIGHT]
    bias, dark, flat, first, second, stack = made.products
    assert dark.after == (bias.product_id,)
    assert flat.after == (bias.product_id, dark.product_id)
    assert flat.dark_scales == pytest.approx([0.05] * 5)
    assert first.after == (bias.product_id, dark.product_id, flat.product_id)
    assert [one.rule.split(",")[0] for one in first.used] == [
        "master bias of the same night",
        "master dark of the same night",
        "master flat of the same night",
    ]
    assert stack.after == stack.lights == (first.product_id, second.product_id)
    assert stack.exposure_s == 120.0
    assert not made.marked
    assert not made.notes


def test_the_plan_can_be_read() -> None:
    text = str(plan_night(whole_night(), [], PARAMETERS))
    assert text.startswith("night 20261121: 6 products, 0 marked")
    assert "master dark darkm_1x1_60s_-10.0C_" in text
    assert "master bias of the same night, exact" in text


def test_what_is_ready_follows_what_is_done() -> None:
    made = plan_night(whole_night(), [], PARAMETERS)
    done: set[str] = set()
    waves = []
    while ready := made.ready(done):
        waves.append([product.kind for product in ready])
        done |= {product.product_id for product in ready}
    assert waves == [[P.BIASM], [P.DARKM], [P.FLATM], [P.CALIB_LIGHT] * 2, [P.STACK_LIGHT]]


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        (FrameType.DARK, "no master dark for"),
        (FrameType.FLAT, "no master flat for"),
    ],
)
def test_a_light_that_lacks_a_master_is_marked_and_gets_none(
    left_out: FrameType, told: str
) -> None:
    night = [one for one in whole_night().frames if one.frame_type is not left_out]
    made = plan(night)

    lights = made.of_kind(P.CALIB_LIGHT)
    assert len(lights) == 2
    for light in lights:
        assert told in light.marked
        assert light.used == ()
        assert light.product_id not in {one.product_id for one in made.ready(set())}
    assert made.of_kind(P.STACK_LIGHT) == ()
    assert "not made: no master" in str(lights[0])


def test_without_anything_every_lack_is_told_at_once() -> None:
    (light,) = plan([frame(FrameType.LIGHT)]).products
    for kind in ("bias", "dark", "flat"):
        assert f"no master {kind} for" in light.marked


def test_without_a_bias_an_exact_dark_with_its_bias_serves_and_is_not_scaled() -> None:
    night = [one for one in whole_night().frames if one.frame_type is not FrameType.BIAS]
    made = plan([*night, *frames(FrameType.DARK, 5, 50, exposure_s=3.0)])

    darks = made.of_kind(P.DARKM)
    assert [dark.has_bias for dark in darks] == [True, True]
    (flat,) = made.of_kind(P.FLATM)
    for product in (flat, *made.of_kind(P.CALIB_LIGHT)):
        assert not product.marked
        assert product.bias is None
        assert set(product.dark_scales) == {1.0}
    assert any("bias stays in the master of dark" in note for note in made.notes)


def test_a_bias_free_dark_without_a_bias_does_not_serve() -> None:
    made = plan([frame(FrameType.LIGHT)], ALL_MASTERS[1:])
    assert "no master bias" in made.products[0].marked


def test_where_the_bias_lacks_a_dark_that_has_it_is_taken() -> None:
    with_bias = master(P.DARKM, "with bias", days=-2, has_bias=True)
    (light,) = plan([frame(FrameType.LIGHT)], [*ALL_MASTERS[1:], with_bias]).products
    assert not light.marked
    assert [one.master.product_id for one in light.used] == ["with bias", "FLATM"]


def test_a_dark_with_its_bias_is_never_used_with_a_bias() -> None:
    dark = master(P.DARKM, "with bias", days=-1, has_bias=True)
    exact = master(P.DARKM, "with bias, 3 s", days=-1, has_bias=True, exposure_s=3.0)
    night = [one for one in whole_night().frames if one.frame_type is not FrameType.DARK]
    made = plan(night, [dark, exact])

    assert len(made.of_kind(P.BIASM)) == 1
    for product in (*made.of_kind(P.FLATM), *made.of_kind(P.CALIB_LIGHT)):
        assert not product.marked
        assert product.dark is not None
        assert product.bias is None


def test_masters_of_earlier_nights_serve_and_say_so() -> None:
    (light,) = plan([frame(FrameType.LIGHT)], ALL_MASTERS).products
    assert [one.master.product_id for one in light.used] == ["BIASM", "DARKM", "FLATM"]
    assert all("of an earlier night" in one.rule for one in light.used)
    assert light.after == ()


def test_too_few_frames_make_no_master_and_are_told() -> None:
    made = plan(frames(FrameType.BIAS, 4))
    assert made.products == ()
    assert made.notes == (
        "bias, CCD Simulator 64x48 binning 1x1 gain 90: 4 frames, expected 5 or more",
    )


def test_of_more_frames_than_can_be_combined_the_last_are_used() -> None:
    made = plan(frames(FrameType.BIAS, MOST_FRAMES + 5))
    (bias,) = made.products
    assert len(bias.frames) == MOST_FRAMES == MOST
    assert bias.frames[-1].path.name == f"bias-{MOST_FRAMES + 4}.fits"
    assert made.notes == (
        "bias, CCD Simulator 64x48 binning 1x1 gain 90: 260 frames, the last 255 are used",
    )


def test_one_missing_filter_marks_its_lights_only() -> None:
    made = plan([*whole_night().frames, frame(FrameType.LIGHT, 60, filter_name="V")])
    assert [light.filter_name for light in made.marked] == ["V"]
    assert "filter V: of 1 known 1 of another filter" in made.marked[0].marked


def test_a_flat_whose_dark_cannot_be_scaled_to_it_is_left_out() -> None:
    night = whole_night()
    long = frame(FrameType.FLAT, 70, exposure_s=200.0)
    made = plan([*night.frames, long])
    (flat,) = made.of_kind(P.FLATM)
    assert long not in flat.frames
    assert made.notes == (
        "flat-070.fits: 200 s cannot be scaled from the dark of 60 s of its group",
    )


def test_a_refused_master_is_replaced_by_the_next_valid_one() -> None:
    night = list(whole_night().frames)
    (flat,) = plan(night, ALL_MASTERS).of_kind(P.FLATM)

    again = plan(night, ALL_MASTERS, **{flat.product_id: "its level is 65000 adu"})

    assert again.of_kind(P.FLATM) == ()
    for light in again.of_kind(P.CALIB_LIGHT):
        assert light.flat is not None
        assert light.flat.master.product_id == "FLATM"
    assert any("its level is 65000 adu" in note for note in again.notes)


def test_a_known_master_can_be_refused_too() -> None:
    (light,) = plan([frame(FrameType.LIGHT)], ALL_MASTERS, FLATM="its file is damaged").products
    assert "no master flat for" in light.marked


def test_a_refused_bias_changes_what_was_made_with_it() -> None:
    night = list(whole_night().frames)
    before = plan(night, ALL_MASTERS)
    after = plan(night, ALL_MASTERS, **{before.products[0].product_id: "noise"})
    assert before.of_kind(P.DARKM)[0].product_id != after.of_kind(P.DARKM)[0].product_id


def test_a_refused_light_is_not_stacked() -> None:
    night = [*whole_night().frames, frame(FrameType.LIGHT, 40)]
    first = plan(night).of_kind(P.CALIB_LIGHT)[0]
    again = plan(night, **{first.product_id: "disk full"})
    (stack,) = again.of_kind(P.STACK_LIGHT)
    assert first.product_id not in stack.lights
    assert len(stack.lights) == 2


def test_tonights_planned_master_wins_over_tonights_older_one() -> None:
    night = list(whole_night().frames)
    at_the_light = next(one for one in night if one.frame_type is FrameType.LIGHT).middle_utc_s
    stale = master(P.FLATM, "of fewer frames", utc_s=at_the_light)
    made = plan(night, [stale])
    light = made.of_kind(P.CALIB_LIGHT)[0]
    assert light.flat is not None
    assert light.flat.master.product_id == made.of_kind(P.FLATM)[0].product_id


def test_a_master_that_is_there_and_planned_again_is_told_of_once() -> None:
    first = plan([*whole_night().frames, frame(FrameType.LIGHT, 40, temperature_c=5.0)])
    there = [
        replace(one.as_master(), path=Path(f"/nights/{one.name}"))
        for one in first.products
        if one.kind.is_master
    ]
    again = plan([*whole_night().frames, frame(FrameType.LIGHT, 40, temperature_c=5.0)], there)
    assert again == first
    assert "of 1 known 1 at another temperature" in again.marked[0].marked


def test_settings_of_a_kind_change_its_products_and_what_is_made_with_them() -> None:
    other = replace(PARAMETERS, settings={P.FLATM: {"method": "median"}})
    before = plan_night(whole_night(), [], PARAMETERS).products
    after = plan_night(whole_night(), [], other).products
    same = [one.product_id == two.product_id for one, two in zip(before, after, strict=True)]
    assert same == [True, True, False, False, False, False]


def test_another_version_makes_other_products() -> None:
    ids = [
        {one.product_id for one in plan_night(whole_night(), [], Parameters(version)).products}
        for version in ("1", "2")
    ]
    assert not ids[0] & ids[1]


def test_frames_that_began_together_are_ordered_by_content_not_by_name() -> None:
    biases = frames(FrameType.BIAS, 6, start_utc_s=0.0)
    renamed = [
        replace(one, path=Path(f"/n/{number}.fits")) for number, one in enumerate(reversed(biases))
    ]
    (first,), (second,) = plan(biases).products, plan(renamed).products
    assert first.product_id == second.product_id


def test_frames_without_a_hash_are_a_bug_of_the_caller() -> None:
    with pytest.raises(InternalError, match="1 frames have no hash yet"):
        plan([frame(FrameType.LIGHT, sha256="")])


def test_products_travel_to_other_processes() -> None:
    for product in plan_night(whole_night(), [], PARAMETERS).products:
        assert pickle.loads(pickle.dumps(product)) == product


FRAMES = st.lists(
    st.tuples(
        st.sampled_from(list(FrameType)),
        st.sampled_from([2.0, 60.0, 90.0, 300.0]),
        st.sampled_from([-10.0, -10.3, 0.0, None]),
        st.sampled_from(["R", "V"]),
        st.sampled_from([READOUT, replace(READOUT, x_binning=2, y_binning=2)]),
    ),
    max_size=60,
)


def night_of(facts: list[tuple[FrameType, float, float | None, str, object]]) -> list[Frame]:
    return [
        frame(
            kind,
            number,
            exposure_s=0.0 if kind is FrameType.BIAS else exposure_s,
            temperature_c=degrees,
            filter_name=name if kind in (FrameType.LIGHT, FrameType.FLAT) else "",
            readout=readout,
        )
        for number, (kind, exposure_s, degrees, name, readout) in enumerate(facts)
    ]


@given(facts=FRAMES, with_known=st.booleans())
def test_every_plan_is_whole_or_says_why(
    facts: list[tuple[FrameType, float, float | None, str, object]], with_known: bool
) -> None:
    night = night_of(facts)
    made = plan(night, ALL_MASTERS if with_known else [])

    ids = [product.product_id for product in made.products]
    assert len(set(ids)) == len(ids)
    for at, product in enumerate(made.products):
        assert set(product.after) <= set(ids[:at])
        if product.kind is P.CALIB_LIGHT:
            if product.marked:
                assert product.used == ()
                continue
            assert product.flat is not None
            assert product.dark is not None
            # bias removed once: by itself, or with the dark that has it
            assert (product.bias is None) is product.dark.master.has_bias
        for scale in product.dark_scales:
            assert product.dark is not None
            assert scale == 1.0 or not product.dark.master.has_bias
    lights = [one for one in night if one.frame_type is FrameType.LIGHT]
    assert [one.frames[0] for one in made.of_kind(P.CALIB_LIGHT)] == lights


@given(facts=FRAMES, seed=st.integers())
def test_product_ids_depend_on_content_not_on_names_or_order(
    facts: list[tuple[FrameType, float, float | None, str, object]], seed: int
) -> None:
    night = night_of(facts)
    turned = [
        replace(one, path=Path(f"/elsewhere/{number}.fits"), mtime_ns=number)
        for number, one in enumerate(random.Random(seed).sample(night, len(night)))
    ]
    here, there = plan(night), plan(turned)
    assert {one.product_id for one in here.products} == {one.product_id for one in there.products}
