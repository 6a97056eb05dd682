"""What could not be written is written when there is room, in its order."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from ctmo_indi.errors import StoreUnavailable, WrongState
from ctmo_indi.telescope.late_writes import LateWrites


class FullDisk:
    """A writer whose disk is full, or refuses at once, for a while."""

    def __init__(self, failures: int, *, at_once: bool = False) -> None:
        self.failures = failures
        self.at_once = at_once

    def submit(self, write):
        future: Future = Future()
        if self.failures:
            self.failures -= 1
            if self.at_once:
                raise StoreUnavailable("too many wait")
            future.set_exception(StoreUnavailable("disk is full"))
            return future
        try:
            future.set_result(write(None))
        except WrongState as error:
            future.set_exception(error)
        return future


def test_with_room_it_is_written_at_once():
    late, made = LateWrites(FullDisk(0)), []

    late.submit("one", lambda _: made.append("one"), lambda: made.append("durable"))

    assert made == ["one", "durable"]
    assert late.flush(0.0)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_full_disk_keeps_the_order(at_once):
    late, made = LateWrites(FullDisk(3, at_once=at_once)), []
    for name in "abc":
        late.submit(name, lambda _, name=name: made.append(name))
    assert late.waiting == 3

    late.again()

    assert made == ["a", "b", "c"]
    assert late.flush(0.0)


def test_one_that_can_never_be_written_does_not_hold_up_the_others():
    late, made = LateWrites(FullDisk(0)), []

    def wrong(_):
        raise WrongState("it has ended")

    late.submit("wrong", wrong)
    late.submit("right", lambda _: made.append("right"))

    assert made == ["right"]


def test_from_many_threads_each_once(tmp_path):
    late, made = LateWrites(FullDisk(50)), []
    threads = [
        threading.Thread(target=lambda n=n: late.submit(str(n), lambda _: made.append(n)))
        for n in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5.0)
    while late.waiting:
        late.again()

    assert sorted(made) == list(range(40))
