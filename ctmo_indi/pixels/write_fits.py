"""Write products: under their name only when they are whole and on the disk, with checksums.

Plain images, which are nearly all bytes of a product, are written from here: astropy would copy
each plane once more to swap its bytes, and go through it twice for two sums. Here a band of rows is
swapped, summed and written while it is in the cache, and the disk is at work from the first plane
on. Tables and compressed images are astropy's; so are all headers.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO  # astropy has no types

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ctmo_indi.durable_file import replacing
from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.first_import import FIRST_IMPORT

SUFFIX = ".fz"
"""What a compressed file has after the name of the plain one, as fpack writes it."""

QUANTIZE_LEVEL = 16.0
"""Floats are kept to the noise over this number: adds 0.03 % to the variance, 1 / (12 x 16^2)
(Pence, White & Seaman 2010, PASP 122, 1065)."""

_NOT_OF_A_COMPRESSED_UNIT = ("CHECKSUM", "DATASUM", "SIMPLE", "EXTEND")
_BLOCK = 2880  # bytes; every unit fills whole ones
_BAND = 1 << 18  # bytes that stay in the cache of a processor
_PLAIN = (np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.uint8))
_NO_CHECKSUM = "0" * 16
_SYNC_EVERY = 1 << 23  # bytes
Piece = bytes | memoryview
_SYNC = getattr(os, "fdatasync", os.fsync)  # macOS has none


def write_products(path: Path, units: Sequence[Any]) -> None:
    """Write a file of several units in place of whatever has its name.

    A temporary file beside it (``.NAME.part``) is written, synced, renamed, and the folder synced;
    a crash leaves the old file or the new one, and maybe the temporary file. Every unit gets
    CHECKSUM and DATASUM. Blocks for a disk sync; any thread.

    Parameters
    ----------
    units
        Units of astropy, the primary one first. Their headers get the checksums; their data stays
        as it is.

    Raises
    ------
    OSError
        The disk is full, read-only or gone: the old file stands, nothing else is left.
    ValueError
        A header has what FITS does not allow; as for OSError.
    """
    whole = fits.HDUList(units)
    try:
        whole.verify("exception")
        whole.update_extend()
        with replacing(path) as file:
            _write(file, units)
    except fits.VerifyError as error:
        raise ValueError(f"{path}: no FITS: {error}") from error


def _write(file: BinaryIO, units: Sequence[Any]) -> None:
    """Write all units; the disk is kept at work meanwhile, so that little waits for the last sync.

    A full disk may be told by a sync as well as by a write; either ends the file.
    """
    under_way: Future[None] | None = None
    unsynced = 0
    with ThreadPoolExecutor(1, thread_name_prefix="sync") as syncing:

        def write(piece: Piece) -> None:
            nonlocal under_way, unsynced
            file.write(piece)
            unsynced += len(piece)
            if unsynced > _SYNC_EVERY and (under_way is None or under_way.done()):
                if under_way is not None:
                    under_way.result()
                under_way, unsynced = syncing.submit(_SYNC, file.fileno()), 0

        for unit in units:
            if _is_plain(unit):
                _write_plain(unit, write, file)
            else:
                write(_by_astropy(unit))
        if under_way is not None:
            under_way.result()


def _is_plain(unit: Any) -> bool:
    """Whether the stored pixels are those in memory, but for the order of bytes."""
    if type(unit) not in (fits.PrimaryHDU, fits.ImageHDU) or not isinstance(unit.data, np.ndarray):
        return False
    is_scaled = not {"BSCALE", "BZERO", "BLANK"}.isdisjoint(unit.header)
    return unit.data.dtype in _PLAIN and unit.data.flags.c_contiguous and not is_scaled


def _write_plain(unit: Any, write: Callable[[Piece], None], file: BinaryIO) -> None:
    """Write header and pixels of a plain image; the header once more when its sums are known."""
    with FIRST_IMPORT:
        # numba: 1 s to import.
        from ctmo_indi.pixels.plane_kernels import store_words, sum_of_turned

    flat = unit.data.reshape(-1)
    begin = file.tell()
    write(_header(unit.header, 0))
    if flat.itemsize == 1:
        write(flat.data)
        most = flat.size // 4 * 4
        rest = flat[most:].tobytes().ljust(4, b"\0")
        total = int(sum_of_turned(flat[:most].view("<u4"))) + int.from_bytes(rest, "big")
    else:
        words, total = flat.view(np.uint32), 0
        band = np.empty(min(_BAND, flat.nbytes) // 4, np.uint32)
        for first in range(0, words.size, band.size):
            part = band[: min(band.size, words.size - first)]
            total += int(store_words(words[first : first + part.size], part))
            write(part.view(np.uint8).data)
    write(bytes(-flat.nbytes % _BLOCK))
    file.seek(begin)
    file.write(_header(unit.header, _folded(total)))
    file.seek(0, os.SEEK_END)


def _header(header: Any, data_sum: int) -> bytes:
    """Put both sums into a header and return it as it is written; its length is always the same."""
    header["DATASUM"] = (str(data_sum), "sum of the data unit, 32 bit, ones' complement")
    header["CHECKSUM"] = (_NO_CHECKSUM, "makes the sum of the unit -0")
    text: bytes = header.tostring().encode("ascii")
    words = np.frombuffer(text, ">u4")
    encoded = encoded_checksum(_folded(int(words.sum(dtype=np.uint64)) + data_sum))
    header["CHECKSUM"] = encoded
    place = text.index(f"CHECKSUM= '{_NO_CHECKSUM}'".encode()) + len("CHECKSUM= '")
    return text[:place] + encoded.encode() + text[place + len(encoded) :]


def _folded(total: int) -> int:
    """Return a sum in 32-bit ones' complement."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def encoded_checksum(total: int) -> str:
    """Return the value of CHECKSUM for a unit whose sum without it is ``total``.

    Sixteen letters and digits that stand for the complement of the sum, as appendix J of the FITS
    standard 4.0 encodes it: each byte becomes four characters with its sum, those among them that
    are neither letter nor digit give one to their neighbour, and the last comes first.
    """
    columns = []
    for byte in (~total & 0xFFFFFFFF).to_bytes(4, "big"):
        four = [byte // 4 + ord("0")] * 4
        four[0] += byte % 4
        for first in (0, 2):
            while not all(chr(one).isalnum() for one in four[first : first + 2]):
                four[first] += 1
                four[first + 1] -= 1
        columns.append(four)
    text = "".join(chr(four[row]) for row in range(4) for four in columns)
    return text[-1] + text[:-1]


def _by_astropy(unit: Any) -> Piece:
    """Give a table or a compressed image, with its checksums, as astropy writes it."""
    stream = io.BytesIO()
    is_first = isinstance(unit, fits.PrimaryHDU)
    units = [unit] if is_first else [fits.PrimaryHDU(), unit]
    fits.HDUList(units).writeto(stream, checksum=True, output_verify="ignore")  # it was, with all
    return stream.getbuffer()[0 if is_first else _BLOCK :]


def compress(
    path: Path,
    *,
    target: Path | None = None,
    quantize_level: float = QUANTIZE_LEVEL,
    history: str = "",
) -> Path:
    """Write a Rice-compressed copy of a FITS file and return its path, ``NAME.fz`` beside it.

    Integers are kept exactly. Floats are not: they are rounded to steps of the noise (of the
    differences of neighbouring pixels) over ``quantize_level``, with subtractive dither, so that
    their mean stays; NaN and 0 stay exact. The plain file stays unless it is the target. Takes
    about 0.3 s for 16 million pixels of 16 bits and 1.2 s for as many floats.

    Parameters
    ----------
    target
        Where to write it instead; may be ``path`` itself.
    history
        A line for the HISTORY of the first image.

    Raises
    ------
    UnreadableFrame
        It is no FITS file.
    OSError
        The copy could not be written; there is none.
    """
    target = path.with_name(path.name + SUFFIX) if target is None else target
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            source = fits.open(path, memmap=False)
        except (OSError, ValueError, fits.VerifyError) as error:
            raise UnreadableFrame(f"{path}: {error}; expected a FITS file") from error
        with source:
            units = [fits.PrimaryHDU()]
            units += [_compressed(unit, quantize_level) for unit in source if unit.size]
            if history:
                units[1].header.add_history(history)
            write_products(target, units)
    return target


def _compressed(unit: Any, quantize_level: float) -> Any:
    if not unit.is_image or isinstance(unit, fits.CompImageHDU):
        return unit
    data, header = unit.data, unit.header.copy()
    for keyword in _NOT_OF_A_COMPRESSED_UNIT:
        header.remove(keyword, ignore_missing=True)
    settings: dict[str, Any] = {"compression_type": "RICE_1"}
    if np.issubdtype(data.dtype, np.floating):
        settings |= {"quantize_level": quantize_level, "quantize_method": 2, "dither_seed": 1}
    return fits.CompImageHDU(data, header, name=unit.name, **settings)
