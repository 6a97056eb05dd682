"""A frame is whole on the disk or not there; its header is complete and its pixels untouched."""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi import profiles
from ctmo_indi.errors import BadFrame
from ctmo_indi.models.frame_facts import FrameFacts
from ctmo_indi.models.states import FrameType
from ctmo_indi.telescope import frame_writer
from ctmo_indi.telescope.frame_writer import exposure_record, find_frame, write_frame
from ctmo_indi.telescope.hands import RawFrame

PIXELS = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) + 40000


def driver_frame(**cards: object) -> bytes:
    unit = fits.PrimaryHDU(PIXELS)
    for keyword, value in {
        "EXPTIME": 30.0,
        "FRAME": "Light",
        "DATE-OBS": "2026-11-22T00:30:00.500",
        "XBINNING": 1,
        "YBINNING": 1,
        **cards,
    }.items():
        unit.header[keyword] = value
    buffer = io.BytesIO()
    unit.writeto(buffer)
    return buffer.getvalue()


def facts(**changes: object) -> FrameFacts:
    given = {
        "site": profiles.load("simulators").site,
        "frame_type": FrameType.LIGHT,
        "exposure_s": 30.0,
        "start_utc_s": 0.0,
        "telescope_name": "CTMO",
        "creator": "test",
        "receipt": "O-1",
        "attempt_id": "A-1",
        "exposure_id": "A-1-001",
        "sequence": 1,
        "count": 1,
        "ra_deg": 10.0,
        "dec_deg": 20.0,
        "filter_name": "R",
        "binning": 1,
        **changes,
    }
    return FrameFacts(**given)  # type: ignore[arg-type]


def test_the_file_verifies_and_its_pixels_are_the_drivers(tmp_path):
    path = tmp_path / "nights" / "20261121" / "raw" / "light.fits"

    written = write_frame(RawFrame(data=driver_frame()), path, facts())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as units:
            units.verify("exception")
            header = units[0].header
            np.testing.assert_array_equal(units[0].data, PIXELS)
    assert (header["BITPIX"], header["BZERO"]) == (16, 32768)
    assert (header["EXPID"], header["FILTER"], header["RA"]) == ("A-1-001", "R", 10.0)
    record = exposure_record(written.header, path, written.sha256, frame_type=FrameType.LIGHT)
    assert record.t_max_mjd - record.t_min_mjd == pytest.approx(30.0 / 86400.0, abs=1e-8)
    assert list(path.parent.iterdir()) == [path]


def test_a_spool_file_is_taken_over_and_removed(tmp_path):
    spool = tmp_path / "spool.fits"
    spool.write_bytes(driver_frame())

    write_frame(RawFrame(path=spool), tmp_path / "light.fits", facts())

    assert not spool.exists()
    assert (tmp_path / "light.fits").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no fits at all", "no FITS image"),
        (b"", "no FITS image"),
        (driver_frame()[:2880], "light.fits"),
        (driver_frame()[:5000], "light.fits"),
        (driver_frame(FRAME="Dark"), "FRAME is 'Dark'"),
        (driver_frame(EXPTIME=10.0), "EXPTIME is 10.0"),
        (driver_frame(XBINNING=2), "XBINNING is 2"),
    ],
)
def test_what_is_not_the_frame_asked_for_is_refused_and_leaves_nothing(tmp_path, content, words):
    with pytest.raises(BadFrame, match=words):
        write_frame(RawFrame(data=content), tmp_path / "light.fits", facts())

    assert list(tmp_path.iterdir()) == []


def test_a_taken_name_is_never_overwritten(tmp_path):
    path = tmp_path / "light.fits"
    path.write_bytes(b"precious")

    with pytest.raises(BadFrame, match="exists already"):
        write_frame(RawFrame(data=driver_frame()), path, facts())

    assert path.read_bytes() == b"precious"


def test_a_disk_that_fails_leaves_no_half_frame(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(frame_writer.os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        write_frame(RawFrame(data=driver_frame()), tmp_path / "light.fits", facts())

    assert list(tmp_path.iterdir()) == []


def test_a_spool_file_that_cannot_be_removed_costs_no_frame(tmp_path, monkeypatch, caplog):
    spool = tmp_path / "spool.fits"
    spool.write_bytes(driver_frame())
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path == spool:
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    path = tmp_path / "light.fits"

    written = write_frame(RawFrame(path=spool), path, facts())

    assert find_frame(path, "A-1-001").sha256 == written.sha256
    assert f"spool_file_not_removed path={spool}" in caplog.text


def test_a_folder_that_cannot_be_synced_costs_no_frame(tmp_path, monkeypatch, caplog):
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(frame_writer.os, "fsync", failing)
    path = tmp_path / "light.fits"

    written = write_frame(RawFrame(data=driver_frame()), path, facts())

    assert find_frame(path, "A-1-001").sha256 == written.sha256
    assert f"folder_not_synced path={tmp_path}" in caplog.text


def test_a_whole_frame_of_the_right_id_is_found(tmp_path):
    path = tmp_path / "light.fits"
    written = write_frame(RawFrame(data=driver_frame()), path, facts())

    record = find_frame(path, "A-1-001")

    assert record is not None
    assert record.sha256 == written.sha256


@pytest.mark.parametrize("harm", ["missing", "cut", "altered", "foreign"])
def test_a_harmed_or_foreign_frame_is_not_found(tmp_path, harm):
    path = tmp_path / "light.fits"
    wanted = "A-1-001"
    if harm != "missing":
        write_frame(RawFrame(data=driver_frame()), path, facts())
    content = bytearray(path.read_bytes()) if path.exists() else bytearray()
    if harm == "cut":
        path.write_bytes(content[:-2880])
    elif harm == "altered":
        content[-2000] ^= 0xFF
        path.write_bytes(content)
    elif harm == "foreign":
        wanted = "A-2-001"

    assert find_frame(Path(path), wanted) is None
