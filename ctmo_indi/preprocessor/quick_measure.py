"""Look at one raw frame, or draw it: what the quick look's worker does.

Everything here runs in a worker process and loads numpy, astropy and sep; the service's own process
knows only the names of the functions (:mod:`~ctmo_indi.preprocessor.quick_tasks`).
"""

from __future__ import annotations

import base64
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io.fits import Header
from astropy.io.fits.verify import VerifyError
from numpy.typing import NDArray

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.models.states import FrameType
from ctmo_indi.pixels.detector import read_section
from ctmo_indi.pixels.fits_pixels import read_header, read_layout, read_rows
from ctmo_indi.pixels.lone_pixels import lone_pixels
from ctmo_indi.pixels.look import look
from ctmo_indi.pixels.mask import Mask
from ctmo_indi.pixels.preview import encoded_picture
from ctmo_indi.pixels.quality import measure
from ctmo_indi.preprocessor.frames import RefusedHeader, frame_of
from ctmo_indi.preprocessor.header_reader import Cards, Value
from ctmo_indi.preprocessor.jobs import Settings
from ctmo_indi.preprocessor.quick_header import KEYWORDS, QuickFacts, facts_of
from ctmo_indi.preprocessor.sections import Sections, sections_of

Answer = dict[str, Any]  # Any: small values

MOST_PIXELS = 160_000_000
"""Of a frame that is looked at, above the largest cameras' (151 million); each needs 28 bytes."""

_STARLESS = frozenset({FrameType.BIAS, FrameType.DARK, FrameType.FLAT})


def quick_look(path: Path, settings: Settings) -> Answer:
    """Return what can be said of a frame: fields of ``store.quick_looks.QuickLook``.

    Never raises for what a file holds: ``problem`` says what is wrong with it. Blocks, about 0.7 s
    of CPU for 16 million pixels.
    """
    facts = QuickFacts()
    try:
        header = read_header(path)
        values = _values(header)
        facts = facts_of(values)
        pixels = _pixels(path)
    except (OSError, UnreadableFrame) as error:
        return _told(facts) | {"problem": without_folder(str(error), path)}
    reason = look(pixels, saturation_adu=settings.saturation_adu)
    refused, kept = _as_frame(path, values, pixels, settings)
    problem = "; ".join(filter(None, (reason, refused)))
    return _told(facts) | _measured(kept, facts, settings) | {"problem": problem}


def quick_picture(path: Path) -> Answer:
    """Return ``picture``, in base64, and ``picture_type``.

    Raises
    ------
    UnreadableFrame
        The file holds no frame.
    """
    rows_down = str(read_header(path).get("ROWORDER", "")).strip().upper() == "TOP-DOWN"
    data, picture_type = encoded_picture(_pixels(path), first_row="top" if rows_down else "bottom")
    return {"picture": base64.b64encode(data).decode("ascii"), "picture_type": picture_type}


def without_folder(text: str, path: Path) -> str:
    """Return the text of an error without the folder of its file: that is nobody's business."""
    return text.replace(f"{path}: ", "").replace(str(path), path.name)


def _pixels(path: Path) -> NDArray[np.uint16] | NDArray[np.float32]:
    layout = read_layout(path)
    if layout.ny * layout.nx > MOST_PIXELS:
        raise UnreadableFrame(
            f"{path}: {layout.nx} x {layout.ny} pixels, expected at most {MOST_PIXELS} for a "
            "quick look"
        )
    return read_rows(layout, 0, layout.ny)


def _values(header: Header) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for keyword in KEYWORDS:
        try:
            value = header.get(keyword)
        except (VerifyError, ValueError):  # a card that is no FITS
            continue
        if isinstance(value, str | int | float | bool):
            values[keyword] = value
    return values


def _as_frame(
    path: Path,
    values: dict[str, Value],
    pixels: NDArray[np.uint16] | NDArray[np.float32],
    settings: Settings,
) -> tuple[str, NDArray[np.uint16] | NDArray[np.float32]]:
    """Return why the calibration would refuse the frame, and what it would keep of the pixels."""
    ny, nx = pixels.shape
    try:
        frame = frame_of(path, Cards(values, (nx, ny), 0, 0))
    except RefusedHeader as refused:
        return str(refused), pixels
    own = Sections(settings.overscan, settings.trim, settings.overscan_per)
    try:
        trim = sections_of([path], frame.readout, own).trim
    except UnreadableFrame as error:
        return without_folder(str(error), path), pixels
    return "", pixels if trim is None else pixels[read_section(trim)]


def _measured(
    pixels: NDArray[np.uint16] | NDArray[np.float32], facts: QuickFacts, settings: Settings
) -> Answer:
    finite = pixels if pixels.dtype.kind == "u" else pixels[np.isfinite(pixels)]
    if not finite.size:
        return {}
    is_saturated = pixels >= settings.saturation_adu
    answer: Answer = {
        "median_adu": float(np.median(finite)),
        "mean_adu": float(finite.mean(dtype=np.float64)),
        "saturated": float(np.count_nonzero(is_saturated) / pixels.size),
    }
    if facts.frame_type in _STARLESS:
        return answer
    lone = lone_pixels(pixels) & ~is_saturated
    mask = lone * np.uint8(Mask.BAD) + is_saturated * np.uint8(Mask.SATURATED)
    quality = measure(pixels, mask=mask)
    scale = facts.scale_arcsec_per_px
    answer |= {
        "background_adu": _known(quality.background),
        "stars": quality.star_count,
        "ellipticity": _known(quality.ellipticity),
        "fwhm": _known(quality.fwhm_px * (1.0 if scale is None else scale)),
        "fwhm_unit": "px" if scale is None else "arcsec",
    }
    return answer


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _told(facts: QuickFacts) -> Answer:
    told = asdict(replace(facts, scale_arcsec_per_px=None))
    del told["scale_arcsec_per_px"]
    return told
