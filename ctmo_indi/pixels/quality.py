"""How good a calibrated light is: sky, stars, FWHM, ellipticity.

Sources are found by ``sep`` (Barbary 2016, JOSS 1(6), 58; the algorithms of Bertin and Arnouts
1996, A&AS 117, 393). Their widths are not those of ``sep``'s isophotes, which are too small by what
lies below the threshold: the brightest clean stars are measured again by Gaussian-weighted moments
(:func:`adaptive_moments`). Not for photometry: the fluxes are sums in a circle, good for ranking
stars and for an approximate zero point.

All positions are 0-based, the centre of the first pixel is (0, 0), as in numpy; FITS is one more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sep
from numpy.typing import ArrayLike, NDArray

from ctmo_indi.pixels.mask import Mask

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))

DETECTION_SIGMA = 5.0
LEAST_PIXELS = 5
BACKGROUND_BOX_PX = 64
MOST_MEASURED = 300  # brightest clean stars whose shape is measured
_APERTURE_FWHM = 1.5  # radius of the circle for fluxes
_HALF_STAMP_PX = 12
_FILTER = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])
# Noise of a filtered pixel over that of a pixel. sep's own "matched" filter divides by it pixel by
# pixel, for three times the CPU; the noise of a light's sky does not vary over three pixels.
_FILTERED_NOISE = float(np.sqrt((_FILTER**2).sum()) / _FILTER.sum())
# Depth, and room for pixels above the threshold, which costs 11 ns each to set up even if unused.
_TRIES = ((1.0, 300_000), (1.0, 3_000_000), (4.0, 3_000_000), (20.0, 3_000_000))
_UNKNOWN = math.nan


@dataclass(frozen=True, slots=True)
class Stars:
    """Sources of a frame, brightest first; arrays of shape (n,).

    Attributes
    ----------
    x_px, y_px
        Position, 0-based pixels.
    flux
        Sum in a circle of 1.5 FWHM radius above the sky, in the unit of the frame.
    flux_error
        One sigma of it; NaN where no error plane was given.
    is_clean
        No masked pixel in the circle, not cut by the border, not merged with a neighbour.
    """

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    flux: NDArray[np.float64]
    flux_error: NDArray[np.float64]
    is_clean: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.x_px)

    @classmethod
    def none(cls) -> Stars:
        """Return an empty list."""
        empty = np.empty(0)
        return cls(empty, empty, empty, empty, np.empty(0, dtype=bool))


@dataclass(frozen=True, slots=True)
class Quality:
    """What a frame is worth; numbers that could not be measured are NaN.

    Attributes
    ----------
    background, background_rms
        Median level of the sky and of its noise per pixel, in the unit of the frame.
    fwhm_px
        Median full width at half maximum of the clean stars, pixels, the pixel's own width in it.
    ellipticity
        Median of 1 - b/a of the same stars.
    stars
        All sources found, whether clean or not.
    """

    background: float
    background_rms: float
    star_count: int
    fwhm_px: float
    ellipticity: float
    stars: Stars


def measure(
    data: ArrayLike,
    error: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    detection_sigma: float = DETECTION_SIGMA,
) -> Quality:
    """Measure a light; never fails for what its pixels are.

    Parameters
    ----------
    data : array, shape (ny, nx)
        Calibrated light, any unit; pixels that are not finite are not used.
    error : array, shape (ny, nx), optional
        One sigma, same unit; gives ``flux_error``. Pixels without a positive one are not used.
    mask : array, shape (ny, nx), optional
        Pixels that are not 0 are not used. Those that are saturated and nothing else help to find
        a star and its position: without its core a bright star would fall into pieces.
    detection_sigma
        A source has ``LEAST_PIXELS`` neighbouring pixels above that many times the noise of the
        sky, after matched filtering with 3 x 3 pixels.

    Raises
    ------
    ValueError
        The planes have different shapes or are not two-dimensional.

    Notes
    -----
    Blocks, without the interpreter's lock for the most of it; any thread. FWHM is right within 2 %
    for Gaussians of 2 to 8 pixels, 12 % too wide at 1.5, and up to 15 % too wide for the wings of a
    Moffat profile of beta 3 (``tests/unit/pixels/test_quality.py``).
    """
    pixels, sigma, unused, hidden = _planes(data, error, mask)
    if unused.all():
        return Quality(_UNKNOWN, _UNKNOWN, 0, _UNKNOWN, _UNKNOWN, Stars.none())
    sky = sep.Background(pixels, mask=unused, bw=BACKGROUND_BOX_PX, bh=BACKGROUND_BOX_PX)
    level, noise = float(sky.globalback), float(sky.globalrms)
    rms = sky.rms()
    # Where sep saw no noise (a constant frame) it says 0 or 1, in no unit: nothing can be found.
    if not noise > 0.0 or not np.ptp(pixels[~unused]) > 0.0:
        return Quality(level, 0.0, 0, _UNKNOWN, _UNKNOWN, Stars.none())
    sky.subfrom(pixels)
    pixels[hidden] = 0.0
    found = _extract(pixels, rms, hidden, detection_sigma)
    if not len(found):
        return Quality(level, noise, 0, _UNKNOWN, _UNKNOWN, Stars.none())
    clean = (found["flag"] & (sep.OBJ_MERGED | sep.OBJ_TRUNC)) == 0
    clean &= ~_near(unused, found["x"], found["y"])
    fwhm_px, ellipticity = _shape(pixels, found, clean)
    stars = _stars(pixels, sigma, unused, hidden, found, clean, fwhm_px)
    return Quality(level, noise, len(stars), fwhm_px, ellipticity, stars)


def adaptive_moments(
    stamps: NDArray[np.float64], sigma_px: float, rounds: int = 20
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return FWHM and ellipticity of stars by moments under a Gaussian that fits itself to them.

    Parameters
    ----------
    stamps : array, shape (n, k, k)
        Stars above the sky, their peaks near the middle.
    sigma_px
        Where to begin.

    Returns
    -------
    fwhm_px, ellipticity : arrays, shape (n,)
        2.355 times the root of the geometric mean of the axes' variances, and 1 - b/a; NaN for
        stars for which the iteration went astray.

    Notes
    -----
    Under a weight of covariance M a Gaussian star of covariance C has the moments
    Q = (1/M + 1/C)^-1, so M := 2 Q ends at M = C, halving the distance each round; the centre moves
    along (Bernstein and Jarvis 2002, AJ 123, 583, section 3.1). Far wings and neighbours have no
    weight, so a Moffat profile gives nearly the width of its core.
    """
    n, k, _ = stamps.shape
    grid = np.arange(k, dtype=np.float64)
    x0 = np.full(n, (k - 1) / 2.0)
    y0 = x0.copy()
    xx = np.full(n, sigma_px**2)
    yy, xy = xx.copy(), np.zeros(n)
    with np.errstate(all="ignore"):
        for _ in range(rounds):
            dx = (grid - x0[:, None])[:, None, :]
            dy = (grid - y0[:, None])[:, :, None]
            determinant = (xx * yy - xy**2)[:, None, None]
            distance = (
                yy[:, None, None] * dx**2
                - 2.0 * xy[:, None, None] * dx * dy
                + xx[:, None, None] * dy**2
            ) / determinant
            weighted = stamps * np.exp(-0.5 * distance)
            total = weighted.sum(axis=(1, 2))
            mean_x = (weighted * dx).sum(axis=(1, 2)) / total
            mean_y = (weighted * dy).sum(axis=(1, 2)) / total
            xx = 2.0 * ((weighted * dx**2).sum(axis=(1, 2)) / total - mean_x**2)
            yy = 2.0 * ((weighted * dy**2).sum(axis=(1, 2)) / total - mean_y**2)
            xy = 2.0 * ((weighted * dx * dy).sum(axis=(1, 2)) / total - mean_x * mean_y)
            x0, y0 = x0 + 2.0 * mean_x, y0 + 2.0 * mean_y
        middle, half = (xx + yy) / 2.0, np.hypot((xx - yy) / 2.0, xy)
        major, minor = middle + half, middle - half
        fwhm = FWHM_PER_SIGMA * (major * minor) ** 0.25
        ellipticity = 1.0 - np.sqrt(minor / major)
        astray = ~(fwhm < k) | ~(np.hypot(x0 - k // 2, y0 - k // 2) < k / 4)
    fwhm[astray], ellipticity[astray] = np.nan, np.nan
    return fwhm, ellipticity


def _planes(
    data: ArrayLike, error: ArrayLike | None, mask: ArrayLike | None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.bool_], NDArray[np.bool_]]:
    """Copy what sep needs: native float32 in C order, finite everywhere.

    Then which pixels not to measure with, and which of them not even to look at.
    """
    pixels = np.array(data, dtype=np.float32, order="C")
    if pixels.ndim != 2:
        raise ValueError(f"data has the shape {pixels.shape}, expected two dimensions")
    unused = ~np.isfinite(pixels)
    sigma = None
    for name, plane in (("error", error), ("mask", mask)):
        if plane is not None and np.shape(plane) != pixels.shape:
            raise ValueError(f"{name} has the shape {np.shape(plane)}, data {pixels.shape}")
    if error is not None:
        sigma = np.array(error, dtype=np.float32, order="C")
        unused |= ~(np.isfinite(sigma) & (sigma > 0.0))
        sigma[unused] = 1.0
    hidden = unused.copy()
    if mask is not None:
        bits = np.asarray(mask)
        unused |= bits != 0
        hidden |= (bits != 0) & (bits != Mask.SATURATED)
    pixels[hidden] = 0.0
    return pixels, sigma, unused, hidden


def _extract(
    pixels: NDArray[np.float32],
    rms: NDArray[np.float32],
    hidden: NDArray[np.bool_],
    detection_sigma: float,
) -> NDArray[np.void]:
    """Find sources; a frame too crowded is tried with more room, then with less depth."""
    for shallower, room in _TRIES:
        sep.set_extract_pixstack(room)
        threshold = detection_sigma * shallower * _FILTERED_NOISE
        try:
            found = sep.extract(
                pixels,
                threshold,
                err=rms,
                mask=hidden,
                minarea=LEAST_PIXELS,
                filter_kernel=_FILTER,
                filter_type="conv",
            )
        except Exception as error:  # sep raises the bare class for a full buffer
            if "buffer" not in str(error) and "overflow" not in str(error):
                raise
            continue
        good = np.isfinite(found["x"]) & np.isfinite(found["y"]) & (found["flux"] > 0.0)
        return np.asarray(found[good])
    return np.empty(0, dtype=[("x", "f8")])


def _near(
    unused: NDArray[np.bool_], x_px: NDArray[np.float64], y_px: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which positions have an unused pixel among the 5 x 5 around them, or the border."""
    ny, nx = unused.shape
    x, y = np.rint(x_px).astype(int), np.rint(y_px).astype(int)
    near: NDArray[np.bool_] = (x < 2) | (y < 2) | (x > nx - 3) | (y > ny - 3)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            near |= unused[np.clip(y + dy, 0, ny - 1), np.clip(x + dx, 0, nx - 1)]
    return near


def _shape(
    pixels: NDArray[np.float32], found: NDArray[np.void], clean: NDArray[np.bool_]
) -> tuple[float, float]:
    """Median FWHM and ellipticity of the brightest clean stars, NaN when there is none."""
    half = _HALF_STAMP_PX
    ny, nx = pixels.shape
    x, y = np.rint(found["x"]).astype(int), np.rint(found["y"]).astype(int)
    usable = clean & (x >= half) & (y >= half) & (x < nx - half) & (y < ny - half)
    chosen = np.flatnonzero(usable)
    chosen = chosen[np.argsort(-found["flux"][chosen], kind="stable")][:MOST_MEASURED]
    if not len(chosen):
        return _UNKNOWN, _UNKNOWN
    offsets = np.arange(-half, half + 1)
    rows = y[chosen][:, None, None] + offsets[None, :, None]
    columns = x[chosen][:, None, None] + offsets[None, None, :]
    stamps = pixels[rows, columns].astype(np.float64)
    begin = float(np.median(np.sqrt(found["a"][chosen] * found["b"][chosen])))
    fwhm, ellipticity = adaptive_moments(stamps, min(max(begin, 0.7), half / 2.0))
    real = np.isfinite(fwhm)
    if not real.any():
        return _UNKNOWN, _UNKNOWN
    return float(np.median(fwhm[real])), float(np.median(ellipticity[real]))


def _stars(
    pixels: NDArray[np.float32],
    sigma: NDArray[np.float32] | None,
    unused: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    found: NDArray[np.void],
    clean: NDArray[np.bool_],
    fwhm_px: float,
) -> Stars:
    """Measure positions (windowed) and fluxes, sort by flux."""
    width = fwhm_px if math.isfinite(fwhm_px) else 3.0
    x, y, lost = sep.winpos(
        pixels, found["x"], found["y"], width / FWHM_PER_SIGMA, mask=hidden, subpix=5
    )
    moved = np.hypot(x - found["x"], y - found["y"])
    keep = (lost == 0) & (moved < width)
    x, y = np.where(keep, x, found["x"]), np.where(keep, y, found["y"])
    radius = _APERTURE_FWHM * width
    flux, flux_error, flag = sep.sum_circle(pixels, x, y, radius, err=sigma, mask=hidden, subpix=5)
    spoilt, _, _ = sep.sum_circle(unused.astype(np.float32), x, y, radius, subpix=5)
    clean = clean & ((flag & sep.APER_TRUNC) == 0) & (spoilt == 0.0)
    if sigma is None:
        flux_error = np.full(len(flux), np.nan)
    order = np.argsort(-flux, kind="stable")
    return Stars(x[order], y[order], flux[order], flux_error[order], clean[order])
