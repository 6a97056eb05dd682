"""What is made of a service's word and of its silence."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.tango import desk_watch
from ctmo_indi.tango.desk_watch import DeskWatch, after_events, is_in_motion
from ctmo_indi.tango.picture import Seen


class Desk:
    """Answers a list of words, one a look; then has the watch stop."""

    def __init__(self, *words: object) -> None:
        self.words = list(words)
        self.cursors: list[object] = []
        self.watch: DeskWatch | None = None

    def front_desk(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["WOType"] == "Events":
            self.cursors.append(order.get("Cursor"))
            return {"Events": [], "Cursor": len(self.cursors)}
        word = self.words.pop(0)
        if not self.words:
            assert self.watch is not None
            self.watch.stop()
        if isinstance(word, Exception):
            raise word
        assert isinstance(word, dict)
        return word


def seen_of(monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[list[Seen], Desk]:
    for name in ("SHORTEST_S", "AGAIN_S"):
        monkeypatch.setattr(desk_watch, name, 0.0)
    told: list[Seen] = []
    desk = Desk(*words)
    desk.watch = DeskWatch("telescope", desk, SystemClock(), told.append)  # type: ignore[arg-type] # has what is used
    thread = threading.Thread(target=desk.watch.run)
    thread.start()
    thread.join(5.0)
    assert not thread.is_alive()
    return told, desk


def test_a_silence_is_told_at_once_and_ends_with_the_next_answer(monkeypatch):
    dead = ServiceUnreachable("refused")
    told, desk = seen_of(monkeypatch, {"Busy": "a"}, dead, dead, {"Busy": "b"}, {"Busy": "c"})
    assert [each.error for each in told] == ["", "refused", "refused", "", ""]
    assert [each.reply["Busy"] for each in told] == ["a", "a", "a", "b", "c"]
    # One that was started again counts anew: its cursor is not the old one's.
    assert desk.cursors == [None, None, 2]


def test_a_word_that_cannot_be_read_is_a_silence_and_not_the_end(monkeypatch):
    told, _ = seen_of(monkeypatch, RuntimeError("our bug"), {"Busy": "b"})
    assert [each.error for each in told] == ["RuntimeError: our bug", ""]


def test_what_was_connected_once_is_remembered(monkeypatch):
    on = {"Devices": {"Mount": {"Connected": True}, "Dome": {"Connected": False}, "State": "OPEN"}}
    off = {"Devices": {"Mount": {"Connected": False}}}
    told, _ = seen_of(monkeypatch, on, off)
    assert told[-1].once_connected == {"Mount"}


@pytest.mark.parametrize(
    ("reply", "is_so"),
    [
        ({}, False),
        ({"Devices": {"Mount": {"Slewing": False}, "State": "OPEN"}}, False),
        ({"Devices": {"Mount": {"Slewing": True}}}, True),
        ({"Devices": {"Dome": {"Moving": True}}}, True),
        ({"Busy": "park"}, True),
    ],
)
def test_what_moves_is_looked_at_more_often(reply, is_so):
    assert is_in_motion(reply) is is_so


def test_events_tell_what_a_status_does_not():
    events = [
        {"Kind": "ticket", "Data": {"Command": "start", "Status": "IN_PROGRESS"}},
        {"Kind": "attempt", "Data": {"Exposures": [{"Path": "/a"}, {"Path": "/b"}, {}]}},
        {"Kind": "attempt", "Data": {"Exposures": []}},
        {"Kind": "duty", "Data": "no struct"},
    ]
    seen = after_events(Seen("telescope"), events)
    assert (seen.command, seen.last_frame) == (("start", "IN_PROGRESS"), "/b")


def frames(*paths: str) -> dict[str, Any]:
    return {"Exposures": [{"Path": path} for path in paths]}


def test_a_frame_is_known_as_soon_as_a_status_tells_of_it():
    desk = Desk({"Current": frames("a-1")}, {"Current": frames("a-1", "a-2")}, {"Current": {}})
    told: list[str] = []
    desk.watch = DeskWatch(
        "telescope", desk, SystemClock(), lambda seen: told.append(seen.last_frame)
    )
    desk.watch.run()
    assert told == ["a-1", "a-2", "a-2"]


def test_an_event_that_is_older_than_the_status_does_not_take_a_frame_back():
    seen = Seen("telescope", {"Current": frames("a-1", "a-2")}, last_frame="a-2")
    older = {"Kind": "attempt", "Data": frames("a-1")}
    newer = {"Kind": "attempt", "Data": frames("a-1", "a-2", "a-3")}
    assert after_events(seen, [older]).last_frame == "a-2"
    assert after_events(seen, [older, newer]).last_frame == "a-3"
