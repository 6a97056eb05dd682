"""Open a service's database: SQLite file or PostgreSQL schema, durable, migrated, ours alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection, exc

from ctmo_indi.errors import ConfigError, CtmoError, InternalError, StoreUnavailable
from ctmo_indi.store import schema
from ctmo_indi.store.engines import Engines, make_schema, postgresql_engines, sqlite_engines

__all__ = ["Connection", "Database", "ServiceName", "open_database", "our_errors"]

_log = logging.getLogger(__name__)

ServiceName = Literal["scheduler", "telescope", "telemetry", "preprocessor"]
"""Whose it is; "telemetry" holds events only, of a service that keeps them apart from the rest."""

BUSY_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. Any thread may read; only :class:`~ctmo_indi.store.intake.Writer` writes.

    Parameters
    ----------
    service
        Whose it is.
    """

    service: ServiceName
    _engines: Engines

    @property
    def described(self) -> str:
        """The database in words, for messages: its path, or its URL without the password."""
        return self._engines.described

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of what is committed; writing through it fails.

        Blocks for a query, and up to 10 s when all read connections are in use.

        Raises
        ------
        StoreUnavailable
            The database cannot be read now.
        """
        with our_errors(self.described, "read"), self._engines.reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction; for the Writer, which alone may use it once it runs.

        Raises
        ------
        StoreUnavailable
            The database is locked, full or lost; the transaction was rolled back.
        """
        with our_errors(self.described, "write"), self._engines.writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection and let another process open the database; may be repeated."""
        self._engines.reader.dispose()
        self._engines.writer.dispose()
        self._engines.release()


@contextmanager
def our_errors(described: str, doing: str) -> Iterator[None]:
    """Turn SQLAlchemy's errors into ours: StoreUnavailable from outside, InternalError from us."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        reason = getattr(error, "orig", None) or error
        raise StoreUnavailable(f"{described}: cannot {doing} now: {reason}") from error
    except exc.SQLAlchemyError as error:
        raise InternalError(f"{described}: cannot {doing}: {error}") from error


def open_database(
    service: ServiceName, place: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Database:
    """Open, or create, the database of ``service`` and bring its schema up to date; blocks.

    Parameters
    ----------
    place
        Path of the SQLite file, or an SQLAlchemy URL (``sqlite:///...``, ``postgresql://...``). In
        PostgreSQL each service has a schema of its own, ``ctmo_<service>``.
    busy_timeout_s
        How long to wait for a lock that somebody else holds, machine seconds.

    Raises
    ------
    ConfigError
        Not a database, cannot be opened, of a newer version or another service, on a file system
        without WAL, or another process has it open.
    """
    url = _url(place)
    own_schema = f"ctmo_{service}"
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        engines = sqlite_engines(url, busy_timeout_s)
    elif url.drivername in ("postgresql", "postgresql+psycopg"):
        engines = postgresql_engines(url, own_schema, busy_timeout_s)
    else:
        raise ConfigError(
            f"{url.render_as_string()}: database kind {url.drivername!r}, expected sqlite or "
            "postgresql"
        )
    database = Database(service, engines)
    try:
        before, after = _prepare(database, own_schema)
    except ConfigError:
        database.close()
        raise
    except CtmoError as error:
        database.close()
        raise ConfigError(f"{database.described}: cannot be opened: {error}") from error
    if before != after:
        _log.info(
            "database migrated service=%s place=%s before=%s after=%s",
            service,
            database.described,
            before or "empty",
            after,
        )
    return database


def _url(place: str | Path) -> sa.URL:
    if isinstance(place, str) and "://" in place:
        try:
            return sa.make_url(place)
        except exc.ArgumentError as error:
            raise ConfigError(f"database URL: {error}") from error
    return sa.URL.create("sqlite", database=str(place))


def _prepare(database: Database, own_schema: str) -> tuple[str, str]:
    """Make and migrate the schema in one transaction; returns the revisions before and after."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            make_schema(connection, own_schema)
        else:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            if mode != "wal":
                raise ConfigError(
                    f"{database.described}: SQLite cannot use WAL here (journal mode {mode}); "
                    "expected a local file system"
                )
        return schema.upgrade(connection, database.service, database.described)
