"""A rough photometric zero point of a solved light, when the star catalogue is installed.

The magnitudes are Gaia's G, a very broad band, and are not converted to the light's filter; the
catalogue ends at G = 10. So the number is good for a night's transparency and for noticing a wrong
filter or a closed dome, to some tenths of a magnitude; it is labelled as approximate. It is no
calibration of photometry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctmo_indi.errors import ConfigError
from ctmo_indi.gaia_stars import read_stars
from ctmo_indi.preprocessor.astrometry import Card

if TYPE_CHECKING:
    import numpy as np
    from astropy.wcs import WCS
    from numpy.typing import NDArray

    from ctmo_indi.pixels.quality import Stars

FEWEST_STARS = 3
MATCH_PX = 3.0
SYSTEM = "Gaia G, approximate"
_MAD_TO_SIGMA = 1.482602218505602


@dataclass(frozen=True, slots=True)
class ZeroPoint:
    """What a star of one unit of flux per second would have, by the median of the matched stars.

    Attributes
    ----------
    magnitude
        G = ``magnitude`` - 2.5 lg(flux / exposure time).
    scatter_mag
        Robust standard deviation of one star: 1.48 MAD.
    stars
        How many were matched.
    """

    magnitude: float
    scatter_mag: float
    stars: int


@dataclass(frozen=True, slots=True)
class NoZeroPoint:
    """None, and why."""

    reason: str


def zero_point(
    stars: Stars, wcs: WCS, shape: tuple[int, int], exposure_s: float
) -> ZeroPoint | NoZeroPoint:
    """Compare the fluxes of a light's clean stars with the catalogue; blocks for some 10 ms.

    Parameters
    ----------
    wcs
        Measured world coordinates; a header's pointing would match the wrong stars.
    shape
        Rows and columns.
    exposure_s
        Seconds, above 0.
    """
    import numpy as np

    if not 0.0 < exposure_s < math.inf:
        return NoZeroPoint(f"exposure of {exposure_s:g} s")
    try:
        x, y, magnitude = _expected(wcs, shape)
    except ConfigError as error:
        return NoZeroPoint(str(error))
    usable = np.flatnonzero(stars.is_clean & (stars.flux > 0.0))
    if not len(usable) or not len(x):
        return NoZeroPoint(f"{len(usable)} clean stars, {len(x)} of the catalogue in the frame")
    distance = np.hypot(
        stars.x_px[usable][:, None] - x[None, :], stars.y_px[usable][:, None] - y[None, :]
    )
    # Each the other's nearest: a double star of the catalogue that is one here is left out.
    nearest = distance.argmin(axis=0)
    mutual = distance.argmin(axis=1)[nearest] == np.arange(len(x))
    matched = mutual & (distance[nearest, np.arange(len(x))] <= MATCH_PX)
    if np.count_nonzero(matched) < FEWEST_STARS:
        return NoZeroPoint(
            f"{np.count_nonzero(matched)} stars matched, expected at least {FEWEST_STARS}"
        )
    flux = stars.flux[usable][nearest[matched]]
    points = magnitude[matched] + 2.5 * np.log10(flux / exposure_s)
    middle = float(np.median(points))
    scatter = _MAD_TO_SIGMA * float(np.median(np.abs(points - middle)))
    return ZeroPoint(middle, scatter, len(points))


def cards(found: ZeroPoint | NoZeroPoint) -> tuple[Card, ...]:
    """Return what a product's header says of it; nothing when there is none."""
    if isinstance(found, NoZeroPoint):
        return ()
    return (
        ("MAGZPT", round(found.magnitude, 3), "[mag] of one electron per second"),
        ("MAGZPSIG", round(found.scatter_mag, 3), "[mag] scatter of one star, 1.48 MAD"),
        ("MAGZPNUM", found.stars, "stars of the catalogue"),
        ("MAGZPSYS", SYSTEM, "filter not converted: no photometric calibration"),
    )


def _expected(
    wcs: WCS, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return positions (0-based pixels) and magnitudes of the catalogue's stars in the frame."""
    import numpy as np

    ny, nx = shape
    corners = np.array([(0, 0), (nx - 1, 0), (0, ny - 1), (nx - 1, ny - 1), (nx / 2, ny / 2)])
    to = _unit(*wcs.all_pix2world(corners, 0).T)
    catalogue = read_stars()
    reach = float(np.arccos(np.clip(to[:4] @ to[4], -1.0, 1.0)).max())
    dec = math.degrees(math.asin(max(-1.0, min(1.0, float(to[4, 2])))))
    catalogue = catalogue[np.abs(catalogue["dec"] - dec) <= math.degrees(reach)]
    # Also keeps out what lies behind the tangent plane, where the projection means nothing.
    near = _unit(catalogue["ra"], catalogue["dec"]) @ to[4] >= math.cos(reach)
    catalogue = catalogue[near]
    x, y = wcs.all_world2pix(catalogue["ra"], catalogue["dec"], 0, quiet=True)
    inside = (x > 0) & (y > 0) & (x < nx - 1) & (y < ny - 1)
    return x[inside], y[inside], catalogue["mag"][inside].astype(np.float64)


def _unit(ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors, shape (n, 3)."""
    import numpy as np

    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
