"""A folder on a disk that is full when the test wants it, and has room again after.

As root it is a small tmpfs of its own, where the kernel refuses with ENOSPC. Elsewhere the limit on
the size of files stands in (RLIMIT_FSIZE, EFBIG): it holds for the whole process, so nothing that
grows beyond the limit can be written anywhere while the disk is full.

Example
-------
>>> with FullDisk(tmp_path / "data") as disk:
...     store = open_store(disk.folder)
...     disk.fill()
...     with pytest.raises(StorageFull):
...         store.add(order)
...     disk.make_room()
"""

from __future__ import annotations

import os
import resource
import subprocess
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

_FILLER = ".filler"
_CHUNK_BYTES = 4096


class DiskKind(StrEnum):
    """How the disk is made full."""

    TMPFS = "tmpfs"
    FILE_SIZE_LIMIT = "file size limit"


class FullDisk:
    """A context manager; inside it :attr:`folder` exists.

    Parameters
    ----------
    folder
        Made if it is not there; a tmpfs hides what is in it meanwhile.
    size_bytes
        Of the tmpfs.
    kind
        None: tmpfs when it can be mounted, else the limit.
    """

    def __init__(
        self, folder: Path, *, size_bytes: int = 400_000, kind: DiskKind | None = None
    ) -> None:
        self.folder = folder
        self.kind = kind or (DiskKind.TMPFS if os.geteuid() == 0 else DiskKind.FILE_SIZE_LIMIT)
        self._may_fall_back = kind is None
        self._size_bytes = size_bytes
        self._limits: tuple[int, int] | None = None
        self._is_mounted = False

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.kind is DiskKind.TMPFS:
            try:
                _run("mount", "-t", "tmpfs", "-o", f"size={self._size_bytes}", "tmpfs", self.folder)
                self._is_mounted = True
            except (OSError, subprocess.CalledProcessError):
                if not self._may_fall_back:
                    raise
                self.kind = DiskKind.FILE_SIZE_LIMIT  # root in a container without the right
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.make_room()
        if self._is_mounted:
            # Lazily: a process under test may still hold a file open.
            _run("umount", "-l", self.folder)
            self._is_mounted = False

    def fill(self, leave_bytes: int = 0) -> None:
        """Fill it up to ``leave_bytes`` (whole blocks of 4096; none with a file size limit)."""
        if self.kind is DiskKind.FILE_SIZE_LIMIT:
            if self._limits is None:
                self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)
                # Python ignores SIGXFSZ, so that a write fails with EFBIG.
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._limits[1]))
            return
        with (self.folder / _FILLER).open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(_CHUNK_BYTES))
            except OSError:
                pass  # full
            filler.truncate(max(0, filler.tell() - leave_bytes))

    def make_room(self) -> None:
        """Let it have room again."""
        (self.folder / _FILLER).unlink(missing_ok=True)
        if self._limits is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)
            self._limits = None


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, timeout=10.0)
