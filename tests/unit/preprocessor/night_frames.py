"""Frames for tests: as values, and as small FITS files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from astropy.io import fits

from ctmo_indi.models.frames import Frame, Master, NightBundle, ProductKind, Readout
from ctmo_indi.models.states import FrameType

NIGHT = "20261121"
EVENING_S = 1795305600.0  # 2026-11-22T00:00:00Z
DAY_S = 86400.0
READOUT = Readout(camera="CCD Simulator", nx=64, ny=48, gain=90.0)


def frame(frame_type: FrameType, number: int = 0, **facts: object) -> Frame:
    """Make a good frame; number tells frames of the same facts apart."""
    values: dict[str, object] = {
        "path": Path(f"/nights/{NIGHT}/{frame_type.name.lower()}-{number:03}.fits"),
        "frame_type": frame_type,
        "readout": READOUT,
        "exposure_s": 0.0 if frame_type is FrameType.BIAS else 60.0,
        "start_utc_s": EVENING_S + 100.0 * number,
        "temperature_c": -10.0,
        "filter_name": "R" if frame_type in (FrameType.LIGHT, FrameType.FLAT) else "",
        "target_name": "M 31" if frame_type is FrameType.LIGHT else "",
        "ra_deg": 10.68 if frame_type is FrameType.LIGHT else None,
        "dec_deg": 41.27 if frame_type is FrameType.LIGHT else None,
        "night": NIGHT,
        "size_bytes": 5760,
        "mtime_ns": number,
        **facts,
    }
    values.setdefault("sha256", hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest())
    return Frame(**values)  # type: ignore[arg-type]  # a test's own facts


def frames(frame_type: FrameType, count: int, first: int = 0, **facts: object) -> list[Frame]:
    return [frame(frame_type, first + number, **facts) for number in range(count)]


def whole_night(**facts: object) -> NightBundle:
    """Five biases, darks of 60 s and flats in R; two lights."""
    made = [
        *frames(FrameType.BIAS, 5, 0, **facts),
        *frames(FrameType.DARK, 5, 10, **facts),
        *frames(FrameType.FLAT, 5, 20, exposure_s=3.0, **facts),
        *frames(FrameType.LIGHT, 2, 30, **facts),
    ]
    return NightBundle(Path(f"/nights/{NIGHT}"), NIGHT, tuple(made))


def master(kind: ProductKind, name: str = "m", *, days: float = 0.0, **facts: object) -> Master:
    """Make a master that is there, taken ``days`` after the night."""
    night = str(int(NIGHT) + round(days))
    values: dict[str, object] = {
        "product_id": name,
        "kind": kind,
        "readout": READOUT,
        "night": night,
        "utc_s": EVENING_S + days * DAY_S,
        "exposure_s": 60.0 if kind is ProductKind.DARKM else 0.0,
        "temperature_c": -10.0,
        "filter_name": "R" if kind is ProductKind.FLATM else "",
        "path": Path(f"/nights/{night}/products/{name}.fits"),
        **facts,
    }
    return Master(**values)  # type: ignore[arg-type]  # a test's own facts


def cards(**changed: object) -> dict[str, object]:
    """Return the header of an INDI light; None leaves a card out."""
    values: dict[str, object] = {
        "INSTRUME": "CCD Simulator",
        "IMAGETYP": "Light Frame",
        "FRAME": "Light",
        "EXPTIME": 60.0,
        "DATE-OBS": "2026-11-22T00:00:00.000",
        "CCD-TEMP": -10.0,
        "XBINNING": 1,
        "YBINNING": 1,
        "GAIN": 90.0,
        "FILTER": "R",
        "OBJECT": "M 31",
        "RA": 10.68,
        "DEC": 41.27,
        **changed,
    }
    return {keyword: value for keyword, value in values.items() if value is not None}


def write_fits(
    path: Path, seed: int = 0, shape: tuple[int, int] = (48, 64), **changed: object
) -> Path:
    """Write a frame with noise for pixels and :func:`cards` for its header."""
    pixels = np.random.default_rng(seed).normal(500.0, 8.0, shape).astype(np.uint16)
    unit = fits.PrimaryHDU(pixels)
    for keyword, value in cards(**changed).items():
        unit.header[keyword] = value
    unit.writeto(path)
    return path
