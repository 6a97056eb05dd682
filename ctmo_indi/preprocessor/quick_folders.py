"""Where the raw frames of a night lie, and which there are.

``nights/YYYYMMDD/raw`` below the data folder or a declared root, as the telescope writes them, or
``YYYYMMDD`` below a root. The newest such folder with frames in it is the night that goes on, or
the last one: no other service is asked, and a telescope on another machine needs to share the
folder only. Everything here blocks for the file system and opens no file.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi.errors import BadOrder
from ctmo_indi.preprocessor.locations import SUFFIXES, night_folder

_NIGHT = re.compile(r"(?:19|20)\d{6}", re.ASCII)
_MOST_EMPTY = 20  # folders without frames that are looked into for the last night


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that may be a raw frame.

    Parameters
    ----------
    name
        As it is told: what is no UTF-8 in it is written with backslashes.
    refused
        Why it is not opened; "" when it may be.
    """

    name: str
    path: Path
    size_bytes: int
    mtime_ns: int
    refused: str = ""

    @property
    def stamp(self) -> tuple[int, int]:
        """By what it is taken for unchanged."""
        return self.size_bytes, self.mtime_ns


@dataclass(frozen=True, slots=True)
class QuickFolders:
    """The folders of nights below some roots.

    Parameters
    ----------
    roots
        What lies elsewhere, in name or behind a symbolic link, is never opened.
    """

    roots: tuple[Path, ...]

    def raw_folder(self, night: str) -> Path | None:
        """Return the real folder of the raw frames of a night; None where there is none."""
        if _NIGHT.fullmatch(night):
            for base in self._bases():
                with contextlib.suppress(BadOrder):
                    return night_folder(str(base / night), self.roots)
        return None

    def last_night(self, until: str) -> str:
        """Return the newest night with frames, not after ``until``; "" when there is none.

        Raises
        ------
        OSError
            A folder cannot be read.
        """
        nights = {name for base in self._bases() for name in _names(base) if name <= until}
        for night in sorted(nights, reverse=True)[:_MOST_EMPTY]:
            folder = self.raw_folder(night)
            if folder is not None and any(_frames(folder)):
                return night
        return ""

    def files(self, folder: Path) -> list[RawFile]:
        """Return the files of a folder that may be frames, in no order.

        Raises
        ------
        OSError
            The folder cannot be read.
        """
        return [file for entry in _frames(folder) if (file := self._file(entry)) is not None]

    def file(self, night: str, name: str) -> RawFile | None:
        """Return one file of a night by its name; None when there is no such frame."""
        folder = self.raw_folder(night)
        if folder is None or Path(name).name != name:
            return None
        with contextlib.suppress(OSError, ValueError):  # ValueError: no name of a file at all
            for entry in _frames(folder):
                if entry.name == name:
                    return self._file(entry)
        return None

    def _bases(self) -> Iterator[Path]:
        for root in self.roots:
            yield root.expanduser().absolute() / "nights"
            yield root.expanduser().absolute()

    def _file(self, entry: os.DirEntry[str]) -> RawFile | None:
        try:
            stat = entry.stat()
        except OSError:  # renamed or deleted a moment ago
            return None
        shown = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        refused = "" if shown == entry.name else "its name is no UTF-8"
        path = Path(entry.path)
        if entry.is_symlink() and not self._is_below(path):
            refused = "a link to elsewhere: it lies outside the folders that may be read"
        return RawFile(shown, path, stat.st_size, stat.st_mtime_ns, refused)

    def _is_below(self, path: Path) -> bool:
        try:
            real = path.resolve()
        except (OSError, RuntimeError):
            return False
        return any(real.is_relative_to(root.expanduser().resolve()) for root in self.roots)


def _names(base: Path) -> Iterable[str]:
    try:
        with os.scandir(base) as entries:
            return [entry.name for entry in entries if _NIGHT.fullmatch(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _frames(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is named like a frame and is a file; hidden ones are being written."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.lower()
            if name.endswith(SUFFIXES) and not name.startswith(".") and _is_file(entry):
                yield entry


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
