"""The looks at frames as they are stored, and as they go over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ctmo_indi.clock import Clock
from ctmo_indi.preprocessor.quick_folders import RawFile
from ctmo_indi.store import quick_looks
from ctmo_indi.store.database import Database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.quick_looks import QuickLook

KEPT_S = 400 * 86400.0


@dataclass(frozen=True, slots=True)
class QuickPage:
    """The newest looks of a night, and how many there are in all."""

    night: str
    looks: tuple[QuickLook, ...]
    count: int


@dataclass(frozen=True, slots=True)
class QuickBook:
    """Reads and writes looks; any thread but the desk's loop, blocks for the database.

    StoreUnavailable when the database cannot do it now.
    """

    database: Database
    writer: Writer
    clock: Clock

    def keep(
        self, night: str, file: RawFile, answer: Mapping[str, Any], *, is_final: bool = True
    ) -> QuickLook:
        """Keep what was seen of a file.

        Parameters
        ----------
        answer
            Of ``quick_measure.quick_look``.
        is_final
            False: it is to be looked at again.
        """
        start_utc_s = answer.get("start_utc_s")
        size_bytes, mtime_ns = file.stamp if is_final else quick_looks.NO_STAMP
        look = QuickLook(
            night=night,
            file=file.name,
            size_bytes=size_bytes,
            mtime_ns=mtime_ns,
            looked_utc_s=self.clock.utc().timestamp(),
            place_utc_s=file.mtime_ns / 1e9 if start_utc_s is None else float(start_utc_s),
            **answer,
        )
        self.writer.run(lambda connection: quick_looks.keep(connection, look))
        return look

    def stamps(self, night: str) -> dict[str, tuple[int, int]]:
        """Return what was looked at of a night: name -> size and mtime."""
        with self.database.read() as connection:
            return quick_looks.stamps(connection, night)

    def page(self, night: str, limit: int) -> QuickPage:
        """Return the newest looks of a night; without one of the last night that has any."""
        with self.database.read() as connection:
            night = night or quick_looks.last_night(connection)
            looks = quick_looks.of_night(connection, night, limit)
            return QuickPage(night, tuple(looks), quick_looks.count(connection, night))

    def one(self, night: str, file: str) -> QuickPage:
        """Return the look at one file, or none when it was not looked at yet."""
        with self.database.read() as connection:
            look = quick_looks.of_file(connection, night, file)
            count = quick_looks.count(connection, night)
            return QuickPage(night, () if look is None else (look,), count)

    def prune(self) -> None:
        """Have looks forgotten that are older than :data:`KEPT_S`; does not wait for it."""
        before_utc_s = self.clock.utc().timestamp() - KEPT_S
        self.writer.submit(lambda connection: quick_looks.prune(connection, before_utc_s))


def to_wire(look: QuickLook) -> dict[str, object]:
    """Return one struct of a Frames reply; what is not known is left out."""
    wire: dict[str, object | None] = {
        "File": look.file,
        "Night": look.night,
        "Frame Type": look.frame_type,
        "Object": look.object_name,
        "Filter": look.filter_name,
        "Exposure Time": look.exposure_s,
        "Start": None if look.start_utc_s is None else _iso(look.start_utc_s),
        "Parent": look.parent,
        "Receipt": look.receipt,
        "FWHM": _rounded(look.fwhm, 3),
        "FWHM Unit": look.fwhm_unit or None,
        "Ellipticity": _rounded(look.ellipticity, 4),
        "Stars": look.stars,
        "Background": _rounded(look.background_adu, 2),
        "Median": _rounded(look.median_adu, 2),
        "Mean": _rounded(look.mean_adu, 2),
        "Saturated": _rounded(look.saturated, 7),
        "Problem": look.problem,
    }
    return {key: value for key, value in wire.items() if value is not None}


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _iso(utc_s: float) -> str | None:
    try:
        moment = datetime.fromtimestamp(utc_s, UTC)
    except (OverflowError, ValueError, OSError):  # a header may say any year
        return None
    return moment.isoformat(timespec="milliseconds")
