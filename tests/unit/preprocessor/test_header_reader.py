"""The fast header reader gives what astropy gives, and sees a truncated file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.preprocessor.frames import WANTED
from ctmo_indi.preprocessor.header_reader import UnreadableHeader, read_cards

from .night_frames import cards, write_fits


def test_values_are_those_astropy_reads(tmp_path: Path) -> None:
    path = write_fits(tmp_path / "a.fits", OBJECT="it's / here", COMMENT="x" * 4000)
    header = fits.getheader(path)

    read = read_cards(path, WANTED)

    assert read.values == {key: header[key] for key in cards() if key in WANTED}
    assert read.values["OBJECT"] == "it's / here"
    assert read.shape == (64, 48)
    assert (read.size_bytes, read.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


def test_a_long_text_is_read_over_its_cards(tmp_path: Path) -> None:
    path = write_fits(tmp_path / "a.fits", OBJECT="far " * 40)
    assert read_cards(path, WANTED).values["OBJECT"] == ("far " * 40).rstrip()


@pytest.mark.parametrize("kind", ["extension", "rice", "gzip"])
def test_an_image_behind_an_empty_primary_is_found(tmp_path: Path, kind: str) -> None:
    pixels = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64)
    header = fits.Header([("EXPTIME", 5.0)])
    if kind == "gzip":
        path = tmp_path / "a.fits.gz"
        plain = write_fits(tmp_path / "plain.fits", EXPTIME=5.0)
        path.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        path = tmp_path / "a.fits"
        unit = fits.CompImageHDU if kind == "rice" else fits.ImageHDU
        primary = fits.PrimaryHDU(header=fits.Header([("OBJECT", "M 31"), ("EXPTIME", 1.0)]))
        fits.HDUList([primary, unit(pixels, header=header)]).writeto(path)

    read = read_cards(path, WANTED)

    assert read.shape == (64, 48)
    assert (read.values["OBJECT"], read.values["EXPTIME"]) == ("M 31", 5.0)


def test_a_card_that_is_no_fits_is_left_out(tmp_path: Path) -> None:
    path = write_fits(tmp_path / "a.fits")
    text = path.read_bytes()
    at = text.index(b"CCD-TEMP")
    path.write_bytes(text[:at] + b"CCD-TEMP=                  nan".ljust(80) + text[at + 80 :])

    read = read_cards(path, WANTED)

    assert "CCD-TEMP" not in read.values
    assert read.values["GAIN"] == 90.0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "an empty file"),
        (b"GIF89a" + bytes(100), "no FITS: begins"),
        (b"SIMPLE  =                    T".ljust(2000), "truncated: its header ends after 2000"),
        (b"SIMPLE  =                    T".ljust(5760), "truncated: its header ends after 5760"),
    ],
)
def test_what_is_no_whole_header_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with pytest.raises(UnreadableHeader, match=told):
        read_cards(path, WANTED)


@pytest.mark.parametrize("kept", [0.99, 0.6])
def test_fewer_bytes_than_the_header_announces_are_seen(tmp_path: Path, kept: float) -> None:
    path = write_fits(tmp_path / "a.fits", shape=(480, 640))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UnreadableHeader, match=r"truncated: \d+ bytes, expected 617280 by.*640 x"):
        read_cards(path, WANTED)


def test_a_truncated_gzip_is_named(tmp_path: Path) -> None:
    plain = write_fits(tmp_path / "plain.fits")
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(plain.read_bytes())[:200])
    with pytest.raises(UnreadableHeader, match="truncated"):
        read_cards(path, WANTED)


def test_a_file_without_an_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(UnreadableHeader, match="no image"):
        read_cards(path, WANTED)
