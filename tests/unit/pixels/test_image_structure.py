"""Files that say something impossible, or are none: refused by name, or read as astropy reads."""

from __future__ import annotations

import contextlib
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels.combine import combine
from ctmo_indi.pixels.fits_pixels import read_frame, read_header, read_layout
from ctmo_indi.pixels.image_structure import MOST_PIXELS

PIXELS = np.random.default_rng(6).integers(0, 65536, (37, 64), dtype=np.uint16)


def written(path: Path, unit: object) -> bytes:
    unit.writeto(path)  # type: ignore[attr-defined]  # a unit of astropy
    return path.read_bytes()


@pytest.fixture
def plain(tmp_path):
    return written(tmp_path / "good.fits", fits.PrimaryHDU(PIXELS))


@pytest.fixture
def rice(tmp_path):
    unit = fits.CompImageHDU(PIXELS, compression_type="RICE_1")
    return written(tmp_path / "rice.fits", fits.HDUList([fits.PrimaryHDU(), unit]))


def with_card(content: bytes, keyword: str, value: object) -> bytes:
    start = content.index(f"{keyword:8}=".encode())
    return (
        content[:start] + f"{keyword:8}= {value!s:>20}".ljust(80).encode() + content[start + 80 :]
    )


IMPOSSIBLE = [
    ("NAXIS1", -64, f"NAXIS1 is -64, expected 0 to {MOST_PIXELS} pixels"),
    ("NAXIS2", -37, "NAXIS2 is -37, expected 0 to"),
    ("NAXIS1", 0, "an image of 0 x 37 pixels came, expected two axes of 1 or more"),
    ("NAXIS2", 0, "an image of 64 x 0 pixels came, expected two axes of 1 or more"),
    ("NAXIS1", 10**18, "NAXIS1 is 1000000000000000000, expected 0 to"),
    ("NAXIS2", 10**9, "an image of 64 x 1000000000 pixels came, expected at most"),
    ("NAXIS2", 100_000, r"truncated, \d+ bytes came, expected 12802880"),
    ("NAXIS1", "64.0", "NAXIS1 is 64.0, expected 0 to"),
    ("NAXIS1", "T", "NAXIS1 is T, expected 0 to"),
    ("NAXIS1", "", "NAXIS1 is empty, expected 0 to"),
    ("NAXIS", 3, "NAXIS is 3, but NAXIS3 is missing"),
    ("NAXIS", 1, "an image of 64 pixels came, expected two axes"),
    ("NAXIS", -1, "NAXIS is -1, expected 0 to 999"),
    ("BITPIX", 17, r"BITPIX is 17, expected one of \(8, 16, 32, 64, -32, -64\)"),
    ("BITPIX", -16, "BITPIX is -16, expected one of"),
    ("BITPIX", -64, r"truncated, \d+ bytes came, expected 21824"),
    ("BSCALE", 0, "BSCALE is 0, expected a finite number other than 0"),
    ("BZERO", "'much'", "BZERO is 'much', expected a finite number"),
    ("SIMPLE", "F", "0 without pixels came, expected an image"),
]


@pytest.mark.parametrize(("keyword", "value", "said"), IMPOSSIBLE)
def test_an_impossible_card_is_refused_by_name(keyword, value, said, plain, tmp_path):
    path = tmp_path / "frame.fits"
    path.write_bytes(with_card(plain, keyword, value))
    with pytest.raises(UnreadableFrame, match=rf"frame\.fits: {said}"):
        read_frame(path)


@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("ZNAXIS1", -64, "an image of -64 x 37 pixels came"),
        ("ZNAXIS1", 10**12, "expected at most"),
        ("ZNAXIS1", 100, "no pixels came: .*, expected rows 0 to 36 of 100 x 37"),
        ("ZNAXIS2", 1000, "no pixels came: .*, expected rows 0 to 999 of 64 x 1000"),
        ("ZBITPIX", 7, "BITPIX is 7"),
        ("ZCMPTYPE", "'NONE    '", "Unrecognized compression type"),
        ("PCOUNT", 10**12, r"truncated, \d+ bytes came"),
    ],
)
def test_a_spoiled_rice_header_is_refused(keyword, value, said, rice, tmp_path):
    path = tmp_path / "frame.fits.fz"
    path.write_bytes(with_card(rice, keyword, value))
    with pytest.raises(UnreadableFrame, match=rf"frame\.fits\.fz: .*{said}"):
        read_frame(path)


def test_a_spoiled_rice_tile_is_refused(rice, tmp_path):
    path = tmp_path / "frame.fits.fz"
    path.write_bytes(rice[:-2800] + bytes(byte ^ 0xFF for byte in rice[-2800:-500]) + rice[-500:])
    with pytest.raises(UnreadableFrame, match="no pixels came: decompression"):
        read_frame(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plain: b"", "corrupt"),
        (lambda plain: plain[:1000], "corrupt"),
        (lambda plain: plain[:2880], "truncated, 2880 bytes came, expected 7616"),
        (lambda plain: plain.replace(b"END".ljust(80), b" " * 80), "missing END"),
        (lambda plain: gzip.compress(plain)[:-200], "expected a FITS image"),
        (lambda plain: gzip.compress(plain[:5000]), "no pixels came: .*expected rows 0 to 36"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(change, said, plain, tmp_path):
    path = tmp_path / "frame.fits"
    path.write_bytes(change(plain))
    with pytest.raises(UnreadableFrame, match=rf"frame\.fits: .*{said}"):
        read_frame(path)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    loop, pipe = tmp_path / "loop.fits", tmp_path / "pipe.fits"
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    for path, said in (
        (tmp_path, "is no regular file"),
        (pipe, "is no regular file"),  # to open it would wait for a writer
        (Path("/dev/zero"), "is no regular file"),
        (loop, "Too many levels of symbolic links"),
    ):
        with pytest.raises(UnreadableFrame, match=rf"{path}: {said}.*; expected a FITS image"):
            read_header(path)


@pytest.mark.parametrize(
    ("keyword", "value"), [("BZERO", 0), ("BZERO", 100), ("BSCALE", 2), ("BSCALE", -0.5)]
)
def test_other_scales_are_read_as_astropy_does(keyword, value, plain, tmp_path):
    path = tmp_path / "frame.fits"
    path.write_bytes(with_card(plain, keyword, value))
    assert read_layout(path).data_offset is None
    np.testing.assert_array_equal(read_frame(path).data, fits.getdata(path).astype(np.float32))


def test_no_spoiled_byte_of_a_header_does_worse_than_be_refused(plain, rice, tmp_path):
    path = tmp_path / "frame.fits"
    rng = np.random.default_rng(12)
    cards = b"0123456789-+.'TFE NaXIS/="
    for content, most in ((plain, 800), (rice, 5760)):
        for _ in range(150):
            spoiled = bytearray(content)
            for place in rng.integers(0, most, 3):
                spoiled[place] = cards[rng.integers(len(cards))]
            path.write_bytes(spoiled)
            with contextlib.suppress(UnreadableFrame):
                assert read_frame(path).data.ndim == 2


def test_one_bad_frame_of_many_is_named(plain, tmp_path):
    paths = [tmp_path / f"{number}.fits" for number in range(5)]
    for path in paths:
        path.write_bytes(plain)
    paths[3].write_bytes(with_card(plain, "NAXIS2", -37))
    with pytest.raises(UnreadableFrame, match=r"3\.fits: NAXIS2 is -37"):
        combine(paths, method="median")
