"""The header of a product: every card we add, in one table, and where the product came from.

A product says by itself what it is, of what it was made and by which rule: it stays explicable
without our database. The inputs stand in a table extension, the steps in HISTORY. Keywords of raw
frames are those of :mod:`ctmo_indi.models.headers`; a calibrated light keeps all of its frame's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from astropy.io.fits import Card, Header, VerifyError
from astropy.utils.exceptions import AstropyWarning

from ctmo_indi import __version__
from ctmo_indi.models.fits_text import fit_card, to_ascii
from ctmo_indi.models.frames import ProductKind
from ctmo_indi.preprocessor.planned import Planned, Used

_CARD_LENGTH = 80
PRODUCT_ID = "PRODID"
PRODUCT_KIND = "PRODKIND"
#: Statistic -> keyword and comment, in all kinds of products.
STATISTICS: Mapping[str, tuple[str, str]] = {
    "median": ("STATMED", "median of the pixels that are not masked"),
    "sigma": ("STATSIG", "their scatter, 1.4826 MAD"),
    "minimum": ("STATMIN", "smallest pixel"),
    "maximum": ("STATMAX", "largest pixel"),
    "bad_share": ("BADSHARE", "masked pixels, 0 to 1"),
    "hot_share": ("HOTSHARE", "pixels 10 sigma above the median, 0 to 1"),
    "bad_pixels": ("NBADPIX", "pixels that this master marks BAD"),
    "saturated_share": ("SATSHARE", "saturated pixels, 0 to 1"),
    "cosmic_share": ("CRSHARE", "pixels hit by cosmic rays, 0 to 1"),
    "background": ("SKYLEVEL", "median of the sky"),
    "background_rms": ("SKYNOISE", "noise of the sky, one pixel"),
    "star_count": ("NSTARS", "sources found"),
    "fwhm_px": ("FWHM", "[pix] median of the stars"),
    "ellipticity": ("ELLIPTIC", "median of the stars, 1 - b/a"),
}

# Of the frame as it was stored, not of the product.
_NOT_KEPT = frozenset(
    {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "PCOUNT", "GCOUNT"}
    | {"BZERO", "BSCALE", "BUNIT", "BLANK", "CHECKSUM", "DATASUM", "DATAMIN", "DATAMAX", "END"}
    | {"EXTNAME", "EXTVER", "DATE", "COMMENT", "HISTORY", ""}
)
# What all frames of a master have in common.
_COMMON = (
    "TELESCOP", "OBSERVAT", "INSTRUME", "XBINNING", "YBINNING", "READOUTM", "GAIN", "OFFSET",
    "EGAIN", "RDNOISE", "SET-TEMP", "PIXSIZE1", "PIXSIZE2", "FOCALLEN", "ROWORDER",
)  # fmt: skip
_IMAGETYP = {
    ProductKind.BIASM: "Master Bias",
    ProductKind.DARKM: "Master Dark",
    ProductKind.FLATM: "Master Flat",
    ProductKind.CALIB_LIGHT: "Light Frame",
    ProductKind.STACK_LIGHT: "Light Stack",
}


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, for the header.

    Parameters
    ----------
    unit
        Of the pixels, as FITS writes it: "adu", "electron", "" for a flat.
    steps
        What was done, one line each.
    statistics
        By the names of :data:`STATISTICS`; what is not finite is not written.
    files
        Product id -> file, of the masters and lights that were used.
    """

    planned: Planned
    unit: str
    steps: tuple[str, ...]
    written: datetime
    statistics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    gain_e_per_adu: float | None = None
    read_noise_e: float | None = None
    saturation_adu: float | None = None


class ProductCard(NamedTuple):
    """One card: keyword, comment with its unit, and where the value comes from."""

    keyword: str
    comment: str
    value: Callable[[Made], object]


def _name(used: Used | None, made: Made) -> object:
    return None if used is None else made.files[used.master.product_id].name


def _statistic(name: str) -> Callable[[Made], object]:
    def value(made: Made) -> object:
        found = made.statistics.get(name)
        return None if found is None else float(f"{found:.7g}")

    return value


def _scale(made: Made) -> object:
    scales = made.planned.dark_scales
    has_one = len(set(scales)) == 1 and made.planned.dark is not None
    return float(f"{scales[0]:.9g}") if has_one else None


def _iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def _mjd(utc_s: float) -> float:
    return round(utc_s / 86400.0 + 40587.0, 8)


def _start_s(made: Made) -> float:
    return min(frame.start_utc_s for frame in made.planned.frames)


def _temperature_c(made: Made) -> object:
    temperature_c = made.planned.temperature_c
    return None if temperature_c is None else round(temperature_c, 3)


def _end_s(made: Made) -> float:
    return max(frame.start_utc_s + frame.exposure_s for frame in made.planned.frames)


