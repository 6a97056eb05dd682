"""What a crash, a full disk or a human left in the folders of frames: looked for, never removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEMPORARY_SUFFIX = ".part"
NIGHTS = 3
"""How many nights are looked at: what a crash leaves is of the last ones."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Files of the newest nights, by absolute path.

    Parameters
    ----------
    nights
        The folders that were looked at.
    """

    nights: tuple[Path, ...]
    frames: frozenset[str]
    temporary: frozenset[str]


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Where folder and rows did not agree; absolute paths.

    Parameters
    ----------
    adopted
        Whole frames of ours that had no row; they have one now.
    unknown
        FITS files that are none of ours, or not whole.
    missing
        Rows whose file is not there: moved away, or lost.
    temporary
        Halves of frames of which the journal knows nothing.
    """

    adopted: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()

    def notices(self) -> list[str]:
        """Say what was found, a line for each sort; empty when all is well."""
        told = (
            ("without a row, taken in", self.adopted),
            ("that are no whole frames of ours", self.unknown),
            ("of rows are not there", self.missing),
            ("half-written", self.temporary),
        )
        return [
            f"{len(paths)} files {what}, the first: {paths[0]}" for what, paths in told if paths
        ]


def newest_nights(folder: Path, count: int = NIGHTS) -> OnDisk:
    """List the frames of the newest ``count`` nights; blocks for the disk."""
    try:
        nights = sorted(path / "raw" for path in folder.iterdir() if path.name.isdigit())[-count:]
    except OSError:
        nights = []
    names = [(night, name) for night in nights for name in _names(night)]
    return OnDisk(
        nights=tuple(nights),
        frames=frozenset(str(night / name) for night, name in names if name.endswith(".fits")),
        temporary=frozenset(
            str(night / name) for night, name in names if name.endswith(TEMPORARY_SUFFIX)
        ),
    )


def _names(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries)
    except OSError:
        return
