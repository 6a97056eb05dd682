"""Night bundles and their raw exposures; a folder is registered as often as one likes.

An exposure is known by its bundle and the hash of its bytes: a file that is renamed stays the same
exposure, one that is changed becomes another, and what products were made of is never forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from ctmo_indi.models.frames import Frame, NightBundle, Rejected
from ctmo_indi.models.states import FrameType
from ctmo_indi.store.preprocessor_tables import exposure, night_bundle
from ctmo_indi.store.readouts import (
    band_columns,
    readout_columns,
    readout_of,
    to_mjd,
    to_utc_s,
)

_GONE: dict[str, object] = {"is_present": False}
_FILE = ("path", "access_url", "size_bytes", "mtime_ns", "is_present")


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration found.

    Parameters
    ----------
    new, gone
        Exposures that were not known, and those whose file is not among the frames any more.
    """

    bundle_id: int
    new: int
    gone: int


@dataclass(frozen=True, slots=True)
class BundleRow:
    """One night bundle as it is stored; times in Unix seconds."""

    bundle_id: int
    folder: Path
    night: str
    registered_utc_s: float
    updated_utc_s: float
    rejected: tuple[Rejected, ...]


def register(connection: Connection, bundle: NightBundle, now_utc_s: float) -> Registered:
    """Store a bundle, or what has changed of it since it was stored.

    Parameters
    ----------
    bundle
        Examined: every frame has its hash.
    """
    bundle_id = _bundle_id(connection, bundle, now_utc_s)
    known = {
        row["sha256"]: row
        for row in connection.execute(
            sa.select(exposure.c.sha256, *(exposure.c[name] for name in _FILE)).where(
                exposure.c.bundle_id == bundle_id
            )
        ).mappings()
    }
    new = [frame for frame in bundle.frames if frame.sha256 not in known]
    if new:
        connection.execute(
            sa.insert(exposure), [{"bundle_id": bundle_id, **_columns(frame)} for frame in new]
        )
    here = {frame.sha256: _file_columns(frame) for frame in bundle.frames}
    gone = [sha for sha, row in known.items() if row["is_present"] and sha not in here]
    changed = {
        sha: here[sha]
        for sha, row in known.items()
        if sha in here and any(row[name] != value for name, value in here[sha].items())
    }
    for sha, columns in [*changed.items(), *((sha, _GONE) for sha in gone)]:
        connection.execute(
            sa.update(exposure)
            .where(exposure.c.bundle_id == bundle_id, exposure.c.sha256 == sha)
            .values(**columns)
        )
    return Registered(bundle_id, len(new), len(gone))


def get(connection: Connection, folder: Path) -> BundleRow | None:
    """Return the bundle of a folder; None when it was never registered."""
    row = (
        connection.execute(sa.select(night_bundle).where(night_bundle.c.folder == str(folder)))
        .mappings()
        .first()
    )
    if row is None:
        return None
    rejected = tuple(Rejected(Path(one["path"]), one["reason"]) for one in row["rejected"])
    return BundleRow(**{**row, "folder": Path(row["folder"]), "rejected": rejected})


def frames_of(connection: Connection, bundle_id: int) -> list[Frame]:
    """Return the exposures of a bundle whose files are there, oldest first."""
    return _frames(connection, exposure.c.bundle_id == bundle_id)


def lights_between(connection: Connection, start_utc_s: float, end_utc_s: float) -> list[Frame]:
    """Return the lights of all bundles that began in a span, oldest first."""
    return _frames(
        connection,
        exposure.c.kind == FrameType.LIGHT.name,
        exposure.c.t_min_mjd >= to_mjd(start_utc_s),
        exposure.c.t_min_mjd < to_mjd(end_utc_s),
    )


def calibration_exposed_s(connection: Connection, night: str) -> float:
    """Return the exposure time (s) of the biases, darks and flats of a night that are there.

    Parameters
    ----------
    night
        Evening date, YYYYMMDD.
    """
    kinds = [kind.name for kind in FrameType if not kind.needs_sky]
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(exposure.c.t_exptime_s), 0.0))
        .join(night_bundle, night_bundle.c.bundle_id == exposure.c.bundle_id)
        .where(night_bundle.c.night == night, exposure.c.kind.in_(kinds), exposure.c.is_present)
    )
    return float(connection.execute(query).scalar_one())


