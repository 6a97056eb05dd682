"""Raw frames of known stars, for tests of the quick look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from ctmo_indi.testing.star_fields import star_field

SKY_ADU, GAIN = 400.0, 1.0


def star_pixels(fwhm_px: float, *, seed: int = 1, shape: tuple[int, int] = (512, 512)):
    """The Pleiades, as a camera of one electron per ADU sees them."""
    field = star_field(56.75, 24.12, 1.2, shape=shape, faintest=11.0)
    data, _ = field.draw(np.random.default_rng(seed), fwhm_px=fwhm_px, sky=SKY_ADU)
    return np.clip(data, 0, 65535).astype(np.uint16), len(field.stars)


def write_frame(path: Path, pixels, **cards: object) -> Path:
    """Write a raw light; ``cards`` stand over its own, None takes one out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = fits.Header()
    own = {
        "IMAGETYP": "Light Frame", "EXPTIME": 60.0, "DATE-OBS": "2026-11-22T03:00:00",
        "OBJECT": "M 45", "FILTER": "V", "INSTRUME": "Camera", "RECEIPT": "O-1",
        "ATTEMPT": "A-1", "NIGHT": "20261121",
    }  # fmt: skip
    for keyword, value in {**own, **cards}.items():
        if value is not None:
            header[keyword] = value
    scratch = path.with_name(f".{path.name}")
    fits.PrimaryHDU(pixels, header).writeto(scratch, overwrite=True, output_verify="ignore")
    scratch.replace(path)
    return path
