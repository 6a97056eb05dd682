"""What a raw frame's header tells at a quick look: what there is, whatever is missing.

The calibration refuses a header that lacks something (``frames.frame_of``); here people look at a
frame some seconds after it was taken, and see what can be seen of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ctmo_indi.preprocessor.astrometry import scale_of
from ctmo_indi.preprocessor.frames import WANTED, HeaderFacts, frame_type_of, start_of
from ctmo_indi.preprocessor.header_reader import Value

LONGEST_TEXT = 200
_SMALLEST_ARCSEC, _LARGEST_ARCSEC = 0.01, 600.0
_PLACE = frozenset({"CTYPE1", "CD1_1", "CD1_2", "CD2_1", "CD2_2", "CDELT1", "CDELT2", "CUNIT1"})
_SCALE = frozenset({"SCALE", "PIXSCALE", "SECPIX", "SECPIX1", "XPIXSZ", "FOCALLEN", "ROWORDER"})
KEYWORDS = WANTED | _PLACE | _SCALE
"""Of the cards that are looked at."""


@dataclass(frozen=True, slots=True)
class QuickFacts:
    """What a header tells; texts are "" and numbers None where it does not.

    Parameters
    ----------
    frame_type
        Light, Bias, Dark or Flat; another word as it came.
    start_utc_s
        Begin of the exposure, Unix seconds.
    parent, receipt
        Receipts of the Work Order and of its attempt.
    """

    frame_type: str = ""
    object_name: str = ""
    filter_name: str = ""
    exposure_s: float | None = None
    start_utc_s: float | None = None
    parent: str = ""
    receipt: str = ""
    scale_arcsec_per_px: float | None = None


def facts_of(values: Mapping[str, Value]) -> QuickFacts:
    """Return what the cards of a header tell.

    Parameters
    ----------
    values
        Keyword -> value, of :data:`KEYWORDS`.
    """
    facts = HeaderFacts(values)
    word = facts.text("type")
    known = frame_type_of(word)
    problems: list[str] = []
    start_utc_s = start_of(facts, problems)
    return QuickFacts(
        frame_type=_text(word) if known is None else str(known),
        object_name=_text(facts.text("object")),
        filter_name=_text(facts.text("filter")),
        exposure_s=facts.number("exposure"),
        start_utc_s=None if problems else start_utc_s,
        parent=_text(facts.text("receipt")),
        receipt=_text(facts.text("attempt_id")),
        scale_arcsec_per_px=_scale(values),
    )


def _scale(values: Mapping[str, Value]) -> float | None:
    """Return arc seconds per pixel: of the world coordinates, else of pixel size and focal length.

    The scale of a CD matrix is the root of its determinant (FITS standard 4.0, section 8.1).
    """
    for scale in (_of_world(values), scale_of(values)):
        if scale is not None and _SMALLEST_ARCSEC <= scale <= _LARGEST_ARCSEC:
            return scale
    return None


def _of_world(values: Mapping[str, Value]) -> float | None:
    if not str(values.get("CTYPE1", "")).startswith(("RA--", "DEC-", "GLON", "GLAT")):
        return None
    if str(values.get("CUNIT1", "deg")).strip() not in ("deg", ""):
        return None
    matrix = [_number(values.get(f"CD{i}_{j}")) for i in (1, 2) for j in (1, 2)]
    if any(matrix):
        area = matrix[0] * matrix[3] - matrix[1] * matrix[2]
    else:
        area = _number(values.get("CDELT1")) * _number(values.get("CDELT2"))
    return 3600.0 * math.sqrt(abs(area)) if area else None


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0.0
    return float(value)


def _text(text: str) -> str:
    """Return what a database and a terminal can take of a text."""
    plain = "".join(one if one.isprintable() else "�" for one in text)
    return plain if len(plain) <= LONGEST_TEXT else plain[: LONGEST_TEXT - 1] + "…"
