"""The demo tells what became of each light, from the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.cli.demo_lights import LightReport, light_reports, print_lights


def write(path: Path, **cards: object) -> dict[str, object]:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = fits.Header([(key.replace("_", "-"), value) for key, value in cards.items()])
    fits.PrimaryHDU(np.zeros((2, 2), np.uint8), header).writeto(path)
    return {"Path": str(path)}


def test_a_light_is_found_again_among_the_products(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, products = tmp_path / "raw", tmp_path / "products"
    light = {"FRAME": "Light", "OBJECT": "M 31", "FILTER": "V"}
    frames = [
        write(raw / "b.fits", **light, EXPID="b", DATE_OBS="2026-11-22T03:00:00"),
        write(raw / "a.fits", **light, EXPID="a", DATE_OBS="2026-11-22T02:00:00"),
        write(raw / "c.fits", **light, EXPID="c", DATE_OBS="2026-11-22T04:00:00"),
        write(raw / "f.fits", FRAME="Flat", EXPID="f", DATE_OBS="2026-11-22T05:00:00"),
    ]
    made = {**light, "PRODKIND": "CALIB_LIGHT", "FWHM": 2.8, "NSTARS": 9.0}
    write(products / "pa.fits", **made, EXPID="a", SOLVED=True)
    write(products / "pb.fits", **made, EXPID="b", SOLVED=False, SOLVEWHY="no program")
    write(products / "master.fits", PRODKIND="FLATM", EXPID="c")

    found = light_reports(frames)
    print_lights(found)

    assert [(one.product, one.is_solved, one.why_not) for one in found] == [
        ("pa.fits", True, ""),
        ("pb.fits", False, "no program"),
        ("", False, "not calibrated"),
    ]
    assert (found[0].fwhm_px, found[0].stars) == (2.8, 9)
    assert "2 of 3 lights calibrated, 1 solved" in capsys.readouterr().out


def test_the_lights_of_a_target_and_filter_are_one_line_that_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    why = "no figure of 39 stars matches the catalogue"
    done = LightReport("1.fits", "M 31", "V", "p1.fits", 2.0, 9, is_solved=True)
    print_lights(
        [
            done,
            replace(done, fwhm_px=2.5, stars=11),
            replace(done, fwhm_px=2.1, stars=10, is_solved=False, why_not=why),
            LightReport("4.fits", "M 33", "H_Alpha", why_not="not calibrated"),
        ]
    )
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    row = next(line for line in told if line[:2] == ["M", "31"])
    assert row[2:7] == ["V", "3/3", "2.10", "10", "2/3"]
    assert ["M", "33", "H_Alpha", "0/1", "0/1", "not", "calibrated"] in told
