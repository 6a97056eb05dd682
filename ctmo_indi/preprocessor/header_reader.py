"""Read a few cards of many FITS headers, fast: blocks until END, only the cards that are wanted.

Opening a file with astropy costs most of a millisecond, since every card of it is looked at. Here
the wanted cards are picked by their first eight bytes and only those are parsed, by astropy. The
pixels are not read; their size is compared with the file's, so that a truncated one is seen.
"""

from __future__ import annotations

import gzip
import math
import os
import warnings
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from astropy.io.fits import Header
from astropy.io.fits.verify import VerifyError

BLOCK = 2880
_CARD = 80
_MOST_BLOCKS = 400  # 14,400 cards
_MOST_UNITS = 8  # how far to look for the first image
_STRUCTURE = frozenset(
    {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "NAXIS4"}
    | {"PCOUNT", "GCOUNT", "ZIMAGE", "ZNAXIS", "ZNAXIS1", "ZNAXIS2", "ZNAXIS3", "END"}
)

Value: TypeAlias = "str | int | float | bool"


class UnreadableHeader(Exception):
    """The file is no FITS image, or only a part of one; the text says what came."""


@dataclass(frozen=True, slots=True)
class Cards:
    """What was read of one file.

    Parameters
    ----------
    values
        Wanted keyword -> value; cards that are no FITS or have no value are left out. Those of the
        first image extension stand over the primary header's.
    shape
        Lengths of the image's axes, NAXIS1 first.
    """

    values: Mapping[str, Value]
    shape: tuple[int, ...]
    size_bytes: int
    mtime_ns: int


def read_cards(path: Path, wanted: Set[str]) -> Cards:
    """Read the wanted cards of the first image of a file; blocks for a read of some kilobytes.

    Parameters
    ----------
    wanted
        Keywords of at most eight characters.

    Raises
    ------
    UnreadableHeader
        No FITS, no image, no END, or fewer bytes than the header announces (that is seen without
        reading them, and so not for ``.gz``).
    OSError
        The file cannot be read.
    """
    picked = frozenset(keyword.ljust(8).encode() for keyword in wanted | _STRUCTURE)
    is_zipped = path.suffix == ".gz"
    with path.open("rb") as raw:
        stat = os.fstat(raw.fileno())
        file = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if is_zipped else raw
        try:
            values, shape, end = _first_image(file, picked)
        except EOFError as error:
            raise UnreadableHeader(f"truncated: {error}") from error
        except gzip.BadGzipFile as error:
            raise UnreadableHeader(f"no gzip file: {error}") from error
    if not is_zipped and stat.st_size < end:
        raise UnreadableHeader(
            f"truncated: {stat.st_size} bytes, expected {end} by its header {_times(shape)}"
        )
    wanted_values = {keyword: value for keyword, value in values.items() if keyword in wanted}
    return Cards(wanted_values, shape, stat.st_size, stat.st_mtime_ns)


def _first_image(
    file: BinaryIO, picked: frozenset[bytes]
) -> tuple[dict[str, Value], tuple[int, ...], int]:
    """Return values, shape, and where the image's last byte is."""
    values: dict[str, Value] = {}
    start = 0
    for unit in range(_MOST_UNITS):
        found, header_bytes = _read_unit(file, picked, is_first=unit == 0)
        values |= found
        axes = _axes(found, "NAXIS")
        data_bytes = _data_bytes(found, axes)
        shape = _axes(found, "ZNAXIS") if found.get("ZIMAGE") is True else axes
        end = start + header_bytes + data_bytes
        if len(shape) >= 2 and (unit == 0 or _is_image(found)):
            return values, shape, end
        start = end + -end % BLOCK
        file.seek(start)
    raise UnreadableHeader(f"no image in the first {_MOST_UNITS} units")


def _read_unit(
    file: BinaryIO, picked: frozenset[bytes], *, is_first: bool
) -> tuple[dict[str, Value], int]:
    """Return the picked cards of the header that begins here, and its length in bytes."""
    kept: list[bytes] = []
    for number in range(_MOST_BLOCKS):
        block = file.read(BLOCK)
        if number == 0:
            _check_start(block, is_first=is_first)
        if len(block) < BLOCK:
            raise UnreadableHeader(
                f"truncated: its header ends after {number * BLOCK + len(block)} bytes without END"
            )
        was_kept = False
        for begin in range(0, BLOCK, _CARD):
            keyword = block[begin : begin + 8]
            if keyword == b"END     ":
                return _parse(b"".join(kept)), (number + 1) * BLOCK
            was_kept = keyword in picked or (was_kept and keyword == b"CONTINUE")
            if was_kept:
                kept.append(block[begin : begin + _CARD])
    raise UnreadableHeader(f"no END in the first {_MOST_BLOCKS * BLOCK} bytes of its header")


def _check_start(block: bytes, *, is_first: bool) -> None:
    expected = b"SIMPLE  =" if is_first else b"XTENSION="
    if block.startswith(expected):
        return
    if not block:
        what = "an empty file" if is_first else "no image: the last unit is reached"
        raise UnreadableHeader(what)
    raise UnreadableHeader(f"no FITS: begins {block[:9]!r}, expected {expected.decode()!r}")


def _parse(cards: bytes) -> dict[str, Value]:
    values: dict[str, Value] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a card that is odd in a way we do not need
        header = Header.fromstring(cards)
        for card in header.cards:
            try:
                value = card.value
            except (VerifyError, ValueError):
                continue
            if isinstance(value, str | int | float | bool):
                values[card.keyword] = value
    return values


def _axes(values: Mapping[str, Value], keyword: str) -> tuple[int, ...]:
    count = values.get(keyword, 0)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 4:
        raise UnreadableHeader(f"{keyword} is {count!r}, expected 0 to 4")
    lengths = [values.get(f"{keyword}{number}") for number in range(1, count + 1)]
    for number, length in enumerate(lengths, 1):
        if isinstance(length, bool) or not isinstance(length, int) or length < 0:
            raise UnreadableHeader(f"{keyword}{number} is {length!r}, expected a length in pixels")
    return cast("tuple[int, ...]", tuple(lengths))


def _data_bytes(values: Mapping[str, Value], axes: tuple[int, ...]) -> int:
    bits = values.get("BITPIX")
    if bits not in (8, 16, 32, 64, -32, -64):
        raise UnreadableHeader(f"BITPIX is {bits!r}, expected 8, 16, 32, 64, -32 or -64")
    if not axes:
        return 0
    extra, groups = values.get("PCOUNT", 0), values.get("GCOUNT", 1)
    if not isinstance(extra, int) or not isinstance(groups, int) or extra < 0 or groups < 1:
        raise UnreadableHeader(f"PCOUNT {extra!r} and GCOUNT {groups!r}, expected 0 and 1 or more")
    return abs(int(bits)) // 8 * groups * (extra + math.prod(axes))


def _is_image(values: Mapping[str, Value]) -> bool:
    return values.get("XTENSION") == "IMAGE" or values.get("ZIMAGE") is True


def _times(shape: tuple[int, ...]) -> str:
    return "(" + " x ".join(map(str, shape)) + ")"
