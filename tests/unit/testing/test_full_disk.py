"""Full is full, whichever way it is made."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ctmo_indi.testing.full_disk import DiskKind, FullDisk

AS_ROOT = pytest.param(
    DiskKind.TMPFS, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
)


@pytest.mark.parametrize("kind", [AS_ROOT, DiskKind.FILE_SIZE_LIMIT])
def test_a_full_disk_refuses_and_takes_again_when_there_is_room(tmp_path, kind):
    with FullDisk(tmp_path / "data", kind=kind) as disk:
        file = disk.folder / "journal"
        file.write_bytes(b"before")
        disk.fill()
        with pytest.raises(OSError, match=r"No space left|File too large") as full:
            (disk.folder / "new").write_bytes(b"x" * 10_000)
        assert full.value.errno == (errno.ENOSPC if kind is DiskKind.TMPFS else errno.EFBIG)
        assert file.read_bytes() == b"before"
        disk.make_room()
        file.write_bytes(b"after")
        assert file.read_bytes() == b"after"


@pytest.mark.parametrize("kind", [AS_ROOT, DiskKind.FILE_SIZE_LIMIT])
def test_nothing_is_left_after_the_block(tmp_path, kind):
    folder = tmp_path / "data"
    with FullDisk(folder, kind=kind) as disk:
        disk.fill()
    assert not folder.is_mount()
    (folder / "file").write_bytes(b"x" * 10_000)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_some_bytes_may_be_left(tmp_path: Path):
    with FullDisk(tmp_path / "data") as disk:
        disk.fill(leave_bytes=8192)
        (disk.folder / "small").write_bytes(b"x" * 8192)
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(b"x")


def test_without_the_right_to_mount_the_limit_stands_in(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no mount program
    with FullDisk(tmp_path / "data") as disk:
        assert disk.kind is DiskKind.FILE_SIZE_LIMIT
