"""Frames that belong together: prepared alike and read some rows at a time.

What :mod:`ctmo_indi.pixels.combine` combines.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # uint16 or float32

import numpy as np
from numpy.typing import NDArray

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels.detector import OverscanPer, section_within
from ctmo_indi.pixels.fits_pixels import ImageLayout, PixelFile, read_layout, unsigned
from ctmo_indi.pixels.overscan import read_level

Plane = NDArray[np.float32]

FEWEST, MOST = 2, 255
"""Frames that can be combined."""

_CACHED_BYTES = 6 << 20  # a band that stays in the third-level cache is read from memory once
_MEGABYTE = 1 << 20
_LEVEL_PIXELS = 1 << 20


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to each frame first: (frame - overscan - bias - dark scale x dark) / scale.

    Parameters
    ----------
    bias, dark : float32, shape (ny, nx) of the trimmed frame, or None
        Masters, ADU.
    bias_error, dark_error : float32, shape (ny, nx), or None
        Their errors (one sigma), ADU. They are the same for all frames: they do not average out and
        are added to the result's error in quadrature.
    dark_scales
        One for each frame (exposure of the frame / exposure of the dark), or a single one for all.
    scales
        Divisors, one for each frame, such as :func:`median_levels`; None: frames are not scaled.
    saturation_adu
        Raw values at or above it do not count; infinity: all do.
    overscan, trim, overscan_per
        As of :class:`ctmo_indi.pixels.detector.Detector`, for all frames.
    """

    bias: Plane | None = None
    bias_error: Plane | None = None
    dark: Plane | None = None
    dark_error: Plane | None = None
    dark_scales: tuple[float, ...] = (1.0,)
    scales: tuple[float, ...] | None = None
    saturation_adu: float = math.inf
    overscan: str | None = None
    trim: str | None = None
    overscan_per: OverscanPer = "line"

    def has_one_offset(self) -> bool:
        """Tell whether all frames are treated alike, and not scaled."""
        is_same_dark = self.dark is None or len(set(self.dark_scales)) == 1
        return self.scales is None and is_same_dark


