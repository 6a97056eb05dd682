"""Publishes events and prints number and content of each, until killed."""

from __future__ import annotations

import math
import os
import sys

from ctmo_indi.clock import SystemClock
from ctmo_indi.store.database import open_database
from ctmo_indi.store.event_log import EventLog
from ctmo_indi.store.event_shelf import EventShelf, Retention
from ctmo_indi.store.intake import Writer
from ctmo_indi.work_orders.revisions import RevisionBoard


def main() -> None:
    path, round_number = sys.argv[1:]
    database, clock = open_database("telemetry", path), SystemClock()
    keep = Retention(rows=1_000_000, age_s=math.inf)
    shelf = EventShelf("events", database, Writer(database), clock, keep, flush_s=0.01)
    board = RevisionBoard(clock, store=EventLog([shelf]))
    for number in range(1_000_000):
        content = f"{round_number}-{number}"
        revision = board.publish("order", content, {"Number": number})
        os.write(1, f"{revision} {content}\n".encode())


if __name__ == "__main__":
    main()
