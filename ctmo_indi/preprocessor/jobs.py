"""What a worker does for one task: picklable in, small out; the pixels stay in its process.

This module is imported by the service's own process, which never loads a pixel kernel: whatever
needs numpy, numba or astropy is imported inside the functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ctmo_indi.detector_facts import BadPixelRules
from ctmo_indi.models.frames import Frame, Master, NightBundle, ProductKind
from ctmo_indi.preprocessor.planned import Planned

VERSION = "3"
"""Of the pixels: raised when the same inputs and settings give other results."""

Answer = dict[str, Any]  # Any: small values of the task's own


@dataclass(frozen=True, slots=True)
class Settings:
    """What the pixels of products depend on; part of their ids.

    Parameters
    ----------
    gain_e_per_adu, read_noise_e
        Of the camera; None: what the frame's header says in EGAIN and RDNOISE.
    saturation_adu
        Raw pixels from here on are saturated.
    overscan, trim, overscan_per
        Sections of the raw frames whose header has no BIASSEC or TRIMSEC; see
        :class:`ctmo_indi.pixels.detector.Detector`.
    bad_pixel_rules
        By which masters mark bad pixels.
    bad_pixels, bad_pixels_sha256
        The site's own list, and the hash of its content.
    clip_mad_sigma
        Of the masters, in robust standard deviations.
    has_cosmic_rays
        Whether cosmic rays are looked for; they are masked, not painted over.
    has_quality
        Whether sky and stars of a light are measured; without them no plate is solved either.
    solver
        "solve-field" or "" for none.
    is_compressed
        Whether lights and stacks are compressed when all is made; of no influence on the ids.
    memory_mb
        For the input of one combination; of no influence on the pixels.
    """

    gain_e_per_adu: float | None = None
    read_noise_e: float | None = None
    saturation_adu: float = 65535.0
    overscan: str | None = None
    trim: str | None = None
    overscan_per: Literal["line", "frame"] = "line"
    bad_pixel_rules: BadPixelRules = field(default_factory=BadPixelRules)
    bad_pixels: Path | None = None
    bad_pixels_sha256: str = ""
    clip_mad_sigma: float = 5.0
    has_cosmic_rays: bool = True
    has_quality: bool = True
    has_previews: bool = True
    solver: str = ""
    is_compressed: bool = False
    memory_mb: int = 200

    def for_ids(self, kind: ProductKind) -> dict[str, str | float | bool | None]:
        """Return those that change a product of that kind; its inputs have ids of their own."""
        if kind is ProductKind.STACK_LIGHT:
            return {}
        sections = {
            name: value
            for name in ("overscan", "trim", "overscan_per")
            if (value := getattr(self, name)) not in (None, "line")
        }
        if kind.is_master:
            is_bias = kind is ProductKind.BIASM
            return {
                **sections,
                **({} if is_bias else asdict(self.bad_pixel_rules)),
                "clip_mad_sigma": self.clip_mad_sigma,
                "saturation_adu": self.saturation_adu,
            }
        return {
            **sections,
            **({} if self.bad_pixels is None else {"bad_pixels": self.bad_pixels_sha256}),
            "gain_e_per_adu": self.gain_e_per_adu,
            "read_noise_e": self.read_noise_e,
            "saturation_adu": self.saturation_adu,
            "has_cosmic_rays": self.has_cosmic_rays,
            "solver": self.solver,
            **({} if self.has_quality else {"has_quality": False}),
        }


@dataclass(frozen=True, slots=True)
class LookJob:
    """Look at the pixels of some frames."""

    frames: tuple[Frame, ...]
    saturation_adu: float


@dataclass(frozen=True, slots=True)
class RegisterJob:
    """Put what was seen of its frames into a bundle."""

    bundle: NightBundle
    seen: Mapping[tuple[str, int, int], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ProductJob:
    """Make one product.

    Parameters
    ----------
    folder
        Where it goes.
    files
        Product id -> file, of the masters and lights it is made with.
    previous
        A master's predecessor, to compare it with.
    """

    planned: Planned
    folder: Path
    settings: Settings
    files: Mapping[str, Path] = field(default_factory=dict)
    previous: Path | None = None


def warm_up() -> None:
    """Import what the first task of a worker would wait for."""
    from ctmo_indi.preprocessor import product_making  # noqa: F401 - for its imports


def scan_folder(folder: Path) -> Answer:
    """Read the headers of a folder; ``bundle`` has the frames without hashes."""
    from ctmo_indi.preprocessor.night import scan

    return {"bundle": scan(folder)}


def look_at(job: LookJob) -> Answer:
    """Read frames whole; ``seen`` has hash and reason of each."""
    from ctmo_indi.preprocessor.product_making import look_at_frame

    return {"seen": [look_at_frame(frame, job.saturation_adu) for frame in job.frames]}


def register(job: RegisterJob) -> Answer:
    """Return the ``bundle`` with hashes, without the frames that are of no use."""
    from ctmo_indi.preprocessor.night import Seen, examine

    known = {stamp: Seen(*seen) for stamp, seen in job.seen.items()}
    return {"bundle": examine(job.bundle, known=known)}


def check(master: Master) -> Answer:
    """Tell whether the file of a master is whole and its own: ``is_whole``."""
    from ctmo_indi.preprocessor.product_files import verified

    path = master.path
    return {"is_whole": path is not None and verified(path, master.product_id) is not None}


def make(job: ProductJob) -> Answer:
    """Make one product, or find it whole.

    ``path``, ``statistics``, ``was_there``; ``refused`` says why a master is not to be used.
    """
    from ctmo_indi.preprocessor.product_making import make_product

    return make_product(job)


def compress(path: Path) -> Answer:
    """Compress a product in its place; ``path``, ``size_bytes``, ``was_compressed``."""
    from ctmo_indi.preprocessor.product_compression import compress_product

    return compress_product(path)
