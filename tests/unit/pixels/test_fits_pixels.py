from __future__ import annotations

import gzip
import warnings

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels.fits_pixels import read_frame, read_header, read_layout, read_rows

RNG = np.random.default_rng(5)
PLAIN = RNG.integers(0, 65536, (37, 64), dtype=np.uint16)
FLOATS = RNG.normal(0.0, 100.0, (37, 64)).astype(np.float32)


def in_extension(unit):
    return fits.HDUList([fits.PrimaryHDU(header=fits.Header({"OBSERVER": "Ada"})), unit])


WAYS = {
    "plain": (fits.PrimaryHDU(PLAIN), PLAIN),
    "one plane": (fits.PrimaryHDU(PLAIN[None]), PLAIN),
    "rice": (in_extension(fits.CompImageHDU(PLAIN, compression_type="RICE_1")), PLAIN),
    "second unit": (in_extension(fits.ImageHDU(PLAIN)), PLAIN),
    "float": (fits.PrimaryHDU(FLOATS), FLOATS),
    "double": (fits.PrimaryHDU(FLOATS.astype(float)), FLOATS),
    "signed": (fits.PrimaryHDU((PLAIN // 2).astype(np.int16)), (PLAIN // 2).astype(np.float32)),
    "bytes": (fits.PrimaryHDU((PLAIN >> 8).astype(np.uint8)), (PLAIN >> 8).astype(np.float32)),
    "float second unit": (in_extension(fits.ImageHDU(FLOATS)), FLOATS),
}


@pytest.mark.parametrize("way", WAYS)
def test_pixels_are_those_that_astropy_wrote(way, tmp_path):
    units, expected = WAYS[way]
    path = tmp_path / "frame.fits"
    units.writeto(path)
    frame = read_frame(path)
    assert frame.data.dtype == expected.dtype
    np.testing.assert_array_equal(frame.data, expected)
    assert (read_layout(path).data_offset is not None) == (way in {"plain", "one plane"})


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_those_of_the_whole_image(way, tmp_path):
    units, expected = WAYS[way]
    path = tmp_path / "frame.fits"
    units.writeto(path)
    layout = read_layout(path)
    assert (layout.ny, layout.nx) == expected.shape
    out = np.empty((7, 64), layout.dtype)
    assert read_rows(layout, 11, 18, out) is out
    np.testing.assert_array_equal(out, expected[11:18])


def test_a_gzipped_frame_is_read(tmp_path):
    plain, path = tmp_path / "frame.fits", tmp_path / "frame.fits.gz"
    fits.PrimaryHDU(PLAIN).writeto(plain)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(read_frame(path).data, PLAIN)


@pytest.mark.parametrize(("dtype", "offset"), [(np.int16, 0), (np.uint16, 32768)])
def test_undefined_pixels_are_nan(dtype, offset, tmp_path):
    path = tmp_path / "frame.fits"
    unit = fits.PrimaryHDU((PLAIN // 4).astype(dtype))
    unit.data[3, 4] = 30000
    unit.header["BLANK"] = 30000 - offset
    unit.writeto(path)
    data = read_frame(path).data
    assert np.isnan(data[3, 4])
    assert np.isnan(data).sum() == 1


def test_a_scaled_image_is_not_taken_for_a_plain_one(tmp_path):
    path = tmp_path / "frame.fits"
    unit = fits.PrimaryHDU(PLAIN)
    unit.writeto(path)
    content = path.read_bytes().replace(
        b"BSCALE  =                    1", b"BSCALE  =                    2"
    )
    path.write_bytes(content)
    np.testing.assert_array_equal(
        read_frame(path).data, 2.0 * (PLAIN.astype(np.float32) - 32768.0) + 32768.0
    )


def test_the_image_header_has_the_primary_cards_it_lacks(tmp_path):
    path = tmp_path / "frame.fits"
    WAYS["rice"][0].writeto(path)
    header = read_header(path)
    assert header["OBSERVER"] == "Ada"
    assert (header["BITPIX"], header["NAXIS1"], header["NAXIS2"]) == (16, 64, 37)


@pytest.mark.parametrize("lost", [1, 2, 2000])
@pytest.mark.parametrize("way", ["plain", "float", "rice"])
def test_a_truncated_file_is_refused(way, lost, tmp_path):
    path = tmp_path / "frame.fits"
    units, expected = WAYS[way]
    units.writeto(path)
    content = path.read_bytes()
    padding = 0 if way == "rice" else -expected.nbytes % 2880
    path.write_bytes(content[: len(content) - padding - (2880 if way == "rice" else 0) - lost])
    with pytest.raises(UnreadableFrame, match=r"frame\.fits: truncated, \d+ bytes came, expected"):
        read_frame(path)


def test_missing_padding_is_forgiven(tmp_path):
    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(PLAIN).writeto(path)
    path.write_bytes(path.read_bytes()[: 2880 + PLAIN.nbytes])
    np.testing.assert_array_equal(read_frame(path).data, PLAIN)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(PLAIN).writeto(path)
    layout = read_layout(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UnreadableFrame, match=r"frame\.fits: ends at byte 3000, expected"):
        read_rows(layout, 0, layout.ny)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected a FITS image"),
        (b"SIMPLE  = nonsense", "expected a FITS image"),
        (b"\x89PNG" + bytes(5000), "expected a FITS image"),
        (gzip.compress(bytes(100_000), mtime=0)[:50], "expected a FITS image"),
    ],
)
def test_what_is_no_fits_is_refused(content, said, tmp_path):
    path = tmp_path / "frame.fits"
    path.write_bytes(content)
    with pytest.raises(UnreadableFrame, match=rf"frame\.fits: .*{said}"):
        read_frame(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFrame, match="No such file"):
        read_header(tmp_path / "none.fits")


def test_a_file_without_an_image_is_refused(tmp_path):
    path = tmp_path / "frame.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])], name="EVENTS")
    in_extension(table).writeto(path)
    with pytest.raises(UnreadableFrame, match="PRIMARY without pixels, EVENTS without pixels came"):
        read_frame(path)


@pytest.mark.parametrize("shape", [(64,), (3, 37, 64)])
def test_an_image_of_other_dimension_is_refused(shape, tmp_path):
    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(np.zeros(shape, np.uint16)).writeto(path)
    with pytest.raises(UnreadableFrame, match=r"an image of .*64.* pixels came, expected two axes"):
        read_frame(path)


@pytest.mark.parametrize(
    "card", [b"BITPIX  =                  abc", b"NAXIS1  =                   -5"]
)
def test_an_unreadable_header_is_refused(card, tmp_path):
    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(PLAIN).writeto(path)
    content = path.read_bytes()
    start = content.index(card[:8])
    path.write_bytes(content[:start] + card + content[start + len(card) :])
    with pytest.raises(UnreadableFrame, match=r"frame\.fits: "):
        read_frame(path)


def test_reading_says_nothing_of_odd_cards(tmp_path):
    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(PLAIN).writeto(path)
    content = path.read_bytes()
    place = content.index(b"EXTEND")
    path.write_bytes(content[:place] + b"odd card".ljust(80) + content[place + 80 :])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_frame(path).data, PLAIN)
