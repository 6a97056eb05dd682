"""What the telescope has published is still there after a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi.config import Config
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.telescope.event_store import open_event_log
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.work_orders.revisions import RevisionBoard

LIMIT_S = 10.0


class Run:
    """One life of the telescope's store."""

    def __init__(self, folder: Path) -> None:
        config = replace(Config(), data_dir=folder)
        self.database = open_database("telescope", folder / "telescope.sqlite3")
        self.writer = Writer(self.database)
        self.log = open_event_log(config, self.database, self.writer, FakeClock())
        self.board = RevisionBoard(FakeClock(), store=self.log)

    def end(self) -> None:
        assert self.log.close(LIMIT_S)
        self.writer.close()
        self.database.close()


def kinds(run: Run) -> list[str]:
    return [event.kind for event in run.board.events(0).events]


@pytest.mark.parametrize("has_telemetry_file", [True, False])
def test_events_outlive_the_telescope(tmp_path, has_telemetry_file):
    if not has_telemetry_file:
        (tmp_path / "telescope-telemetry.sqlite3").write_text("no database at all, but long enough")
    run = Run(tmp_path)
    run.board.publish("attempt", "A-1", {"Status": "COMPLETED"})
    cursor = run.board.publish("telemetry", "mount", {"RA": 10.0})
    run.end()
    after = Run(tmp_path)
    assert kinds(after) == ["attempt", "telemetry"]
    assert after.board.publish("closed", "telescope", {}) > cursor
    after.end()
