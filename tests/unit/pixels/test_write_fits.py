from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels import write_fits
from ctmo_indi.pixels.write_fits import compress, write_products

RNG = np.random.default_rng(8)
DATA = RNG.normal(1000.0, 10.0, (50, 64)).astype(np.float32)
MASK = RNG.integers(0, 4, (50, 64), dtype=np.uint8)


def product():
    table = fits.BinTableHDU.from_columns([fits.Column("NAME", "A8", array=["a", "b"])])
    return [fits.PrimaryHDU(DATA), fits.ImageHDU(MASK, name="MASK"), table]


def read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True, memmap=False) as units:
            units.verify("exception")
            return [unit.copy() for unit in units]


def test_every_unit_is_there_with_right_checksums(tmp_path):
    path = tmp_path / "product.fits"
    write_products(path, product())
    units = read(path)
    assert all({"CHECKSUM", "DATASUM"} <= set(unit.header) for unit in units)
    np.testing.assert_array_equal(units[0].data, DATA)
    np.testing.assert_array_equal(units[1].data, MASK)
    assert list(units[2].data["NAME"]) == ["a", "b"]
    assert os.listdir(tmp_path) == ["product.fits"]


def test_a_product_replaces_the_old_one(tmp_path):
    path = tmp_path / "product.fits"
    path.write_text("old")
    write_products(path, product())
    assert len(read(path)) == 3


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "product.fits"
    path.write_text("old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_products(path, product())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["product.fits"]


def test_the_name_appears_only_after_the_sync(tmp_path, monkeypatch):
    path = tmp_path / "product.fits"
    seen = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (seen.append(path.exists()), real(file)))
    write_products(path, product())
    assert seen == [False, True]  # the file, then its folder


def test_a_header_that_is_no_fits_is_refused(tmp_path):
    unit = fits.PrimaryHDU(DATA)
    unit.header["BAD"] = 1
    unit.header.cards["BAD"]._keyword = "bad key"
    with pytest.raises(ValueError, match=r"product\.fits: no FITS"):
        write_products(tmp_path / "product.fits", [unit])
    assert os.listdir(tmp_path) == []


def test_compression_keeps_integers_exactly_and_floats_to_a_part_of_the_noise(tmp_path):
    path = tmp_path / "product.fits"
    units = product()
    units[0].data = DATA.copy()
    units[0].data[3, 4:6] = 0.0, np.nan
    write_products(path, units)
    packed = compress(path)
    assert packed == tmp_path / "product.fits.fz"
    assert path.exists()
    units = read(packed)
    np.testing.assert_array_equal(units[2].data, MASK)
    assert units[2].header["EXTNAME"] == "MASK"
    assert units[1].data[3, 4] == 0.0
    assert np.isnan(units[1].data[3, 5])
    off = np.delete(units[1].data - DATA, 3, axis=0)
    assert 0.0 < np.abs(off).max() < 10.0 / 16.0
    assert abs(off.mean()) < 0.05
    assert list(units[3].data["NAME"]) == ["a", "b"]


def test_compressing_what_is_no_fits_is_refused(tmp_path):
    path = tmp_path / "product.fits"
    path.write_text("old")
    with pytest.raises(UnreadableFrame, match=r"product\.fits: .*expected a FITS file"):
        compress(path)
    assert os.listdir(tmp_path) == ["product.fits"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int16, np.uint16, np.uint8])
@pytest.mark.parametrize("shape", [(50, 64), (1, 1), (3, 7), (700, 401)])
def test_any_image_has_the_sums_astropy_computes(tmp_path, dtype, shape):
    path = tmp_path / "product.fits"
    pixels = RNG.normal(100.0, 30.0, shape).clip(0, 255).astype(dtype)
    units = [fits.PrimaryHDU(pixels), fits.ImageHDU(pixels[::-1], name="TURNED")]
    write_products(path, units)
    assert path.stat().st_size % 2880 == 0
    first, second = read(path)  # warns, which is an error here, of any sum that is wrong
    np.testing.assert_array_equal(first.data, pixels)
    np.testing.assert_array_equal(second.data, pixels[::-1])
    assert first.data.dtype.newbyteorder("=") == dtype
    assert fits.getheader(path)["EXTEND"] is True


def test_a_spoiled_pixel_does_not_fit_its_sum(tmp_path):
    path = tmp_path / "product.fits"
    write_products(path, product())
    content = bytearray(path.read_bytes())
    content[2880 + 100] ^= 1
    path.write_bytes(content)
    with path.open("rb") as file, fits.open(file, memmap=False) as units:
        assert [unit.verify_datasum() for unit in units] == [0, 1, 1]
        assert [unit.verify_checksum() for unit in units] == [0, 1, 1]


def test_a_sync_on_the_way_that_fails_ends_the_file_too(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write_fits, "_SYNC", full)
    monkeypatch.setattr(write_fits, "_SYNC_EVERY", 1000)
    with pytest.raises(OSError, match="No space left"):
        write_products(tmp_path / "product.fits", product())
    assert os.listdir(tmp_path) == []