def median_levels(paths: Sequence[Path], prepare: Preparation) -> tuple[float, ...]:
    """Return the median of each frame after bias and dark, to be its scale; ADU.

    Saturated pixels do not count; NaN if all are. Of large images whole rows at equal distances are
    taken, a million pixels together. ``prepare.scales`` is not looked at. Blocks; any thread.

    Raises
    ------
    UnreadableFrame, ValueError
        As :func:`combine`.
    """
    layouts = [read_layout(path) for path in paths]
    unscaled = replace(prepare, scales=None)
    ny, nx = check(layouts, unscaled)
    step = max(1, ny * nx // _LEVEL_PIXELS)
    levels = []
    for number, layout in enumerate(layouts):
        with _Frame(layout, prepare) as frame:
            rows = [
                prepared(frame.numbers(row, row + 1), unscaled, number, slice(row, row + 1))
                for row in range(step // 2, ny, step)
            ]
        values = np.concatenate(rows)
        values = values[np.isfinite(values)]
        levels.append(float(np.median(values)) if len(values) else math.nan)
    return tuple(levels)


def check(layouts: Sequence[ImageLayout], prepare: Preparation) -> tuple[int, int]:
    """Return rows and columns of the trimmed frames.

    Raises
    ------
    UnreadableFrame, ValueError
        Frames, sections, planes and lists do not fit each other.
    """
    if not FEWEST <= len(layouts) <= MOST:
        raise ValueError(f"{len(layouts)} frames to combine, expected {FEWEST} to {MOST}")
    first = layouts[0]
    for layout in layouts[1:]:
        if (layout.ny, layout.nx) != (first.ny, first.nx):
            raise UnreadableFrame(
                f"{layout.path}: {layout.nx} x {layout.ny} pixels came, "
                f"expected {first.nx} x {first.ny} as in {first.path}"
            )
    rows, columns = section_within(prepare.trim, (first.ny, first.nx))
    shape = rows.stop - rows.start, columns.stop - columns.start
    for name in ("bias", "bias_error", "dark", "dark_error"):
        plane = getattr(prepare, name)
        if plane is not None and plane.shape != shape:
            raise ValueError(f"{name} has shape {plane.shape}, expected {shape}")
    if len(prepare.dark_scales) not in (1, len(layouts)):
        raise ValueError(f"{len(prepare.dark_scales)} dark scales, expected 1 or {len(layouts)}")
    if prepare.scales is not None:
        if len(prepare.scales) != len(layouts):
            raise ValueError(f"{len(prepare.scales)} scales, expected {len(layouts)}")
        if not all(0.0 < scale < math.inf for scale in prepare.scales):
            raise ValueError(f"scales are {prepare.scales}, expected finite ones above 0")
    return shape


class _Frame:
    """An open file of which the trimmed part is read, less its overscan where it is asked for."""

    def __init__(self, layout: ImageLayout, prepare: Preparation) -> None:
        self._file = PixelFile(layout)
        self._rows, self._columns = section_within(prepare.trim, (layout.ny, layout.nx))
        self._is_whole = self._columns == slice(0, layout.nx)
        self._prepare = prepare
        self._level: NDArray[np.float64] | None = None

    def __enter__(self) -> _Frame:
        layout, prepare = self._file.layout, self._prepare
        if prepare.overscan is not None:
            level = read_level(layout, prepare.overscan, prepare.overscan_per)
            level = level[self._rows] if len(level) > 1 else level
            self._level = level[:, self._columns] if level.shape[1] > 1 else level
        self._file.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    def stored(self, first: int, last: int, out: NDArray[Any]) -> None:
        """Read 16-bit rows as plain files store them, saturated ones and all."""
        self._read(first, last, out)
        if not self._file.is_stored:
            np.bitwise_xor(out, np.uint16(0x8000), out=out)
            out.byteswap(inplace=True)

    def numbers(self, first: int, last: int) -> Plane:
        """Read rows as float32; saturated pixels become NaN, the overscan is subtracted."""
        nx = self._columns.stop - self._columns.start
        rows = np.empty((last - first, nx), self._file.layout.dtype)
        self._read(first, last, rows)
        if self._file.is_stored:
            unsigned(rows)
        values = drop_saturated(rows.astype(np.float32, copy=False), self._prepare)
        if self._level is None:
            return values
        level = self._level[first:last] if len(self._level) > 1 else self._level
        return (values - level).astype(np.float32)

    def _read(self, first: int, last: int, out: NDArray[Any]) -> None:
        begin, end = self._rows.start + first, self._rows.start + last
        if self._is_whole:
            self._file.read(begin, end, out)
            return
        layout = self._file.layout
        band = np.empty((last - first, layout.nx), layout.dtype)
        self._file.read(begin, end, band)
        out[...] = band[:, self._columns]


class Bands:
    """All frames, open, to be read some rows at a time into one buffer.

    Plain 16-bit frames of which the same is subtracted come as they are stored, all others as
    prepared float32; rows and columns are those of the trimmed frames.
    """

    def __init__(
        self, layouts: Sequence[ImageLayout], prepare: Preparation, memory_mb: float
    ) -> None:
        self._prepare = prepare
        self._frames = [_Frame(layout, prepare) for layout in layouts]
        self._closing = contextlib.ExitStack()
        self._ny, nx = check(layouts, prepare)
        is_integer = all(layout.dtype == np.uint16 for layout in layouts)
        is_integer = is_integer and prepare.has_one_offset() and prepare.overscan is None
        dtype = np.dtype(np.uint16 if is_integer else np.float32)
        row_bytes = len(layouts) * nx * dtype.itemsize
        room = int(memory_mb * _MEGABYTE)
        if all(layout.data_offset is not None for layout in layouts):
            room = min(room, _CACHED_BYTES)
        self._n_rows = min(self._ny, max(1, room // row_bytes))
        self._buffer = np.empty((len(layouts), self._n_rows, nx), dtype)

    def __enter__(self) -> Bands:
        for frame in self._frames:
            self._closing.enter_context(frame)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def rows(self) -> Iterator[tuple[int, int]]:
        """Give first and last row of one band after the other."""
        for first in range(0, self._ny, self._n_rows):
            yield first, min(first + self._n_rows, self._ny)

    def read(self, first: int, last: int) -> NDArray[Any]:
        """Return the samples of a band, shape (n, rows x nx); valid until the next one."""
        whole = last - first == self._n_rows
        band = self._buffer if whole else self._buffer[:, : last - first].copy()
        for number, (frame, rows) in enumerate(zip(self._frames, band, strict=True)):
            if band.dtype == np.uint16:
                frame.stored(first, last, rows)
            elif self._prepare.has_one_offset():  # it is subtracted from the result
                rows[...] = frame.numbers(first, last)
            else:
                values = frame.numbers(first, last)
                rows[...] = prepared(values, self._prepare, number, slice(first, last))
        return band.reshape(len(band), -1)


def drop_saturated(values: Plane, prepare: Preparation) -> Plane:
    """Make saturated pixels NaN, in place."""
    if math.isfinite(prepare.saturation_adu):
        values[values >= prepare.saturation_adu] = np.nan
    return values


def prepared(values: Plane, prepare: Preparation, number: int, band: slice) -> Plane:
    """Subtract bias and dark from rows of a frame and divide them by its scale, in place."""
    if prepare.bias is not None:
        values -= prepare.bias[band]
    if prepare.dark is not None:
        values -= _dark_scale(prepare, number) * prepare.dark[band]
    if prepare.scales is not None:
        values /= np.float32(prepare.scales[number])
    return values


def _dark_scale(prepare: Preparation, number: int) -> np.float32:
    scales = prepare.dark_scales
    return np.float32(scales[number] if len(scales) > 1 else scales[0])
