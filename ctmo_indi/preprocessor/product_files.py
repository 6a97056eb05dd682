"""Products as files: planes, mask names, and a table of what they were made of.

Four units: the image (primary, so that every viewer shows it), ERR (one sigma), MASK and INPUTS.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from ctmo_indi.models.fits_text import to_ascii
from ctmo_indi.pixels.mask import Mask
from ctmo_indi.pixels.write_fits import write_products
from ctmo_indi.preprocessor.product_headers import (
    PRODUCT_ID,
    PRODUCT_KIND,
    Input,
    Made,
    inputs_of,
    statistics_of,
)

Plane = NDArray[np.float32]
MaskPlane = NDArray[np.uint8]
_UNITS = 4
_COLUMNS = (("ROLE", "A8"), ("NAME", "A128"), ("IDENTITY", "A64"), ("RULE", "A240"))


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a product says of itself.

    Parameters
    ----------
    kind
        Code such as CALIB_LIGHT.
    steps
        Lines of HISTORY.
    """

    path: Path
    product_id: str
    kind: str
    inputs: tuple[Input, ...]
    steps: tuple[str, ...]


def write_product(
    path: Path,
    made: Made,
    header: fits.Header,
    data: Plane,
    error: Plane,
    mask: MaskPlane,
) -> None:
    """Write a product whole or not at all; blocks for a disk sync.

    Raises
    ------
    OSError
        It could not be written; no file with that name is left.
    """
    error_unit = fits.ImageHDU(error, name="ERR")
    error_unit.header["BUNIT"] = (made.unit, "one sigma")
    error_unit.header["UTYPE"] = ("StdDevUncertainty", "what it is to astropy's CCDData")
    mask_unit = fits.ImageHDU(mask, name="MASK")
    for bit in Mask:
        mask_unit.header[f"BIT{bit.value.bit_length() - 1}"] = (bit.name, f"meaning of {bit.value}")
    rows = inputs_of(made)
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column(name, format_, array=np.array([to_ascii(row[number]) for row in rows]))
            for number, (name, format_) in enumerate(_COLUMNS)
        ],
        name="INPUTS",
    )
    primary = fits.PrimaryHDU(data, header)
    path.parent.mkdir(parents=True, exist_ok=True)
    units = [primary, error_unit, mask_unit, table]
    try:
        write_products(path, units)
    except OSError as error:
        # Of a table astropy 8.0 and numpy say in words only that the disk is full.
        is_full = shutil.disk_usage(path.parent).free < sum(unit.filebytes() for unit in units)
        if error.errno is None and (is_full or "space" in str(error)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def verified(path: Path, product_id: str) -> dict[str, float] | None:
    """Return the statistics of a product that is there and whole; None when it is not.

    Blocks: every checksum is computed.
    """
    try:
        with warnings.catch_warnings(), path.open("rb") as stream:
            warnings.simplefilter("error", AstropyWarning)  # of a wrong sum, of a cut file
            with fits.open(stream, checksum=True, memmap=False) as file:
                number = _image_number(file)
                header = file[number].header
                for unit in file:
                    _ = unit.data
                last = file[-1].fileinfo()
                is_whole = last["datLoc"] + last["datSpan"] == path.stat().st_size
                is_same = header.get(PRODUCT_ID) == product_id
                is_same = is_same and len(file) == _UNITS + number
    except (OSError, ValueError, TypeError, KeyError, IndexError, AstropyWarning):
        return None
    return statistics_of(header) if is_same and is_whole else None


def header_statistics(path: Path) -> dict[str, float] | None:
    """Return the statistics in a product's header; None when it cannot be read."""
    with contextlib.suppress(OSError):
        return statistics_of(read_product_header(path))
    return None


def read_product_header(path: Path) -> fits.Header:
    """Return the header of a product, plain or compressed; OSError when it cannot be read."""
    with fits.open(path, lazy_load_hdus=True) as file:
        header: fits.Header = file[_image_number(file)].header.copy()
        return header


def _image_number(file: Any) -> int:  # Any: astropy has no types
    """Return the number of the image's unit: compressed images are tables, never primary."""
    return 0 if file[0].header.get("NAXIS", 0) else 1


def read_planes(path: Path) -> tuple[Plane, Plane, MaskPlane]:
    """Read image, error and mask; OSError when it cannot be read."""
    with fits.open(path, memmap=False) as file:
        return (
            np.asarray(file[_image_number(file)].data, np.float32),
            np.asarray(file["ERR"].data, np.float32),
            np.asarray(file["MASK"].data, np.uint8),
        )


def provenance(path: Path) -> Provenance | None:
    """Return what a file says of what it was made of; None when it is no product of ours."""
    try:
        with fits.open(path, lazy_load_hdus=True) as file:
            header: Any = file[0].header  # Any: astropy has no types
            if PRODUCT_ID not in header and len(file) == _UNITS + 1:
                header = file[1].header
            if PRODUCT_ID not in header:
                return None
            table = file["INPUTS"].data
            inputs = tuple(Input(*(str(row[name]) for name, _ in _COLUMNS)) for row in table)
            steps = tuple(map(str, header.get("HISTORY", ())))
            return Provenance(path, header[PRODUCT_ID], header[PRODUCT_KIND], inputs, steps)
    except (OSError, KeyError, TypeError):
        return None
