"""One row for each simulated night, in the file that holds its visits (``store/opsim.py``).

Table ``nights``; its ``night`` is that of the visits. Units stand in the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from ctmo_indi.errors import StoreUnavailable

nights = sa.Table(
    "nights",
    sa.MetaData(),
    sa.Column("night", sa.Integer, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("evening_mjd", sa.Double, nullable=False),
    sa.Column("morning_mjd", sa.Double, nullable=False),
    sa.Column("visits", sa.Integer, nullable=False),
    sa.Column("orders", sa.Integer, nullable=False),
    sa.Column("completed", sa.Integer, nullable=False),
    sa.Column("exposing_s", sa.Double, nullable=False),
    sa.Column("slewing_s", sa.Double, nullable=False),
    sa.Column("idle_s", sa.Double, nullable=False),
    sa.Column("weather_s", sa.Double, nullable=False),
)


def append(path: Path, rows: Sequence[Mapping[str, float | int | str]]) -> None:
    """Add rows in one transaction; the table is made when it is missing. Blocks.

    Raises
    ------
    StoreUnavailable
        The file cannot be written.
    """
    try:
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
        try:
            with engine.begin() as connection:
                nights.create(connection, checkfirst=True)
                if rows:
                    connection.execute(nights.insert(), [dict(row) for row in rows])
        finally:
            engine.dispose()
    except exc.SQLAlchemyError as error:
        raise StoreUnavailable(f"{path}: nights cannot be written: {error}") from error
