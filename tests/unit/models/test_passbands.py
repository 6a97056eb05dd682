"""Wavelengths by a filter's name; no guess for a name nobody knows."""

from __future__ import annotations

import pytest

from ctmo_indi.models.passbands import passband_m


@pytest.mark.parametrize(
    ("name", "line_nm"),
    [  # a line of the spectrum that the filter is known to pass
        ("U", 372.7),  # [O II]
        ("B", 434.0),  # H gamma
        ("V", 546.1),  # Hg
        ("R", 656.3),  # H alpha
        ("I", 852.1),  # Cs
        ("g", 486.1),  # H beta
        ("SDSS_g", 486.1),
        ("r'", 656.3),
        ("sdss i'", 763.2),
        ("H_Alpha", 656.3),
        ("Ha", 656.3),
        ("OIII", 500.7),
        ("S2", 671.6),
        ("Clear", 550.0),
        ("Luminance", 550.0),
    ],
)
def test_a_filter_passes_its_line(name: str, line_nm: float) -> None:
    band = passband_m(name)
    assert band is not None
    assert band[0] < line_nm * 1e-9 < band[1]


def test_one_letter_is_told_by_its_case() -> None:
    assert passband_m("R") != passband_m("r")
    assert passband_m("I") != passband_m("i")


@pytest.mark.parametrize("name", ["", "v", "Filter 3", "RG610", "Red", "sdss", "sdssx"])
def test_an_unknown_filter_has_no_limits(name: str) -> None:
    assert passband_m(name) is None
