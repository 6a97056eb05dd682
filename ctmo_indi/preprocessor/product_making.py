"""From the files of one product's inputs to its own file: runs in a worker, loads the kernels.

Each stage is somebody else's (``pixels/``); here they are put in order, once for masters, once for
lights, once for stacks, and what was done is written down.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.models.fits_text import fit_card
from ctmo_indi.models.frames import Frame, ProductKind
from ctmo_indi.pixels.calibrate import calibrate
from ctmo_indi.pixels.combine import Preparation, combine, median_levels
from ctmo_indi.pixels.cosmic import find_cosmic_rays
from ctmo_indi.pixels.detector import Detector
from ctmo_indi.pixels.fits_pixels import read_frame, read_header
from ctmo_indi.pixels.look import look
from ctmo_indi.pixels.mask import Mask
from ctmo_indi.pixels.preview import write_preview
from ctmo_indi.pixels.quality import measure
from ctmo_indi.pixels.stack import Layer, stack
from ctmo_indi.preprocessor import gates
from ctmo_indi.preprocessor.astrometry import (
    Card,
    Hint,
    NoSolver,
    Solved,
    Unsolved,
    scale_of,
    write_cards,
)
from ctmo_indi.preprocessor.bad_pixel_map import mark_master, of_site
from ctmo_indi.preprocessor.jobs import ProductJob
from ctmo_indi.preprocessor.planned import Used
from ctmo_indi.preprocessor.product_files import (
    MaskPlane,
    Plane,
    header_statistics,
    read_planes,
    read_product_header,
    verified,
    write_product,
)
from ctmo_indi.preprocessor.product_headers import Made, product_header
from ctmo_indi.preprocessor.product_statistics import (
    OF_LIGHTS,
    plane_statistics,
    quality_statistics,
)
from ctmo_indi.preprocessor.sections import (
    Sections,
    check_master,
    section_steps,
    sections_of,
    tell_sections,
)
from ctmo_indi.preprocessor.solve_field import find_solver
from ctmo_indi.preprocessor.zero_point import NoZeroPoint, ZeroPoint, zero_point
from ctmo_indi.preprocessor.zero_point import cards as zero_point_cards

Answer = dict[str, Any]  # Any: small values

REFUSED = "refused"
"""Folder of masters that are not good enough, below that of the products."""
PREVIEWS = "previews"
FEWEST_LAYERS = 2
# The solver's; the others of a light speak of times, which astropy would have mended.
_WCS_CARD = re.compile(
    r"WCSAXES|(CTYPE|CUNIT|CRVAL|CRPIX)\d|CD\d_\d|LONPOLE|LATPOLE|RADESYS|EQUINOX"
    r"|(A|B|AP|BP)_(ORDER|\d_\d)"
)
_CHUNK = 1 << 20
_MASTERS_KEPT = 3  # bias, dark and flat of one light; 9 bytes a pixel each


@dataclass(frozen=True, slots=True)
class _Planes:
    """What a stage gives to the file."""

    data: Plane
    error: Plane
    mask: MaskPlane
    unit: str
    steps: tuple[str, ...]
    statistics: Mapping[str, float]
    solution: Solved | Unsolved | None = None
    cards: tuple[Card, ...] = ()


class MasterPlanes(NamedTuple):
    """A master as the kernels take it."""

    data: Plane
    error: Plane
    mask: MaskPlane
    header: fits.Header


def look_at_frame(frame: Frame, saturation_adu: float) -> tuple[str, str]:
    """Return the SHA-256 of a file and why its pixels are of no use; never raises."""
    try:
        digest = hashlib.sha256()
        with frame.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        data = read_frame(frame.path).data
        shape = (frame.readout.ny, frame.readout.nx)
        return digest.hexdigest(), look(data, saturation_adu=saturation_adu, expected_shape=shape)
    except (OSError, UnreadableFrame) as error:
        return "", f"cannot be read: {error}"


def make_product(job: ProductJob) -> Answer:
    """Make the product of a job, or find it whole; blocks for as long as it takes.

    Raises
    ------
    OSError
        It could not be written.
    UnreadableFrame
        An input cannot be read.
    """
    planned = job.planned
    path = job.folder / planned.name
    found = _found(job, path) or _found(job, job.folder / REFUSED / planned.name)
    if found is not None:
        return found
    raw = read_header(planned.frames[0].path)
    detector, unknown = _detector(job, raw)
    planes = _STAGES[planned.kind](job, detector, raw)
    refused = ""
    if planned.kind.is_master:
        refused = _refusal(job, planes.statistics)
        if refused:
            path = job.folder / REFUSED / planned.name
    made = Made(
        planned=planned,
        unit=planes.unit,
        steps=planes.steps + (unknown if planned.kind is ProductKind.CALIB_LIGHT else ()),
        written=SystemClock.from_environment().utc(),
        statistics=planes.statistics,
        files=job.files,
        gain_e_per_adu=None if planned.kind.is_master else detector.gain_e_per_adu,
        read_noise_e=None if planned.kind.is_master else detector.read_noise_e,
        saturation_adu=detector.saturation_adu,
    )
    header = product_header(made, raw)
    tell_sections(header, detector)
    if planes.solution is not None:
        write_cards(header, planes.solution)
    for keyword, value, comment in planes.cards:
        card = fit_card(value, comment)
        if card is not None:
            header[keyword] = card
    write_product(path, made, header, planes.data, planes.error, planes.mask)
    if job.settings.has_previews:
        preview = path.parent / PREVIEWS / f"{path.stem}.png"
        preview.parent.mkdir(exist_ok=True)
        write_preview(planes.data, preview, first_row=_first_row(raw))
    facts: Answer = {}
    if isinstance(planes.solution, Solved):
        shape = planes.data.shape
        facts = _place(planes.solution, (shape[0], shape[1]), planes.statistics)
    return _answer(path, planes.statistics) | facts | {"refused": refused}


def _found(job: ProductJob, path: Path) -> Answer | None:
    """Return the answer for a product that is there and whole; None when it is to be made.

    A master that was refused is judged again: what it was compared with may have expired.
    """
    there = verified(path, job.planned.product_id)
    if there is None:
        return None
    refused = _refusal(job, there) if path.parent.name == REFUSED else ""
    if path.parent.name == REFUSED and not refused:
        return None
    header = read_product_header(path)
    facts: Answer = {}
    if header.get("SOLVED") is True:  # its row may have been lost
        facts = _place(_solution_of(header), (header["NAXIS2"], header["NAXIS1"]), there)
    return _answer(path, there) | facts | {"was_there": True, "refused": refused}


def _refusal(job: ProductJob, statistics: Mapping[str, float]) -> str:
    previous = None if job.previous is None else header_statistics(job.previous)
    return gates.refusal(job.planned.kind, statistics, previous)


def _master(job: ProductJob, detector: Detector, raw: fits.Header) -> _Planes:
    planned, settings = job.planned, job.settings
    paths = [frame.path for frame in planned.frames]
    is_flat = planned.kind is ProductKind.FLATM
    prepare = _preparation(job, detector, is_flat=is_flat)
    if is_flat:
        prepare = replace(prepare, scales=median_levels(paths, prepare))
    combined = combine(
        paths,
        method="clipped_mean",
        clip_mad_sigma=settings.clip_mad_sigma,
        prepare=prepare,
        memory_mb=settings.memory_mb,
    )
    data, error = combined.data, combined.error
    steps = [*section_steps(detector)]
    steps += [
        f"{name} subtracted"
        for name, used in (("bias", planned.bias), ("dark", planned.dark))
        if used is not None
    ]
    steps += ["each frame divided by its median"] if is_flat else []
    steps.append(
        f"mean of the samples within {settings.clip_mad_sigma:g} robust sigma of the median"
    )
    if is_flat:
        mean = float(np.nanmean(np.where(combined.mask == 0, data, np.nan), dtype=np.float64))
        data, error = data / np.float32(mean), error / np.float32(mean)
        steps.append("divided by its mean")
    unit = "" if is_flat else "adu"
    statistics = plane_statistics(data, combined.mask)  # before marks: a gate counts hot pixels
    for name in OF_LIGHTS:
        del statistics[name]
    count, marked = mark_master(
        planned.kind, combined, data, settings.bad_pixel_rules, prepare.bias_error
    )
    if marked:
        statistics["bad_pixels"] = float(count)
    return _Planes(data, error, combined.mask, unit, (*steps, *marked), statistics)


def _preparation(job: ProductJob, detector: Detector, *, is_flat: bool) -> Preparation:
    bias, dark = (
        _master_planes(job, used, detector) for used in (job.planned.bias, job.planned.dark)
    )
    scales = job.planned.dark_scales
    return Preparation(
        bias=None if bias is None else bias.data,
        bias_error=None if bias is None else bias.error,
        dark=None if dark is None else dark.data,
        dark_error=None if dark is None else dark.error,
        dark_scales=scales or (1.0,),
        saturation_adu=detector.saturation_adu if is_flat else math.inf,
        overscan=detector.overscan,
        trim=detector.trim,
        overscan_per=detector.overscan_per,
    )


def _light(job: ProductJob, detector: Detector, raw: fits.Header) -> _Planes:
    planned, settings = job.planned, job.settings
    frame = planned.frames[0]
    bias, dark, flat = (
        _master_planes(job, used, detector) for used in (planned.bias, planned.dark, planned.flat)
    )
    bad_pixels, listed = of_site(
        settings.bad_pixels, settings.bad_pixels_sha256, planned.readout, detector
    )
    names = [
        name for name, used in (("bias", bias), ("dark", dark), ("flat", flat)) if used is not None
    ]
    if planned.dark is not None and planned.dark.master.has_bias:
        # It holds bias and dark together; as a bias its level is not taken for light, whose
        # noise the error would have.
        bias, dark = dark, None
    data, error, mask = calibrate(
        read_frame(frame.path).data,
        detector,
        bias=bias,
        dark=dark,
        dark_scale=planned.dark_scales[0] if planned.dark_scales else 1.0,
        flat=flat,
        bad_pixels=bad_pixels,
    )
    steps = [*section_steps(detector), f"calibrated with {', '.join(names)}", *listed]
    if settings.has_cosmic_rays and detector.read_noise_e > 0.0:
        hits = find_cosmic_rays(
            data,
            read_noise_e=detector.read_noise_e,
            saturation_e=detector.saturation_adu * detector.gain_e_per_adu,
            mask=mask,
        ).mask
        np.bitwise_or(mask, np.uint8(Mask.COSMIC), out=mask, where=hits)
        steps.append("cosmic rays masked (van Dokkum 2001), their pixels left as they are")
    if not settings.has_quality:
        statistics = plane_statistics(data, mask)
        unsolved = Unsolved("stars were not measured")
        return _Planes(data, error, mask, "electron", tuple(steps), statistics, unsolved)
    quality = measure(data, error, mask)
    solver = find_solver() if settings.solver else NoSolver("no solver is installed or wanted")
    hint = Hint(frame.ra_deg, frame.dec_deg, scale_arcsec_per_px=scale_of(raw))
    shape = (data.shape[0], data.shape[1])
    solution = solver.solve(quality.stars, shape, hint)
    statistics = plane_statistics(data, mask) | quality_statistics(quality)
    found: ZeroPoint | NoZeroPoint = NoZeroPoint("not solved")
    if isinstance(solution, Solved):
        found = zero_point(quality.stars, _wcs_of(solution), shape, frame.exposure_s)
    if isinstance(found, ZeroPoint):
        statistics["zero_point_mag"] = found.magnitude
    return _Planes(
        data,
        error,
        mask,
        "electron",
        tuple(steps),
        statistics,
        solution,
        zero_point_cards(found),
    )


def _stack(job: ProductJob, detector: Detector, raw: fits.Header) -> _Planes:
    """Stack those of the lights that are solved."""
    planned = job.planned
    layers, left_out, solution, first_s = [], [], None, 0.0
    for product_id, frame in zip(planned.lights, planned.frames, strict=True):
        path = job.files[product_id]
        header = read_product_header(path)
        if not header.get("SOLVED", False):
            left_out.append(frame.path.name)
            continue
        if solution is None:
            solution, first_s = _solution_of(header), frame.exposure_s
        layers.append(partial(_layer, path, first_s / frame.exposure_s))
    if len(layers) < FEWEST_LAYERS or solution is None:
        raise UnreadableFrame(
            f"{len(layers)} of {len(planned.lights)} lights are solved, expected {FEWEST_LAYERS}"
        )
    stacked = stack(layers, scratch=job.folder, memory_mb=job.settings.memory_mb)
    steps = [f"{len(layers)} lights aligned by their world coordinates, sky subtracted"]
    steps.append(f"electrons of an exposure of {first_s:g} s")
    if left_out:
        steps.append(f"left out, since not solved: {', '.join(left_out)}")
    quality = measure(stacked.data, stacked.error, stacked.mask)
    return _Planes(
        stacked.data,
        stacked.error,
        stacked.mask,
        "electron",
        tuple(steps),
        plane_statistics(stacked.data, stacked.mask) | quality_statistics(quality),
        solution,
    )


_STAGES: Mapping[ProductKind, Callable[[ProductJob, Detector, fits.Header], _Planes]] = {
    ProductKind.BIASM: _master,
    ProductKind.DARKM: _master,
    ProductKind.FLATM: _master,
    ProductKind.CALIB_LIGHT: _light,
    ProductKind.STACK_LIGHT: _stack,
}


def _layer(path: Path, factor: float) -> Layer:
    data, error, mask = read_planes(path)
    header = read_product_header(path)
    wcs = _wcs_of(_solution_of(header))
    return Layer(data, error, mask, wcs, float(header.get("SKYLEVEL", 0.0)), factor)


def _solution_of(header: fits.Header) -> Solved:
    cards = (card for card in header.cards if _WCS_CARD.fullmatch(card.keyword))
    return Solved(
        tuple((card.keyword, card.value, card.comment) for card in cards),
        int(header.get("SOLVNUM", 0)),
        float(header.get("SOLVRES", math.nan)),
        str(header.get("SOLVER", "")),
    )


def _detector(job: ProductJob, raw: fits.Header) -> tuple[Detector, tuple[str, ...]]:
    """Return the detector, and what of it had to be supposed."""
    settings, planned = job.settings, job.planned
    gain = settings.gain_e_per_adu or _positive(raw.get("EGAIN"))
    noise = settings.read_noise_e or _positive(raw.get("RDNOISE"))
    unknown = []
    if gain is None:
        unknown.append("gain not known, taken as 1 electron per adu")
    if noise is None:
        unknown.append("read noise not known, taken as 0; no cosmic rays were looked for")
    saturation = _positive(raw.get("SATURATE")) or settings.saturation_adu
    sections = Sections()
    if not planned.lights:
        profile = Sections(settings.overscan, settings.trim, settings.overscan_per)
        paths = [frame.path for frame in planned.frames]
        sections = sections_of(paths, planned.readout, profile)
    detector = Detector(
        gain or 1.0,
        noise or 0.0,
        saturation,
        sections.overscan,
        sections.trim,
        sections.overscan_per,
    )
    return detector, tuple(unknown)


def _positive(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0.0 < value < math.inf else None  # type: ignore[operator,arg-type]  # a number


def _master_planes(job: ProductJob, used: Used | None, detector: Detector) -> MasterPlanes | None:
    if used is None:
        return None
    path = job.files[used.master.product_id]
    master = _read_master(path, path.stat().st_mtime_ns)
    check_master(path, master.header, detector)
    return master


@lru_cache(maxsize=_MASTERS_KEPT)
def _read_master(path: Path, mtime_ns: int) -> MasterPlanes:
    return MasterPlanes(*read_planes(path), read_product_header(path))


def _place(solution: Solved, shape: tuple[int, int], statistics: Mapping[str, float]) -> Answer:
    """Return where a solved frame looks, as ObsCore wants it."""
    wcs = _wcs_of(solution)
    ny, nx = shape
    ra_deg, dec_deg = (float(one) for one in wcs.all_pix2world((nx - 1) / 2, (ny - 1) / 2, 0))
    corners = wcs.all_pix2world([[0, 0], [nx - 1, 0], [nx - 1, ny - 1], [0, ny - 1]], 0)
    scale_deg = math.sqrt(abs(float(np.linalg.det(wcs.pixel_scale_matrix))))
    place: Answer = {
        "ra_deg": ra_deg,
        "dec_deg": dec_deg,
        "fov_deg": scale_deg * max(nx, ny),
        "region": "POLYGON ICRS " + " ".join(f"{value:.6f}" for value in corners.ravel()),
    }
    if "fwhm_px" in statistics:
        place["resolution_arcsec"] = statistics["fwhm_px"] * scale_deg * 3600.0
    return place


def _wcs_of(solution: Solved) -> WCS:
    header = fits.Header()
    for keyword, value, comment in solution.wcs:
        header[keyword] = (value, comment)
    return WCS(header)


def _first_row(raw: fits.Header) -> Literal["bottom", "top"]:
    return "top" if str(raw.get("ROWORDER", "")).upper() == "TOP-DOWN" else "bottom"


def _answer(path: Path, statistics: Mapping[str, float]) -> Answer:
    return {
        "path": str(path),
        "statistics": dict(statistics),
        "size_bytes": path.stat().st_size,
    }
