"""Which folder an order means, whether it may be read, and where its products go.

An order names a folder of our file system, and whoever may submit orders is not thereby entitled to
have any folder read or written. So the folder's real place, with every symbolic link followed, must
lie below a declared root.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ctmo_indi.errors import BadOrder

SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz", ".fit.fz")
"""Names of frames end so, in whatever case."""

RAW = "raw"
PRODUCTS = "products"


def night_folder(location: str, roots: Iterable[Path]) -> Path:
    """Return the real folder of raw frames that is meant; blocks for some calls of the system.

    Parameters
    ----------
    location
        Absolute path without "..", of a folder of frames or of a night that has them in ``raw``.
    roots
        Folders below one of which it must lie, or which it may be.

    Raises
    ------
    BadOrder
        It lies elsewhere, in name or behind a symbolic link, or is no folder. The text does not
        tell whether something outside the roots exists.
    """
    real_roots = [root.expanduser().resolve() for root in roots]
    named = Path(location)
    try:
        real = named.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL, a name too long
        raise _refused(location, f"cannot be followed: {error}", real_roots) from error
    _require_below(location, real, real_roots)
    if not real.is_dir():
        raise _refused(location, "is no folder", real_roots)
    inner = real / RAW
    if not inner.is_dir():
        return real
    inner = inner.resolve()
    _require_below(f"{location}/{RAW}", inner, real_roots)
    return inner


def products_folder(frames: Path) -> Path:
    """Return where the products of a folder of frames go: beside ``raw``, else below it."""
    return (frames.parent if frames.name == RAW else frames) / PRODUCTS


def _require_below(location: str, real: Path, roots: list[Path]) -> None:
    if not any(real.is_relative_to(root) for root in roots):
        raise _refused(location, "lies outside", roots)


def _refused(location: str, why: str, roots: list[Path]) -> BadOrder:
    below = " or ".join(map(str, roots))
    return BadOrder(f"File Location: {location!r:.200} {why}; expected a folder below {below}")
