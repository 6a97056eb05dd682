"""What a quick look says of a frame, held against the stars that were drawn."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import sep
from astropy.io import fits
from PIL import Image

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.preprocessor import quick_measure
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.quick_header import facts_of
from ctmo_indi.preprocessor.quick_tasks import QuickJob, draw, look_quickly

from .quick_frames import SKY_ADU, star_pixels, write_frame

RNG = np.random.default_rng(5)


def seen(path, **settings):
    return look_quickly(QuickJob(path, Settings(**settings)))


@pytest.mark.parametrize("fwhm_px", [2.5, 4.0, 6.0])
def test_a_light_is_measured_as_its_stars_were_drawn(tmp_path, fwhm_px):
    pixels, drawn = star_pixels(fwhm_px)
    told = seen(write_frame(tmp_path / "a.fits", pixels))
    assert told["problem"] == ""
    assert told["fwhm_unit"] == "px"
    # 2 % as test_quality, and 1 % for the pixel's own width, which Gaia's bright stars show
    assert told["fwhm"] == pytest.approx(fwhm_px, rel=0.03)
    assert told["ellipticity"] < 0.05
    assert told["background_adu"] == pytest.approx(SKY_ADU, abs=3.0)
    assert told["median_adu"] == pytest.approx(SKY_ADU, abs=5.0)
    assert told["stars"] <= drawn + 2  # false ones above five sigma are rare
    assert told["stars"] >= 0.5 * drawn
    found = sep.extract(pixels.astype(np.float32) - np.float32(SKY_ADU), 25.0)
    assert told["stars"] == pytest.approx(len(found), rel=0.25)
    assert (told["frame_type"], told["object_name"], told["filter_name"]) == ("Light", "M 45", "V")
    assert (told["exposure_s"], told["parent"], told["receipt"]) == (60.0, "O-1", "A-1")


@pytest.mark.parametrize(
    ("cards", "scale"),
    [
        ({"FOCALLEN": 900.0, "XPIXSZ": 5.2}, 206264.806 * 5.2e-3 / 900.0),
        ({"SCALE": 1.5}, 1.5),
        (
            {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CD1_1": -3e-4, "CD1_2": 4e-4,
             "CD2_1": 4e-4, "CD2_2": 3e-4, "FOCALLEN": 1.0, "XPIXSZ": 1.0},
            3600.0 * 5e-4,
        ),
        ({"CTYPE1": "RA---TAN", "CDELT1": -2e-4, "CDELT2": 2e-4}, 0.72),
    ],
    ids=["optics", "scale", "matrix", "cdelt"],
)  # fmt: skip
def test_the_width_is_in_arc_seconds_where_the_header_tells_the_scale(tmp_path, cards, scale):
    told = seen(write_frame(tmp_path / "a.fits", star_pixels(4.0)[0], **cards))
    assert told["fwhm_unit"] == "arcsec"
    assert told["fwhm"] == pytest.approx(4.0 * scale, rel=0.03)


@pytest.mark.parametrize(
    "cards",
    [{"FOCALLEN": 900.0}, {"FOCALLEN": 0.0, "XPIXSZ": 5.0}, {"SCALE": 1e9}, {"CTYPE1": "RA---TAN"},
     {"CTYPE1": "WAVE", "CDELT1": 1.0, "CDELT2": 1.0}],
)  # fmt: skip
def test_a_scale_that_is_none_gives_pixels(tmp_path, cards):
    pixels, _ = star_pixels(4.0, shape=(256, 256))
    assert seen(write_frame(tmp_path / "a.fits", pixels, **cards))["fwhm_unit"] == "px"


@pytest.mark.parametrize("kind", ["Bias", "Dark", "Flat"])
def test_a_frame_without_stars_has_levels_and_no_width(tmp_path, kind):
    pixels = RNG.poisson(1200.0, (64, 64)).astype(np.uint16)
    exposure_s = 0.0 if kind == "Bias" else 5.0
    path = write_frame(tmp_path / "a.fits", pixels, IMAGETYP=f"{kind} Frame", EXPTIME=exposure_s)
    told = seen(path)
    assert told["median_adu"] == float(np.median(pixels))
    assert told["mean_adu"] == pytest.approx(float(pixels.mean()))
    assert told["frame_type"] == kind
    assert {"fwhm", "stars", "ellipticity", "background_adu"} & set(told) == set()


def test_the_share_of_saturated_pixels(tmp_path):
    pixels = RNG.poisson(1000.0, (100, 100)).astype(np.uint16)
    pixels[:5, :10] = 65535
    told = seen(write_frame(tmp_path / "a.fits", pixels))
    assert told["saturated"] == 0.005
    told = seen(write_frame(tmp_path / "b.fits", pixels), saturation_adu=1.0)
    assert (told["saturated"], told["problem"][:14]) == (1.0, "100% saturated")


def test_only_the_kept_section_is_measured(tmp_path):
    pixels = RNG.poisson(1000.0, (64, 80)).astype(np.uint16)
    pixels[:, 64:] = RNG.poisson(100.0, (64, 16))
    told = seen(write_frame(tmp_path / "a.fits", pixels, TRIMSEC="[1:64,1:64]"))
    assert told["mean_adu"] == pytest.approx(float(pixels[:, :64].mean()))


def test_a_header_that_the_calibration_will_refuse_is_told_and_the_rest_is_seen(tmp_path):
    pixels, _ = star_pixels(4.0, shape=(256, 256))
    told = seen(write_frame(tmp_path / "a.fits", pixels, EXPTIME=None, **{"DATE-OBS": "today"}))
    assert "EXPTIME is missing" in told["problem"]
    assert "DATE-OBS is 'today'" in told["problem"]
    assert told["fwhm"] == pytest.approx(4.0, rel=0.05)
    assert (told["exposure_s"], told["start_utc_s"]) == (None, None)


def test_markup_and_odd_characters_stay_text(tmp_path):
    pixels = RNG.poisson(1000.0, (32, 32)).astype(np.uint16)
    odd = "<img src=x onerror=alert(1)> & M 1"
    assert seen(write_frame(tmp_path / "a.fits", pixels, OBJECT=odd))["object_name"] == odd


def broken_files(folder):
    pixels, _ = star_pixels(3.0, shape=(128, 128))
    whole = write_frame(folder / "whole.fits", pixels).read_bytes()
    return {
        "empty": b"",
        "text": b"no FITS at all",
        "header only": whole[:2000],
        "truncated": whole[:20000],
        "nonsense after the first card": whole[:80] + b"\xff" * 5000,
        "too large": whole.replace(b"=                  128", b"=            120000000"),
        "three axes": fits_bytes(np.zeros((3, 8, 8), np.uint16)),
        "a table": table_bytes(),
    }


def fits_bytes(data):
    stream = io.BytesIO()
    fits.PrimaryHDU(data).writeto(stream)
    return stream.getvalue()


def table_bytes():
    stream = io.BytesIO()
    columns = fits.ColDefs([fits.Column("a", "J", array=np.arange(3))])
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(stream)
    return stream.getvalue()


@pytest.mark.parametrize("what", ["empty", "text", "header only", "truncated",
                                  "nonsense after the first card", "too large", "three axes",
                                  "a table"])  # fmt: skip
def test_a_broken_file_has_a_problem_that_names_no_folder(tmp_path, what):
    path = tmp_path / "broken.fits"
    path.write_bytes(broken_files(tmp_path)[what])
    told = seen(path)
    assert told["problem"]
    assert str(tmp_path) not in told["problem"]
    assert "fwhm" not in told
    with pytest.raises(UnreadableFrame):
        draw(path)


def test_of_a_truncated_frame_the_header_is_told(tmp_path):
    path = tmp_path / "broken.fits"
    path.write_bytes(broken_files(tmp_path)["truncated"])
    told = seen(path)
    assert "truncated" in told["problem"]
    assert (told["object_name"], told["filter_name"]) == ("M 45", "V")


def test_a_frame_of_one_value_and_one_without_numbers_are_told(tmp_path):
    told = seen(write_frame(tmp_path / "a.fits", np.full((32, 32), 7, np.uint16)))
    assert told["problem"].startswith("constant")
    told = seen(write_frame(tmp_path / "b.fits", np.full((32, 32), np.nan, np.float32)))
    assert told["problem"] == "no finite pixel"
    assert "median_adu" not in told


def test_more_pixels_than_a_quick_look_takes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(quick_measure, "MOST_PIXELS", 1000)
    told = seen(write_frame(tmp_path / "a.fits", np.ones((32, 32), np.uint16)))
    assert told["problem"] == "32 x 32 pixels, expected at most 1000 for a quick look"


def test_a_picture_is_a_small_png_the_right_way_up(tmp_path):
    pixels = np.full((40, 60), 100, np.uint16)
    pixels[:20] = 200  # FITS: the first rows are the lower ones
    drawn = draw(write_frame(tmp_path / "a.fits", pixels))
    image = Image.open(io.BytesIO(base64.b64decode(drawn["picture"])))
    assert (drawn["picture_type"], image.format, image.size) == ("image/png", "PNG", (60, 40))
    assert image.getpixel((30, 35)) > image.getpixel((30, 5))
    drawn = draw(write_frame(tmp_path / "b.fits", pixels, ROWORDER="TOP-DOWN"))
    image = Image.open(io.BytesIO(base64.b64decode(drawn["picture"])))
    assert image.getpixel((30, 35)) < image.getpixel((30, 5))


def test_a_picture_of_pure_noise_is_small_enough_too(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 65536, (1024, 1024), np.uint16)
    drawn = draw(write_frame(tmp_path / "a.fits", pixels))
    data = base64.b64decode(drawn["picture"])
    image = Image.open(io.BytesIO(data))
    assert (drawn["picture_type"], image.format, image.size) == ("image/jpeg", "JPEG", (1024, 1024))
    assert len(data) <= 600_000


def test_control_characters_of_a_header_reach_nobody():
    facts = facts_of({"OBJECT": "M\x1b[2J\x00 45", "FILTER": "x" * 500})
    assert facts.object_name == "M�[2J� 45"
    assert len(facts.filter_name) == 200
