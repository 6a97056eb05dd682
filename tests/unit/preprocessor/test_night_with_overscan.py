"""A whole night of raw frames with an overscan: its products are those of the same night without.

Each raw frame of the second night is that of the first plus a level of its own for each row, beside
32 columns that have nothing but the level; nothing of it may be left.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.detector_facts import BadPixelRules
from ctmo_indi.models.frames import ProductKind
from ctmo_indi.pixels.mask import Mask
from ctmo_indi.preprocessor import setting_up
from ctmo_indi.preprocessor.executors import Serial
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import NightRun, RunParts
from ctmo_indi.preprocessor.product_files import provenance, read_planes
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.night_frames import Sensor, write_night

SEED, SHAPE, WIDTH, LEVEL_ADU = 21, (72, 80), 32, 300
OVERSCAN, TRIM = "[81:112,1:72]", "[1:80,1:72]"
SETTINGS = Settings(gain_e_per_adu=1.5, read_noise_e=8.0, has_cosmic_rays=False, has_previews=False)
KINDS = (ProductKind.BIASM, ProductKind.DARKM, ProductKind.FLATM, ProductKind.CALIB_LIGHT)


def with_overscan(source, target, *, has_cards):
    rng = np.random.default_rng(SEED)
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        with fits.open(path) as file:
            header, data = file[0].header, file[0].data
        drift = rng.integers(0, 40, (len(data), 1), dtype=np.uint16)
        beside = np.full((len(data), WIDTH), LEVEL_ADU, np.uint16)
        if has_cards:
            header["BIASSEC"], header["TRIMSEC"] = OVERSCAN, TRIM
            header["DATASEC"], header["LTV1"] = TRIM, 40.0
        fits.PrimaryHDU(np.hstack([data, beside]) + drift, header).writeto(target / path.name)


def run(raw, settings=SETTINGS):
    parameters = setting_up.parameters_of(settings)
    with closing(open_database("preprocessor", raw.parent / "night.sqlite3")) as database:
        with closing(Writer(database)) as writer:
            book = NightBook(database, writer, FakeClock(), parameters)
            parts = RunParts(Serial(), book, settings, parameters)
            return NightRun(raw, raw.parent / "products", parts).run()


def product(report, kind):
    return next(path for path in report.made if kind.value.lower() in path.name)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "raw"
    write_night(
        folder, seed=SEED, shape=SHAPE, biases=5, darks={30.0: 5}, flats={"V": 5},
        lights={("M 31", "V"): 1},
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def plain(raw):
    return run(raw)


@pytest.fixture(scope="module", params=["header", "profile"])
def trimmed(request, raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "raw"
    has_cards = request.param == "header"
    with_overscan(raw, folder, has_cards=has_cards)
    told = {} if has_cards else {"overscan": OVERSCAN, "trim": TRIM}
    return run(folder, replace(SETTINGS, **told))


@pytest.mark.parametrize("kind", KINDS)
def test_every_product_is_that_of_the_night_without_overscan(kind, plain, trimmed):
    assert trimmed.is_complete, trimmed.not_made
    ours, theirs = (read_planes(product(report, kind)) for report in (trimmed, plain))
    shift = LEVEL_ADU if kind is ProductKind.BIASM else 0.0
    np.testing.assert_allclose(ours[0] + shift, theirs[0], rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4)
    np.testing.assert_array_equal(ours[2], theirs[2])


def test_a_light_says_what_was_cut_off_and_has_no_cards_of_it(trimmed):
    path = product(trimmed, ProductKind.CALIB_LIGHT)
    header = fits.getheader(path)
    assert (header["NAXIS1"], header["NAXIS2"]) == (80, 72)
    assert not {"BIASSEC", "TRIMSEC", "DATASEC"} & set(header)
    steps = provenance(path).steps
    assert steps[:2] == (f"overscan {OVERSCAN} subtracted, median of each line",
                         f"trimmed to {TRIM}")  # fmt: skip


def test_a_light_cut_at_the_left_has_its_coordinates_moved(raw, tmp_path):
    folder = tmp_path / "raw"
    with_overscan(raw, folder, has_cards=True)
    for path in folder.iterdir():
        fits.setval(path, "TRIMSEC", value="[11:80,3:72]")
    report = run(folder)
    header = fits.getheader(product(report, ProductKind.CALIB_LIGHT))
    assert (header["NAXIS1"], header["NAXIS2"], header["LTV1"]) == (70, 70, 30.0)


@pytest.mark.parametrize(
    ("name", "section", "said"),
    [
        ("bias_002.fits", "[81:112,1:73]", "BIASSEC: .* expected a section of 112 x 72 pixels"),
        ("bias_002.fits", "all of it", "BIASSEC: expected a section like"),
        ("bias_002.fits", "[90:112,1:72]", r"overscan \[90:112,1:72\].* came, expected \[81:112"),
    ],
)
def test_a_frame_whose_sections_do_not_fit_is_named(name, section, said, raw, tmp_path):
    folder = tmp_path / "raw"
    with_overscan(raw, folder, has_cards=True)
    fits.setval(folder / name, "BIASSEC", value=section)
    reasons = run(folder).not_made
    (bias,) = (reason for made, reason in reasons.items() if made.startswith("biasm"))
    assert name in bias
    assert re.search(said, bias)


def test_a_light_of_another_overscan_than_its_masters_is_not_made(raw, tmp_path):
    folder = tmp_path / "raw"
    with_overscan(raw, folder, has_cards=True)
    (light,) = folder.glob("M_31*")
    fits.setval(light, "BIASSEC", value="[0:0,0:0]")
    (reason,) = run(folder).not_made.values()
    assert "expected the overscan [81:112,1:72] of its master" in reason


def test_hot_pixels_are_bad_in_the_dark_and_in_every_light(plain):
    hot = Sensor.of(SEED, SHAPE).dark_e_per_s > 10.0
    assert hot.sum() >= 3
    for kind in (ProductKind.DARKM, ProductKind.CALIB_LIGHT):
        mask = read_planes(product(plain, kind))[2]
        np.testing.assert_array_equal(mask & Mask.BAD != 0, hot)
    dark = product(plain, ProductKind.DARKM)
    assert fits.getheader(dark)["NBADPIX"] == hot.sum()
    assert f"{hot.sum()} pixels marked BAD" in provenance(dark).steps


def test_the_sites_own_list_is_in_every_light_and_in_its_id(raw, plain, tmp_path):
    listed = tmp_path / "bad.txt"
    listed.write_text("[3,4]\n[7,*]\n")
    sha256 = hashlib.sha256(listed.read_bytes()).hexdigest()
    rules = BadPixelRules(0.0, 0.0, 0.0, 0.0)
    settings = replace(SETTINGS, bad_pixels=listed, bad_pixels_sha256=sha256, bad_pixel_rules=rules)
    other = replace(SETTINGS, bad_pixel_rules=rules)
    for kind in KINDS:
        is_other = settings.for_ids(kind) != other.for_ids(kind)
        assert is_other == (kind is ProductKind.CALIB_LIGHT)
    folder = tmp_path / "night" / "raw"
    with_overscan(raw, folder, has_cards=True)
    light = product(run(folder, settings), ProductKind.CALIB_LIGHT)
    mask = read_planes(light)[2]
    expected = np.zeros(SHAPE, bool)
    expected[3, 2] = expected[:, 6] = True
    np.testing.assert_array_equal(mask & Mask.BAD != 0, expected)
    assert any("73 pixels of bad.txt" in step for step in provenance(light).steps)
    light.unlink()
    listed.write_text("[3,5]\n")
    (reason,) = run(folder, settings).not_made.values()
    assert "bad.txt: was changed since this run began" in reason
