"""Where scripts go: first, last, before, after; move and requeue."""

from __future__ import annotations

import math

import pytest

from ctmo_indi.errors import BadOrder, UnknownOrder, WrongState
from ctmo_indi.script_queue.ended import HISTORY_LENGTH
from ctmo_indi.script_queue.queueing import LONGEST_FOR_OTHERS, LONGEST_QUEUE, Place, Sender
from ctmo_indi.script_queue.script import ScriptState
from ctmo_indi.testing.fake_script import FakeScript, QueueBench
from ctmo_indi.work_orders.model import QueueLocation

FIRST = Place(QueueLocation.FIRST)


def before(index: int | None) -> Place:
    return Place(QueueLocation.BEFORE, index)


def after(index: int | None) -> Place:
    return Place(QueueLocation.AFTER, index)


@pytest.fixture
def bench() -> QueueBench:
    """Script 1 runs; a, b, c wait as 2, 3, 4."""
    made = QueueBench()
    for name in ("now", "a", "b", "c"):
        made.add(name)
    return made


@pytest.mark.parametrize(
    ("place", "order"),
    [
        (FIRST, "xabc"),
        (Place(), "abcx"),
        (before(2), "xabc"),
        (before(4), "abxc"),
        (after(2), "axbc"),
        (after(4), "abcx"),
    ],
)
def test_a_script_is_added_where_it_is_wanted(bench: QueueBench, place: Place, order: str) -> None:
    bench.add("x", place)
    assert bench.waiting() == list(order)


@pytest.mark.parametrize(
    ("index", "place", "order"),
    [
        (4, FIRST, "cab"),
        (2, Place(), "bca"),
        (2, after(4), "bca"),
        (4, before(3), "acb"),
        (2, before(3), "abc"),
        (3, before(3), "abc"),
        (3, after(3), "abc"),
    ],
)
def test_a_waiting_script_is_moved(bench: QueueBench, index: int, place: Place, order: str) -> None:
    assert bench.queue.move(index, place).index == index
    assert bench.waiting() == list(order)


@pytest.mark.parametrize("index", [1, 99, 0, -1])
def test_places_at_a_script_that_does_not_wait_are_refused_and_change_nothing(
    bench: QueueBench, index: int
) -> None:
    for place in (before(index), after(index)):
        with pytest.raises(UnknownOrder, match=f"script {index}"):
            bench.add("x", place)
        with pytest.raises(UnknownOrder):
            bench.queue.move(2, place)
        with pytest.raises(UnknownOrder):
            bench.queue.requeue(2, place)
    with pytest.raises(UnknownOrder):
        bench.queue.move(index, FIRST)
    assert bench.waiting() == ["a", "b", "c"]


def test_before_and_after_need_an_index(bench: QueueBench) -> None:
    with pytest.raises(BadOrder, match="before"):
        bench.add("x", before(None))


@pytest.mark.parametrize("index", [1, 3])
def test_requeue_makes_a_copy_with_a_new_index(bench: QueueBench, index: int) -> None:
    name = bench.queue.find(index).name
    copied = bench.queue.requeue(index, FIRST, user="ada")
    assert (copied.index, copied.name, copied.user) == (5, name, "ada")
    assert bench.queue.find(index).index == index
    assert bench.waiting()[0] == name


def test_an_ended_script_is_run_again_by_requeue() -> None:
    bench = QueueBench()
    bench.add("a")
    bench.end()
    bench.queue.requeue(1)
    bench.end()
    assert bench.ended() == [("a", ScriptState.DONE)] * 2
    assert [run.index for run in bench.queue.history] == [1, 2]


def test_requeue_of_an_unknown_script_is_refused(bench: QueueBench) -> None:
    with pytest.raises(UnknownOrder, match="script 77"):
        bench.queue.requeue(77)


def test_a_copy_does_not_belong_to_the_group_of_the_original() -> None:
    bench = QueueBench()
    bench.add_group("g", "focus", "observe")
    assert bench.queue.requeue(2).group == ""


@pytest.mark.parametrize("timeout_s", [math.inf, math.nan, 0.0, -1.0])
def test_a_script_without_a_deadline_is_refused(bench: QueueBench, timeout_s: float) -> None:
    with pytest.raises(BadOrder, match="deadline"):
        bench.add(FakeScript("x", timeout_s=timeout_s))
    assert bench.waiting() == ["a", "b", "c"]


def test_a_full_queue_refuses_and_the_history_holds_more_than_a_full_queue() -> None:
    bench = QueueBench()
    bench.queue.pause()
    for number in range(LONGEST_QUEUE):
        bench.add(f"s{number}")
    with pytest.raises(WrongState, match="full"):
        bench.add("one more")
    bench.queue.stop_all("standby")
    assert len(bench.queue.history) == LONGEST_QUEUE < HISTORY_LENGTH


