"""A site's own list of bad pixels: a FITS mask, or a text of pixels, columns, rows and rectangles.

Text, one entry a line, as FITS counts: column first, from 1 on, both ends included::

    # the camera's sheet, 2026
    [117,2044]       a pixel
    [512,*]          a column
    [*,1033]         a row
    [30:34,*]        columns
    [100:120,5:9]    a rectangle

A FITS mask has the size of the sensor; what is not 0 is bad. Both are of a frame that is read whole
and unbinned: for a binned frame a pixel is bad when one of those it is made of is. Rows and columns
of the sensor that fill no binned one may be among them.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels.fits_pixels import read_frame

Flags = NDArray[np.bool_]

_RANGE = r"\s*(\*|\d+)(?:\s*:\s*(\d+))?\s*"
_ENTRY = re.compile(rf"\[{_RANGE},{_RANGE}\]")
_LONGEST_TEXT = 16 << 20  # bytes


def read_bad_pixels(path: Path, shape: tuple[int, int], binning: tuple[int, int]) -> Flags:
    """Return the bad pixels of a frame; blocks.

    Parameters
    ----------
    shape
        Rows and columns of the frame, before it is trimmed.
    binning
        Rows and columns of the sensor in one of the frame's.

    Returns
    -------
    bool, of that shape

    Raises
    ------
    UnreadableFrame
        The file cannot be read, an entry is none or lies outside, or the mask has another size.
    """
    of_sensor = shape[0] * binning[0], shape[1] * binning[1]
    try:
        with path.open("rb") as file:
            start = file.read(_LONGEST_TEXT)
    except OSError as error:
        raise UnreadableFrame(f"{path}: {error.strerror}; expected a list of bad pixels") from error
    is_text = start.lstrip()[:1] in (b"[", b"#", b"") or path.suffix in (".txt", ".lst", ".list")
    flags = (
        _listed(path, start, of_sensor, binning) if is_text else _masked(path, of_sensor, binning)
    )
    rows, columns = shape
    return np.asarray(flags.reshape(rows, binning[0], columns, binning[1]).any(axis=(1, 3)))


def _masked(path: Path, shape: tuple[int, int], binning: tuple[int, int]) -> Flags:
    data = read_frame(path).data
    spare = data.shape[0] - shape[0], data.shape[1] - shape[1]  # rows that fill no binned one
    if not all(0 <= one < most for one, most in zip(spare, binning, strict=True)):
        raise UnreadableFrame(
            f"{path}: {data.shape[1]} x {data.shape[0]} pixels came, "
            f"expected {shape[1]} x {shape[0]} of the sensor"
        )
    return np.asarray(data[: shape[0], : shape[1]] != 0)


def _listed(path: Path, text: bytes, shape: tuple[int, int], binning: tuple[int, int]) -> Flags:
    flags = np.zeros((shape[0] + binning[0] - 1, shape[1] + binning[1] - 1), np.bool_)
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        match = _ENTRY.fullmatch(entry)
        columns = match and _slice(match[1], match[2], flags.shape[1])
        rows = match and _slice(match[3], match[4], flags.shape[0])
        if columns is None or rows is None:
            raise UnreadableFrame(
                f"{path}:{number}: {entry[:40]!r} came, expected [column,row] such as [12,7], "
                f"[12,*] or [1:5,3:9] within {flags.shape[1]} x {flags.shape[0]} pixels"
            )
        flags[rows, columns] = True
    return flags[: shape[0], : shape[1]]


def _slice(first: str, last: str | None, length: int) -> slice | None:
    if first == "*":
        return slice(0, length) if last is None else None
    begin, end = int(first), int(last or first)
    return slice(begin - 1, end) if 1 <= begin <= end <= length else None
