"""A folder of raw frames becomes a night bundle: first by headers alone, then by its bytes.

:func:`scan` opens every file for its header only. :func:`examine` has every file read whole, by a
:data:`Look` that may run in worker processes: it gives the hash of the bytes, by which products are
known, and says whether the pixels are of use (saturated, constant: the pixel side's business).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from ctmo_indi.models.frames import Frame, NightBundle, Rejected
from ctmo_indi.preprocessor.frames import WANTED, RefusedHeader, frame_of
from ctmo_indi.preprocessor.header_reader import UnreadableHeader, read_cards
from ctmo_indi.preprocessor.locations import SUFFIXES

_CHUNK = 1 << 20
_HALF_DAY_S = 43200.0
_FOLDER_NIGHT = re.compile(r"(?:19|20)\d{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """What reading a whole file gave.

    Parameters
    ----------
    sha256
        Of the file's bytes, hex; "" when it cannot be read.
    reason
        Why its pixels are of no use; "" when they are.
    """

    sha256: str
    reason: str = ""


Look: TypeAlias = Callable[[Frame], Seen]
"""Reads one frame whole; must not raise; picklable, so that it may run in another process."""

Stamp: TypeAlias = tuple[str, int, int]
"""Path, size in bytes and mtime in ns: a file with the same stamp is taken for the same bytes."""

Run: TypeAlias = Callable[[Look, Iterable[Frame]], Iterable[Seen]]
"""``map``, or one that uses many processes and gives the answers in the same order."""


def scan(folder: Path) -> NightBundle:
    """Read the headers of every frame of a folder; blocks, about 0.5 ms a file.

    Only the folder itself is looked at, not those below (its products lie there). Hidden files are
    being written, and left out.

    Raises
    ------
    OSError
        The folder is not there or cannot be read. A file that cannot be read is rejected with the
        reason, and so is every other that makes no frame.
    """
    frames: list[Frame] = []
    rejected: list[Rejected] = []
    for path in sorted(_files(folder)):
        try:
            frames.append(frame_of(path, read_cards(path, WANTED)))
        except (UnreadableHeader, RefusedHeader) as error:
            rejected.append(Rejected(path, str(error)))
        except OSError as error:
            rejected.append(Rejected(path, f"cannot be read: {error.strerror or error}"))
    frames.sort(key=_by_time)
    return NightBundle(folder, night_label(folder, frames), tuple(frames), tuple(rejected))


def examine(
    bundle: NightBundle,
    look: Look | None = None,
    *,
    run: Run = map,
    known: Mapping[Stamp, Seen] | None = None,
) -> NightBundle:
    """Have the frames read that are not known; return the bundle of those that are of use.

    Blocks until ``run`` has given the last answer.

    Parameters
    ----------
    look
        :func:`hash_only` when None.
    known
        What was seen of files before: those of the same stamp are not read again.

    Returns
    -------
    NightBundle
        Every frame with its hash. A frame whose pixels are of no use is rejected, and one with the
        same bytes as an earlier one, too: it would count twice.
    """
    known = known or {}
    unseen = [frame for frame in bundle.frames if stamp(frame) not in known]
    answers = run(look or hash_only, unseen)
    seen = {**known, **{stamp(one): answer for one, answer in zip(unseen, answers, strict=True)}}
    frames: list[Frame] = []
    rejected = list(bundle.rejected)
    first_with: dict[str, Path] = {}
    for frame in bundle.frames:
        answer = seen[stamp(frame)]
        reason = answer.reason or ("" if answer.sha256 else "cannot be read")
        if not reason and answer.sha256 in first_with:
            reason = f"the same bytes as {first_with[answer.sha256].name}"
        if reason:
            rejected.append(Rejected(frame.path, reason))
            continue
        first_with[answer.sha256] = frame.path
        frames.append(replace(frame, sha256=answer.sha256))
    rejected.sort(key=lambda one: one.path)
    return replace(bundle, frames=tuple(frames), rejected=tuple(rejected))


def hash_only(frame: Frame) -> Seen:
    """Read a file for its hash alone; the look of those who take any pixels."""
    digest = hashlib.sha256()
    try:
        with frame.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        return Seen("", f"cannot be read: {error.strerror or error}")
    return Seen(digest.hexdigest())


def stamp(frame: Frame) -> Stamp:
    """Return by what a file is taken for unchanged."""
    return str(frame.path), frame.size_bytes, frame.mtime_ns


def night_label(folder: Path, frames: Iterable[Frame]) -> str:
    """Return the evening's date, YYYYMMDD.

    What most headers say (NIGHT); else the folder's name; else the UTC date twelve hours before the
    first frame, which without the site's longitude may be a day off.
    """
    frames = list(frames)
    told = Counter(frame.night for frame in frames if frame.night)
    if told:
        return min(told, key=lambda night: (-told[night], night))
    if _FOLDER_NIGHT.fullmatch(folder.name):
        return folder.name
    if not frames:
        return ""
    first_utc_s = min(frame.start_utc_s for frame in frames)
    return datetime.fromtimestamp(first_utc_s - _HALF_DAY_S, UTC).strftime("%Y%m%d")


def _files(folder: Path) -> Iterable[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.lower()
            if name.endswith(SUFFIXES) and not name.startswith(".") and entry.is_file():
                yield Path(entry.path)


def _by_time(frame: Frame) -> tuple[float, str]:
    return frame.start_utc_s, frame.path.name
