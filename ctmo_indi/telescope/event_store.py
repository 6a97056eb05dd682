"""Where the telescope's events are kept: its own database, telemetry in a file beside it.

A telescope that cannot open the telemetry's file keeps everything in its database: it has to close
the observatory, whatever becomes of its telemetry.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.event_log import EventLog
from ctmo_indi.store.event_shelf import EventShelf, Retention
from ctmo_indi.store.intake import Writer

_log = logging.getLogger(__name__)

TELEMETRY_FLUSH_S = 5.0
PRUNE_CYCLE_S = 3600.0
_DAY_S = 86400.0
HISTORY = Retention(rows=1_000_000, age_s=400 * _DAY_S)
TELEMETRY = Retention(rows=500_000, age_s=7 * _DAY_S)


def open_event_log(config: Config, database: Database, writer: Writer, clock: Clock) -> EventLog:
    """Open the log of all the telescope publishes; blocks for some commits.

    Close it before ``writer`` and ``database``, the telescope's own.
    """
    history = EventShelf("history", database, writer, clock, HISTORY)
    if config.database_url is not None:
        return EventLog([history])  # the one server has one schema for the telescope
    try:
        telemetry = open_database(
            "telemetry", Path(config.data_dir) / "telescope-telemetry.sqlite3"
        )
    except ConfigError as error:
        _log.error("telemetry_not_opened error=%s", error)
        return EventLog([history])
    shelf = EventShelf(
        "telemetry",
        telemetry,
        Writer(telemetry),
        clock,
        TELEMETRY,
        kinds=frozenset({"telemetry"}),
        flush_s=TELEMETRY_FLUSH_S,
        owns_database=True,
    )
    return EventLog([shelf, history])
