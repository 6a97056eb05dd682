"""The command on a night as nights are, against ccdproc and against the expected reasons."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cached_property
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

from ctmo_indi.models.frames import ProductKind
from ctmo_indi.pixels.combine import combine
from ctmo_indi.pixels.mask import Mask
from ctmo_indi.preprocessor.product_files import read_planes

from . import ccdproc_oracle as oracle
from . import mixed_night
from .mixed_night import COARSE, DARKS, EGAIN, FINE, FLATS, HIGH_GAIN, LIGHTS, READ_NOISE_E

LIMIT_S = 120.0
MASTER_ADU, LIGHT, ERROR = 1e-3, 1e-6, 2e-5
UNITS = {"BIASM": "adu", "DARKM": "adu", "FLATM": "", "CALIB_LIGHT": "electron"}
MOST_NEAR = 5  # of 12288 pixels
SETUPS = {setup.name: setup for setup in (FINE, HIGH_GAIN, COARSE)}
GOOD = [light for light in LIGHTS if not light.reason]


def preprocess(night: Path, *options: str, expected: int) -> dict[str, object]:
    """Run the command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "ctmo_indi", "preprocess", str(night), "--json", "--workers", "2",
         "--no-solve", *options],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=night,
    )  # fmt: skip
    assert done.returncode == expected, (done.returncode, done.stdout, done.stderr)
    assert done.stderr == ""
    told: dict[str, object] = json.loads(done.stdout)
    return told


class Mixed:
    """The night, what the command told of it, and what ccdproc makes of it."""

    def __init__(self, folder: Path) -> None:
        self.night, self.raw = folder, folder / "raw"
        self.products = folder / "products"
        mixed_night.write(self.raw)
        # Cosmic rays have an oracle of their own, astroscrappy.
        self.told = preprocess(folder, "--no-cosmic-rays", expected=5)

    def frames(self, pattern: str, saturation_adu: float = np.inf) -> list[oracle.CCDData]:
        paths = sorted(self.raw.glob(pattern))
        assert len(paths) >= 5
        return [oracle.frame(path, saturation_adu) for path in paths]

    @cached_property
    def biases(self):
        return {name: oracle.combine(self.frames(f"{name}_bias_*")) for name in SETUPS}

    @cached_property
    def darks(self):
        return {
            (setup.name, exposure_s): oracle.dark(
                self.frames(f"{setup.name}_dark{exposure_s:g}_*"), self.biases[setup.name]
            )
            for setup, exposure_s in DARKS
        }

    @cached_property
    def flats(self):
        return {
            (setup.name, filter_name): oracle.flat(
                self.frames(f"{setup.name}_flat_{filter_name}_*", mixed_night.SATURATION_ADU),
                [2.0 + 0.5 * number for number in range(5)],
                self.biases[setup.name],
                self.darks[setup.name, dark_s],
                dark_s,
            )
            for (setup, filter_name), dark_s in FLATS.items()
        }

    def master(self, kind: ProductKind, setup: mixed_night.Setup, **wanted: object) -> Path:
        """Find the file of a master by its header."""
        wanted |= {"GAIN": setup.gain, "XBINNING": setup.binning, "PRODKIND": kind.value}
        (found,) = [
            path
            for path in self.products.glob("*m_*.fits")
            if all(fits.getheader(path).get(key) == value for key, value in wanted.items())
        ]
        return found

    def near(self, light: mixed_night.Light) -> np.ndarray:
        """Return where rounding may have decided what a master of a light is made of."""
        name = light.setup.name
        masters = (
            self.biases[name],
            self.darks[name, light.dark_s],
            self.flats[name, light.filter_name],
        )
        return np.any([master.meta["near"] for master in masters], axis=0)

    def light(self, name: str) -> Path:
        (found,) = self.products.glob(f"{name}_calib_light_*.fits")
        return found


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return Mixed(tmp_path_factory.mktemp("nights") / "20261121")


def test_all_that_can_be_made_is_made_and_nothing_else(mixed):
    kinds = Counter(fits.getheader(path)["PRODKIND"] for path in mixed.products.glob("*.fits"))
    assert kinds == {"BIASM": 3, "DARKM": 4, "FLATM": 4, "CALIB_LIGHT": len(GOOD)}
    assert len(mixed.told["Made"]) == 11 + len(GOOD)
    assert mixed.told["Notes"] == []


def test_every_bad_frame_is_rejected_with_its_reason(mixed):
    rejected = mixed.told["Rejected"]
    assert rejected.keys() == mixed_night.REJECTED.keys()
    for name, reason in mixed_night.REJECTED.items():
        assert reason in rejected[name], name


def test_a_light_without_valid_masters_is_marked_with_the_reason(mixed):
    expected = {light.name: light.reason for light in LIGHTS if light.reason}
    told = {
        name.partition("_calib_light")[0]: reason for name, reason in mixed.told["Not Made"].items()
    }
    assert told.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in told[name], name


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
def test_master_biases_are_those_of_ccdproc(mixed, setup):
    assert_master(mixed.master(ProductKind.BIASM, setup), mixed.biases[setup.name])
    paths = sorted(mixed.raw.glob(f"{setup.name}_bias_*"))
    median = oracle.median([oracle.frame(path) for path in paths])
    np.testing.assert_array_equal(combine(paths, method="median").data, median.astype(np.float32))


@pytest.mark.parametrize(("setup", "exposure_s"), DARKS, ids=lambda one: getattr(one, "name", one))
def test_master_darks_are_those_of_ccdproc(mixed, setup, exposure_s):
    ours = mixed.master(ProductKind.DARKM, setup, EXPTIME=exposure_s)
    assert_master(ours, mixed.darks[setup.name, exposure_s], bad=setup.hot())


