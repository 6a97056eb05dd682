"""A product keeps what is true of its frame, and is FITS whatever the frame's header is."""

from __future__ import annotations

import errno
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.models.frames import NightBundle, ProductKind
from ctmo_indi.preprocessor import product_files
from ctmo_indi.preprocessor.night import examine, scan
from ctmo_indi.preprocessor.plan import plan_night
from ctmo_indi.preprocessor.planned import Parameters
from ctmo_indi.preprocessor.product_files import provenance, verified, write_product
from ctmo_indi.preprocessor.product_headers import Made, product_header
from ctmo_indi.testing.night_frames import write_night


@pytest.fixture
def made(tmp_path):
    write_night(
        tmp_path, seed=1, shape=(8, 8), biases=5, darks={30.0: 5}, flats={"V": 5},
        lights={("M 31", "V"): 1},
    )  # fmt: skip
    bundle: NightBundle = examine(scan(tmp_path))
    plan = plan_night(bundle, [], Parameters(version="1"))
    (light,) = plan.of_kind(ProductKind.CALIB_LIGHT)
    files = {used.master.product_id: Path(f"{used.master.kind}.fits") for used in light.used}
    written = datetime(2026, 11, 22, 9, tzinfo=UTC)
    statistics = {"median": 1.5, "fwhm_px": float("nan")}
    return Made(light, "electron", ("calibrated",), written, statistics, files, 1.5, 8.0, 65535.0)


def write(path: Path, made: Made, raw: fits.Header) -> fits.Header:
    plane = np.ones((8, 8), np.float32)
    mask = np.zeros((8, 8), np.uint8)
    write_product(path, made, product_header(made, raw), plane, plane, mask)
    assert verified(path, made.planned.product_id) is not None
    return fits.getheader(path)


def test_a_light_keeps_its_frames_cards_but_those_of_its_storage(made, tmp_path):
    raw = fits.getheader(made.planned.frames[0].path)
    raw["OBSERVER"] = "Ada"
    header = write(tmp_path / "light.fits", made, raw)
    assert (header["OBSERVER"], header["GAIN"], header["OBJECT"]) == ("Ada", 90.0, "M 31")
    assert (header["BUNIT"], header["STATMED"], header["EXPTIME"]) == ("electron", 1.5, 30.0)
    assert header["DATE"] == "2026-11-22T09:00:00.000"
    assert not {"BZERO", "BSCALE", "FWHM"} & set(header)
    assert len(header["PRODID"]) == 64


@pytest.mark.parametrize(
    "card",
    [
        "BROKEN  = 'no end of the text",
        "NUMBER  = 1.2.3",
        "lower   = 1",
        "BAD\x01KEY = 1",
        "CONTI   = 'a long text&'",
    ],
)
def test_a_card_that_is_no_fits_spoils_no_product(made, tmp_path, card):
    raw = fits.getheader(made.planned.frames[0].path)
    raw.append(fits.Card.fromstring(card.ljust(80)), end=True)
    header = write(tmp_path / "light.fits", made, raw)
    assert header["OBJECT"] == "M 31"


def test_the_table_has_every_input_with_its_rule(made, tmp_path):
    raw = fits.getheader(made.planned.frames[0].path)
    write(tmp_path / "light.fits", made, raw)
    found = provenance(tmp_path / "light.fits")
    assert [one.role for one in found.inputs] == ["bias", "dark", "flat", "raw"]
    assert found.inputs[3].identity == made.planned.frames[0].sha256
    assert [one.rule for one in found.inputs[:3]] == [one.rule for one in made.planned.used]
    assert found.kind == "CALIB_LIGHT"


@pytest.mark.parametrize("has_number", [True, False])
def test_a_full_disk_is_told_by_its_number(made, tmp_path, monkeypatch, has_number):
    def full(path, units):
        words = "Not enough space on disk: requested 1, available 0. "
        raise OSError(errno.ENOSPC, words) if has_number else OSError(words)

    monkeypatch.setattr(product_files, "write_products", full)
    with pytest.raises(OSError, match="space") as raised:
        write(tmp_path / "light.fits", made, fits.getheader(made.planned.frames[0].path))
    assert raised.value.errno == errno.ENOSPC


def test_a_spoiled_cut_or_foreign_file_is_not_taken_for_the_product(made, tmp_path):
    path = tmp_path / "light.fits"
    write(path, made, fits.getheader(made.planned.frames[0].path))
    whole = path.read_bytes()
    product_id = made.planned.product_id
    assert verified(path, "0" * 64) is None
    for spoiled in (whole[:-2880], whole[:6000], whole[:-2800] + b"x" + whole[-2799:], b""):
        path.write_bytes(spoiled)
        assert verified(path, product_id) is None
    assert verified(tmp_path / "none.fits", product_id) is None
    assert provenance(made.planned.frames[0].path) is None
