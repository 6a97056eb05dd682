"""Bring a database to the schema of this version, with Alembic, inside the process.

The migrations lie in ``migrations/<service>`` as data of this package. There is no ``alembic.ini``:
the connection comes from here, so that an installed wheel is enough.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from ctmo_indi.errors import ConfigError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

FOLDER = Path(__file__).resolve().parent / "migrations"

# Alembic's ``op``, which migrations use, is one per process: two databases opened at once by two
# threads would run their statements on each other's connection.
_one_at_a_time = threading.Lock()


def upgrade(connection: Connection, service: str, described: str) -> tuple[str, str]:
    """Run the migrations that are missing, in the transaction of ``connection``; blocks.

    Parameters
    ----------
    described
        The database in words, for messages.

    Returns
    -------
    tuple of str
        Revision before ("" for an empty database) and after.

    Raises
    ------
    ConfigError
        The database has a revision that this version does not know for the service.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER / service).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head() or ""
    before = MigrationContext.configure(connection).get_current_revision() or ""
    _refuse_unknown(scripts, before, head, described)
    if before != head:
        with _one_at_a_time:
            command.upgrade(config, "head")
    return before, head


def _refuse_unknown(scripts: ScriptDirectory, before: str, head: str, described: str) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if before and before not in known:
        raise ConfigError(
            f"{described}: its schema is revision {before}, expected {head} or older: a newer "
            "version of ctmo-indi or another service wrote it; give its own one to each"
        )
