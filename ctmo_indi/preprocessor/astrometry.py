"""Where on the sky a light really looks: what a solver is asked, what it answers, its cards.

A header's pointing is a hint, no truth: a simulated mount was found 76 arc seconds off, a real one
may be degrees off. A light that cannot be solved is marked so with the reason; no pointing is ever
passed off as a solution. The only solver so far is :mod:`ctmo_indi.preprocessor.solve_field`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ctmo_indi.models.fits_text import fit_card

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ctmo_indi.pixels.quality import Stars

Card: TypeAlias = "tuple[str, str | int | float | bool, str]"
"""Keyword, value, comment."""

ARCSEC_PER_PX = 206.264806  # of a pixel of 1 micrometre behind 1 mm of focal length
_SCALE_KEYWORDS = ("SCALE", "PIXSCALE", "SECPIX", "SECPIX1")
# What a header says of its world coordinates, the FITS standard's and the older ones.
_WCS_KEYWORD = re.compile(
    r"WCS(AXES|NAME)|(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA|CRDER|CSYER)\d"
    r"|(CD|PC|PV|PS)\d+_\d+|L(ON|AT)POLE|RADESYS|EQUINOX|(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)"
)


@dataclass(frozen=True, slots=True)
class Hint:
    """Where to look first; whatever is None is not known.

    Attributes
    ----------
    ra_deg, dec_deg
        ICRS degrees of the middle of the frame; both or none.
    radius_deg
        How far the middle may be from there.
    scale_arcsec_per_px
        Arc seconds per pixel of the frame, binning included.
    scale_tolerance
        Share by which the scale may be off either way.
    """

    ra_deg: float | None = None
    dec_deg: float | None = None
    radius_deg: float = 5.0
    scale_arcsec_per_px: float | None = None
    scale_tolerance: float = 0.2

    @property
    def has_position(self) -> bool:
        """Whether it says where."""
        return self.ra_deg is not None and self.dec_deg is not None


@dataclass(frozen=True, slots=True)
class Solved:
    """A solution.

    Attributes
    ----------
    wcs
        Cards of the world coordinates, ICRS, without anything else.
    matched
        Stars of the frame that are stars of the solver's catalogue.
    residual_px
        Median distance between the two after the fit; NaN when the solver did not say.
    solver
        Its name.
    """

    wcs: tuple[Card, ...]
    matched: int
    residual_px: float
    solver: str


@dataclass(frozen=True, slots=True)
class Unsolved:
    """No solution, and why."""

    reason: str


class Solver(Protocol):
    """Finds out where a frame looks."""

    def solve(self, stars: Stars, shape: tuple[int, int], hint: Hint) -> Solved | Unsolved:
        """Solve a frame by its stars; blocks until there is an answer or its deadline has passed.

        Parameters
        ----------
        stars
            0-based positions, brightest first.
        shape
            Rows and columns of the frame.
        """
        ...


class NoSolver:
    """Solves nothing and says why; where no solver is installed or wanted."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def solve(self, stars: Stars, shape: tuple[int, int], hint: Hint) -> Solved | Unsolved:
        """Answer at once."""
        return Unsolved(self.reason)


def scale_of(header: Mapping[str, object]) -> float | None:
    """Return the arc seconds per pixel that a header tells of; None when it does not.

    Parameters
    ----------
    header
        ``SCALE`` or its like as it stands, else ``XPIXSZ`` (micrometres, binning included, as INDI
        and MaxIm DL write it) over ``FOCALLEN`` (mm).
    """
    for keyword in _SCALE_KEYWORDS:
        scale = _positive(header.get(keyword))
        if scale is not None:
            return scale
    pixel_um, focal_mm = _positive(header.get("XPIXSZ")), _positive(header.get("FOCALLEN"))
    if pixel_um is None or focal_mm is None:
        return None
    return ARCSEC_PER_PX * pixel_um / focal_mm


def cards(answer: Solved | Unsolved) -> tuple[Card, ...]:
    """Return what a product's header says of the solution, or of there being none."""
    if isinstance(answer, Unsolved):
        return (
            ("SOLVED", False, "are the world coordinates measured"),
            ("SOLVEWHY", answer.reason, "why they are not"),
        )
    return (
        ("SOLVED", True, "are the world coordinates measured"),
        ("SOLVER", answer.solver, "by what"),
        ("SOLVNUM", answer.matched, "stars matched with its catalogue"),
        ("SOLVRES", round(answer.residual_px, 3), "[pix] median distance of those"),
        *answer.wcs,
    )


def write_cards(header: Header, answer: Solved | Unsolved) -> None:
    """Put :func:`cards` into a header, in place of whatever world coordinates it had.

    An unsolved frame keeps none either: what a driver computes from the mount's pointing would pass
    for a solution.
    """
    for keyword in [key for key in header if _WCS_KEYWORD.fullmatch(key)]:
        header.remove(keyword, ignore_missing=True, remove_all=True)
    for keyword in ("SOLVED", "SOLVEWHY", "SOLVER", "SOLVNUM", "SOLVRES"):
        header.remove(keyword, ignore_missing=True, remove_all=True)
    for keyword, value, comment in cards(answer):
        card = fit_card(value, comment)
        if card is not None:
            header[keyword] = card


def _positive(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0.0 < number < math.inf else None
