"""Everything but the safety loop hangs: disk, log, network, closing, desk threads."""

from __future__ import annotations

import logging
import os
import threading
import time

import pytest

from ctmo_indi.background_log import BackgroundHandler
from ctmo_indi.desk_client.client import DeskClient
from ctmo_indi.errors import CtmoError
from ctmo_indi.notify_settings import NotifySettings
from ctmo_indi.safety import closer, service
from ctmo_indi.testing.notice_receiver import NoticeReceiver

from .. import promises
from .safety_alone import SafetyAlone, Watcher, drivers, profile_with

pytestmark = [
    pytest.mark.indi,
    pytest.mark.faults,
    pytest.mark.promise,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

DESK_CALLS = 40


class Tar:
    """Whatever steps in stays until it is released, and is counted by name."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.stuck: dict[str, int] = {}

    def trap(self, name: str):
        def stick(*_words: object, **_more: object) -> None:
            self.stuck[name] = self.stuck.get(name, 0) + 1
            self.released.wait(150.0)
            raise OSError("it hung")

        return stick


class StuckLog(logging.Handler):
    def __init__(self, tar: Tar) -> None:
        super().__init__()
        self._stick = tar.trap("log")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._stick()
        except OSError:
            pass


def test_the_loop_goes_on_while_all_else_hangs(indi_simulators, tmp_path, promise, monkeypatch):
    tar = Tar()
    server = indi_simulators(drivers(), speed=1.0)
    log = BackgroundHandler(StuckLog(tar), most_waiting=20)
    log.setFormatter(logging.Formatter())
    root = logging.getLogger()
    with NoticeReceiver() as receiver:
        receiver.hold = tar.released
        notify = NotifySettings((receiver.url,))
        safety = SafetyAlone(server, tmp_path / "data", profile_with(), notify=notify)
        with safety.running():
            safety.open()
            root.addHandler(log)
            monkeypatch.setattr(os, "fsync", tar.trap("disk, sync"))
            monkeypatch.setattr(os, "statvfs", tar.trap("disk, space"))
            monkeypatch.setattr(closer, "close_observatory", tar.trap("closing"))
            monkeypatch.setattr(service, "stop_everything", tar.trap("desk threads"))
            with Watcher(safety) as watcher:
                calls = [
                    threading.Thread(target=_press_stop, args=(safety, number), daemon=True)
                    for number in range(DESK_CALLS)
                ]
                for call in calls:
                    call.start()
                safety.service._closer.demand("a test")
                safety.wait(lambda: tar.stuck.get("desk threads") == DESK_CALLS, "all stuck")
                safety.wait(lambda: receiver.posts, "the network is stuck")
                answers_s = _heartbeats(safety, promises.runs(short=10, long=90))
                gap_s = watcher.longest_gap_s
                cycles = safety.loop.pulse.to_wire()
            tar.released.set()
            root.removeHandler(log)
            monkeypatch.undo()
    log.close()
    hung = ", ".join([*sorted(tar.stuck), "network"])
    for what in ("closing", "desk threads", "disk, space", "disk, sync", "log"):
        assert tar.stuck.get(what), f"{what} did not hang: {tar.stuck}"
    promise(
        "hung_workers",
        f"{gap_s:.2f} s at most in {len(answers_s)} s with {hung} hung; "
        f"a heartbeat answered in {max(answers_s) * 1e3:.0f} ms at most",
        holds=gap_s <= 2.0 and cycles["Longest Gap"] <= 2.0,  # type: ignore[operator]
    )


def _press_stop(safety: SafetyAlone, number: int) -> None:
    try:
        with DeskClient(safety.url, timeout_s=170.0) as desk:
            desk.front_desk({"WOType": "Control", "User": f"u{number}", "Command": "stop"})
    except CtmoError:
        pass  # it hangs until the end, whatever it says then


def _heartbeats(safety: SafetyAlone, seconds: int) -> list[float]:
    """Beat once a second for so long; how long each answer took."""
    taken_s = []
    pause = threading.Event()
    for _ in range(seconds):
        begun_s = time.monotonic()
        safety.ask({"WOType": "Heartbeat", "Service": "telescope", "State": {"Busy": ""}})
        taken_s.append(time.monotonic() - begun_s)
        pause.wait(max(0.0, 1.0 - taken_s[-1]))
    return taken_s
