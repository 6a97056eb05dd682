"""People are told, by a real apprise to a real HTTP server on loopback, and nobody waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.safety.notices import MOST_WAITING, TOLD, Notices, apprise_sender
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.notice_receiver import NoticeReceiver

# One of apprise's own dependencies, on Python 3.11 and 3.12.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

LIMIT_S = 20.0


@pytest.fixture
def receiver() -> Iterator[NoticeReceiver]:
    with NoticeReceiver() as found:
        yield found


def notices(urls: list[str], clock: FakeClock, **options: float) -> Notices:
    made = Notices("CTMO", clock, lambda: apprise_sender(urls), **options)
    made.start()
    return made


def test_an_alarm_reaches_people(receiver):
    told = notices([receiver.url], FakeClock())
    told.note("alarm", {"Message": "ALARM: the shutter reads OPEN"})
    assert told.flush(LIMIT_S)
    (post,) = receiver.posts
    assert post["title"] == "CTMO: ALARM: the observatory is not closed"
    assert "the shutter reads OPEN" in post["message"]
    assert "2026-11-22 00:30:00" in post["message"]
    assert post["type"] == "failure"
    told.close(LIMIT_S)


@pytest.mark.parametrize("kind", list(TOLD))
def test_each_kind_that_concerns_people_is_sent(receiver, kind):
    told = notices([receiver.url], FakeClock())
    told.note(kind, {"Message": "it happened"})
    assert told.flush(LIMIT_S)
    assert len(receiver.posts) == 1
    told.close(LIMIT_S)


def test_the_rest_is_not_sent(receiver):
    told = notices([receiver.url], FakeClock())
    told.note("verdict", {"Level": "SAFE"})
    told.note("closing", {"Message": "parking the mount, try 1"})
    assert told.flush(LIMIT_S)
    assert receiver.posts == []
    told.close(LIMIT_S)


def test_of_one_kind_one_a_minute_is_sent_and_the_next_says_how_many_were_not(receiver):
    clock = FakeClock()
    told = notices([receiver.url], clock)
    for number in range(5):
        told.note("alarm", {"Message": f"try {number}"})
    told.note("closed", {"Message": "closed and read back"})
    clock.advance(61.0)
    told.note("alarm", {"Message": "try 5"})
    assert told.flush(LIMIT_S)
    messages = [post["message"].split("\n")[0] for post in receiver.posts]
    assert messages == ["try 0", "closed and read back", "try 5 (4 more of these were not sent)"]
    told.close(LIMIT_S)


def test_one_that_was_not_taken_is_sent_again(receiver):
    receiver.statuses = [503]
    told = notices([receiver.url], FakeClock(), retry_pause_s=0.02)
    told.note("alarm", {"Message": "open"})
    assert told.flush(LIMIT_S)
    assert len(receiver.posts) == 2
    assert (told.sent, told.failed) == (1, 0)
    told.close(LIMIT_S)


def test_a_dead_network_holds_up_nobody_and_memory_is_bounded(receiver):
    receiver.hold = threading.Event()
    clock = FakeClock()
    told = notices([receiver.url], clock, per_kind_s=0.0)
    for number in range(1000):
        told.note("alarm", {"Message": str(number)})
    assert len(told._waiting) <= MOST_WAITING
    assert told.dropped >= 1000 - MOST_WAITING - 1
    assert not told.flush(0.01)
    told.close(0.01)


def test_no_secret_is_logged_or_shown(receiver, caplog):
    caplog.set_level(logging.DEBUG)
    receiver.statuses = [500, 500, 500]
    told = notices([receiver.url], FakeClock(), retry_pause_s=0.02)
    told.note("alarm", {"Message": "open"})
    assert told.flush(LIMIT_S)
    told.close(LIMIT_S)
    assert told.failed == 1
    assert "notice_not_sent" in caplog.text
    assert "s3cret" not in caplog.text + str(told.to_wire())
    with pytest.raises(ConfigError, match="URL 2") as refused:
        apprise_sender([receiver.url, "nosuch://ada:s3cret@example"])
    assert "s3cret" not in str(refused.value) + caplog.text


def test_without_addresses_nothing_is_begun():
    quiet = Notices("CTMO", FakeClock(), None)
    quiet.start()
    quiet.note("alarm", {"Message": "open"})
    assert quiet.to_wire()["Enabled"] is False
    assert quiet.flush(0.01)
    quiet.close(0.01)


def test_a_wrong_address_is_survived(caplog):
    told = notices(["nosuch://x"], FakeClock())
    told.note("alarm", {"Message": "open"})
    assert told.flush(LIMIT_S)
    assert told.failed == 1
    assert "notice_failed" in caplog.text
    told.close(LIMIT_S)
