"""Connections to SQLite and PostgreSQL, set so that a commit is durable and a reader cannot write.

SQLite runs in WAL mode with ``synchronous=FULL``: a committed row survives a power cut. NORMAL
would be faster and lose the last commits then, and "accepted is kept" would be a lie. PostgreSQL
gets ``synchronous_commit=on`` whatever the server's default is.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import QueuePool

from ctmo_indi.errors import ConfigError, InternalError, StoreUnavailable

READERS = 4
READER_CACHE_KIB = 256
"""Of each reading connection; the kernel keeps the file's pages as well, once for all of them."""
WRITER_CACHE_KIB = 1024
"""Of the writing connection. SQLite would take 2 MB of each service's memory, over some days."""
STATEMENTS = 64
"""Prepared ones that a connection keeps, each of 5 to 50 KiB."""
READER_WAIT_S = 10.0
STATEMENT_TIMEOUT_S = 30.0
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE


@dataclass(frozen=True, slots=True)
class Engines:
    """One connection that writes, a few that read, and how to give the database free again."""

    described: str
    writer: Engine
    reader: Engine
    release: Callable[[], None]


def to_json(value: object) -> str:
    """JSON as it is stored.

    Raises
    ------
    InternalError
        NaN or infinity, which no other reader would take, or an object that JSON has not. Ours, for
        SQLAlchemy wraps what a serializer raises with one database and not with the other.
    """
    try:
        return _JSON.encode(value)
    except (ValueError, TypeError) as error:
        raise InternalError(f"cannot be stored as JSON: {error}") from error


def sqlite_engines(url: sa.URL, busy_timeout_s: float) -> Engines:
    """Connect to a file that is ours alone; creates its folder.

    Raises
    ------
    ConfigError
        No path, the folder cannot be made, or another process has the file open.
    """
    if not url.database or url.database == ":memory:":
        raise ConfigError(f"{url.render_as_string()}: names no file; expected a path")
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        release = _lock_file(path.with_name(path.name + ".lock"), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be opened: {error}") from error

    def engine(size: int, begin: str, *pragmas: str) -> Engine:
        made = sa.create_engine(
            url,
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=READER_WAIT_S,
            pool_use_lifo=True,  # what is idle keeps a small memory
            connect_args={"timeout": busy_timeout_s, "cached_statements": STATEMENTS},
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

    writer = engine(
        1,
        "BEGIN IMMEDIATE",
        "journal_mode=WAL",
        "synchronous=FULL",
        "fullfsync=ON",  # macOS: through the disk's own cache
        "checkpoint_fullfsync=ON",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
        f"cache_size=-{WRITER_CACHE_KIB}",
    )
    readers = engine(READERS, "BEGIN", "query_only=ON", f"cache_size=-{READER_CACHE_KIB}")
    return Engines(str(path), writer, readers, release)


def postgresql_engines(url: sa.URL, schema: str, busy_timeout_s: float) -> Engines:
    """Connect to a schema that is ours alone; needs psycopg.

    The writing connection holds an advisory lock; the server drops it with the connection, so that
    a crash leaves nothing behind and a new connection takes it again.

    Raises
    ------
    ConfigError
        psycopg is not installed.
    """
    described = f"{url.render_as_string()} schema {schema}"

    def engine(size: int, **settings: object) -> Engine:
        settings = {
            "search_path": schema,
            "synchronous_commit": "on",
            "lock_timeout": f"{busy_timeout_s * 1000:.0f}",
            "statement_timeout": f"{STATEMENT_TIMEOUT_S * 1000:.0f}",
            **settings,
        }
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=size,
            max_overflow=0,
            pool_timeout=READER_WAIT_S,
            pool_pre_ping=True,
            connect_args={
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
                "connect_timeout": 10,
                "tcp_user_timeout": 30_000,
                "application_name": f"ctmo-indi {schema}",
            },
            json_serializer=to_json,
        )

    try:
        writer = engine(1)
        # repeatable\ read: one view for all queries of a block, as with SQLite
        reader = engine(
            READERS,
            default_transaction_read_only="on",
            default_transaction_isolation=r"repeatable\ read",
        )
    except ImportError as error:
        raise ConfigError(
            f"{described}: psycopg is not installed; install ctmo-indi[postgresql]"
        ) from error

    @event.listens_for(writer, "connect")
    def take(raw: Any, _record: object) -> None:  # Any: psycopg's own connection
        try:
            raw.execute("SELECT pg_advisory_lock(hashtext(%s))", [schema])
        except Exception as error:  # psycopg's class; without psycopg there is no such name
            if getattr(error, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise StoreUnavailable(_open_already(described)) from None
        raw.commit()

    return Engines(described, writer, reader, lambda: None)


def make_schema(connection: Connection, schema: str) -> None:
    """Create the PostgreSQL schema when it is missing; only then is the right to do so needed."""
    schemata = sa.text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :name")
    if connection.execute(schemata, {"name": schema}).first() is None:
        connection.execute(sa.schema.CreateSchema(schema))


def _open_already(described: str) -> str:
    return f"{described}: is open already; a service owns its database alone, stop the other one"


def _lock_file(path: Path, described: str) -> Callable[[], None]:
    """Take an advisory lock that dies with the process, so that a kill leaves nothing behind."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ConfigError(_open_already(described)) from None
    handles = [handle]

    def release() -> None:
        while handles:
            os.close(handles.pop())

    return release
