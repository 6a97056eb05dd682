"""Files of observations in the Rubin Observatory's opsim schema: SQLite, table ``observations``.

Only rows in and out; ``scheduling/schema_converter.py`` knows what they mean. Columns are those of
rubin_scheduler (docs/fbs-output-schema.rst and its SchemaConverter), degrees and seconds, so that
tools made for opsim files read ours; the last three are our own. What is not known is NULL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from ctmo_indi.errors import ConfigError, StoreUnavailable

Value = float | int | str | None

_REAL: sa.Double[float] = sa.Double()
_INTEGER, _TEXT = sa.Integer(), sa.Text()
_COLUMNS: Mapping[str, sa.Double[float] | sa.Integer | sa.Text] = {
    "night": _INTEGER,
    "observationStartMJD": _REAL,
    "observationStartLST": _REAL,
    "numExposures": _INTEGER,
    "visitTime": _REAL,
    "visitExposureTime": _REAL,
    "proposalId": _INTEGER,
    "fieldId": _INTEGER,
    "fieldRA": _REAL,
    "fieldDec": _REAL,
    "altitude": _REAL,
    "azimuth": _REAL,
    "filter": _TEXT,
    "airmass": _REAL,
    "skyBrightness": _REAL,
    "cloud": _REAL,
    "seeingFwhm500": _REAL,
    "seeingFwhmGeom": _REAL,
    "seeingFwhmEff": _REAL,
    "fiveSigmaDepth": _REAL,
    "slewTime": _REAL,
    "slewDistance": _REAL,
    "paraAngle": _REAL,
    "rotTelPos": _REAL,
    "rotSkyPos": _REAL,
    "moonRA": _REAL,
    "moonDec": _REAL,
    "moonAlt": _REAL,
    "moonAz": _REAL,
    "moonDistance": _REAL,
    "moonPhase": _REAL,
    "sunAlt": _REAL,
    "sunAz": _REAL,
    "sunRA": _REAL,
    "sunDec": _REAL,
    "solarElong": _REAL,
    "cummTelAz": _REAL,
    "note": _TEXT,
    "target_name": _TEXT,
    "target_id": _TEXT,
    "attempt_id": _TEXT,
    "receipt": _TEXT,
}

observations = sa.Table(
    "observations",
    sa.MetaData(),
    sa.Column("observationId", sa.Integer, primary_key=True, autoincrement=True),
    *(sa.Column(name, kind) for name, kind in _COLUMNS.items()),
)


def append_rows(path: Path, rows: Sequence[Mapping[str, Value]]) -> None:
    """Add rows to a file in one transaction; the file is made when it is missing. Blocks.

    Parameters
    ----------
    rows
        By column name; missing ones are NULL. ``observationId`` is counted on by the file.

    Raises
    ------
    StoreUnavailable
        The file cannot be written, or holds another kind of table.
    """
    full = [{name: row.get(name) for name in _COLUMNS} for row in rows]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
        try:
            with engine.begin() as connection:
                observations.create(connection, checkfirst=True)
                if full:
                    connection.execute(observations.insert(), full)
        finally:
            engine.dispose()
    except (OSError, exc.SQLAlchemyError) as error:
        raise StoreUnavailable(f"{path}: visits cannot be written: {_short(error)}") from error


def read_rows(path: Path) -> list[dict[str, object]]:
    """Return all rows of a file's table ``observations`` as they stand there. Blocks.

    Raises
    ------
    ConfigError
        There is no such file, it is no SQLite database, or has no such table.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file, expected an observation database")
    url = sa.URL.create(
        "sqlite", database=f"file:{_quoted(path)}", query={"mode": "ro", "uri": "true"}
    )
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table(observations.name):
                raise ConfigError(f"{path}: has no table {observations.name!r}")
            found = connection.execute(sa.text(f"SELECT * FROM {observations.name}"))  # noqa: S608
            return [dict(row) for row in found.mappings()]
    except exc.SQLAlchemyError as error:
        raise ConfigError(f"{path}: cannot be read as SQLite: {_short(error)}") from error
    finally:
        engine.dispose()


def _quoted(path: Path) -> str:
    """Write a path so that SQLite's URI finds it."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _short(error: Exception) -> str:
    return str(error.orig if isinstance(error, exc.DBAPIError) else error)
