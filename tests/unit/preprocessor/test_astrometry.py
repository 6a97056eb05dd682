"""What a header is told of its world coordinates, and what it tells of its scale."""

from __future__ import annotations

import pytest
from astropy.io import fits

from ctmo_indi.pixels.quality import Stars
from ctmo_indi.preprocessor.astrometry import (
    Hint,
    NoSolver,
    Solved,
    Unsolved,
    scale_of,
    write_cards,
)

WCS_CARDS = (("CTYPE1", "RA---TAN", ""), ("CRVAL1", 10.5, ""), ("CD1_1", -5e-4, ""))


def raw_header():
    """As INDI's driver writes it: coordinates from the mount's pointing."""
    header = fits.Header()
    header["RA"], header["DEC"], header["SCALE"] = 10.0, 20.0, 1.3
    header["CRVAL1"], header["CTYPE1"], header["CROTA1"] = 10.0, "RA---TAN", 0.0
    header["CDELT1"], header["PC1_2"], header["A_0_2"], header["RADESYS"] = 1.0, 0.0, 0.1, "FK5"
    return header


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"SCALE": 2.75}, 2.75),
        ({"SECPIX1": "1.5"}, 1.5),
        ({"XPIXSZ": 12.0, "FOCALLEN": 900.0}, 2.750),
        ({"SCALE": 0.0, "XPIXSZ": 12.0, "FOCALLEN": 900.0}, 2.750),
        ({"XPIXSZ": 12.0, "FOCALLEN": 0.0}, None),
        ({"XPIXSZ": 12.0}, None),
        ({"SCALE": "unknown"}, None),
        ({"SCALE": True}, None),
        ({"SCALE": float("inf")}, None),
        ({}, None),
    ],
)
def test_the_scale_of_a_header(header, expected):
    assert scale_of(header) == (None if expected is None else pytest.approx(expected, abs=1e-3))


def test_a_solution_replaces_all_coordinates_there_were():
    header = raw_header()
    write_cards(header, Solved(WCS_CARDS, 17, 0.1234, "astrometry.net"))
    for stale in ("CROTA1", "CDELT1", "PC1_2", "A_0_2", "RADESYS"):
        assert stale not in header
    assert (header["SOLVED"], header["SOLVER"], header["SOLVNUM"]) == (True, "astrometry.net", 17)
    assert (header["SOLVRES"], header["CRVAL1"], header["CD1_1"]) == (0.123, 10.5, -5e-4)
    assert (header["RA"], header["SCALE"]) == (10.0, 1.3)


def test_an_unsolved_frame_says_why_and_keeps_no_coordinates():
    header = raw_header()
    write_cards(header, Solved(WCS_CARDS, 17, 0.1, "astrometry.net"))
    write_cards(header, Unsolved("no solution within 30 s"))
    assert (header["SOLVED"], header["SOLVEWHY"]) == (False, "no solution within 30 s")
    assert not {"CRVAL1", "CTYPE1", "CD1_1", "SOLVER", "SOLVNUM", "SOLVRES"} & set(header)


def test_any_reason_fits_its_card():
    header = fits.Header()
    write_cards(header, Unsolved("µ\n" + "x" * 300))
    assert header["SOLVEWHY"].endswith(50 * "x")
    assert len(header.cards["SOLVEWHY"].image) == 80


def test_a_solution_without_residual_has_no_card_for_it():
    header = fits.Header()
    write_cards(header, Solved(WCS_CARDS, 5, float("nan"), "other"))
    assert "SOLVRES" not in header


def test_no_solver_says_why():
    assert NoSolver("not installed").solve(Stars.none(), (9, 9), Hint()) == Unsolved(
        "not installed"
    )
