"""Open stores for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ctmo_indi.models.states import OrderState
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.store.intake import Writer
from ctmo_indi.store.orders import OrderRow

MakeOrder = Callable[..., OrderRow]


@pytest.fixture
def scheduler_db(store_url: str) -> Iterator[Database]:
    database = open_database("scheduler", store_url, busy_timeout_s=0.1)
    yield database
    database.close()


@pytest.fixture
def telescope_db(store_url: str) -> Iterator[Database]:
    database = open_database("telescope", store_url, busy_timeout_s=0.1)
    yield database
    database.close()


@pytest.fixture
def scheduler_writer(scheduler_db: Database) -> Iterator[Writer]:
    writer = Writer(scheduler_db)
    yield writer
    writer.close()


@pytest.fixture
def telescope_writer(telescope_db: Database) -> Iterator[Writer]:
    writer = Writer(telescope_db)
    yield writer
    writer.close()


@pytest.fixture
def preprocessor_db(store_url: str) -> Iterator[Database]:
    database = open_database("preprocessor", store_url, busy_timeout_s=0.1)
    yield database
    database.close()


@pytest.fixture
def make_order() -> MakeOrder:
    def make(number: int, **fields: object) -> OrderRow:
        values: dict[str, object] = {
            "receipt": f"O-{number}",
            "user": "ada",
            "order_id": str(number),
            "kind": "Observation",
            "state": OrderState.PENDING,
            "priority": 5.0,
            "content_hash": "hash",
            "wire": {"WOType": "Observation", "RA": 10.5, "Object": "M 31 é"},
            "created_utc_s": 1000.0 + number,
            "updated_utc_s": 1000.0 + number,
        }
        return OrderRow(**{**values, **fields})  # type: ignore[arg-type]  # a test's own fields

    return make
