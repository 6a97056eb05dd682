"""Products: once, with all their inputs or not at all; what is bad is never chosen."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from ctmo_indi.errors import InternalError, UnknownOrder
from ctmo_indi.models.frames import ProductKind
from ctmo_indi.models.states import FrameType
from ctmo_indi.store import combinations, night_bundles, provenance
from ctmo_indi.store.combinations import Combination, CombinationState, Input, InputRole
from ctmo_indi.store.database import Connection, Database

from .made_products import EVENING_S, bundle, product, raw

P = ProductKind
LIGHTS = [raw("light1"), raw("light2", start_utc_s=EVENING_S + 60.0)]
BIASES = [raw(f"bias{n}", FrameType.BIAS, start_utc_s=EVENING_S - 90.0 + n) for n in range(2)]
DAY_S = 86400.0


def raws(frames: list) -> list[Input]:
    return [Input(InputRole.RAW, sha256=frame.sha256) for frame in frames]


def night(connection: Connection) -> int:
    return night_bundles.register(connection, bundle(*LIGHTS, *BIASES), 1.0).bundle_id


def whole(connection: Connection) -> dict[str, Combination]:
    """Store a bias, a light with it, and a stack."""
    number = night(connection)
    made = {
        "bias": product("bias", P.BIASM, number),
        "light": product("light", P.CALIB_LIGHT, number, s_ra_deg=10.7, s_dec_deg=41.3),
        "light2": product("light2", P.CALIB_LIGHT, number),
        "stack": product("stack", P.STACK_LIGHT, number),
    }
    with_bias = Input(InputRole.BIAS, product_id="bias", rule="of the same night")
    combinations.add(connection, made["bias"], raws(BIASES))
    combinations.add(connection, made["light"], [*raws(LIGHTS[:1]), with_bias])
    combinations.add(connection, made["light2"], [*raws(LIGHTS[1:]), with_bias])
    lights = [Input(InputRole.LIGHT, product_id=name, scale=0.5) for name in ("light", "light2")]
    combinations.add(connection, made["stack"], lights)
    return made


def test_a_product_comes_back_as_it_was(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        made = whole(connection)
        for name, one in made.items():
            assert combinations.get(connection, name) == one
        assert combinations.get(connection, "nothing") is None
        assert combinations.of_bundle(connection, made["bias"].bundle_id) == [
            made[name] for name in ("bias", "light", "light2", "stack")
        ]


def test_a_good_product_is_written_once(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        number = night(connection)
        assert combinations.add(connection, product("bias", P.BIASM, number), raws(BIASES))
        again = product("bias", P.BIASM, number, quality={"median": 1.0})
        assert not combinations.add(connection, again, raws(BIASES))
        found = combinations.get(connection, "bias")
    assert found is not None
    assert found.quality == {"median": 500.25}


def test_what_failed_is_tried_again(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        number = night(connection)
        failed = product(
            "bias", P.BIASM, number, state=CombinationState.FAILED, reason="disk full", path=None
        )
        combinations.add(connection, failed, raws(BIASES[:1]))
        assert combinations.get(connection, "bias") == failed
        good = product("bias", P.BIASM, number)
        assert combinations.add(connection, good, raws(BIASES))
        (node,) = provenance.find(connection, Path("/nights/20261121/products/bias.fits"))
        assert node.product == good
        assert len(provenance.up(connection, node)) == 2


def test_an_input_that_is_not_registered_leaves_no_row(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        number = night(connection)
        with pytest.raises(InternalError, match="1 inputs are not registered in bundle 1, the"):
            combinations.add(
                connection,
                product("bias", P.BIASM, number),
                [*raws(BIASES), Input(InputRole.RAW, sha256="nobody's")],
            )
        assert combinations.get(connection, "bias") is None


def test_an_input_product_that_is_not_there_is_a_bug(preprocessor_db: Database) -> None:
    nothing = [Input(InputRole.LIGHT, product_id="nothing")]
    with preprocessor_db.write() as connection:
        stack = product("stack", P.STACK_LIGHT, night(connection))

    with pytest.raises(InternalError), preprocessor_db.write() as connection:
        combinations.add(connection, stack, nothing)

    with preprocessor_db.read() as connection:
        assert combinations.get(connection, "stack") is None


def test_a_calibrated_light_takes_the_place_of_its_mark(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        number = night(connection)
        for name, frame in (("mark1", LIGHTS[0]), ("mark2", LIGHTS[1])):
            mark = product(
                name,
                P.CALIB_LIGHT,
                number,
                state=CombinationState.MARKED,
                reason="no master dark",
                path=None,
            )
            combinations.add(connection, mark, raws([frame]))
        combinations.add(connection, product("l", P.CALIB_LIGHT, number), raws(LIGHTS[:1]))

        left = [one.product_id for one in combinations.of_bundle(connection, number)]
    assert left == ["l", "mark2"]


def test_a_good_light_of_another_version_stays(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        number = night(connection)
        for name in ("v1", "v2"):
            light = product(name, P.CALIB_LIGHT, number, version=name)
            combinations.add(connection, light, raws(LIGHTS[:1]))
        assert len(combinations.of_bundle(connection, number)) == 2


def test_a_mark_can_be_written_again_with_another_reason(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        number = night(connection)
        for reason in ("no master dark", "no master flat"):
            mark = product(
                "m", P.CALIB_LIGHT, number, state=CombinationState.MARKED, reason=reason, path=None
            )
            combinations.add(connection, mark, raws(LIGHTS[:1]))
        found = combinations.get(connection, "m")
    assert found is not None
    assert found.reason == "no master flat"


def test_known_masters_are_the_good_ones_of_a_span(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        whole(connection)
        number = night(connection)
        refused = product("bad", P.FLATM, number, state=CombinationState.REFUSED, reason="level")
        combinations.add(connection, refused, raws(BIASES))
        old = product("old", P.BIASM, number, utc_s=EVENING_S - 40 * DAY_S)
        combinations.add(connection, old, raws(BIASES))
        found = combinations.known_masters(connection, EVENING_S - 30 * DAY_S, EVENING_S + DAY_S)
        every = combinations.known_masters(connection, -math.inf, math.inf)

    ((master, quality),) = found
    assert (master.product_id, master.kind, quality) == ("bias", P.BIASM, {"median": 500.25})
    assert master.path == Path("/nights/20261121/products/bias.fits")
    assert [one.product_id for one, _ in every] == ["old", "bias"]


def test_a_refused_master_is_known_no_more(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        whole(connection)
        combinations.refuse(connection, "bias", "a light leak")
        assert combinations.known_masters(connection, -math.inf, math.inf) == []
        with pytest.raises(UnknownOrder):
            combinations.refuse(connection, "nothing", "")


def test_a_stack_is_traced_up_to_its_raw_frames(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        whole(connection)
        (stack,) = provenance.find(connection, Path("/nights/20261121/products/stack.fits"))
        steps = provenance.up(connection, stack)

    told = [
        (one.depth, str(one.role), one.node.path.stem if one.node.path else "", one.is_repeated)
        for one in steps
    ]
    assert told == [
        (1, "light", "light", False),
        (2, "raw", "light1", False),
        (2, "bias", "bias", False),
        (3, "raw", "bias0", False),
        (3, "raw", "bias1", False),
        (1, "light", "light2", False),
        (2, "raw", "light2", False),
        (2, "bias", "bias", True),
    ]
    assert steps[0].scale == 0.5
    assert steps[2].rule == "of the same night"
    assert steps[1].node.frame == LIGHTS[0]


def test_a_raw_bias_is_traced_down_to_the_stack(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        whole(connection)
        (raw_bias,) = provenance.find(connection, BIASES[0].path)
        steps = provenance.down(connection, raw_bias)
        assert provenance.up(connection, raw_bias) == []
        assert provenance.find(connection, Path("/nowhere.fits")) == []

    told = [
        (one.depth, one.node.product.product_id, one.is_repeated)
        for one in steps
        if one.node.product
    ]
    assert told == [
        (1, "bias", False),
        (2, "light", False),
        (3, "stack", False),
        (2, "light2", False),
        (3, "stack", True),
    ]


def test_lights_and_their_products_are_observations_in_obscore(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        whole(connection)
        every = combinations.observations(connection)
        (stack,) = combinations.observations(connection, calib_level=3)
        calibrated = combinations.observations(connection, calib_level=2)

    assert len(every) == 5
    # A calibrated light is of the same observation as its raw frame, and a publication of its own.
    assert Counter(one["obs_id"] for one in every) == {"A-1-light1": 2, "A-1-light2": 2, "stack": 1}
    assert len({one["obs_publisher_did"] for one in every}) == 5
    assert (stack["dataproduct_type"], stack["calib_level"]) == ("image", 3)
    light = next(one for one in calibrated if one["obs_id"] == "A-1-light1")
    expected = {
        "target_name": "M 31", "s_ra": 10.7, "s_dec": 41.3, "t_min": 61366.0, "t_max": 61366.25,
        "t_exptime": 60.0, "facility_name": "CTMO", "instrument_name": "CCD", "o_ucd": "phot.count",
        "s_xel1": 64, "s_xel2": 48, "pol_states": None, "access_estsize": 2,
        "access_url": "file:///nights/20261121/products/light.fits", "access_format": "image/fits",
    }  # fmt: skip
    assert {name: light[name] for name in expected} == expected
    assert light["em_min"] == pytest.approx(589e-9)
    assert light["em_max"] == pytest.approx(727e-9)
