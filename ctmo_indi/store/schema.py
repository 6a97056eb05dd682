"""Bring a database to the schema of this version, with Alembic, inside the process.

The migrations lie in ``migrations/<service>`` as data of this package. There is no ``alembic.ini``:
the connection comes from here, so that an installed wheel is enough.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Connection

from ctmo_indi.errors import ConfigError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

FOLDER = Path(__file__).resolve().parent / "migrations"

_REVISION = re.compile(r"^revision = [\"'](\w+)[\"']$", re.MULTILINE)
_FOLLOWS = re.compile(r"^down_revision = [\"'](\w+)[\"']$", re.MULTILINE)

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
    known = _newest_revision(FOLDER / service)
    if known and _stored_revision(connection) == known:
        return known, known
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


def _newest_revision(folder: Path) -> str:
    """Return the revision no other follows; "" when that is not plain to see.

    Read without Alembic, whose import is a tenth of a service's start; nearly every start finds the
    schema as it is to be.
    """
    texts = [path.read_text() for path in sorted((folder / "versions").glob("*.py"))]
    revisions = {found[1] for text in texts if (found := _REVISION.search(text))}
    followed = {found[1] for text in texts if (found := _FOLLOWS.search(text))}
    newest = revisions - followed
    return newest.pop() if len(newest) == 1 and len(revisions) == len(texts) else ""


def _stored_revision(connection: Connection) -> str:
    """Return the revision of a database; "" when it has none, or more than one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    stored = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    return str(stored[0]) if len(stored) == 1 else ""


def _refuse_unknown(scripts: ScriptDirectory, before: str, head: str, described: str) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if before and before not in known:
        raise ConfigError(
            f"{described}: its schema is revision {before}, expected {head} or older: a newer "
            "version of ctmo-indi or another service wrote it; give its own one to each"
        )
