"""Texts on a wire of Latin-1."""

from __future__ import annotations

import pytest

from ctmo_indi.tango.letters import latin, plain


@pytest.mark.parametrize(
    ("text", "as_latin", "as_plain"),
    [
        ("", "", ""),
        ("rain; 5 m/s", "rain; 5 m/s", "rain; 5 m/s"),
        ("Müller at 5°", "Müller at 5°", r"Muller at 5\xb0"),
        ("Ω Cen", r"\u03a9 Cen", r"\u03a9 Cen"),
        ("\ud800", r"\ud800", r"\ud800"),
        ("🔭", r"\U0001f52d", r"\U0001f52d"),
    ],
)
def test_no_letter_is_one_that_the_wire_has_not_and_none_is_lost(text, as_latin, as_plain):
    assert (latin(text), plain(text)) == (as_latin, as_plain)
    latin(text).encode("latin-1")
    plain(text).encode("ascii")
