"""How long a start takes that recalls 100,000 stored observations (AUTO), to be 5 s at most.

Run: ``python benchmarks/bench_startup.py [observations]``. Prints what a start does and when.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.models.observation import Observation
from ctmo_indi.scheduler import configuration
from ctmo_indi.scheduler.component.startup import StartParts, StartWish, start
from ctmo_indi.scheduler.configuration import StartupType
from ctmo_indi.scheduler.models_of_site import models_of_site
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.store import observations
from ctmo_indi.store.database import Database, open_database

LIMIT_S = 5.0


def fill(database: Database, count: int) -> None:
    """Store ``count`` observations."""
    with database.write() as connection:
        for index in range(count):
            name = f"A-20261121-{index:06d}"
            ra_deg, dec_deg = index * 0.0036 % 360.0, index % 90 - 20.0
            observations.record(
                connection,
                Observation(
                    name, f"O-{index}", f"field {index}", ra_deg, dec_deg, 60000.0, 30.0, 1
                ),
            )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    profile = profiles.load("simulators")
    with tempfile.TemporaryDirectory() as folder:
        database = open_database("scheduler", Path(folder) / "scheduler.sqlite3")
        fill(database, count)
        parts = StartParts(
            clock=SystemClock(),
            load_configuration=configuration.load,
            make_models=lambda: models_of_site(profile),
            database=database,
            snapshots_folder=Path(folder) / "snapshots",
            open_telemetry=lambda _: {},
            load_blocks=lambda folder: BlockLibrary.load(folder, ScriptRegistry.load()),
            announce=lambda _: None,
        )
        begun_s = time.perf_counter()

        def tell(text: str) -> None:
            print(f"{time.perf_counter() - begun_s:6.2f} s  {text}")

        started = start(StartWish(startup_type=StartupType.AUTO), parts, tell)
        took_s = time.perf_counter() - begun_s
        print(f"{took_s:6.2f} s  ready: {started.recalled}; limit {LIMIT_S:g} s")
        database.close()
    if took_s > LIMIT_S:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
