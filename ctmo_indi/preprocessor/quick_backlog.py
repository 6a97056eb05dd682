"""Which files of which nights are to be looked at: of the last night always, of others when asked.

A folder is read when its own time has changed, and every :data:`LIST_AGAIN_MACHINE_S` in any case:
a file that another program writes in its place changes without its folder.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.preprocessor.quick_book import QuickBook
from ctmo_indi.preprocessor.quick_folders import QuickFolders, RawFile

LIST_AGAIN_MACHINE_S = 6.0
MOST_NIGHTS = 4
MOST_TRIES = 3
TRY_AGAIN_MACHINE_S = 60.0


@dataclass(slots=True)
class _Night:
    """One night's files and what is known of them."""

    known: dict[str, tuple[int, int]]
    folder: Path | None = None
    folder_mtime_ns: int = -1
    listed_machine_s: float = float("-inf")
    waiting: list[RawFile] = field(default_factory=list)  # newest last
    tries: dict[str, tuple[int, float]] = field(default_factory=dict)  # how often, not before


class QuickBacklog:
    """The files that wait; one thread uses it, and it blocks for the file system and database."""

    def __init__(self, folders: QuickFolders, book: QuickBook, clock: Clock) -> None:
        self._folders = folders
        self._book = book
        self._clock = clock
        self._nights: OrderedDict[str, _Night] = OrderedDict()  # asked last, last
        self.last_night = ""

    def refresh(self, asked: list[str]) -> None:
        """Look for new nights and files.

        Parameters
        ----------
        asked
            Nights that somebody wants to see; without folders they are left out.

        Raises
        ------
        OSError
            A folder cannot be read.
        StoreUnavailable
            What is known cannot be read.
        """
        tomorrow = (self._clock.utc() + timedelta(days=1)).strftime("%Y%m%d")
        self.last_night = self._folders.last_night(tomorrow) or self.last_night
        for night in (*asked, self.last_night):
            if night and night not in self._nights:
                self._nights[night] = _Night(self._book.stamps(night))
            if night:
                self._nights.move_to_end(night)
        while len(self._nights) > MOST_NIGHTS:
            self._nights.popitem(last=False)
        for night, files in self._nights.items():
            self._list(night, files)

    def waiting(self) -> dict[str, int]:
        """Return how many files of each night were not looked at."""
        return {night: len(files.waiting) for night, files in self._nights.items()}

    def next_file(self) -> tuple[str, RawFile] | None:
        """Return what is to be looked at next: the last night first, there the newest file."""
        now_s = self._clock.machine_s()
        for night in reversed(self._nights):
            files = self._nights[night]
            for file in reversed(files.waiting):
                if files.tries.get(file.name, (0, now_s))[1] <= now_s:
                    return night, file
        return None

    def done(self, night: str, file: RawFile) -> None:
        """Take a file out: it was looked at, and that is kept."""
        files = self._nights[night]
        files.known[file.name] = file.stamp
        files.waiting = [one for one in files.waiting if one.name != file.name]
        files.tries.pop(file.name, None)

    def failed(self, night: str, file: RawFile) -> bool:
        """Note that a look failed for a reason that may pass; whether it was tried often enough."""
        files = self._nights[night]
        tries = files.tries.get(file.name, (0, 0.0))[0] + 1
        files.tries[file.name] = tries, self._clock.machine_s() + TRY_AGAIN_MACHINE_S
        return tries >= MOST_TRIES

    def _list(self, night: str, files: _Night) -> None:
        now_s = self._clock.machine_s()
        folder = self._folders.raw_folder(night)
        if folder is None:
            files.folder, files.waiting = None, []
            return
        mtime_ns = folder.stat().st_mtime_ns
        is_same = folder == files.folder and mtime_ns == files.folder_mtime_ns
        if is_same and now_s - files.listed_machine_s < LIST_AGAIN_MACHINE_S:
            return
        found = [
            one for one in self._folders.files(folder) if files.known.get(one.name) != one.stamp
        ]
        files.waiting = sorted(found, key=lambda one: (one.mtime_ns, one.name))
        files.folder, files.folder_mtime_ns, files.listed_machine_s = folder, mtime_ns, now_s
