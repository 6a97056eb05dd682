"""Compress a product afterwards: the tile-compressed copy takes the place of the plain one.

For lights and stacks, which are nearly all bytes of a night. Masters stay plain: they are few, and
a light that is made again next year shall have the same bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astropy.io import fits

from ctmo_indi.pixels.write_fits import QUANTIZE_LEVEL, compress

HISTORY = f"Rice-compressed: integers exactly, floats to 1/{QUANTIZE_LEVEL:g} of their noise"

Answer = dict[str, Any]  # Any: small values


def is_compressed(path: Path) -> bool:
    """Tell whether the image of a product is compressed; OSError when it cannot be read."""
    with fits.open(path, lazy_load_hdus=True) as file:
        return not file[0].header.get("NAXIS", 0)


def compress_product(path: Path) -> Answer:
    """Compress a product in its place, or find it compressed; blocks for a second or two.

    The copy is written beside it, synced, and renamed to it: whoever has the file open keeps the
    plain one, and a crash leaves the one or the other, whole.

    Returns
    -------
    dict
        ``path`` and ``size_bytes`` of what is there now; ``was_compressed``.

    Raises
    ------
    UnreadableFrame, OSError
        As :func:`ctmo_indi.pixels.write_fits.compress`; the plain file stands.
    """
    was_compressed = is_compressed(path)
    if not was_compressed:
        compress(path, target=path, history=HISTORY)
    return {
        "path": str(path),
        "size_bytes": path.stat().st_size,
        "was_compressed": was_compressed,
    }
