"""Products are committed behind the run's back; what could not be kept is told all the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest

from ctmo_indi.errors import StoreUnavailable
from ctmo_indi.models.frames import NightBundle
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.night_book import MOST_UNWRITTEN, NightBook
from ctmo_indi.preprocessor.plan import plan_night
from ctmo_indi.preprocessor.planned import Parameters, Planned
from ctmo_indi.store.intake import Writer
from ctmo_indi.testing.fake_clock import FakeClock

from .night_frames import NIGHT, frames


class SlowWriter:
    """Writes when it is told to."""

    def __init__(self) -> None:
        self.futures: list[Future[None]] = []

    def submit(self, _function: Callable[..., object]) -> Future[None]:
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def writer() -> SlowWriter:
    return SlowWriter()


@pytest.fixture
def book(writer: SlowWriter) -> NightBook:
    made = NightBook(cast(Any, None), cast(Writer, writer), FakeClock(), Parameters("1"))
    made._bundle_id = 1
    return made


@pytest.fixture
def planned(tmp_path) -> Planned:
    biases = tuple(frames(FrameType.BIAS, 5, 0))
    return plan_night(NightBundle(tmp_path, NIGHT, biases), [], Parameters("1")).products[0]


def answer(planned: Planned) -> dict[str, object]:
    return {"path": f"/nights/{planned.name}", "size_bytes": 1}


def test_the_next_product_does_not_wait_for_the_commit_of_the_one_before(book, writer, planned):
    for _ in range(MOST_UNWRITTEN):
        book.keep_product(planned, answer(planned))
    assert len(writer.futures) == MOST_UNWRITTEN
    assert not any(future.done() for future in writer.futures)


def test_a_failed_commit_is_told_with_the_next_product(book, writer, planned):
    book.keep_product(planned, answer(planned))
    writer.futures[0].set_exception(StoreUnavailable("the disk is gone"))
    with pytest.raises(StoreUnavailable, match="the disk is gone"):
        book.keep_product(planned, answer(planned))


def test_a_failed_commit_of_the_last_product_is_told_by_flush(book, writer, planned):
    book.keep_product(planned, answer(planned))
    writer.futures[0].set_exception(StoreUnavailable("the disk is gone"))
    with pytest.raises(StoreUnavailable, match="the disk is gone"):
        book.flush()
    book.flush()  # nothing is left


def test_too_many_wait_for_the_oldest(book, writer, planned, monkeypatch):
    monkeypatch.setattr("ctmo_indi.preprocessor.night_book.COMMIT_S", 0.01)
    for _ in range(MOST_UNWRITTEN):
        book.keep_product(planned, answer(planned))
    with pytest.raises(StoreUnavailable, match=r"no commit within 0.01 s"):
        book.keep_product(planned, answer(planned))
