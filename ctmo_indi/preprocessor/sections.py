"""Which part of a frame is overscan, and which is kept: by its header, else by the profile.

BIASSEC and TRIMSEC are those of NOAO's IRAF, "[x1:x2,y1:y2]" from 1 on, both ends included. The
header goes first: whoever wrote it knows binning and window. The profile's are of a frame that is
read whole and unbinned, and are used for no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from astropy.io.fits import Header

from ctmo_indi.errors import UnreadableFrame
from ctmo_indi.models.frames import Readout
from ctmo_indi.pixels.detector import Detector, OverscanPer, read_section
from ctmo_indi.preprocessor.header_reader import UnreadableHeader, read_cards

OVERSCAN, TRIM = "BIASSEC", "TRIMSEC"
OF_UNTRIMMED = ("BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC", "DETSEC", "AMPSEC")
"""Cards that are not true any more of a trimmed frame."""

OVERSCAN_USED = "OVERSCAN"
_NONE = "[0:0,0:0]"  # as some cameras say that there is none


@dataclass(frozen=True, slots=True)
class Sections:
    """Sections of one frame, as :class:`ctmo_indi.pixels.detector.Detector` takes them."""

    overscan: str | None = None
    trim: str | None = None
    overscan_per: OverscanPer = "line"


def sections_of(paths: Iterable[Path], readout: Readout, profile: Sections) -> Sections:
    """Return the sections that frames have in common; the profile's where headers have none.

    Blocks for the headers.

    Raises
    ------
    UnreadableFrame
        A header cannot be read, a card is no section of a frame of that size, or frames differ.
    """
    found: dict[Sections, Path] = {}
    for path in paths:
        try:
            cards = read_cards(path, {OVERSCAN, TRIM}).values
        except (OSError, UnreadableHeader) as error:
            raise UnreadableFrame(f"{path}: {error}") from error
        found.setdefault(_of_one(path, cards, readout, profile), path)
    if len(found) > 1:
        (first, one), (second, other) = list(found.items())[:2]
        raise UnreadableFrame(
            f"{other}: overscan {second.overscan}, trim {second.trim} came, "
            f"expected {first.overscan}, {first.trim} as in {one.name}"
        )
    return next(iter(found), Sections())


def _of_one(
    path: Path, cards: Mapping[str, object], readout: Readout, profile: Sections
) -> Sections:
    how = readout.x_binning, readout.y_binning, readout.x_origin, readout.y_origin
    own = profile if how == (1, 1, 0, 0) else Sections(overscan_per=profile.overscan_per)
    found = {}
    for keyword, other in ((OVERSCAN, own.overscan), (TRIM, own.trim)):
        text = str(cards.get(keyword, "")).replace(" ", "")
        section = other if text in ("", _NONE) else text
        if section is not None:
            _check(f"{path}: {keyword}", section, readout)
        found[keyword] = section
    return Sections(found[OVERSCAN], found[TRIM], own.overscan_per)


def check_master(path: Path, header: Header, detector: Detector) -> None:
    """Hold a master to the overscan of the frame it is to be applied to.

    Raises
    ------
    UnreadableFrame
        One was subtracted from the master's frames and another, or none, from this.
    """
    of_master = str(header.get(OVERSCAN_USED, "none"))
    if of_master != (detector.overscan or "none"):
        raise UnreadableFrame(
            f"a frame with the overscan {detector.overscan or 'none'} came, "
            f"expected the overscan {of_master} of its master {path.name}"
        )


def section_steps(detector: Detector) -> tuple[str, ...]:
    """Return what was done to frames of a detector, for HISTORY."""
    level = "median of each line" if detector.overscan_per == "line" else "one level a frame"
    overscan, trim = detector.overscan, detector.trim
    return (
        *(() if overscan is None else (f"overscan {overscan} subtracted, {level}",)),
        *(() if trim is None else (f"trimmed to {trim}",)),
    )


def tell_sections(header: Header, detector: Detector) -> None:
    """Write the sections of a product; move or take out cards that are not true of it any more."""
    for keyword in OF_UNTRIMMED:
        header.remove(keyword, ignore_missing=True)
    if detector.overscan is not None:
        header[OVERSCAN_USED] = (detector.overscan, "of the raw frame, subtracted")
    if detector.trim is None:
        return
    rows, columns = read_section(detector.trim)
    for keyword, first in (("1", columns.start), ("2", rows.start)):
        for name in (f"CRPIX{keyword}", f"LTV{keyword}"):
            if isinstance(header.get(name), int | float):
                header[name] = header[name] - first


def _check(what: str, section: str, readout: Readout) -> None:
    try:
        rows, columns = read_section(section)
    except ValueError as error:
        raise UnreadableFrame(f"{what}: {error}") from error
    if rows.stop > readout.ny or columns.stop > readout.nx:
        raise UnreadableFrame(
            f"{what}: {section} came, expected a section of {readout.nx} x {readout.ny} pixels"
        )
