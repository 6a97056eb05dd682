"""Texts and numbers that always fit a FITS card."""

from __future__ import annotations

import math

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ctmo_indi.models.fits_text import fit_card, fit_string, to_ascii

texts = st.text(max_size=200)
values = st.one_of(
    texts,
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**25), 10**25),
    st.booleans(),
    st.none(),
)


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("Zoë O'Neil", "Zoe O'Neil"),
        ("α Orionis", "alpha Orionis"),
        ("Ω Centauri", "Omega Centauri"),
        ("NGC 7000 – Nord", "NGC 7000 - Nord"),
        ("Straße 5µm", "Strasse 5um"),
        ("a\nb\tc\x00", "a b c?"),
        ("大熊", "??"),
    ],
)
def test_texts_become_ascii_that_a_human_still_reads(text: str, ascii_text: str) -> None:
    assert to_ascii(text) == ascii_text


@given(texts)
def test_a_fitted_text_is_printable_and_short_enough_with_its_quotes_doubled(text: str) -> None:
    fitted = fit_string(text)
    assert all(" " <= one <= "~" for one in fitted)
    assert len(fitted) + fitted.count("'") <= 68
    assert fitted == fitted.rstrip()


@given(values, texts)
def test_astropy_takes_every_card_without_a_warning_and_reads_it_back(
    value: object, comment: str
) -> None:
    card = fit_card(value, comment)
    if card is None:
        empty = value is None or (isinstance(value, str) and not fit_string(value))
        assert empty or (isinstance(value, float | int) and not math.isfinite(float(value)))
        return
    header = fits.Header()
    header["KEYWORD"] = card
    text = header.tostring()
    assert len(header.cards[0].image) == 80
    read = fits.Header.fromstring(text)
    if isinstance(card[0], float):
        # astropy writes a float in 20 characters; with sign and exponent 14 digits are left.
        assert read["KEYWORD"] == pytest.approx(card[0], rel=1e-12)
    else:
        assert read["KEYWORD"] == card[0]
    assert read.comments["KEYWORD"] == card[1]


def test_a_comment_gives_way_to_a_long_value() -> None:
    assert fit_card("x" * 68, "a comment") == ("x" * 68, "")
    assert fit_card("x" * 60, "a comment") == ("x" * 60, "a com")
    assert fit_card("short", "a comment") == ("short", "a comment")


@pytest.mark.parametrize("value", [None, "", "  ", math.nan, math.inf, -math.inf])
def test_what_is_not_known_makes_no_card(value: object) -> None:
    assert fit_card(value, "nothing") is None
