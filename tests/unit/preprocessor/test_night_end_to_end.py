"""A whole night of synthetic frames, every stage real: what comes out is what went in."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.models.frames import ProductKind
from ctmo_indi.pixels.mask import Mask
from ctmo_indi.preprocessor import gates, setting_up
from ctmo_indi.preprocessor.executors import Serial
from ctmo_indi.preprocessor.gates import refusal
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.lineage import folders_around, trace
from ctmo_indi.preprocessor.night_book import NightBook
from ctmo_indi.preprocessor.night_run import NightRun, Report, RunParts
from ctmo_indi.preprocessor.product_files import (
    header_statistics,
    provenance,
    read_planes,
    verified,
)
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.night_frames import Sensor, write_night

SEED, SHAPE, SKY_E, EXPOSURE_S = 11, (128, 128), 300.0, 30.0
SETTINGS = Settings(gain_e_per_adu=1.5, read_noise_e=8.0)


class Night:
    """The raw night, and the report of its first run."""

    def __init__(self, folder: Path) -> None:
        self.raw = folder / "nights" / "20261121" / "raw"
        self.products = self.raw.parent / "products"
        write_night(
            self.raw, seed=SEED, shape=SHAPE, biases=9, darks={EXPOSURE_S: 9}, flats={"V": 9},
            lights={("M 31", "V"): 2}, exposure_s=EXPOSURE_S, sky_e=SKY_E,
        )  # fmt: skip
        self.database = folder / "preprocessor.sqlite3"
        self.report = self.run()

    def run(self, settings: Settings = SETTINGS, raw: Path | None = None) -> Report:
        parameters = setting_up.parameters_of(settings)
        with closing(open_database("preprocessor", self.database)) as database:
            with closing(Writer(database)) as writer:
                book = NightBook(database, writer, FakeClock(), parameters)
                parts = RunParts(Serial(), book, settings, parameters)
                folder = raw or self.raw
                return NightRun(folder, folder.parent / "products", parts).run()

    def product(self, kind: ProductKind) -> Path:
        word = kind.value.lower()
        return next(path for path in self.report.made if word in path.name)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return Night(tmp_path_factory.mktemp("data"))


def test_everything_is_made_and_whole(night):
    assert night.report.is_complete, night.report.not_made
    assert len(night.report.made) == 5
    for path in night.report.made:
        assert verified(path, provenance(path).product_id) is not None
        assert (night.products / "previews" / f"{path.stem}.png").is_file()
    assert not list(night.products.glob("**/*.part"))


def test_masters_are_the_sensor(night):
    sensor = Sensor.of(SEED, SHAPE)
    bias, bias_error, _ = read_planes(night.product(ProductKind.BIASM))
    assert bias_error.mean() == pytest.approx(8.0 / 1.5 / 3.0, rel=0.15)
    assert (bias - sensor.offset_adu).std() == pytest.approx(8.0 / 1.5 / 3.0, rel=0.15)
    dark, _, _ = read_planes(night.product(ProductKind.DARKM))
    truth = sensor.dark_e_per_s * EXPOSURE_S / sensor.gain_e_per_adu
    assert np.median(dark - truth) == pytest.approx(0.0, abs=0.5)
    flat, _, mask = read_planes(night.product(ProductKind.FLATM))
    assert flat.mean() == pytest.approx(1.0, abs=1e-4)
    assert (flat / sensor.flat("V") - 1.0).std() < 0.004  # 33000 e in nine frames: 0.2 %
    assert not mask.any()


def test_a_master_keeps_what_its_successor_is_compared_with(night):
    kept = header_statistics(night.product(ProductKind.DARKM))
    assert {"median", "sigma", "bad_share", "hot_share"} <= kept.keys()
    brighter = {**kept, "hot_share": kept["hot_share"] + 0.01}
    assert "hot pixels" in refusal(ProductKind.DARKM, brighter, kept)


def test_a_light_is_flat_sky_in_electrons_with_an_honest_error(night):
    path = night.product(ProductKind.CALIB_LIGHT)
    data, error, mask = read_planes(path)
    header = fits.getheader(path)
    assert header["BUNIT"] == "electron"
    assert header["SKYLEVEL"] == pytest.approx(SKY_E, rel=0.02)
    good = (mask == 0) & (data < np.median(data) + 100.0)  # no stars
    pull = (data[good] - SKY_E) / error[good]
    assert pull.std() == pytest.approx(1.0, abs=0.1)
    assert header["NSTARS"] >= 1
    assert np.count_nonzero(mask & Mask.COSMIC) > 0
    assert header["FWHM"] == pytest.approx(3.0, rel=0.25)  # a handful of stars
    assert header["SOLVED"] is False


def test_a_light_says_what_it_was_made_of(night):
    path = night.product(ProductKind.CALIB_LIGHT)
    header = fits.getheader(path)
    assert header["BIASFILE"] == night.product(ProductKind.BIASM).name
    assert header["OBJECT"] == "M 31"
    found = provenance(path)
    assert [one.role for one in found.inputs] == ["bias", "dark", "flat", "raw"]
    assert "of the same night, exact" in found.inputs[0].rule


def test_a_file_is_traced_both_ways(night):
    light = night.product(ProductKind.CALIB_LIGHT)
    back = trace(light, folders_around(light))
    assert [node.role for node in back.made_of.nodes] == ["bias", "dark", "flat", "raw"]
    assert {node.name for node in back.made_of.nodes[0].nodes} == {
        f"bias_{number:03d}.fits" for number in range(9)
    }
    assert all(node.path is not None for node in back.made_of.nodes)
    assert back.used_in.nodes == ()
    raw = night.raw / "bias_004.fits"
    forth = trace(raw, folders_around(raw))
    assert forth.made_of.nodes == ()
    (bias,) = forth.used_in.nodes
    assert bias.path == night.product(ProductKind.BIASM)
    assert light in {node.path for node in bias.nodes}


def test_a_refused_master_is_made_once_and_good_when_it_is_no_longer_refused(
    night, tmp_path, monkeypatch
):
    raw = tmp_path / "night" / "raw"
    shutil.copytree(night.raw, raw, ignore=lambda _, names: {
        name for name in names if not name.startswith("bias")
    })  # fmt: skip
    refused = raw.parent / "products" / "refused"
    with monkeypatch.context() as patch:
        patch.setattr(gates, "refusal", lambda *_: "too bright")
        stamps = set()
        for _ in range(2):
            report = night.run(raw=raw)
            assert report.made == ()
            assert ["too bright" in reason for reason in report.not_made.values()] == [True]
            (path,) = refused.glob("*.fits")
            stamps.add(path.stat().st_mtime_ns)
    assert len(stamps) == 1
    assert [one.name for one in night.run(raw=raw).made] == [path.name]


def test_a_second_run_makes_the_same_files_no_second_time(night):
    before = {path: path.stat().st_mtime_ns for path in night.report.made}
    report = night.run()
    assert report.made == ()
    assert {path: path.stat().st_mtime_ns for path in report.found} == before


def test_a_spoiled_product_is_made_again_and_has_the_same_pixels(night):
    light = night.product(ProductKind.CALIB_LIGHT)
    planes = read_planes(light)
    spoiled = bytearray(light.read_bytes())
    spoiled[40_000] ^= 1
    light.write_bytes(spoiled)
    assert night.run().made == (light,)
    for before, after in zip(planes, read_planes(light), strict=True):
        assert before.tobytes() == after.tobytes()


def test_other_settings_are_other_products_where_they_matter(night):
    report = night.run(replace(SETTINGS, has_cosmic_rays=False))
    assert [path.name[:9] for path in report.made] == ["M_31_V_00"] * 2
    assert not set(report.made) & set(night.report.made)
    assert set(report.found) <= set(night.report.made)


def test_a_light_that_is_not_measured_has_the_same_pixels_and_another_id(night):
    measured = night.product(ProductKind.CALIB_LIGHT)
    report = night.run(replace(SETTINGS, has_quality=False))
    assert len(report.made) == 2
    light = next(path for path in report.made if path.name[:12] == measured.name[:12])
    assert light != measured
    assert "NSTARS" in fits.getheader(measured)
    assert not {"NSTARS", "FWHM"} & set(fits.getheader(light))
    assert fits.getheader(light)["SOLVED"] is False
    for one, other in zip(read_planes(measured), read_planes(light), strict=True):
        assert one.tobytes() == other.tobytes()