CARDS: tuple[ProductCard, ...] = (
    ProductCard("IMAGETYP", "kind of frame", lambda m: _IMAGETYP[m.planned.kind]),
    ProductCard("BUNIT", "unit of the pixels", lambda m: m.unit),
    ProductCard(PRODUCT_KIND, "kind of product", lambda m: m.planned.kind.value),
    ProductCard(PRODUCT_ID, "",  # SHA-256 of inputs, masters and settings: it fills the card
                lambda m: m.planned.product_id),
    ProductCard("NIGHT", "local date of the evening", lambda m: m.planned.night),
    ProductCard("NCOMBINE", "frames it is made of", lambda m: len(m.planned.frames)),
    ProductCard("EXPTIME", "[s] exposure time", lambda m: m.planned.exposure_s),
    ProductCard("FILTER", "filter", lambda m: m.planned.filter_name),
    ProductCard("OBJECT", "target of the order", lambda m: m.planned.target_name),
    ProductCard("CCD-TEMP", "[deg C] temperature of the sensor", _temperature_c),
    ProductCard("TIMESYS", "time scale of all times here", lambda m: "UTC"),
    ProductCard("DATE-OBS", "start of the first exposure",
                lambda m: _iso(_start_s(m))),
    ProductCard("DATE-AVG", "mean of the exposures' middles", lambda m: _iso(m.planned.utc_s)),
    ProductCard("DATE-END", "end of the last exposure", lambda m: _iso(_end_s(m))),
    ProductCard("MJD-OBS", "[d] start of the first exposure", lambda m: _mjd(_start_s(m))),
    ProductCard("MJD-AVG", "[d] mean of the exposures' middles", lambda m: _mjd(m.planned.utc_s)),
    ProductCard("MJD-END", "[d] end of the last exposure", lambda m: _mjd(_end_s(m))),
    ProductCard("DATE", "this file was written", lambda m: _iso(m.written.timestamp())),
    ProductCard("HASBIAS", "the bias is still in it",
                lambda m: m.planned.has_bias if m.planned.kind is ProductKind.DARKM else None),
    ProductCard("BIASFILE", "master bias", lambda m: _name(m.planned.bias, m)),
    ProductCard("DARKFILE", "master dark", lambda m: _name(m.planned.dark, m)),
    ProductCard("DARKSCAL", "factor of the master dark", _scale),
    ProductCard("FLATFILE", "master flat", lambda m: _name(m.planned.flat, m)),
    ProductCard("EGAIN", "[e-/adu] gain that was used", lambda m: m.gain_e_per_adu),
    ProductCard("RDNOISE", "[e-] read noise that was used", lambda m: m.read_noise_e),
    ProductCard("SATURATE", "[adu] raw pixels from here on are saturated",
                lambda m: m.saturation_adu),
    *(ProductCard(keyword, comment, _statistic(name))
      for name, (keyword, comment) in STATISTICS.items()),
    ProductCard("SWCREATE", "software that made this file", lambda m: f"ctmo-indi {__version__}"),
)  # fmt: skip


def product_header(made: Made, raw: Header) -> Header:
    """Return the header of a product.

    Parameters
    ----------
    raw
        Of its first frame. A light keeps all of it that is still true, a master what its frames
        have in common.
    """
    header = Header()
    is_light = made.planned.kind is ProductKind.CALIB_LIGHT
    for card in raw.cards:
        if card.keyword in _NOT_KEPT or not (is_light or card.keyword in _COMMON):
            continue
        if card.keyword not in header and _is_sound(card):
            header.append(card)
    for rule in CARDS:
        fitting = _fit(rule.value(made), rule.comment)
        if fitting is not None:
            header[rule.keyword] = fitting
    for line in (*made.steps, *(used.rule for used in made.planned.used)):
        header.add_history(to_ascii(line))
    return header


def _is_sound(card: Card) -> bool:
    """Whether a card of whoever's program is FITS; one that is not would spoil the product."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            card.verify("exception")
            return len(card.image) % _CARD_LENGTH == 0
        except (VerifyError, ValueError, AstropyWarning):
            return False


def _fit(value: object, comment: str) -> tuple[str | float | int | bool, str] | None:
    return fit_card(value, comment)


class Input(NamedTuple):
    """One input of a product.

    Parameters
    ----------
    role
        "raw", "bias", "dark", "flat" or "light".
    name
        Of its file, without folder.
    identity
        SHA-256 of a raw frame's bytes, or the product id; hex.
    rule
        Of a master: why this one.
    """

    role: str
    name: str
    identity: str
    rule: str = ""


def inputs_of(made: Made) -> tuple[Input, ...]:
    """Return everything that went into a product, of a stack its calibrated lights."""
    planned = made.planned
    rows = [
        Input(role, made.files[used.master.product_id].name, used.master.product_id, used.rule)
        for role, used in (("bias", planned.bias), ("dark", planned.dark), ("flat", planned.flat))
        if used is not None
    ]
    if planned.lights:
        return (*rows, *(Input("light", made.files[one].name, one) for one in planned.lights))
    return (*rows, *(Input("raw", frame.path.name, frame.sha256) for frame in planned.frames))


def statistics_of(header: Header) -> dict[str, float]:
    """Return the statistics that a product's header tells."""
    return {
        name: float(header[keyword])
        for name, (keyword, _) in STATISTICS.items()
        if isinstance(header.get(keyword), int | float)
    }
