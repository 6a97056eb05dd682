"""Open a service's database: SQLite file or PostgreSQL schema, durable, migrated, ours alone.

SQLite runs in WAL mode with ``synchronous=FULL``: a committed row survives a power cut. NORMAL
would be faster and lose the last commits then, and "accepted is kept" would be a lie.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.pool import QueuePool

from ctmo_indi.errors import ConfigError, InternalError, StoreUnavailable
from ctmo_indi.store import schema

__all__ = ["Connection", "Database", "ServiceName", "open_database", "our_errors"]

_log = logging.getLogger(__name__)

ServiceName = Literal["scheduler", "telescope"]

READERS = 4
READER_WAIT_S = 10.0
BUSY_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. Any thread may read; only :class:`~ctmo_indi.store.intake.Writer` writes.

    Parameters
    ----------
    described
        The database in words, for messages: its path, or its URL without the password.
    """

    service: ServiceName
    described: str
    _writer: Engine
    _reader: Engine
    _release: Callable[[], None]

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of what is committed; writing through it fails.

        Blocks for a query, and up to 10 s when all read connections are in use.

        Raises
        ------
        StoreUnavailable
            The database cannot be read now.
        """
        with our_errors(self.described, "read"), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction; for the Writer, which alone may use it once it runs.

        Raises
        ------
        StoreUnavailable
            The database is locked, full or lost; the transaction was rolled back.
        """
        with our_errors(self.described, "write"), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection and let another process open the database; may be repeated."""
        self._reader.dispose()
        self._writer.dispose()
        self._release()


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
        How long to wait for a lock that a foreign tool holds, machine seconds.

    Raises
    ------
    ConfigError
        Not a database, cannot be opened, written by a newer version, on a file system without WAL,
        or another process has it open.
    """
    url = _url(place)
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        database = _open_sqlite(service, url, busy_timeout_s)
    else:
        raise ConfigError(
            f"{url.render_as_string()}: database kind {url.drivername!r}, expected sqlite or "
            "postgresql"
        )
    try:
        with database.write() as connection:
            before, after = schema.upgrade(connection, service, database.described)
    except (StoreUnavailable, InternalError) as error:
        database.close()
        raise ConfigError(f"{database.described}: cannot be opened: {error}") from error
    except BaseException:
        database.close()
        raise
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


def to_json(value: object) -> str:
    """JSON as it is stored; ValueError for NaN and infinity, which no other reader would take."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _open_sqlite(service: ServiceName, url: sa.URL, busy_timeout_s: float) -> Database:
    if not url.database or url.database == ":memory:":
        raise ConfigError(f"{url.render_as_string()}: names no file; expected a path")
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        release = _lock_file(path.with_name(path.name + ".lock"), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be opened: {error}") from error

    def engine(*, begin: str, pragmas: tuple[str, ...], size: int) -> Engine:
        made = sa.create_engine(
            url,
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=READER_WAIT_S,
            connect_args={"timeout": busy_timeout_s},
            json_serializer=to_json,
        )

        @event.listens_for(made, "connect")
        def configure(raw: Any, _record: object) -> None:  # Any: sqlite3's own connection
            raw.isolation_level = None  # transactions begin where we say, not where sqlite3 guesses
            for pragma in pragmas:
                raw.execute(f"PRAGMA {pragma}")

        @event.listens_for(made, "begin")
        def begin_transaction(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return made

    writing = ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", "checkpoint_fullfsync=ON")
    writer = engine(
        begin="BEGIN IMMEDIATE",
        pragmas=(*writing, "foreign_keys=ON", "journal_size_limit=67108864"),
        size=1,
    )
    reader = engine(begin="BEGIN", pragmas=("query_only=ON",), size=READERS)
    database = Database(service, str(path), writer, reader, release)
    _require_wal(database)
    return database


def _require_wal(database: Database) -> None:
    try:
        with database.write() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    except (StoreUnavailable, InternalError) as error:
        database.close()
        raise ConfigError(f"{database.described}: cannot be opened: {error}") from error
    if mode != "wal":
        database.close()
        raise ConfigError(
            f"{database.described}: SQLite cannot use WAL here (journal mode {mode}); expected a "
            "local file system"
        )


def _lock_file(path: Path, described: str) -> Callable[[], None]:
    """Take an advisory lock that dies with the process, so that a kill leaves nothing behind."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ConfigError(
            f"{described}: is open already; a service owns its database alone, stop the other one"
        ) from None
    handles = [handle]

    def release() -> None:
        while handles:
            os.close(handles.pop())

    return release
