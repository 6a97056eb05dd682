"""Write one frame: the driver's FITS bytes in, a complete and durable file out.

The file appears under its name only when all of it is on the disk: temporary file in the same
folder, fsync, rename, fsync of the folder. Pixels are copied as the driver stored them (BZERO and
all), never rescaled. Everything here blocks; it runs in a worker thread.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ctmo_indi.errors import BadFrame
from ctmo_indi.kill_points import passing
from ctmo_indi.models.frame_facts import FrameFacts
from ctmo_indi.models.headers import complete_header, disagreements
from ctmo_indi.models.orders import ExposureRecord
from ctmo_indi.models.states import FrameType
from ctmo_indi.telescope.hands import RawFrame
from ctmo_indi.telescope.leftovers import TEMPORARY_SUFFIX

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WrittenFrame:
    """A frame that is durable."""

    path: Path
    sha256: str
    header: fits.Header


def write_frame(raw: RawFrame, path: Path, facts: FrameFacts) -> WrittenFrame:
    """Complete the header and store the frame; a spool file is removed afterwards.

    What fails once the frame has its name is only logged: the frame is whole, and said to be lost
    it would be exposed again.

    Raises
    ------
    BadFrame
        Not a FITS image, another kind of frame than asked for, or its name is taken.
    OSError
        The disk is full, read-only or gone; nothing stays behind under the frame's name.
    """
    content, header = completed(raw, path.name, facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise BadFrame(f"{path}: exists already, expected a new exposure id")
    _store(path, content)
    if raw.path is not None:
        _remove_spooled(raw.path)
    return WrittenFrame(path, hashlib.sha256(content).hexdigest(), header)


def completed(raw: RawFrame, name: str, facts: FrameFacts) -> tuple[memoryview, fits.Header]:
    """Return the file's bytes with the complete header, CHECKSUM and DATASUM, and that header."""
    data = raw.data if raw.data is not None else _spooled(raw)
    try:
        with warnings.catch_warnings():
            # What a driver writes is not ours to complain about; what we cannot read fails below.
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(io.BytesIO(data), memmap=False, do_not_scale_image_data=True) as units:
                primary = units[0]
                if primary.data is None or primary.data.ndim not in (2, 3):
                    raise BadFrame(f"{name}: no image came, the first unit is {primary.shape}")
                wrong = disagreements(primary.header, facts)
                if wrong:
                    raise BadFrame(f"{name}: {'; '.join(wrong)}")
                primary.header = complete_header(primary.header, facts)
                buffer = io.BytesIO()
                units.writeto(buffer, checksum=True, output_verify="silentfix")
                return buffer.getbuffer(), primary.header.copy()
    except (OSError, ValueError, TypeError, KeyError, fits.VerifyError) as error:
        raise BadFrame(f"{name}: {len(data)} bytes that are no FITS image: {error}") from error


def exposure_record(
    header: fits.Header, path: Path, sha256: str, *, frame_type: FrameType
) -> ExposureRecord:
    """Read the row of a frame from its header; KeyError when that is not one of ours."""
    return ExposureRecord(
        exposure_id=str(header["EXPID"]),
        attempt_id=str(header["ATTEMPT"]),
        order_receipt=str(header.get("RECEIPT", "")),
        sequence=int(header["FRAMENUM"]),
        path=str(path),
        frame_type=frame_type,
        filter_name=str(header.get("FILTER", "")),
        t_exptime_s=float(header["EXPTIME"]),
        t_min_mjd=float(header["MJD-OBS"]),
        t_max_mjd=float(header["MJD-END"]),
        s_ra_deg=_number(header, "RA"),
        s_dec_deg=_number(header, "DEC"),
        target_name=str(header.get("OBJECT", "")),
        sha256=sha256,
    )


def find_frame(path: Path, exposure_id: str) -> ExposureRecord | None:
    """Return the row of the whole frame of that exposure id, None when there is none.

    One that is whole under its temporary name, since a crash came before the renaming, is given its
    name. Half-written, altered or foreign files are none; a half-written temporary file is removed.
    """
    found = read_frame(path)
    if found is not None:
        return found if found.exposure_id == exposure_id else None
    temporary = temporary_path(path)
    found = read_frame(temporary)
    if found is None or found.exposure_id != exposure_id or path.exists():
        temporary.unlink(missing_ok=True)
        return None
    temporary.rename(path)
    _sync_folder(path.parent)
    passing("telescope.recovery.adopted")
    return replace(found, path=str(path))


def read_frame(path: Path) -> ExposureRecord | None:
    """Return the row of a frame of ours from its header; None when it is none, or not whole.

    CHECKSUM and DATASUM must be there and right.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    try:
        with (
            warnings.catch_warnings(),
            fits.open(io.BytesIO(content), memmap=False, checksum=True) as units,
        ):
            warnings.simplefilter("error", AstropyWarning)
            header = units[0].header
            if "EXPID" not in header or "CHECKSUM" not in header:
                return None
            sha256 = hashlib.sha256(content).hexdigest()
            frame_type = FrameType(str(header["IMAGETYP"]).split()[0])
            return exposure_record(header, path, sha256, frame_type=frame_type)
    except (OSError, ValueError, TypeError, KeyError, AstropyWarning, fits.VerifyError):
        return None


def temporary_path(path: Path) -> Path:
    """Where a frame is while it is being written."""
    return path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")


def _spooled(raw: RawFrame) -> bytes:
    if raw.path is None:
        raise BadFrame("the frame has neither bytes nor a file")
    try:
        return raw.path.read_bytes()
    except OSError as error:
        raise BadFrame(f"{raw.path}: the driver's file cannot be read: {error}") from error


def _remove_spooled(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("spool_file_not_removed path=%s error=%s", path, error)


def _store(path: Path, content: memoryview) -> None:
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            passing("telescope.frame.part.written")
            os.fsync(file.fileno())
        passing("telescope.frame.part.synced")
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    passing("telescope.frame.renamed")
    _sync_folder(path.parent)
    passing("telescope.frame.stored")


def _sync_folder(path: Path) -> None:
    """Make names durable; after a crash that loses one, the frame has its temporary name again."""
    try:
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        _log.error("folder_not_synced path=%s error=%s", path, error)


def _number(header: fits.Header, keyword: str) -> float | None:
    value = header.get(keyword)
    return float(value) if isinstance(value, int | float) else None
