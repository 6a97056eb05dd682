"""Read the pixels of a raw frame, whole or some rows of it.

Plain unsigned 16-bit images in the primary unit (BITPIX 16, BZERO 32768, what every camera driver
writes) are read straight from the file: astropy takes twice as long, and must read all rows to give
some. Everything else goes through astropy: Rice-compressed files, floats, the first image of a file
with several units.

Nothing is memory-mapped: astropy refuses it for images with BZERO, and pages of a mapped file would
count as ours. Everything blocks; any thread.
"""

from __future__ import annotations

import contextlib
import os
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # astropy has no types

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.pixels.image_structure import check_image, check_start
from ctmo_indi.pixels.write_fits import compress, write_products

__all__ = [
    "ImageLayout",
    "PixelFile",
    "RawFrame",
    "UnreadableFrame",
    "compress",
    "read_frame",
    "read_header",
    "read_layout",
    "read_rows",
    "unsigned",
    "write_products",
]

Pixels = NDArray[np.uint16] | NDArray[np.float32]

_SIGN_BIT = 32768
_BLOCK = 2880  # bytes; a file may lack the padding of its last one
# A spoiled header or tile makes astropy stumble in many ways; all mean that the file is no good.
_WHAT_ASTROPY_RAISES = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(MemoryError, RuntimeError, AssertionError, fits.VerifyError, zlib.error),
)


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """Where the image of a file is.

    Parameters
    ----------
    ny, nx
        Rows and columns, pixels.
    unit
        Number of the unit with the image, 0 for the primary one.
    data_offset
        Byte of the first pixel if the image is plain unsigned 16 bit; None when astropy reads it.
    dtype
        uint16, or float32 for all that is not unsigned 16 bit or has undefined pixels.
    blank_adu
        Value of undefined pixels of an unsigned image, which astropy does not look for.
    """

    path: Path
    ny: int
    nx: int
    unit: int
    data_offset: int | None
    dtype: np.dtype[Any]
    blank_adu: float | None = None


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as it was taken.

    Parameters
    ----------
    data : uint16 or float32, shape (ny, nx)
        Physical values, ADU. Unsigned 16-bit images stay such; all others become float32, where
        undefined pixels are NaN.
    header : astropy.io.fits.Header
        That of the image; see :func:`read_header`.
    """

    data: Pixels
    header: fits.Header


def read_header(path: Path) -> fits.Header:
    """Read the header of the first image, with the cards of the primary header it lacks.

    Raises
    ------
    UnreadableFrame
        The file cannot be opened, is no FITS, or has no image of two axes; a header that is
        impossible (see :mod:`ctmo_indi.pixels.image_structure`).
    """
    with _opened(path) as units:
        return _header(units, _first_image(path, units))


def read_layout(path: Path) -> ImageLayout:
    """Find the image of a file.

    Raises
    ------
    UnreadableFrame
        As :func:`read_header`, or the file ends before its last pixel.
    """
    with _opened(path) as units:
        return _layout(path, units)


def read_frame(path: Path) -> RawFrame:
    """Read header and pixels of a frame.

    Raises
    ------
    UnreadableFrame
        As :func:`read_layout`.
    """
    with _opened(path) as units:
        layout = _layout(path, units)
        header = _header(units, layout.unit)
    return RawFrame(read_rows(layout, 0, layout.ny), header)


def read_rows(layout: ImageLayout, first: int, last: int, out: Pixels | None = None) -> Pixels:
    """Read rows ``first`` to ``last - 1``.

    Parameters
    ----------
    out : shape (last - first, nx), of ``layout.dtype``, C order
        Filled in; a new array without it.

    Returns
    -------
    Array of shape (last - first, nx), of ``layout.dtype``, in the machine's byte order; ADU.

    Raises
    ------
    UnreadableFrame
        The file became shorter or cannot be read any more.
    """
    if out is None:
        out = np.empty((last - first, layout.nx), layout.dtype)
    with PixelFile(layout) as file:
        file.read(first, last, out)
    if layout.data_offset is not None:
        unsigned(out)
    return out


def unsigned(stored: NDArray[Any]) -> NDArray[Any]:
    """Turn 16-bit pixels as they are stored into their values, in place; see PixelFile."""
    stored.byteswap(inplace=True)
    np.bitwise_xor(stored, np.uint16(_SIGN_BIT), out=stored)
    return stored


class PixelFile:
    """An open image to be read in bands, without a copy in between; one thread at a time.

    Plain unsigned images are given as stored: big-endian, with the sign bit flipped (value minus
    32768 in two's complement). ``is_stored`` tells so; all others come as ``layout.dtype`` says.
    """

    def __init__(self, layout: ImageLayout) -> None:
        self.layout = layout
        self.is_stored = layout.data_offset is not None
        self._closing = contextlib.ExitStack()
        self._descriptor = -1
        self._image: Any = None

    def __enter__(self) -> PixelFile:
        layout = self.layout
        if self.is_stored:
            try:
                self._descriptor = os.open(layout.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise UnreadableFrame(f"{layout.path}: cannot be opened: {error}") from error
            self._closing.callback(os.close, self._descriptor)
        else:
            units = self._closing.enter_context(_opened(layout.path))
            try:
                self._image = units[layout.unit]
            except _WHAT_ASTROPY_RAISES as error:
                self._closing.close()
                raise UnreadableFrame(f"{layout.path}: is another file now: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def read(self, first: int, last: int, out: NDArray[Any]) -> None:
        """Read rows ``first`` to ``last - 1`` into ``out``, shape (last - first, nx), C order.

        Raises
        ------
        UnreadableFrame
            The file became shorter or cannot be read any more.
        """
        if self.is_stored:
            self._read_stored(first, out)
            return
        try:
            section = self._image.section
            out[...] = section[first:last] if len(section.shape) == 2 else section[0, first:last]
        except Exception as error:  # its decompressors' own exception has no public name
            raise UnreadableFrame(
                f"{self.layout.path}: no pixels came: {error or type(error).__name__}, expected "
                f"rows {first} to {last - 1} of {self.layout.nx} x {self.layout.ny}"
            ) from error
        if self.layout.blank_adu is not None:
            out[out == self.layout.blank_adu] = np.nan

    def _read_stored(self, first: int, out: NDArray[Any]) -> None:
        assert self.layout.data_offset is not None
        offset = self.layout.data_offset + first * self.layout.nx * 2
        rest = out.view(np.uint8).reshape(-1).data
        try:
            while rest:
                came = os.preadv(self._descriptor, [rest], offset)
                if not came:
                    raise UnreadableFrame(
                        f"{self.layout.path}: ends at byte {offset}, expected {len(rest)} more"
                    )
                offset += came
                rest = rest[came:]
        except OSError as error:
            raise UnreadableFrame(f"{self.layout.path}: cannot be read: {error}") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # What a driver or a camera program wrote is not ours to complain about; what cannot be read
    # is seen by what follows.
    check_start(path)
    with warnings.catch_warnings(), contextlib.ExitStack() as closing:
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            # opened here: astropy leaves a file open whose header it cannot read
            stream = closing.enter_context(path.open("rb"))
            yield closing.enter_context(fits.open(stream, memmap=False, lazy_load_hdus=True))
        except _WHAT_ASTROPY_RAISES as error:
            raise _no_fits(path, error) from error


def _no_fits(path: Path, error: BaseException) -> UnreadableFrame:
    return UnreadableFrame(f"{path}: {error or type(error).__name__}; expected a FITS image")


def _first_image(path: Path, units: Any) -> int:
    """Return the number of the first unit with pixels."""
    seen = []
    try:
        for number in range(64):  # units load as they are asked for
            unit = units[number]
            if unit.is_image and unit.shape:
                return number
            seen.append(f"{unit.name or number} without pixels")
    except IndexError:
        pass
    raise UnreadableFrame(f"{path}: {', '.join(seen) or 'nothing'} came, expected an image")


def _layout(path: Path, units: Any) -> ImageLayout:
    number = _first_image(path, units)
    unit = units[number]
    ny, nx = check_image(path, tuple(unit.shape), unit.header)
    header = unit.header
    blank_adu = None
    is_unsigned = (
        header["BITPIX"] == 16
        and header.get("BZERO", 0) == _SIGN_BIT
        and header.get("BSCALE", 1) == 1
    )
    if is_unsigned and "BLANK" in header:
        is_unsigned, blank_adu = False, float(header["BLANK"] + _SIGN_BIT)
    place = unit.fileinfo()
    is_compressed = isinstance(unit, fits.CompImageHDU)
    size = place["datSpan"] if is_compressed else unit.size
    end, there = place["datLoc"] + size, path.stat().st_size
    is_packed = not check_start(path)  # gzip and the like: astropy unpacks it
    if not is_packed and there <= end - (_BLOCK if is_compressed else 1):
        raise UnreadableFrame(f"{path}: truncated, {there} bytes came, expected {end}")
    is_plain = is_unsigned and not is_compressed and not is_packed and number == 0
    return ImageLayout(
        path=path,
        ny=ny,
        nx=nx,
        unit=number,
        data_offset=place["datLoc"] if is_plain else None,
        dtype=np.dtype(np.uint16 if is_unsigned else np.float32),
        blank_adu=blank_adu,
    )


def _header(units: Any, number: int) -> fits.Header:
    header = units[number].header.copy()
    if number:
        header.extend(units[0].header, strip=True, unique=True)
    return header