def test_others_cannot_fill_the_room_that_the_scheduler_needs() -> None:
    bench = QueueBench()
    bench.queue.pause()
    ada = Sender(user="ada")
    for number in range(LONGEST_FOR_OTHERS):
        bench.add(f"s{number}", sender=ada)
    with pytest.raises(WrongState, match=f"full: it takes {LONGEST_FOR_OTHERS} "):
        bench.add("one more", sender=ada)
    with pytest.raises(WrongState, match="full"):
        bench.queue.requeue(1, user="ada")
    assert bench.add("a target").user == "scheduler"


def test_a_script_that_cannot_be_made_is_kept_in_the_history_only(bench: QueueBench) -> None:
    def make() -> FakeScript:
        raise BadOrder("no such filter")

    with pytest.raises(BadOrder, match="no such filter"):
        bench.queue.add_made("filter", make)
    (run,) = bench.queue.history
    assert (run.name, run.state, run.reason) == (
        "filter",
        ScriptState.CONFIGURE_FAILED,
        "no such filter",
    )
    with pytest.raises(WrongState, match="could not be made"):
        bench.queue.requeue(run.index)
    assert bench.waiting() == ["a", "b", "c"]


@pytest.fixture
def blocks() -> QueueBench:
    """Script 1 runs; x, the block focus, observe, focus2, then y and the block alone wait."""
    made = QueueBench()
    made.add("now")
    made.add("x")
    made.add_group("g", "focus", "observe", "focus2")
    made.add("y")
    made.add_group("h", "alone")
    return made


def test_nothing_is_put_between_the_scripts_of_one_block(blocks: QueueBench) -> None:
    order = ["x", "focus", "observe", "focus2", "y", "alone"]
    for place in (after(3), before(4), after(4), before(5)):
        says = "between the scripts of block block; script 5 is the last"
        with pytest.raises(WrongState, match=says):
            blocks.queue.move(6, place)
        with pytest.raises(WrongState, match=says):
            blocks.queue.requeue(1, place)
        with pytest.raises(WrongState, match=says):
            blocks.queue.add_made("new", lambda: FakeScript("new"), place)
        assert blocks.waiting() == order
    assert len(blocks.queue.history) == 0


def test_the_scripts_of_a_block_stay_together_and_in_order(blocks: QueueBench) -> None:
    for index in (3, 4, 5):
        for place in (FIRST, Place(), after(6), before(3 if index != 3 else 4)):
            with pytest.raises(WrongState, match=f"script {index}: refused, .* in order"):
                blocks.queue.move(index, place)
    assert blocks.waiting() == ["x", "focus", "observe", "focus2", "y", "alone"]


def test_around_a_block_everything_may_be_moved(blocks: QueueBench) -> None:
    blocks.queue.move(7, before(3))
    assert blocks.waiting() == ["x", "alone", "focus", "observe", "focus2", "y"]
    blocks.queue.move(6, FIRST)
    blocks.queue.move(2, after(5))
    assert blocks.waiting() == ["y", "alone", "focus", "observe", "focus2", "x"]
    blocks.queue.move(2, Place())  # where it is
    blocks.queue.move(6, before(7))  # where it is


def test_nothing_is_put_before_the_rest_of_a_block_that_has_begun(blocks: QueueBench) -> None:
    blocks.queue.remove(2, "not wanted")
    blocks.end()
    assert blocks.queue.current is not None
    assert blocks.queue.current.name == "focus"
    with pytest.raises(WrongState, match="between the scripts of block"):
        blocks.queue.move(6, FIRST)
    blocks.queue.pause()
    blocks.end()  # between two of its scripts, while the queue is paused
    with pytest.raises(WrongState, match="between the scripts of block"):
        blocks.queue.requeue(1, FIRST)
    with pytest.raises(WrongState, match="in order"):
        blocks.queue.move(4, Place())
    assert blocks.waiting() == ["observe", "focus2", "y", "alone"]
    blocks.queue.move(6, after(5))
    blocks.queue.requeue(1, after(5))
    assert blocks.waiting() == ["observe", "focus2", "now", "y", "alone"]


def test_the_last_script_of_a_block_that_has_begun_is_not_moved_either(blocks: QueueBench) -> None:
    blocks.queue.remove(2, "not wanted")
    for _ in range(3):
        blocks.end()
    assert blocks.waiting() == ["y", "alone"]
    blocks.queue.move(7, FIRST)  # its only one
    with pytest.raises(UnknownOrder):
        blocks.queue.move(5, Place())  # it runs
