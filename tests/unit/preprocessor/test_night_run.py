"""A run makes what can be made, once, and can be ended anywhere. No pixel is opened here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ctmo_indi.models.frames import ProductKind
from ctmo_indi.preprocessor import night_run, setting_up
from ctmo_indi.preprocessor.executors import Serial
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import (
    NightRun,
    NoRoom,
    PixelTasks,
    Report,
    RunEnded,
    RunParts,
)
from ctmo_indi.store import combinations, night_bundles
from ctmo_indi.store.combinations import CombinationState
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing import fake_products
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.night_frames import write_night


class Night:
    """A folder of frames, a database, and runs over them."""

    def __init__(self, folder: Path) -> None:
        self.raw = folder / "20261121" / "raw"
        self.products = folder / "20261121" / "products"
        write_night(
            self.raw,
            seed=3,
            shape=(16, 16),
            biases=5,
            darks={30.0: 5},
            flats={"V": 5, "R": 5},
            lights={("M 31", "V"): 2, ("M 31", "R"): 1},
        )
        self.database = open_database("preprocessor", folder / "preprocessor.sqlite3")
        self.writer = Writer(self.database)
        self.told: list[str] = []

    def parts(self, **changes: object) -> RunParts:
        settings = Settings(solver="a solver")
        parameters = setting_up.parameters_of(settings)
        given = {
            "executor": Serial(),
            "book": NightBook(self.database, self.writer, FakeClock(), parameters),
            "settings": settings,
            "parameters": parameters,
            "tell": lambda progress: self.told.append(str(progress)),
            "tasks": PixelTasks(fake_products.look, fake_products.make, fake_products.check),
            **changes,
        }
        return RunParts(**given)

    def run(self, **changes: object) -> Report:
        return NightRun(self.raw, self.products, self.parts(**changes)).run()

    def rows(self) -> list[combinations.Combination]:
        with self.database.read() as connection:
            bundle = night_bundles.get(connection, self.raw)
            return combinations.of_bundle(connection, bundle.bundle_id)

    def rows_if_any(self) -> list[combinations.Combination]:
        with self.database.read() as connection:
            known = night_bundles.get(connection, self.raw)
        return [] if known is None else self.rows()

    def switch(self, name: str) -> Path:
        (self.raw / name).touch()
        return self.raw / name


@pytest.fixture
def night(tmp_path):
    made = Night(tmp_path)
    yield made
    made.writer.close()
    made.database.close()


def test_a_night_becomes_masters_lights_and_stacks(night):
    report = night.run()
    kinds = [row.kind for row in night.rows() if row.state is CombinationState.GOOD]
    assert sorted(kinds) == sorted(
        [ProductKind.BIASM, ProductKind.DARKM, *2 * [ProductKind.FLATM],
         *3 * [ProductKind.CALIB_LIGHT], ProductKind.STACK_LIGHT]
    )  # fmt: skip
    assert report.is_complete
    assert str(report) == "night 20261121: 8 products made"
    assert {path.parent for path in report.made} == {night.products}
    assert night.told[0] == "reading headers"
    assert night.told[-1] == "making products: 8 of 8"


def test_each_product_comes_after_those_it_is_made_of(night):
    night.run()
    with night.database.read() as connection:
        for row in night.rows():
            for line in Path(row.path).read_text().splitlines()[1:]:
                assert combinations.get(connection, line).state is CombinationState.GOOD


def test_a_second_run_makes_nothing_anew_and_a_lost_product_again(night):
    first = night.run()
    again = night.run()
    assert again.made == ()
    assert set(again.found) == set(first.made)
    lost = next(path for path in first.made if "flatm" in path.name)
    lost.unlink()
    assert night.run().made == (lost,)


def test_frames_of_no_use_are_rejected_with_the_reason(night):
    os.rename(night.raw / "bias_000.fits", night.raw / "bad.fits")
    (night.raw / "cut.fits").write_bytes((night.raw / "bias_001.fits").read_bytes()[:3000])
    report = night.run()
    assert "constant" in report.rejected["bad.fits"]
    assert "truncated" in report.rejected["cut.fits"]
    assert not report.is_complete


def test_lights_without_masters_are_marked_and_never_made(night):
    for path in night.raw.glob("flat_R*"):
        path.unlink()
    report = night.run()
    (name,) = report.not_made
    assert name.startswith("M_31_R_000")
    assert "no master flat" in report.not_made[name]
    assert not (night.products / name).exists()
    marked = [row for row in night.rows() if row.state is CombinationState.MARKED]
    assert [row.kind for row in marked] == [ProductKind.CALIB_LIGHT]


def test_a_night_without_darks_or_without_frames_is_told(night, tmp_path):
    for path in night.raw.glob("dark*"):
        path.unlink()
    report = night.run()
    assert len(report.not_made) == 3
    assert all("no master dark" in reason for reason in report.not_made.values())
    for path in night.raw.iterdir():
        path.unlink()
    empty = night.run()
    assert empty.made == ()
    assert not empty.is_complete
    assert empty.notes == (f"no frames in {night.raw}, expected FITS files (.fits, .fit, .fts)",)
    night.raw.rmdir()
    with pytest.raises(night_run.RunFailed, match="No such file"):
        night.run()


def test_a_refused_master_is_not_used_and_its_lights_are_marked(night):
    night.switch("refuse-DARKM")
    report = night.run()
    refused = [row for row in night.rows() if row.state is CombinationState.REFUSED]
    assert [row.kind for row in refused] == [ProductKind.DARKM]
    assert [path.name.split("_")[0] for path in report.made] == ["biasm"]
    lights = [reason for name, reason in report.not_made.items() if name.startswith("M_31")]
    assert len(lights) == 3
    assert all("no master dark" in reason for reason in lights)


def test_a_good_master_that_was_lost_and_is_refused_now_is_good_no_longer(night):
    night.run()
    (dark,) = [row for row in night.rows() if row.kind is ProductKind.DARKM]
    dark.path.unlink()
    night.switch("refuse-DARKM")
    night.run()
    (dark,) = [row for row in night.rows() if row.kind is ProductKind.DARKM]
    assert dark.state is CombinationState.REFUSED
    with night.database.read() as connection:
        known = [one for one, _ in combinations.known_masters(connection, -1e12, 1e12)]
    assert dark.product_id not in {one.product_id for one in known}


def test_a_full_disk_ends_the_run_and_the_next_one_does_the_rest(night):
    switch = night.switch("full")
    with pytest.raises(NoRoom, match="No space left"):
        night.run()
    switch.unlink()
    assert night.run().is_complete
    assert len(night.rows()) == 8


def test_where_no_product_can_be_written_the_run_fails_and_marks_no_light(night):
    night.products.write_text("in the way")
    with pytest.raises(night_run.RunFailed, match="no products can be written"):
        night.run()
    assert night.rows() == []
    night.products.unlink()
    assert night.run().is_complete


def test_a_run_can_be_ended_between_any_two_products(night):
    for most in range(10):
        left = [most]

        def is_ended(left=left):
            left[0] -= 1
            return left[0] < 0

        with pytest.raises(RunEnded):
            night.run(is_ended=is_ended)
        on_disk = {path.name for path in night.products.glob("*.fits")}
        assert {row.path.name for row in night.rows_if_any()} == on_disk
    assert night.run().is_complete


def test_a_night_that_was_moved_is_found_where_it_is_and_a_copy_changes_nothing(night, tmp_path):
    report = night.run()
    masters = sorted(path.name for path in report.made if "m_" in path.name)
    shutil.copytree(night.raw.parent, tmp_path / "copy")
    NightRun(tmp_path / "copy" / "raw", tmp_path / "copy" / "products", night.parts()).run()
    assert {row.path.parent for row in night.rows()} == {night.products}
    night.raw.parent.rename(tmp_path / "moved")
    found = NightRun(
        tmp_path / "moved" / "raw", tmp_path / "moved" / "products", night.parts()
    ).run()
    assert found.made == ()
    with night.database.read() as connection:
        known = [one for one, _ in combinations.known_masters(connection, -1e12, 1e12)]
    assert sorted(one.path.name for one in known) == masters
    assert {one.path.parent for one in known} == {tmp_path / "moved" / "products"}


def test_a_product_that_was_made_again_has_its_new_size(night):
    (light, *_) = [path for path in night.run().made if path.name.startswith("M_31")]
    size_bytes = light.stat().st_size
    light.write_text("spoiled")
    with night.database.write() as connection:
        (row,) = [row for row in night.rows() if row.path == light]
        combinations.relocate(connection, row.product_id, light, len("spoiled"))
    assert night.run().made == (light,)
    (row,) = [row for row in night.rows() if row.path == light]
    assert row.size_bytes == size_bytes


def copied_a_day_later(night: Night, folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        text = (night.raw / f"{name}.fits").read_bytes()
        changed = text.replace(b"DATE-OBS= '2026-11-21", b"DATE-OBS= '2026-11-22")
        assert changed != text
        (folder / f"{name}.fits").write_bytes(changed)
    return folder


def test_a_spoiled_master_of_an_earlier_night_is_told_and_not_used(night, tmp_path):
    flat = next(path for path in night.run().made if path.name.startswith("flatm_1x1_V"))
    later = copied_a_day_later(night, tmp_path / "20261122" / "raw", "M_31_V_000", "M_31_R_000")
    kept = flat.read_text()
    flat.write_text("spoiled")
    run = NightRun(later, later.parent / "products", night.parts()).run()
    assert [path.name[:6] for path in run.made] == ["M_31_R"]
    assert "not whole or changed" in run.not_made.pop(flat.name)
    ((name, reason),) = run.not_made.items()
    assert name.startswith("M_31_V")
    assert "no master flat" in reason
    flat.write_text(kept)
    assert len(NightRun(later, later.parent / "products", night.parts()).run().made) == 1


def test_masters_of_an_earlier_night_are_found_and_compared_with(night, tmp_path):
    night.run()
    seen = []

    def make(job):
        seen.append((job.planned.kind, job.previous))
        return fake_products.make(job)

    biases = [f"bias_{number:03d}" for number in range(5)]
    later = copied_a_day_later(night, tmp_path / "20261122" / "raw", *biases, "M_31_V_000")
    tasks = PixelTasks(fake_products.look, make, fake_products.check)
    run = NightRun(later, later.parent / "products", night.parts(tasks=tasks))
    report = run.run()
    assert report.is_complete
    previous = dict(seen)
    assert previous[ProductKind.BIASM].name.startswith("biasm")
    light = next(path for path in report.made if path.name.startswith("M_31"))
    assert len(light.read_text().splitlines()) == 4  # itself, bias, dark, flat