def known_hashes(connection: Connection, folder: Path) -> dict[tuple[str, int, int], str]:
    """Return (path, size in bytes, mtime in ns) -> SHA-256 of a folder's exposures."""
    query = (
        sa.select(exposure.c.path, exposure.c.size_bytes, exposure.c.mtime_ns, exposure.c.sha256)
        .join(night_bundle, night_bundle.c.bundle_id == exposure.c.bundle_id)
        .where(night_bundle.c.folder == str(folder), exposure.c.is_present)
    )
    return {(path, size, mtime): sha for path, size, mtime, sha in connection.execute(query)}


def numbers_of(connection: Connection, bundle_id: int, hashes: Iterable[str]) -> dict[str, int]:
    """Return SHA-256 -> number of those exposures of a bundle that are known."""
    wanted = set(hashes)
    query = sa.select(exposure.c.sha256, exposure.c.exposure_number).where(
        exposure.c.bundle_id == bundle_id
    )
    return {sha: number for sha, number in connection.execute(query) if sha in wanted}


def frame_of_row(row: RowMapping) -> Frame:
    """Return the raw frame of a row of ``exposure``."""
    return Frame(
        path=Path(row["path"]),
        frame_type=FrameType[row["kind"]],
        readout=readout_of(row),
        exposure_s=row["t_exptime_s"],
        start_utc_s=to_utc_s(row["t_min_mjd"]),
        temperature_c=row["temperature_c"],
        set_temperature_c=row["set_temperature_c"],
        filter_name=row["filter_name"],
        target_name=row["target_name"],
        ra_deg=row["s_ra_deg"],
        dec_deg=row["s_dec_deg"],
        receipt=row["receipt"],
        order_id=row["order_id"],
        attempt_id=row["attempt_id"],
        exposure_id=row["exposure_id"],
        night=row["night"],
        telescope=row["telescope"],
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        sha256=row["sha256"],
    )


def _bundle_id(connection: Connection, bundle: NightBundle, now_utc_s: float) -> int:
    rejected = [{"path": str(one.path), "reason": one.reason} for one in bundle.rejected]
    values = {"night": bundle.night, "updated_utc_s": now_utc_s, "rejected": rejected}
    here = night_bundle.c.folder == str(bundle.folder)
    bundle_id = connection.execute(sa.select(night_bundle.c.bundle_id).where(here)).scalar()
    if bundle_id is not None:
        connection.execute(sa.update(night_bundle).where(here).values(**values))
        return int(bundle_id)
    inserted = connection.execute(
        sa.insert(night_bundle)
        .values(folder=str(bundle.folder), registered_utc_s=now_utc_s, **values)
        .returning(night_bundle.c.bundle_id)
    )
    return int(inserted.scalar_one())


def _file_columns(frame: Frame) -> dict[str, object]:
    return {
        "path": str(frame.path),
        "access_url": frame.path.as_uri(),
        "size_bytes": frame.size_bytes,
        "mtime_ns": frame.mtime_ns,
        "is_present": True,
    }


def _columns(frame: Frame) -> dict[str, object]:
    return {
        **_file_columns(frame),
        **readout_columns(frame.readout),
        **band_columns(frame.filter_name),
        "sha256": frame.sha256,
        "kind": frame.frame_type.name,
        "night": frame.night,
        "receipt": frame.receipt,
        "order_id": frame.order_id,
        "attempt_id": frame.attempt_id,
        "exposure_id": frame.exposure_id,
        "telescope": frame.telescope,
        "temperature_c": frame.temperature_c,
        "set_temperature_c": frame.set_temperature_c,
        "filter_name": frame.filter_name,
        "target_name": frame.target_name,
        "s_ra_deg": frame.ra_deg,
        "s_dec_deg": frame.dec_deg,
        "t_min_mjd": to_mjd(frame.start_utc_s),
        "t_max_mjd": to_mjd(frame.start_utc_s + frame.exposure_s),
        "t_exptime_s": frame.exposure_s,
    }


def _frames(connection: Connection, *where: sa.ColumnElement[bool]) -> list[Frame]:
    query = (
        sa.select(exposure)
        .where(exposure.c.is_present, *where)
        .order_by(exposure.c.t_min_mjd, exposure.c.path)
    )
    return [frame_of_row(row) for row in connection.execute(query).mappings()]