@pytest.mark.parametrize(("setup", "filter_name"), FLATS, ids=lambda one: getattr(one, "name", one))
def test_master_flats_are_those_of_ccdproc(mixed, setup, filter_name):
    ours = mixed.master(ProductKind.FLATM, setup, FILTER=filter_name)
    assert_master(ours, mixed.flats[setup.name, filter_name], allowed=LIGHT, error_floor=1e-7)


@pytest.mark.parametrize("light", GOOD, ids=lambda light: light.name)
def test_lights_their_errors_and_masks_are_those_of_ccdproc(mixed, light):
    name = light.setup.name
    raw = oracle.frame(mixed.raw / f"{light.name}.fits")
    expected = oracle.light(
        raw,
        mixed.biases[name],
        mixed.darks[name, light.dark_s],
        mixed.flats[name, light.filter_name],
        scale=light.scale,
        gain=EGAIN,
        read_noise_e=READ_NOISE_E,
    )
    path = mixed.light(light.name)
    data, error, mask = read_planes(path)
    # Sky is the small difference of larger numbers, and masters are kept in 32 bits: the
    # tolerance is relative to the electrons that were read out.
    allowed = LIGHT * EGAIN * np.nan_to_num(raw.data)
    sure = ~mixed.near(light)
    assert np.count_nonzero(~sure) <= MOST_NEAR
    difference = np.abs(data - expected.data)
    assert not (difference > allowed)[sure].any()
    np.testing.assert_allclose(error[sure], expected.uncertainty.array[sure], rtol=ERROR)
    expected_mask = np.where(raw.data >= mixed_night.SATURATION_ADU, Mask.SATURATED, 0)
    expected_mask[np.isnan(raw.data)] = Mask.NOT_FINITE
    expected_mask[light.setup.hot()] |= Mask.BAD  # as its dark says
    np.testing.assert_array_equal(mask, expected_mask)
    header = fits.getheader(path)
    assert header["BUNIT"] == "electron"
    assert (header["EGAIN"], header["RDNOISE"]) == (EGAIN, READ_NOISE_E)  # the frame's own
    assert header["DARKSCAL"] == pytest.approx(light.scale)


def test_nan_and_saturated_pixels_are_where_they_were_put(mixed):
    for name, pixels, bit in (
        ("with_nan", mixed_night.NAN_PIXELS, Mask.NOT_FINITE),
        ("with_saturated", mixed_night.SATURATED_PIXELS, Mask.SATURATED),
    ):
        mask = read_planes(mixed.light(name))[2]
        assert sorted(map(tuple, np.argwhere(mask & bit))) == sorted(pixels)


def test_every_product_is_fits_with_right_sums_and_says_what_it_is(mixed):
    for path in mixed.products.glob("*.fits"):
        with fits.open(path, checksum=True) as units:  # a wrong sum is a warning: an error here
            units.verify("exception")
            assert [unit.name for unit in units] == ["PRIMARY", "ERR", "MASK", "INPUTS"]
            assert all("CHECKSUM" in unit.header and "DATASUM" in unit.header for unit in units)
            header = units[0].header
            assert header.get("BUNIT", "") == UNITS[header["PRODKIND"]]
            assert header["PRODID"][:12] in path.name
            assert len(units["INPUTS"].data) >= header["NCOMBINE"]
            assert header["HISTORY"]


def test_ccdproc_reads_a_product_with_its_error_and_mask(mixed):
    for path in mixed.products.glob("*.fits"):
        # Of a ratio FITS has no word, and astropy wants one.
        unit = u.dimensionless_unscaled if "flatm" in path.name else None
        read = CCDData.read(path, hdu_uncertainty="ERR", hdu_mask="MASK", unit=unit)
        assert isinstance(read.uncertainty, StdDevUncertainty)
        assert read.unit == u.Unit(UNITS[fits.getheader(path)["PRODKIND"]])
        data, error, mask = read_planes(path)
        np.testing.assert_array_equal(read.data, data)
        np.testing.assert_array_equal(read.uncertainty.array, error)
        np.testing.assert_array_equal(read.mask, mask != 0)


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
def test_fitsverify_finds_nothing(mixed):
    products = sorted(map(str, mixed.products.glob("*.fits")))
    done = subprocess.run(
        ["fitsverify", "-q", *products], capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    assert done.stdout.count("verification OK") == len(products), done.stdout


def test_a_second_run_makes_nothing_and_tells_the_same(mixed):
    stamps = {path: path.stat().st_mtime_ns for path in mixed.products.glob("*.fits")}
    told = preprocess(mixed.night, "--no-cosmic-rays", expected=5)
    assert told["Made"] == []
    assert sorted(told["Found"]) == sorted(mixed.told["Made"])
    assert told["Not Made"] == mixed.told["Not Made"]
    assert told["Rejected"] == mixed.told["Rejected"]
    assert {path: path.stat().st_mtime_ns for path in mixed.products.glob("*.fits")} == stamps


def assert_master(
    path: Path,
    expected: oracle.CCDData,
    *,
    allowed: float = MASTER_ADU,
    error_floor: float = 0.0,
    bad: object = False,
) -> None:
    data, error, mask = read_planes(path)
    sure = ~expected.meta["near"]
    assert np.count_nonzero(~sure) <= MOST_NEAR
    assert np.abs(data - expected.data)[sure].max() <= allowed
    np.testing.assert_allclose(
        error[sure], expected.uncertainty.array[sure], rtol=ERROR, atol=error_floor
    )
    np.testing.assert_array_equal(mask, np.where(bad, Mask.BAD, 0) + np.zeros_like(mask))
