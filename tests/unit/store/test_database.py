from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from ctmo_indi.errors import ConfigError
from ctmo_indi.store import (
    preprocessor_tables,
    record_tables,
    scheduler_tables,
    schema,
    telescope_tables,
)
from ctmo_indi.store.database import ServiceName, open_database

OWN_TABLES: dict[ServiceName, list[sa.MetaData]] = {
    "scheduler": [scheduler_tables.metadata, record_tables.metadata],
    "telescope": [telescope_tables.metadata, record_tables.metadata],
    "telemetry": [sa.MetaData()],
    "preprocessor": [preprocessor_tables.metadata, sa.MetaData()],
}
record_tables.events.to_metadata(OWN_TABLES["telemetry"][0])
record_tables.events.to_metadata(OWN_TABLES["preprocessor"][1])


@pytest.mark.parametrize("service", ["scheduler", "telescope", "telemetry", "preprocessor"])
def test_migrations_from_empty_make_the_tables_the_code_knows(
    service: ServiceName, tmp_path: Path
) -> None:
    database = open_database(service, tmp_path / "new" / "folder" / "file.sqlite3")
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(
            context,
            OWN_TABLES[service],  # type: ignore[arg-type]
        )
    database.close()

    assert differences == []


def test_opening_again_changes_nothing_and_keeps_the_data(tmp_path: Path) -> None:
    path = tmp_path / "telescope.sqlite3"
    for _ in range(2):
        database = open_database("telescope", f"sqlite:///{path}")
        with database.write() as connection:
            connection.execute(
                sa.insert(record_tables.events).values(at_utc_s=0, kind="k", subject="", data={})
            )
        database.close()

    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT count(*) FROM events").fetchone() == (2,)
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [
            ("telescope_0003",)
        ]
    raw.close()


def test_a_database_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.sqlite3"
    open_database("scheduler", path).close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()

    with pytest.raises(
        ConfigError, match=r"scheduler\.sqlite3.*revision 9999, expected scheduler_0003 or older"
    ):
        open_database("scheduler", path)

    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    raw.close()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scheduler.sqlite3"
    open_database("scheduler", path).close()
    newer = tmp_path / "migrations"
    shutil.copytree(schema.FOLDER, newer, ignore=shutil.ignore_patterns("__pycache__"))
    (newer / "scheduler" / "versions" / "9999_broken.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        "revision = '9999'\ndown_revision = 'scheduler_0003'\n"
        "def upgrade():\n"
        "    op.create_table('extra', sa.Column('a', sa.Integer))\n"
        "    op.drop_table('events')\n"
        "    op.execute('SELECT * FROM nowhere')\n"
    )
    monkeypatch.setattr(schema, "FOLDER", newer)

    with pytest.raises(ConfigError, match="nowhere"):
        open_database("scheduler", path)

    monkeypatch.undo()
    database = open_database("scheduler", path)
    with database.read() as connection:
        tables = sa.inspect(connection).get_table_names()
    database.close()
    assert "events" in tables
    assert "extra" not in tables


def test_a_second_opener_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.sqlite3"
    first = open_database("scheduler", path)

    with pytest.raises(ConfigError, match="is open already"):
        open_database("scheduler", path)

    first.close()
    first.close()
    open_database("scheduler", path).close()


def test_a_database_of_another_service_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite3"
    open_database("scheduler", path).close()

    with pytest.raises(ConfigError, match=r"scheduler_0003.*another service"):
        open_database("telescope", path)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("mysql://host/name", "expected sqlite or postgresql"),
        ("sqlite://", "names no file"),
        ("sqlite+nothing://x", "expected sqlite or postgresql"),
        ("://x", "database URL"),
        ("junk.sqlite3", "not a database"),
        ("a_file/db.sqlite3", "cannot be opened"),
    ],
)
def test_a_wrong_place_is_a_configuration_error(place: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "junk.sqlite3").write_bytes(b"this is a text and no database at all\n" * 100)
    (tmp_path / "a_file").write_text("")

    with pytest.raises(ConfigError, match=expected):
        open_database("scheduler", place if "://" in place else tmp_path / place)


def test_a_database_of_this_version_is_opened_without_alembic(tmp_path: Path) -> None:
    open_database("telescope", tmp_path / "telescope.sqlite3").close()
    code = (
        "import sys\n"
        "from ctmo_indi.store.database import open_database\n"
        f"open_database('telescope', {str(tmp_path / 'telescope.sqlite3')!r}).close()\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "False"
