"""Write products: under their name only when they are whole and on the disk, with checksums."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any  # astropy has no types

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ctmo_indi.durable_file import replacing
from ctmo_indi.errors import UnreadableFrame

SUFFIX = ".fz"
"""What a compressed file has after the name of the plain one, as fpack writes it."""

QUANTIZE_LEVEL = 16.0
"""Floats are kept to the noise over this number: adds 0.03 % to the variance, 1 / (12 x 16^2)
(Pence, White & Seaman 2010, PASP 122, 1065)."""

_NOT_OF_A_COMPRESSED_UNIT = ("CHECKSUM", "DATASUM", "SIMPLE", "EXTEND")


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
    try:
        with replacing(path) as file:
            fits.HDUList(units).writeto(file, checksum=True, output_verify="exception")
    except fits.VerifyError as error:
        raise ValueError(f"{path}: no FITS: {error}") from error


def compress(path: Path, *, quantize_level: float = QUANTIZE_LEVEL) -> Path:
    """Write a Rice-compressed copy beside a FITS file and return its path, ``NAME.fz``.

    Integers are kept exactly. Floats are not: they are rounded to steps of the noise (of the
    differences of neighbouring pixels) over ``quantize_level``, with subtractive dither, so that
    their mean stays; NaN and 0 stay exact. The plain file stays. Takes about 0.3 s for 16 million
    pixels of 16 bits and 1.2 s for as many floats.

    Raises
    ------
    UnreadableFrame
        It is no FITS file.
    OSError
        The copy could not be written; there is none.
    """
    target = path.with_name(path.name + SUFFIX)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            source = fits.open(path, memmap=False)
        except (OSError, ValueError, fits.VerifyError) as error:
            raise UnreadableFrame(f"{path}: {error}; expected a FITS file") from error
        with source:
            units = [fits.PrimaryHDU()]
            units += [_compressed(unit, quantize_level) for unit in source if unit.size]
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
