"""Fill a scheduler's database with the orders of years, quickly."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ctmo_indi.store.database import open_database
from ctmo_indi.work_orders.receipts import new_receipt

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
OPEN_EVERY = 1000


def fill(data_dir: Path, count: int) -> None:
    """Store ``count`` orders, each with an attempt, a history and frames; one in 1000 is open."""
    path = data_dir / "scheduler.sqlite3"
    open_database("scheduler", path).close()
    raw = sqlite3.connect(path)
    orders, attempts, history, exposures, observed = [], [], [], [], []
    for number in range(count):
        born = FIRST + timedelta(minutes=10 * number)
        at_s = born.timestamp()
        receipt, attempt = new_receipt("O", born), new_receipt("A", born)
        is_open = number % OPEN_EVERY == OPEN_EVERY - 1
        state = "PENDING" if is_open else "COMPLETED"
        wire = json.dumps(
            {
                "WOType": "Observation",
                "User": "ada",
                "ID": f"old-{number}",
                "RA": (number * 7) % 360.0,
                "RA Unit": "deg",
                "Dec": 20.0,
                "Filter": "V",
                "Exposure Time": 30.0,
                "Number of Exposures": 2,
            }
        )
        orders.append(
            (
                *(receipt, "ada", f"old-{number}", "Observation", state, 1 if is_open else 4),
                *(5.0, None, f"{number:064x}", wire, at_s, at_s, 0, 2, 0.0, 0, "", 0),
            )
        )
        if is_open:
            continue
        attempts.append(
            (
                *(attempt, receipt, "scheduler", attempt, "COMPLETED", 3, f"{number:064x}"),
                *(wire, at_s, at_s, at_s, at_s + 90.0, ""),
            )
        )
        steps = ("PENDING", "SCHEDULED", "IN_PROGRESS", "COMPLETED")
        history += [
            (receipt, 2 + step, at_s, steps[step], steps[step + 1], "") for step in range(3)
        ]
        mjd = 40587.0 + at_s / 86400.0
        exposures += [
            (
                *(
                    f"{attempt}-{frame:03d}",
                    attempt,
                    receipt,
                    frame,
                    f"/data/{attempt}-{frame}.fits",
                ),
                *("Light", "V", 30.0, mjd, mjd, 10.0, 20.0, "", "0" * 64, 1),
            )
            for frame in (1, 2)
        ]
        observed.append((attempt, receipt, receipt, "", 10.0, 20.0, mjd, 30.0, 2, "V", at_s, "{}"))
    columns = (
        "attempt_id, receipt, target_id, target_name, ra_deg, dec_deg, mjd, exposure_s, frames,"
        " filter_name, registered_utc_s, additional"
    )
    with raw:
        _insert(raw, "orders", orders)
        _insert(raw, "attempts", attempts)
        _insert(
            raw,
            "order_history (receipt, revision, at_utc_s, state_before, state_after, reason)",
            history,
        )
        _insert(raw, "exposures", exposures)
        _insert(raw, f"observations ({columns})", observed)
    raw.close()


def _insert(raw: sqlite3.Connection, into: str, rows: list[tuple[object, ...]]) -> None:
    if rows:
        raw.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * len(rows[0]))})", rows)
