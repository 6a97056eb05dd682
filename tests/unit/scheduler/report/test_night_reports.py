"""The parts together: at noon a dead night reaches people, over what the site has for notices."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ctmo_indi.config import Config
from ctmo_indi.notify_settings import NotifySettings
from ctmo_indi.scheduler.report.night_reports import NightReports
from ctmo_indi.testing.notice_receiver import NoticeReceiver

from .night_rig import PROFILE, NightRig

# One of apprise's own dependencies, on Python 3.11 and 3.12.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

AFTER_NOON = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


def wait_for(holds: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("not within 20 s")


def test_people_are_told_once_of_a_dead_night(night: NightRig) -> None:
    night.running()
    night.order("m31")
    night.event(0.0, "summaryState", Summary_State="STANDBY")
    night.clock.step((AFTER_NOON - night.clock.utc()).total_seconds())
    published: list[tuple[str, str, dict[str, object]]] = []

    with NoticeReceiver() as receiver:
        config = replace(Config(), data_dir=night.folder, notify=NotifySettings((receiver.url,)))

        def reports() -> NightReports:
            return NightReports(
                config,
                PROFILE,
                night.clock,
                night.database,
                night.log,
                night.preprocessor,
                night._read,
                lambda *event: published.append(event),
            )

        for number in (1, 2):  # the second time as after a restart
            made = reports()
            made.start()
            try:
                wait_for(lambda made=made: made.to_wire()["Reports"])
                wait_for(lambda: receiver.posts)
            finally:
                made.stop(10.0)
            assert len(published) == 1, number
    (post,) = receiver.posts
    assert post["title"] == "CTMO simulated: DEAD NIGHT: nothing was observed"
    assert "no frame of the sky although 1 order could be observed" in post["message"]
    assert post["type"] == "failure"
    assert (night.folder / "reports" / "20261121.txt").read_text().count("DEAD NIGHT") == 1
