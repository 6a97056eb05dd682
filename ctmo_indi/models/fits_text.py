"""FITS cards that always fit: ASCII only, never longer than 80 characters, never NaN.

FITS 4.0, section 4: a card is 80 characters of ASCII 32-126; a fixed-format string starts in column
11, quotes within are doubled, and it has 68 characters of room.
"""

from __future__ import annotations

import math
import unicodedata

CARD_LENGTH = 80
STRING_ROOM = 68
_VALUE_START = 10  # "KEYWORD = "
_NUMBER_WIDTH = 20
_LONGEST_READ = 1000  # of a text that will be cut anyway
_SEPARATOR = " / "
_ALIKE = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "ß": "ss", "ø": "o",
     "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "×": "x",
     "µ": "u", "μ": "mu", "°": " deg", "\t": " ", "\n": " ", "\r": " "}
)  # fmt: skip

CardValue = str | float | int | bool


def to_ascii(text: str) -> str:
    """Write a text in printable ASCII: accents off, Greek letters by name, the rest as "?"."""
    if text.isascii() and text.isprintable():
        return text.strip()
    written = []
    for character in text.translate(_ALIKE):
        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
        if plain and all(" " <= one <= "~" for one in plain):
            written.append(plain)
        elif not unicodedata.combining(character):
            written.append(_greek(character))
    return "".join(written).strip()


def fit_string(text: str, room: int = STRING_ROOM) -> str:
    """Cut a text so that it fits one card, counting quotes twice as FITS writes them."""
    ascii_text = to_ascii(text[:_LONGEST_READ])[:room]
    while len(ascii_text) + ascii_text.count("'") > room:
        ascii_text = ascii_text[:-1]
    return ascii_text.rstrip()


def fit_card(value: object, comment: str) -> tuple[CardValue, str] | None:
    """Return value and comment as one card holds them; None when there is nothing to write.

    Parameters
    ----------
    value
        str, float, int or bool. None, an empty string, NaN and infinities are not written.
    comment
        Cut where the value leaves no room.
    """
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 10**18):
        width: int = _NUMBER_WIDTH
        kept: CardValue = value
    elif isinstance(value, int | float):
        kept = float(value)
        if not math.isfinite(kept):
            return None
        width = max(_NUMBER_WIDTH, len(repr(kept)))
    else:
        kept = fit_string(str(value or ""))
        if not kept:
            return None
        width = max(_NUMBER_WIDTH, 2 + max(8, len(kept) + kept.count("'")))
    room = CARD_LENGTH - _VALUE_START - width - len(_SEPARATOR)
    return kept, to_ascii(comment)[: max(0, room)].rstrip()


def _greek(character: str) -> str:
    name = unicodedata.name(character, "")
    if name.startswith("GREEK ") and " LETTER " in name:
        letter = name.split(" LETTER ")[1].split(" WITH ")[0].split()[-1].lower()
        return letter.capitalize() if "CAPITAL" in name else letter
    return "?"
