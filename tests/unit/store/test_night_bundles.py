"""Night bundles: registered as often as one likes, nothing twice, nothing forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ctmo_indi.models.frames import Rejected
from ctmo_indi.models.states import FrameType
from ctmo_indi.store import night_bundles
from ctmo_indi.store.database import Database
from ctmo_indi.store.night_bundles import Registered

from .made_products import EVENING_S, bundle, raw

LIGHT = raw("light")
BIAS = raw("bias", FrameType.BIAS, exposure_s=0.01, temperature_c=None, start_utc_s=EVENING_S - 9)
FOLDER = Path("/nights/20261121")


def test_frames_come_back_as_they_were_oldest_first(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        found = night_bundles.register(connection, bundle(LIGHT, BIAS), 5.0)
        assert found == Registered(found.bundle_id, new=2, gone=0)
        assert night_bundles.frames_of(connection, found.bundle_id) == [BIAS, LIGHT]


def test_registering_again_changes_nothing_but_the_time(preprocessor_db: Database) -> None:
    night = bundle(LIGHT, BIAS, torn="truncated")
    with preprocessor_db.write() as connection:
        first = night_bundles.register(connection, night, 5.0)
        again = night_bundles.register(connection, night, 6.0)
        row = night_bundles.get(connection, FOLDER)
        frames = night_bundles.frames_of(connection, first.bundle_id)

    assert again == Registered(first.bundle_id, new=0, gone=0)
    assert frames == [BIAS, LIGHT]
    assert row is not None
    assert (row.registered_utc_s, row.updated_utc_s, row.night) == (5.0, 6.0, "20261121")
    assert row.rejected == (Rejected(FOLDER / "torn.fits", "truncated"),)


def test_a_renamed_file_is_the_same_exposure(preprocessor_db: Database) -> None:
    renamed = replace(LIGHT, path=FOLDER / "other.fits", mtime_ns=7)
    with preprocessor_db.write() as connection:
        first = night_bundles.register(connection, bundle(LIGHT), 5.0)
        before = night_bundles.numbers_of(connection, first.bundle_id, [LIGHT.sha256])
        again = night_bundles.register(connection, bundle(renamed), 6.0)
        after = night_bundles.numbers_of(connection, first.bundle_id, [LIGHT.sha256])
        frames = night_bundles.frames_of(connection, first.bundle_id)

    assert (again.new, again.gone) == (0, 0)
    assert before == after
    assert frames == [renamed]


def test_a_changed_file_is_another_exposure_and_the_old_one_is_kept(
    preprocessor_db: Database,
) -> None:
    changed = replace(LIGHT, sha256="sha of other bytes")
    with preprocessor_db.write() as connection:
        first = night_bundles.register(connection, bundle(LIGHT), 5.0)
        again = night_bundles.register(connection, bundle(changed), 6.0)
        known = night_bundles.numbers_of(
            connection, first.bundle_id, [LIGHT.sha256, changed.sha256, "nobody's"]
        )
        frames = night_bundles.frames_of(connection, first.bundle_id)
        back = night_bundles.register(connection, bundle(LIGHT), 7.0)
        frames_back = night_bundles.frames_of(connection, first.bundle_id)

    assert (again.new, again.gone) == (1, 1)
    assert set(known) == {LIGHT.sha256, changed.sha256}
    assert frames == [changed]
    assert (back.new, back.gone) == (0, 1)
    assert frames_back == [LIGHT]


def test_hashes_are_known_by_stamp(preprocessor_db: Database) -> None:
    with preprocessor_db.write() as connection:
        night_bundles.register(connection, bundle(LIGHT), 5.0)
        known = night_bundles.known_hashes(connection, FOLDER)
        assert night_bundles.known_hashes(connection, Path("/nights/other")) == {}
    assert known == {(str(LIGHT.path), LIGHT.size_bytes, LIGHT.mtime_ns): LIGHT.sha256}


def test_an_unknown_folder_has_no_bundle(preprocessor_db: Database) -> None:
    with preprocessor_db.read() as connection:
        assert night_bundles.get(connection, FOLDER) is None


def test_lights_of_a_span_are_found_over_all_bundles(preprocessor_db: Database) -> None:
    later = raw("later", start_utc_s=EVENING_S + 100.0)
    other = replace(bundle(later), folder=Path("/nights/20261122"))
    with preprocessor_db.write() as connection:
        night_bundles.register(connection, bundle(LIGHT, BIAS), 5.0)
        night_bundles.register(connection, other, 5.0)
        both = night_bundles.lights_between(connection, EVENING_S - 50.0, EVENING_S + 101.0)
        first = night_bundles.lights_between(connection, EVENING_S - 50.0, EVENING_S + 99.0)
    assert both == [LIGHT, later]
    assert first == [LIGHT]
