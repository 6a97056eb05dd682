"""The adapter of solve-field: against the program where it is installed, else against stand-ins."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ctmo_indi.pixels.quality import measure
from ctmo_indi.preprocessor.astrometry import Hint, Solved, Unsolved, write_cards
from ctmo_indi.preprocessor.solve_field import SolveField, find_solver
from ctmo_indi.testing.star_fields import star_field

INDEXES = Path("/usr/share/astrometry")
needs_solver = pytest.mark.skipif(
    shutil.which("solve-field") is None or not list(INDEXES.glob("index-tycho2-*.fits")),
    reason="astrometry.net with astrometry-data-tycho2 (Debian packages) is not installed",
)


@pytest.fixture(scope="module")
def field():
    """Two degrees in Scutum, mirrored as by one mirror more."""
    return star_field(277.6, -13.1, 2.0, shape=(512, 640), is_mirrored=True)


def near(field, **changes):
    """Return a hint that is half a degree and 10 % off."""
    hint = Hint(field.ra_deg + 0.3, field.dec_deg - 0.4, 5.0, 1.1 * field.scale_arcsec_per_px)
    return dataclasses.replace(hint, **changes)


def wcs_of(answer):
    header = fits.Header()
    write_cards(header, answer)
    return WCS(header)


@needs_solver
def test_a_drawn_frame_is_solved_to_half_a_pixel(field, tmp_path):
    data, error = field.draw(np.random.default_rng(1))
    stars = measure(data, error).stars
    answer = find_solver(scratch=tmp_path).solve(stars, field.shape, near(field))
    assert isinstance(answer, Solved)
    assert field.distance_px(wcs_of(answer)) <= 0.5
    assert answer.matched >= 10
    assert answer.residual_px < 0.5
    assert list(tmp_path.iterdir()) == []


@needs_solver
def test_stars_with_errors_and_strangers_are_solved(field):
    stars = field.seen(np.random.default_rng(2), sigma_px=0.2, strangers=20)
    answer = find_solver().solve(stars, field.shape, near(field))
    assert field.distance_px(wcs_of(answer)) <= 0.5


@needs_solver
def test_a_solution_without_distortion_is_plainly_gnomonic(field):
    answer = find_solver().solve(field.stars, field.shape, near(field))
    assert dict(card[:2] for card in answer.wcs)["CTYPE1"] == "RA---TAN"
    assert not any(keyword.startswith(("A_", "BP_")) for keyword, *_ in answer.wcs)


@needs_solver
def test_a_second_order_is_written_as_sip(field):
    solver = find_solver(distortion_order=2)
    answer = solver.solve(field.stars, field.shape, near(field))
    cards = dict(card[:2] for card in answer.wcs)
    assert (cards["CTYPE2"], cards["A_ORDER"]) == ("DEC--TAN-SIP", 2)
    assert field.distance_px(wcs_of(answer)) <= 1.5


@needs_solver
def test_stars_that_are_none_are_not_solved(field):
    rng = np.random.default_rng(3)
    strangers = dataclasses.replace(
        field.stars,
        x_px=rng.uniform(0, 640, len(field.stars)),
        y_px=rng.uniform(0, 512, len(field.stars)),
    )
    told = find_solver(timeout_s=0.5).solve(strangers, field.shape, near(field))
    assert isinstance(told, Unsolved)


def stand_in(folder: Path, script: str) -> SolveField:
    program = folder / "solve-field"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return SolveField(str(program), timeout_s=20.0, scratch=folder)


def test_at_the_deadline_it_is_killed_with_its_children(field, tmp_path):
    solver = stand_in(tmp_path, f"sleep 100 & echo $! > {tmp_path}/child; wait")
    solver = SolveField(str(tmp_path / "solve-field"), timeout_s=0.3, scratch=tmp_path)
    told = solver.solve(field.stars, field.shape, near(field))
    assert told == Unsolved("no solution within 0.3 s")
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 5.0
    while _lives(child) and time.monotonic() < end:
        os.sched_yield()
    assert not _lives(child)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["child", "solve-field"]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_the_hint_is_tried_first_and_its_position_dropped_then(field, tmp_path):
    told = stand_in(tmp_path, f'echo "$@" >> {tmp_path}/asked').solve(
        field.stars, field.shape, Hint(10.0, -20.0, 3.0, 2.0, 0.25)
    )
    assert told == Unsolved(f"no figure of {len(field.stars)} stars matches the catalogue")
    first, second = (tmp_path / "asked").read_text().splitlines()
    scale = "--scale-units arcsecperpix --scale-low 1.6 --scale-high 2.5"
    assert first.endswith(f"{scale} --ra 10.000000 --dec -20.000000 --radius 3")
    assert second.endswith(scale)
    assert "--width 640 --height 512" in first


def test_without_a_position_there_is_one_try(field, tmp_path):
    stand_in(tmp_path, f'echo "$@" >> {tmp_path}/asked').solve(field.stars, field.shape, Hint())
    (only,) = (tmp_path / "asked").read_text().splitlines()
    assert "--scale" not in only
    assert "--ra" not in only


def test_the_stars_are_sent_in_fits_pixels_brightest_first(field, tmp_path):
    stars = dataclasses.replace(field.stars, x_px=field.stars.x_px.copy())
    stars.x_px[3] = np.nan
    stand_in(tmp_path, f"cp stars.xyls {tmp_path}/sent").solve(stars, field.shape, Hint())
    sent = fits.getdata(tmp_path / "sent")
    assert sent["X"][:3] == pytest.approx(field.stars.x_px[:3] + 1.0)
    assert sent["Y"][3] == pytest.approx(field.stars.y_px[4] + 1.0)
    assert np.all(np.diff(sent["FLUX"]) <= 0)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo You must list at least one index; exit 255", "astrometry.net has no index files"),
        ("echo one; echo out of memory; exit 3", "solve-field ended with 3: out of memory"),
        ("exit 3", "solve-field ended with 3: no word"),
        ("kill -9 $$", "solve-field ended with -9: no word"),
    ],
)
def test_a_program_that_fails_is_not_asked_again(field, tmp_path, script, told):
    solver = stand_in(tmp_path, f"echo x >> {tmp_path}/asked; {script}")
    assert solver.solve(field.stars, field.shape, near(field)) == Unsolved(told)
    assert (tmp_path / "asked").read_text() == "x\n"


@pytest.mark.parametrize("answer", ["", "SIMPLE  = nonsense"])
def test_an_answer_that_is_no_fits_is_no_solution(field, tmp_path, answer):
    solver = stand_in(tmp_path, f'printf "{answer}" > stars.wcs')
    told = solver.solve(field.stars, field.shape, near(field))
    assert isinstance(told, Unsolved)
    assert told.reason.startswith("the answer of solve-field cannot be read")


def test_too_few_stars_are_not_even_tried(field, tmp_path):
    few = dataclasses.replace(
        field.stars,
        **{f.name: getattr(field.stars, f.name)[:4] for f in dataclasses.fields(field.stars)},
    )
    told = stand_in(tmp_path, "exit 1").solve(few, field.shape, near(field))
    assert told == Unsolved("4 stars, expected at least 5")


def test_where_it_cannot_be_run_a_frame_is_unsolved(field, tmp_path):
    told = SolveField(str(tmp_path / "none")).solve(field.stars, field.shape, near(field))
    assert isinstance(told, Unsolved)
    assert told.reason.startswith("solve-field could not be run: ")


def test_without_the_program_on_path_every_frame_says_so(field, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    told = find_solver().solve(field.stars, field.shape, near(field))
    assert told == Unsolved("solve-field of astrometry.net is not installed")
