"""How property tests run: the same examples each time, and no clock on a loaded machine.

``HYPOTHESIS_PROFILE=search`` looks further, with new examples each time. And stores for tests that
hold on both kinds of database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ..postgresql_server import PostgresqlServer, why_not

settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """Return a running server; skips where there can be none."""
    if reason := why_not():
        pytest.skip(reason)
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return where stores are opened: each test that asks for it runs on both databases.

    A file holds one service only; in PostgreSQL each gets its schema. What is SQLite's alone:
    ``@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)``.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    yield server.url
    server.forget_all()
