"""Look at the cards that say how large an image is, before anybody reserves memory by them.

FITS demands these cards first and in this order (FITS standard 4.0, section 4.4.1): SIMPLE, BITPIX,
NAXIS, NAXIS1 ... A program that leaves the order is not refused here: astropy reads it.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any  # values of cards

from ctmo_indi.errors import UnreadableFrame

MOST_PIXELS = 1 << 30
"""Of one image, 32768 x 32768: what claims more is taken for a spoiled header."""

_MAGIC = b"SIMPLE"  # of a file that is not compressed as a whole
_CARD, _FIRST_CARDS = 80, 12
_BITPIX = (8, 16, 32, 64, -32, -64)
_MOST_AXES = 999
_INTEGER = re.compile(r"[+-]?\d+")


def check_start(path: Path) -> bool:
    """Look at the first cards of a file; whether it is FITS as it lies there (not gzip).

    Blocks for one small read.

    Raises
    ------
    UnreadableFrame
        It is no regular file, cannot be opened, or says something impossible of its image.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableFrame(f"{path}: is no regular file; expected a FITS image")
        with path.open("rb") as file:
            start = file.read(_CARD * _FIRST_CARDS)
    except OSError as error:
        raise UnreadableFrame(f"{path}: {error.strerror}; expected a FITS image") from error
    if not start.startswith(_MAGIC):
        return False
    cards = [_keyword_and_value(start[place : place + _CARD]) for place in range(0, len(start), 80)]
    found = {keyword: value for keyword, value in cards if keyword.startswith("NAXIS")}
    found |= {keyword: value for keyword, value in cards if keyword == "BITPIX"}
    _check_cards(path, found, in_order=[keyword for keyword, _ in cards[1:3]])
    return True


def check_image(path: Path, shape: tuple[Any, ...], header: Mapping[str, Any]) -> tuple[int, int]:
    """Return rows and columns of an image; an axis of one plane before them is dropped.

    Raises
    ------
    UnreadableFrame
        It has no two axes, more pixels than :data:`MOST_PIXELS`, or is scaled by no number.
    """
    axes = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    are_lengths = all(type(axis) is int and axis > 0 for axis in axes)
    if len(axes) != 2 or not are_lengths:
        size = " x ".join(map(str, reversed(shape)))
        raise UnreadableFrame(
            f"{path}: an image of {size} pixels came, expected two axes of 1 or more"
        )
    if axes[0] * axes[1] > MOST_PIXELS:
        raise UnreadableFrame(
            f"{path}: an image of {axes[1]} x {axes[0]} pixels came, "
            f"expected at most {MOST_PIXELS} pixels"
        )
    bits = header.get("BITPIX")
    if bits not in _BITPIX:
        raise UnreadableFrame(f"{path}: BITPIX is {bits!r}, expected one of {_BITPIX}")
    for keyword, default in (("BSCALE", 1), ("BZERO", 0)):
        value = header.get(keyword, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and math.isfinite(value)) or (keyword == "BSCALE" and not value):
            raise UnreadableFrame(
                f"{path}: {keyword} is {value!r}, expected a finite number"
                + (" other than 0" if keyword == "BSCALE" else "")
            )
    return axes[0], axes[1]


def _keyword_and_value(card: bytes) -> tuple[str, str]:
    text = card.decode("ascii", "replace")
    return text[:8].strip(), text[10:].partition("/")[0].strip() if text[8:10] == "= " else ""


def _check_cards(path: Path, found: Mapping[str, str], in_order: list[str]) -> None:
    if in_order != ["BITPIX", "NAXIS"]:
        return
    bits = found["BITPIX"]
    if not _INTEGER.fullmatch(bits) or int(bits) not in _BITPIX:
        raise UnreadableFrame(f"{path}: BITPIX is {bits or 'empty'}, expected one of {_BITPIX}")
    count = found["NAXIS"]
    if not _INTEGER.fullmatch(count) or not 0 <= int(count) <= _MOST_AXES:
        raise UnreadableFrame(f"{path}: NAXIS is {count or 'empty'}, expected 0 to {_MOST_AXES}")
    for number in range(1, min(int(count), _FIRST_CARDS - 3) + 1):
        length = found.get(f"NAXIS{number}")
        if length is None:
            raise UnreadableFrame(f"{path}: NAXIS is {count}, but NAXIS{number} is missing")
        if not _INTEGER.fullmatch(length) or not 0 <= int(length) <= MOST_PIXELS:
            raise UnreadableFrame(
                f"{path}: NAXIS{number} is {length or 'empty'}, expected 0 to {MOST_PIXELS} pixels"
            )
