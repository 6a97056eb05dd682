"""Lights and stacks that were compressed afterwards: smaller, whole, and known to everybody."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.models.frames import ProductKind
from ctmo_indi.preprocessor import setting_up
from ctmo_indi.preprocessor.executors import Serial
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.lineage import folders_around, trace
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import NightRun, NoRoom, RunParts
from ctmo_indi.preprocessor.product_compression import HISTORY, compress_product, is_compressed
from ctmo_indi.preprocessor.product_files import (
    header_statistics,
    provenance,
    read_planes,
    read_product_header,
    verified,
)
from ctmo_indi.store import combinations
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.night_frames import write_night

SETTINGS = Settings(gain_e_per_adu=1.5, read_noise_e=8.0, has_cosmic_rays=False, has_previews=False)
COMPRESSED = replace(SETTINGS, is_compressed=True)


class Night:
    """A night of one light, and runs over it."""

    def __init__(self, folder):
        self.raw = folder / "20261121" / "raw"
        self.products = self.raw.parent / "products"
        self.database = folder / "night.sqlite3"
        write_night(
            self.raw, seed=31, shape=(128, 128), biases=5, darks={30.0: 5}, flats={"V": 5},
            lights={("M 31", "V"): 1},
        )  # fmt: skip

    def run(self, settings):
        parameters = setting_up.parameters_of(settings)
        self.told = []
        with closing(open_database("preprocessor", self.database)) as database:
            with closing(Writer(database)) as writer:
                book = NightBook(database, writer, FakeClock(), parameters)
                tell = lambda progress: self.told.append(str(progress))  # noqa: E731 - one line
                parts = RunParts(Serial(), book, settings, parameters, tell)
                return NightRun(self.raw, self.products, parts).run()

    def product(self, kind):
        (path,) = self.products.glob(f"*{kind.value.lower()}*.fits")
        return path

    def row(self, product_id):
        with closing(open_database("preprocessor", self.database)) as database:
            with database.read() as connection:
                return combinations.get(connection, product_id)


@pytest.fixture
def night(tmp_path):
    return Night(tmp_path)


def test_a_light_is_compressed_in_its_place_and_masters_are_not(night):
    night.run(SETTINGS)
    light = night.product(ProductKind.CALIB_LIGHT)
    plain, size, before = read_planes(light), light.stat().st_size, provenance(light)
    plain_row = night.row(before.product_id)
    report = night.run(COMPRESSED)
    assert report.made == ()
    assert night.told[-1] == "compressing: 1 of 1"
    assert {path.name for path in night.products.glob("*.fits") if is_compressed(path)} == {
        light.name
    }
    data, error, mask = read_planes(light)
    np.testing.assert_array_equal(mask, plain[2])
    np.testing.assert_array_equal(np.isnan(data), np.isnan(plain[0]))
    assert np.nanmax(np.abs(data - plain[0])) <= 19.0 / 16.0  # sky noise: 19 electrons
    assert abs(np.nanmean(data - plain[0])) < 0.02
    np.testing.assert_allclose(error, plain[1], rtol=0.02)
    assert light.stat().st_size < size / 2
    after = provenance(light)
    assert after.steps == (*before.steps, HISTORY)
    assert replace(after, steps=()) == replace(before, steps=())
    assert verified(light, after.product_id) == header_statistics(light)
    row = night.row(after.product_id)
    assert row.size_bytes == light.stat().st_size
    assert replace(row, size_bytes=0) == replace(plain_row, size_bytes=0)
    assert not [name for name in os.listdir(night.products) if name.startswith(".")]


def test_a_run_after_it_finds_everything_and_does_nothing(night):
    first = night.run(COMPRESSED)
    stamps = {path: path.stat().st_mtime_ns for path in first.made}
    for settings in (COMPRESSED, SETTINGS):
        again = night.run(settings)
        assert again.made == ()
        assert {path: path.stat().st_mtime_ns for path in again.found} == stamps


def test_a_compressed_light_is_traced_both_ways(night):
    night.run(COMPRESSED)
    light = night.product(ProductKind.CALIB_LIGHT)
    back = trace(light, folders_around(light)).made_of
    assert [node.role for node in back.nodes] == ["bias", "dark", "flat", "raw"]
    raw = night.raw / "bias_001.fits"
    (bias,) = trace(raw, folders_around(raw)).used_in.nodes
    assert light in {node.path for node in bias.nodes}


def test_a_spoiled_one_is_made_again(night):
    night.run(COMPRESSED)
    light = night.product(ProductKind.CALIB_LIGHT)
    content = bytearray(light.read_bytes())
    content[len(content) // 2] ^= 1
    light.write_bytes(content)
    assert night.run(COMPRESSED).made == (light,)
    assert is_compressed(light)
    assert verified(light, provenance(light).product_id) is not None


def test_masters_that_somebody_compressed_serve_as_before(night):
    night.run(SETTINGS)
    light = night.product(ProductKind.CALIB_LIGHT)
    plain = read_planes(light)
    for kind in (ProductKind.BIASM, ProductKind.DARKM, ProductKind.FLATM):
        compress_product(night.product(kind))
        assert is_compressed(night.product(kind))
    light.unlink()
    assert night.run(SETTINGS).made == (light,)
    for mine, other in zip(read_planes(light), plain, strict=True):
        np.testing.assert_allclose(mine, other, atol=2.0)


def test_a_full_disk_leaves_the_plain_one_and_the_next_run_compresses_it(night, monkeypatch):
    night.run(SETTINGS)
    light = night.product(ProductKind.CALIB_LIGHT)
    before = light.read_bytes()

    def full(_source, _target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(NoRoom):
            night.run(COMPRESSED)
    assert light.read_bytes() == before
    assert not [name for name in os.listdir(night.products) if name.startswith(".")]
    assert night.run(COMPRESSED).is_complete
    assert is_compressed(light)


def test_planes_without_noise_and_without_numbers_come_back(night):
    night.run(SETTINGS)
    light = night.product(ProductKind.CALIB_LIGHT)
    with fits.open(light) as units:
        units = fits.HDUList([unit.copy() for unit in units])
    units[0].data[:30] = 7.25
    units[0].data[40:50] = np.nan
    units["ERR"].data[:] = 2.5
    units.writeto(light, overwrite=True, checksum=True)
    answer = compress_product(light)
    assert not answer["was_compressed"]
    data, error, _ = read_planes(light)
    assert (data[:30] == 7.25).all()
    assert np.isnan(data[40:50]).all()
    assert (error == 2.5).all()
    assert read_product_header(light)["BUNIT"] == "electron"
    assert compress_product(light)["was_compressed"]
