"""What the quick look saw of raw frames: one row a file of a night, the newest look at it.

Size and time of the file are kept with it, so that a restart looks at nothing twice and a file that
was written anew is looked at again. Rows stay when their files are gone: the night was as it was.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.store.preprocessor_tables import quick_look

NO_STAMP = (-1, -1)
"""Of a file whose look failed for a reason that may pass: it is looked at again."""


@dataclass(frozen=True, slots=True)
class QuickLook:
    """One raw frame as it was seen; numbers that are not known are None.

    Parameters
    ----------
    night, file
        Evening date YYYYMMDD of the folder, and name of the file in it.
    size_bytes, mtime_ns
        Of the file that was looked at; both -1 (:data:`NO_STAMP`) when it is to be tried again.
    looked_utc_s, start_utc_s
        Sky time, Unix seconds: of the look, and of the exposure's begin by the header.
    place_utc_s
        By what frames are put in order: the begin, else the file's time.
    frame_type, object_name, filter_name
        As the header tells them; "" when it does not.
    parent, receipt
        Of the Work Order and of its attempt.
    fwhm
        Median of the stars, in ``fwhm_unit``: "arcsec" or "px".
    ellipticity
        1 - b/a, median of the stars.
    background_adu, median_adu, mean_adu
        Level of the sky; median and mean of all pixels.
    saturated
        Part of the pixels, 0 to 1.
    problem
        What is wrong with the frame; "" when nothing is.
    """

    night: str
    file: str
    size_bytes: int
    mtime_ns: int
    looked_utc_s: float
    place_utc_s: float
    start_utc_s: float | None = None
    exposure_s: float | None = None
    frame_type: str = ""
    object_name: str = ""
    filter_name: str = ""
    parent: str = ""
    receipt: str = ""
    fwhm: float | None = None
    fwhm_unit: str = ""
    ellipticity: float | None = None
    stars: int | None = None
    background_adu: float | None = None
    median_adu: float | None = None
    mean_adu: float | None = None
    saturated: float | None = None
    problem: str = ""


_NAMES = [field.name for field in dataclasses.fields(QuickLook)]
_NEWEST_FIRST = (quick_look.c.place_utc_s.desc(), quick_look.c.file.desc())


def keep(connection: Connection, look: QuickLook) -> None:
    """Store a look instead of an earlier one at the same file."""
    connection.execute(
        sa.delete(quick_look).where(
            quick_look.c.night == look.night, quick_look.c.file == look.file
        )
    )
    connection.execute(
        sa.insert(quick_look).values(**{name: getattr(look, name) for name in _NAMES})
    )


def of_night(connection: Connection, night: str, limit: int) -> list[QuickLook]:
    """Return the looks at frames of a night, newest frame first."""
    query = sa.select(quick_look).where(quick_look.c.night == night)
    rows = connection.execute(query.order_by(*_NEWEST_FIRST).limit(limit)).mappings()
    return [QuickLook(**{name: row[name] for name in _NAMES}) for row in rows]


def of_file(connection: Connection, night: str, file: str) -> QuickLook | None:
    """Return the look at one file; None when there is none."""
    query = sa.select(quick_look).where(quick_look.c.night == night, quick_look.c.file == file)
    row = connection.execute(query).mappings().first()
    return None if row is None else QuickLook(**{name: row[name] for name in _NAMES})


def count(connection: Connection, night: str) -> int:
    """Return how many frames of a night were looked at."""
    query = sa.select(sa.func.count()).select_from(quick_look).where(quick_look.c.night == night)
    return int(connection.execute(query).scalar_one())


def last_night(connection: Connection) -> str:
    """Return the newest night of which a frame was looked at; "" when there is none."""
    return str(connection.execute(sa.select(sa.func.max(quick_look.c.night))).scalar() or "")


def stamps(connection: Connection, night: str) -> dict[str, tuple[int, int]]:
    """Return size in bytes and mtime in ns of each file of a night as it was looked at."""
    query = sa.select(quick_look.c.file, quick_look.c.size_bytes, quick_look.c.mtime_ns)
    rows = connection.execute(query.where(quick_look.c.night == night))
    return {file: (size_bytes, mtime_ns) for file, size_bytes, mtime_ns in rows}


def prune(connection: Connection, before_utc_s: float) -> None:
    """Forget looks that are older."""
    connection.execute(sa.delete(quick_look).where(quick_look.c.looked_utc_s < before_utc_s))
