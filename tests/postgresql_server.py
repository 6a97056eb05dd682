"""A PostgreSQL server of the tests' own, reached by its socket only.

It sorts text by a language's rules, as most servers do, and not by bytes, as SQLite does: what
depends on the order of names would show.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

SCHEMAS = tuple(
    f"ctmo_{service}" for service in ("scheduler", "telescope", "telemetry", "preprocessor")
)


def why_not() -> str:
    """Return why no server can be started here; "" when one can."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed (extra: postgresql)"
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        return "PostgreSQL's initdb and pg_ctl are not on the PATH"
    if os.getuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "running as root without a user postgres"
    return ""


class PostgresqlServer:
    """Started and stopped at will; :meth:`remove` ends it for good."""

    def __init__(self) -> None:
        self._folder = Path(
            tempfile.mkdtemp(prefix="ctmo-pg-")
        )  # short: a socket's path is limited
        self._data = self._folder / "data"
        # the server refuses to run as root
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb",
            "--auth=trust",
            "--username=postgres",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=icu",
            "--icu-locale=en-US",
        )
        self.url = f"postgresql://postgres@/postgres?host={self._folder}"
        self.is_running = False

    def start(self) -> None:
        """Take connections."""
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)
        self.is_running = True

    def stop(self) -> None:
        """Crash: connections are cut, nothing is finished."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")
        self.is_running = False

    def forget_all(self) -> None:
        """Drop the schemas of all services; no store may be open."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            for schema in SCHEMAS:
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def remove(self) -> None:
        """End it, with all its data."""
        if self.is_running:
            self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [program, "-D", str(self._data), *arguments],
            check=True,
            timeout=60,
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
