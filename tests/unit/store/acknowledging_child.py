"""Stores orders from four threads and prints each receipt once it is durable, until killed."""

from __future__ import annotations

import os
import sys
import threading

from ctmo_indi.models.states import OrderState
from ctmo_indi.store.database import open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow, insert_order


def _submit_all(writer: Writer, prefix: str) -> None:
    for number in range(100_000):
        name = f"{prefix}-{number}"
        row = OrderRow(
            receipt=f"O-{name}",
            user="child",
            order_id=name,
            kind="Observation",
            state=OrderState.PENDING,
            priority=5.0,
            content_hash="hash",
            wire={"Object": "x" * 500},
            created_utc_s=0.0,
            updated_utc_s=0.0,
        )
        stored = writer.run(lambda connection, row=row: insert_order(connection, row))  # type: ignore[misc]
        os.write(1, f"{stored.receipt}\n".encode())


def main() -> None:
    path, round_number = sys.argv[1:]
    writer = Writer(open_database("scheduler", path))
    threads = [
        threading.Thread(target=_submit_all, args=(writer, f"{round_number}-{thread}"))
        for thread in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
