"""Lists of any length in few statements, and what they find is the same."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ctmo_indi.store.any_of import any_of, rounded_up

NUMBERS = sa.table("numbers", sa.column("number", sa.Integer))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 31, 32, 33, 500, 20_000])
def test_it_finds_what_is_asked_for(count: int) -> None:
    asked = [7 * value for value in range(count)]
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
        connection.execute(sa.insert(NUMBERS), [{"number": value} for value in range(140_000)])
        query = sa.select(NUMBERS.c.number).where(any_of(NUMBERS.c.number, asked))
        found = connection.execute(query).scalars().all()
    engine.dispose()
    assert sorted(found) == asked


def test_five_hundred_lengths_are_ten_statements() -> None:
    lengths = {len(rounded_up(list(range(count)))) for count in range(1, 513)}
    assert lengths == {2**power for power in range(10)}
