"""A folder becomes a night bundle; every file is a frame or rejected with its reason."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from ctmo_indi.models.frames import Frame, Rejected
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor import header_reader, night
from ctmo_indi.preprocessor.header_reader import Cards
from ctmo_indi.preprocessor.night import Seen, examine, hash_only, scan, stamp

from .night_frames import EVENING_S, NIGHT, write_fits


def test_frames_are_found_oldest_first_and_the_rest_is_told(tmp_path: Path) -> None:
    write_fits(tmp_path / "b.fits", 1)
    write_fits(tmp_path / "a.FIT", 2, **{"DATE-OBS": "2026-11-22T00:10:00"})
    write_fits(tmp_path / "c.fits", 3, EXPTIME=None)
    write_fits(tmp_path / ".d.fits", 4)
    (tmp_path / "e.fits").write_bytes(b"SIMPLE")
    (tmp_path / "notes.txt").write_text("cloudy")
    (tmp_path / "products").mkdir()
    write_fits(tmp_path / "products" / "f.fits", 5)

    bundle = scan(tmp_path)

    assert [frame.path.name for frame in bundle.frames] == ["b.fits", "a.FIT"]
    reasons = {one.path.name: one.reason for one in bundle.rejected}
    assert set(reasons) == {"c.fits", "e.fits"}
    assert "EXPTIME is missing" in reasons["c.fits"]
    assert "no FITS" in reasons["e.fits"]


def test_an_unreadable_file_is_rejected_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fits(tmp_path / "a.fits")
    write_fits(tmp_path / "b.fits")

    def read_cards(path: Path, wanted: frozenset[str]) -> Cards:
        if path.name == "b.fits":
            raise PermissionError(13, "Permission denied")
        return header_reader.read_cards(path, wanted)

    monkeypatch.setattr(night, "read_cards", read_cards)
    bundle = scan(tmp_path)

    assert [frame.path.name for frame in bundle.frames] == ["a.fits"]
    assert bundle.rejected == (Rejected(tmp_path / "b.fits", "cannot be read: Permission denied"),)


def test_what_is_no_file_is_no_frame(tmp_path: Path) -> None:
    (tmp_path / "b.fits").symlink_to(tmp_path / "gone")
    (tmp_path / "c.fits").mkdir()
    bundle = scan(tmp_path)
    assert (bundle.frames, bundle.rejected) == ((), ())


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan(tmp_path / "gone")


def test_an_empty_folder_is_an_empty_bundle(tmp_path: Path) -> None:
    bundle = scan(tmp_path)
    assert (bundle.frames, bundle.rejected, bundle.night) == ((), (), "")


@pytest.mark.parametrize(
    ("folder", "card", "evening"),
    [("20261120", NIGHT, NIGHT), ("20261120", None, "20261120"), ("bundle", None, NIGHT)],
)
def test_the_night_is_the_headers_then_the_folders_then_the_dates(
    tmp_path: Path, folder: str, card: str | None, evening: str
) -> None:
    (tmp_path / folder).mkdir()
    write_fits(tmp_path / folder / "a.fits", NIGHT=card)
    assert scan(tmp_path / folder).night == evening


def test_every_frame_gets_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = write_fits(tmp_path / "a.fits")
    (frame,) = examine(scan(tmp_path)).frames
    assert frame.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert frame.start_utc_s == EVENING_S


def test_the_same_bytes_count_once(tmp_path: Path) -> None:
    content = write_fits(tmp_path / "a.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(content)

    bundle = examine(scan(tmp_path))

    assert [frame.path.name for frame in bundle.frames] == ["a.fits"]
    assert [one.reason for one in bundle.rejected] == ["the same bytes as a.fits"]


def test_a_look_rejects_with_its_reason(tmp_path: Path) -> None:
    write_fits(tmp_path / "a.fits", 1)
    write_fits(tmp_path / "b.fits", 2, IMAGETYP="Flat Frame", FRAME="Flat")

    def look(frame: Frame) -> Seen:
        is_flat = frame.frame_type is FrameType.FLAT
        return Seen(frame.path.name, "constant: every pixel is 65000 adu" if is_flat else "")

    bundle = examine(scan(tmp_path), look)

    assert [frame.sha256 for frame in bundle.frames] == ["a.fits"]
    assert bundle.rejected[0].reason == "constant: every pixel is 65000 adu"


def test_what_was_seen_before_is_not_read_again(tmp_path: Path) -> None:
    write_fits(tmp_path / "a.fits", 1)
    path = write_fits(tmp_path / "b.fits", 2)
    bundle = scan(tmp_path)
    known = {stamp(frame): Seen(f"of {frame.path.name}") for frame in bundle.frames}
    os.utime(path, ns=(1, 1))
    read: list[str] = []

    def look(frame: Frame) -> Seen:
        read.append(frame.path.name)
        return hash_only(frame)

    examined = examine(scan(tmp_path), look, known=known)

    assert read == ["b.fits"]
    assert next(one for one in examined.frames if one.path.name == "a.fits").sha256 == "of a.fits"


def test_a_file_that_vanished_meanwhile_is_rejected(tmp_path: Path) -> None:
    path = write_fits(tmp_path / "a.fits")
    bundle = scan(tmp_path)
    path.unlink()
    assert "No such file" in examine(bundle).rejected[0].reason


def test_headers_of_many_frames_are_read_in_a_millisecond_each(tmp_path: Path) -> None:
    content = write_fits(tmp_path / "000.fits", COMMENT="x" * 5000).read_bytes()
    for number in range(1, 200):
        (tmp_path / f"{number:03}.fits").write_bytes(content)
    scan(tmp_path)

    spent = []
    for _ in range(3):
        begin = time.process_time()
        bundle = scan(tmp_path)
        spent.append((time.process_time() - begin) / len(bundle.frames))

    assert len(bundle.frames) == 200
    assert min(spent) < 2e-3  # 1000 in 2 s
