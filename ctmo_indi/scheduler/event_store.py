"""Where the scheduler's events are kept: its own database, telemetry in a file beside it.

Telemetry comes every second and is worth little after some days: its file may be deleted while the
scheduler does not run. What decides about orders is kept for more than a season.
"""

from __future__ import annotations

from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.event_log import EventLog
from ctmo_indi.store.event_shelf import EventShelf, Retention
from ctmo_indi.store.intake import Writer

TELEMETRY_KINDS = frozenset(
    {"telemetry", "heartbeat", "observatoryState", "generalInfo", "timeToNextTarget"}
)
TELEMETRY_FLUSH_S = 2.0
"""Machine seconds: telemetry lost in a crash is no harm, a commit a second wears a disk."""

_DAY_S = 86400.0
HISTORY = Retention(rows=1_000_000, age_s=400 * _DAY_S)
TELEMETRY = Retention(rows=1_000_000, age_s=7 * _DAY_S)


def open_event_log(config: Config, database: Database, writer: Writer, clock: Clock) -> EventLog:
    """Open the log of all the scheduler publishes; blocks for some commits.

    Close it before ``writer`` and ``database``.

    Parameters
    ----------
    database, writer
        The scheduler's own.

    Raises
    ------
    ConfigError
        The telemetry's file cannot be opened; the message names it.
    """
    telemetry = open_database("telemetry", _telemetry_place(config))
    return EventLog(
        [
            EventShelf(
                "telemetry",
                telemetry,
                Writer(telemetry),
                clock,
                TELEMETRY,
                kinds=TELEMETRY_KINDS,
                flush_s=TELEMETRY_FLUSH_S,
                owns_database=True,
            ),
            EventShelf("history", database, writer, clock, HISTORY),
        ]
    )


def _telemetry_place(config: Config) -> str | Path:
    """Return a schema of the same PostgreSQL server, or a file beside the scheduler's."""
    url = config.database_url
    if url is None:
        return Path(config.data_dir) / "telemetry.sqlite3"
    if not url.startswith("sqlite"):
        return url
    path = Path(url.partition(":///")[2].partition("?")[0])
    return path.with_name("telemetry.sqlite3")
