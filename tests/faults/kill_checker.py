"""Compare what a client was told with databases and frames: plain sqlite3 and astropy, no code of
ours.

Every finding is a sentence; none is what we promise. "lost" are findings about acknowledged orders,
"repeated" those about effects, "broken" the rest.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from ..frames import read_header

ORDER_STATES = {
    "PENDING",
    "HELD",
    "SCHEDULED",
    "IN_PROGRESS",
    "COMPLETED",
    "CANCELED",
    "WINDOW_EXPIRED",
    "FAILURE_LIMIT_REACHED",
}
ENDED = {"COMPLETED", "INTERRUPTED", "FAILED", "ABORTED", "NOT_ATTEMPTED", "CANCELED"}
MADE = {"DONE", "FOUND_DONE"}


@dataclass
class Findings:
    """What is wrong, and how much was looked at."""

    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def all(self) -> list[str]:
        return [*self.lost, *self.repeated, *self.broken]


def rows(file: Path, query: str) -> list[dict[str, object]]:
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in database.execute(query)]
    finally:
        database.close()


def check(data_dir: Path, acknowledgements: Path) -> Findings:
    """Look at everything a fleet that has stopped has left."""
    found = Findings()
    scheduler, telescope = data_dir / "scheduler.sqlite3", data_dir / "telescope.sqlite3"
    for file in (scheduler, telescope, data_dir / "telemetry.sqlite3"):
        (answer,) = rows(file, "PRAGMA integrity_check")
        if answer != {"integrity_check": "ok"}:
            found.broken.append(f"{file.name}: {answer}")
    notes = [json.loads(line) for line in acknowledgements.read_text().splitlines()]
    _check_orders(found, notes, scheduler, telescope)
    headers = _check_frames(found, data_dir, telescope, scheduler)
    _check_effects(found, headers, telescope)
    _check_attempts(found, scheduler, telescope)
    return found


def _check_orders(
    found: Findings, notes: list[dict[str, object]], scheduler: Path, telescope: Path
) -> None:
    orders = {row["receipt"]: row for row in rows(scheduler, "SELECT * FROM orders")}
    by_hand = {row["receipt"]: row for row in rows(telescope, "SELECT * FROM hand_orders")}
    for note in notes:
        order, reply = note["order"], note.get("reply")
        if reply is None:
            found.counts["refused" if "fault" in note else "unanswered"] += 1
            continue
        receipt, kind = reply["Receipt"], order["WOType"]
        found.counts[kind] += 1
        if kind == "Observation":
            row = orders.get(receipt)
            if row is None or row["state"] not in ORDER_STATES:
                found.lost.append(f"observation {receipt}: {row}")
            elif json.loads(row["wire"])["RA"] != order["RA"] or row["order_id"] != order["ID"]:
                found.lost.append(f"observation {receipt} is another one: {row}")
        elif kind == "Cancel":
            row = orders.get(receipt)
            if row is None or row["state"] not in ("CANCELED", "COMPLETED"):
                found.lost.append(f"cancel of {receipt}: {row}")
        else:
            row = by_hand.get(receipt)
            if row is None or row["state"] not in ENDED:
                found.lost.append(f"{kind} {receipt}: {row}")
            elif row["state"] != "COMPLETED" and not row["reason"]:
                found.lost.append(f"{kind} {receipt} ended without a reason: {row}")
    twice = Counter((row["user"], row["order_id"], row["content_hash"]) for row in orders.values())
    found.broken += [f"order stored twice: {key}" for key, count in twice.items() if count > 1]


def _check_frames(
    found: Findings, data_dir: Path, telescope: Path, scheduler: Path
) -> dict[str, dict[str, object]]:
    headers: dict[str, dict[str, object]] = {}
    for path in sorted(data_dir.glob("nights/*/raw/*.fits")):
        header = read_header(str(path))
        name = str(header["EXPID"])
        if name in headers:
            found.repeated.append(f"frame {name} twice: {path} and {headers[name]['path']}")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        headers[name] = {"path": str(path), "sha256": sha256, "header": header}
    found.counts["frames"] = len(headers)
    for file in data_dir.glob("nights/*/raw/.*"):
        found.broken.append(f"left behind: {file}")
    rows_of = {row["exposure_id"]: row for row in rows(telescope, "SELECT * FROM exposures")}
    for name in headers.keys() - rows_of.keys():
        found.broken.append(f"frame {name} has no row")
    for file, row in [
        *((telescope, row) for row in rows_of.values()),
        *((scheduler, row) for row in rows(scheduler, "SELECT * FROM exposures")),
    ]:
        frame = headers.get(str(row["exposure_id"]))
        if frame is None or (frame["path"], frame["sha256"]) != (row["path"], row["sha256"]):
            found.broken.append(f"{file.name}: row of a frame that is not there: {row}")
    return headers


def _check_effects(found: Findings, headers: dict[str, dict[str, object]], telescope: Path) -> None:
    effects = rows(telescope, "SELECT * FROM effects")
    found.counts["effects"] = len(effects)
    found.counts["found done"] = sum(row["outcome"] == "FOUND_DONE" for row in effects)
    found.counts["not done"] = sum(row["outcome"] == "NOT_DONE" for row in effects)
    of_frame: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in effects:
        if row["outcome"] is None:
            found.broken.append(f"effect without an end: {row}")
        elif row["outcome"] != "DONE" and not row["detail"] and row["kind"] != "by hand":
            found.broken.append(f"effect without a reason: {row}")
        if row["kind"] == "expose":
            of_frame[str(json.loads(str(row["target"]))["exposure_id"])].append(row)
    for name, made in of_frame.items():
        if len(made) > 1:
            found.repeated.append(f"exposure {name} intended {len(made)} times")
        is_there, is_said = name in headers, made[0]["outcome"] in MADE
        if is_there is not is_said:
            found.broken.append(f"exposure {name}: frame {is_there}, journal {made[0]}")
    for name in headers.keys() - of_frame.keys():
        found.repeated.append(f"frame {name} was never intended")
    # The same frame of an attempt again, and nothing says that the first one was lost.
    for (attempt, sequence), again in _by_sequence(of_frame).items():
        if sum(row["outcome"] in MADE for row in again) > 1:
            found.repeated.append(f"frame {sequence} of {attempt} exposed twice: {again}")


def _by_sequence(
    of_frame: dict[str, list[dict[str, object]]],
) -> dict[tuple[object, object], list[dict[str, object]]]:
    found: dict[tuple[object, object], list[dict[str, object]]] = defaultdict(list)
    for made in of_frame.values():
        for row in made:
            key = (row["attempt_id"], json.loads(str(row["target"]))["sequence"])
            found[key].append(row)
    return found


def _check_attempts(found: Findings, scheduler: Path, telescope: Path) -> None:
    executed = {row["attempt_id"]: row for row in rows(telescope, "SELECT * FROM attempts")}
    frames = Counter(
        row["attempt_id"] for row in rows(telescope, "SELECT attempt_id FROM exposures")
    )
    for row in executed.values():
        if row["state"] not in ENDED:
            found.broken.append(f"attempt without an end: {row}")
        elif row["state"] != "COMPLETED" and not row["reason"]:
            found.broken.append(f"attempt without a reason: {row}")
    for row in rows(scheduler, "SELECT * FROM attempts"):
        found.counts["attempts"] += 1
        if row["state"] == "COMPLETED" and not frames[row["attempt_id"]]:
            found.broken.append(f"attempt without a frame: {row}")
    # More frames of an order than it wanted: only where an attempt was told to have ended short.
    wanted = {r["receipt"]: r["wanted_count"] for r in rows(scheduler, "SELECT * FROM orders")}
    made: Counter[object] = Counter()
    short: Counter[object] = Counter()
    for attempt_id, count in frames.items():
        parent = executed[attempt_id]["parent"]
        made[parent] += count
        short[parent] += executed[attempt_id]["state"] != "COMPLETED"
    for receipt, count in made.items():
        found.counts["surplus frames"] += max(0, count - int(wanted.get(receipt, 0)))
        if count > wanted.get(receipt, 0) and not short[receipt]:
            found.repeated.append(f"order {receipt}: {count} frames, wanted {wanted.get(receipt)}")
