"""Fields of real stars with known world coordinates, for tests and benchmarks of astrometry.

The stars are Gaia's (:mod:`ctmo_indi.gaia_stars`), so they are independent of a plate solver that
has Tycho-2 in its indexes: proper motion between the epochs (16 years) is in the error, as in a
real frame. The projection is astropy's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from ctmo_indi.gaia_stars import read_stars
from ctmo_indi.pixels.quality import Stars

ZERO_POINT = 20.0  # magnitude of a star of one electron, for the whole exposure


@dataclass(frozen=True, slots=True)
class StarField:
    """A field of the sky as a camera sees it.

    Attributes
    ----------
    wcs
        The truth.
    stars
        All catalogue stars in the frame, brightest first, flux in electrons; ``magnitude`` G.
    """

    ra_deg: float
    dec_deg: float
    width_deg: float
    shape: tuple[int, int]
    wcs: WCS
    stars: Stars
    magnitude: NDArray[np.float64]

    @property
    def scale_arcsec_per_px(self) -> float:
        """Arc seconds per pixel in the middle."""
        return 3600.0 * self.width_deg / self.shape[1]

    def seen(self, rng: np.random.Generator, *, sigma_px: float, strangers: int = 0) -> Stars:
        """Return the stars as a frame would give them: positions with errors, false ones added."""
        n, (ny, nx) = len(self.stars), self.shape
        x = np.append(self.stars.x_px + rng.normal(0, sigma_px, n), rng.uniform(0, nx, strangers))
        y = np.append(self.stars.y_px + rng.normal(0, sigma_px, n), rng.uniform(0, ny, strangers))
        flux = np.append(self.stars.flux, rng.choice(self.stars.flux, strangers))
        order = np.argsort(-flux, kind="stable")
        clean = np.ones(n + strangers, dtype=bool)
        return Stars(x[order], y[order], flux[order], np.sqrt(flux[order]), clean)

    def draw(
        self,
        rng: np.random.Generator,
        *,
        fwhm_px: float = 3.0,
        sky: float = 400.0,
        read_noise: float = 8.0,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a light in electrons and its error plane: Gaussian stars, Poisson noise."""
        ny, nx = self.shape
        light = np.full((ny, nx), sky)
        sigma = fwhm_px / 2.3548
        reach = math.ceil(5 * sigma)
        offsets = np.arange(-reach, reach + 1)
        for x, y, flux in zip(self.stars.x_px, self.stars.y_px, self.stars.flux, strict=True):
            xs, ys = round(x) + offsets, round(y) + offsets
            xs, ys = xs[(xs >= 0) & (xs < nx)], ys[(ys >= 0) & (ys < ny)]
            profile = np.exp(
                -0.5 * (((xs - x) ** 2)[None, :] + ((ys - y) ** 2)[:, None]) / sigma**2
            )
            light[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] += flux * profile / (2 * np.pi * sigma**2)
        error = np.sqrt(light + read_noise**2)
        data = rng.normal(light, error)
        return data.astype(np.float32), error.astype(np.float32)

    def distance_px(self, wcs: WCS) -> float:
        """Return how far another solution is from the truth at the worst corner, pixels."""
        ny, nx = self.shape
        corners = np.array([(0, 0), (nx - 1, 0), (0, ny - 1), (nx - 1, ny - 1)], dtype=float)
        there = wcs.all_world2pix(self.wcs.all_pix2world(corners, 0), 0)
        return float(np.hypot(*(there - corners).T).max())


def star_field(
    ra_deg: float,
    dec_deg: float,
    width_deg: float,
    *,
    shape: tuple[int, int] = (1024, 1024),
    rotation_deg: float = 20.0,
    is_mirrored: bool = False,
    faintest: float = 10.0,
) -> StarField:
    """Make a field centred there.

    Parameters
    ----------
    width_deg
        Of the frame along x, in the gnomonic plane.
    rotation_deg
        From north up, through east.
    is_mirrored
        East to the right of north up.
    """
    ny, nx = shape
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra_deg, dec_deg]
    wcs.wcs.crpix = [(nx + 1) / 2.0, (ny + 1) / 2.0]
    cosine, sine = math.cos(math.radians(rotation_deg)), math.sin(math.radians(rotation_deg))
    east = 1.0 if is_mirrored else -1.0
    wcs.wcs.cd = np.array([[east * cosine, sine], [-east * sine, cosine]]) * width_deg / nx
    catalogue = read_stars()
    reach_deg = width_deg * math.hypot(nx, ny) / nx / 2.0 + 0.1
    catalogue = catalogue[np.abs(catalogue["dec"] - dec_deg) < reach_deg]
    dec = np.radians(catalogue["dec"])
    cosine_of_distance = np.sin(dec) * math.sin(math.radians(dec_deg)) + np.cos(dec) * math.cos(
        math.radians(dec_deg)
    ) * np.cos(np.radians(catalogue["ra"] - ra_deg))
    near = cosine_of_distance > math.cos(math.radians(reach_deg))
    catalogue = catalogue[near & (catalogue["mag"] < faintest)]
    x, y = wcs.all_world2pix(catalogue["ra"], catalogue["dec"], 0)
    inside = (x > 1) & (y > 1) & (x < nx - 2) & (y < ny - 2)
    order = np.flatnonzero(inside)[np.argsort(catalogue["mag"][inside], kind="stable")]
    magnitude = catalogue["mag"][order].astype(float)
    flux = 10 ** (-0.4 * (magnitude - ZERO_POINT))
    stars = Stars(x[order], y[order], flux, np.sqrt(flux), np.ones(len(order), dtype=bool))
    return StarField(ra_deg, dec_deg, width_deg, shape, wcs, stars, magnitude)
