"""New frames are noticed, looked at once, kept over restarts; whatever lies there harms nobody."""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ctmo_indi import profiles
from ctmo_indi.clock import SystemClock
from ctmo_indi.config import Config
from ctmo_indi.errors import (
    BadFrame,
    BadOrder,
    ServiceUnreachable,
    StoreUnavailable,
    UnknownOrder,
)
from ctmo_indi.preprocessor import quick_backlog, quick_desk, quick_looker, worker_pool
from ctmo_indi.preprocessor.executors import Failure, Outcome, Serial, Task, attempt
from ctmo_indi.preprocessor.service import PreprocessorService
from ctmo_indi.preprocessor.worker_pool import ProcessPool
from ctmo_indi.preprocessor_settings import PreprocessorSettings
from ctmo_indi.testing.desks import reply_faults
from ctmo_indi.work_orders.access import Caller, Role

from .quick_frames import write_frame

CALLER = Caller("anonymous", Role.READ, "127.0.0.1")
LIMIT_S = 20.0
POPEN = subprocess.Popen
NIGHT = "20261121"
PIXELS = np.random.default_rng(1).poisson(1000.0, (24, 24)).astype(np.uint16)


class AtNoon(SystemClock):
    """The machine's clock, and always the same noon: nights of later dates are not looked at."""

    def utc(self):
        return datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


class Recording(Serial):
    """Does tasks here and notes them; ``before`` may fail one or hold it."""

    def __init__(self):
        super().__init__()
        self.keys: list[str] = []
        self.before = lambda task: None
        self._tasks: list[Task] = []

    def submit(self, task):
        self._tasks.append(task)

    def next_outcome(self, timeout_s):
        if not self._tasks:
            return None
        task = self._tasks.pop(0)
        self.keys.append(task.key)
        return self.before(task) or attempt(task)

    def cancel(self):
        self._tasks.clear()


class Stage:
    """A data folder, and services over it, one after the other."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.raw = data / "nights" / NIGHT / "raw"
        self.raw.mkdir(parents=True)
        self.settings = PreprocessorSettings()
        self.profile = profiles.load("simulators")
        self.executor = Recording()
        self.service: PreprocessorService | None = None

    def start(self, executor=None):
        self.executor = executor or Recording()
        self.service = PreprocessorService(
            replace(Config(), data_dir=self.data, preprocessing=self.settings),
            self.profile,
            AtNoon(),
            executor=Serial(),
            quick_executor=self.executor,
        )
        self.service.start()
        self.service.on_ready()

    def stop(self):
        if self.service is not None:
            self.service.stop(LIMIT_S)
            self.service = None

    def frame(self, name, night=NIGHT, pixels=PIXELS, **cards):
        return write_frame(self.data / "nights" / night / "raw" / name, pixels, **cards)

    def ask(self, **keys):
        desk = self.service.desks[0][0]
        reply = asyncio.run(desk.handle({"WOType": "Frames", **keys}, CALLER))
        assert reply_faults("Frames", reply) == []
        return reply

    def until(self, count, **keys):
        return self.wait_for(lambda: self.ask(**keys), lambda r: r["Number of Frames"] == count)

    def wait_for(self, ask, is_there):
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            if is_there(came := ask()):
                return came
            time.sleep(0.005)
        raise AssertionError(f"{came} is not what was expected")


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(quick_looker, "LIST_PERIOD_MACHINE_S", 0.02)
    monkeypatch.setattr(quick_looker.QuickParts, "__init__", _quick(quick_looker.QuickParts))
    monkeypatch.setattr(quick_backlog, "LIST_AGAIN_MACHINE_S", 0.05)
    monkeypatch.setattr(quick_backlog, "TRY_AGAIN_MACHINE_S", 0.02)
    monkeypatch.setattr(quick_looker, "TROUBLE_MACHINE_S", 0.05)
    made = Stage(tmp_path / "data")
    yield made
    made.stop()


def _quick(parts):
    """Its constructor, with a shorter period: dataclasses fix their defaults when they are made."""
    plain = parts.__init__

    def make(self, *arguments, **keys):
        plain(self, *arguments, **{"list_period_machine_s": 0.02, **keys})

    return make


def files(reply):
    return [one["File"] for one in reply["Frames"]]


def test_frames_are_noticed_as_they_come_and_told_newest_first(stage):
    stage.start()
    reply = stage.ask()
    assert (reply["Frames"], reply["Night"], reply["Number of Frames"]) == ([], "", 0)
    stage.frame("a.fits", OBJECT="<b>M 45</b>", **{"DATE-OBS": "2026-11-22T03:00:00"})
    assert files(stage.until(1)) == ["a.fits"]
    stage.frame("c.fits", **{"DATE-OBS": "2026-11-22T02:00:00"})
    stage.frame("b.fits", IMAGETYP="Dark Frame", **{"DATE-OBS": "2026-11-22T04:00:00"})
    reply = stage.until(3)
    assert files(reply) == ["b.fits", "a.fits", "c.fits"]
    assert (reply["Night"], reply["Waiting"], reply["Kind"]) == (NIGHT, 0, "Frames")
    one = reply["Frames"][1]
    assert one["Object"] == "<b>M 45</b>"
    assert one["Start"] == "2026-11-22T03:00:00.000+00:00"
    assert (one["Parent"], one["Receipt"], one["Exposure Time"]) == ("O-1", "A-1", 60.0)
    assert (one["Median"], one["Problem"]) == (float(np.median(PIXELS)), "")
    assert files(stage.ask(Limit=2)) == ["b.fits", "a.fits"]
    told = asyncio.run(
        stage.service.desks[0][0].handle(
            {"WOType": "Events", "Cursor": 0, "Kinds": ["frame"]}, CALLER
        )
    )["Events"]
    assert {event["Subject"] for event in told} == {"a.fits", "b.fits", "c.fits"}
    assert told[0]["Data"] == one


def test_nothing_is_looked_at_twice_also_after_a_restart(stage):
    stage.frame("a.fits")
    stage.start()
    stage.until(1)
    stage.stop()
    stage.frame("b.fits")
    stage.start()
    assert len(files(stage.until(2))) == 2
    assert stage.executor.keys == [f"look {NIGHT} b.fits"]


def test_a_file_that_is_written_anew_is_looked_at_again(stage):
    path = stage.frame("a.fits")
    whole = path.read_bytes()
    path.write_bytes(whole[:3500])
    stage.start()
    assert "truncated" in stage.until(1)["Frames"][0]["Problem"]
    with path.open("r+b") as file:  # in its place, as other programs do: its folder's time stays
        file.write(whole)
    stage.wait_for(stage.ask, lambda reply: reply["Frames"][0]["Problem"] == "")
    assert stage.ask()["Number of Frames"] == 1


def test_the_newest_frame_of_a_backlog_comes_first(stage):
    for number in range(4):
        path = stage.frame(f"{number}.fits")
        os.utime(path, (1e9 + number, 1e9 + number))
    stage.start()
    stage.until(4)
    assert stage.executor.keys == [f"look {NIGHT} {number}.fits" for number in (3, 2, 1, 0)]


def test_by_day_the_last_night_with_frames_is_told_and_another_when_asked(stage):
    stage.frame("old.fits", "20261119")
    stage.frame("a.fits", "20261120")
    stage.frame("future.fits", "20991231")
    (stage.data / "nights" / "20261122" / "raw").mkdir(parents=True)
    stage.start()
    reply = stage.until(1)
    assert (reply["Night"], files(reply)) == ("20261120", ["a.fits"])
    assert stage.executor.keys == ["look 20261120 a.fits"]
    assert files(stage.until(1, Night="20261119")) == ["old.fits"]
    nothing = stage.ask(Night="20250101")
    assert (nothing["Night"], nothing["Frames"], nothing["Waiting"]) == ("20250101", [], 0)
    assert stage.ask()["Night"] == "20261120"


def test_many_nights_that_are_asked_for_do_not_put_the_last_one_out(stage):
    stage.frame("a.fits")
    stage.start()
    stage.until(1)
    for day in range(1, 12):
        stage.ask(Night=f"202501{day:02d}")
    stage.frame("b.fits")
    assert len(files(stage.until(2))) == 2


def test_what_is_no_frame_is_left_out_and_what_is_broken_told(stage):
    (stage.raw / ".hidden.fits").write_bytes(b"being written")
    (stage.raw / "notes.txt").write_text("cloudy")
    (stage.raw / "folder.fits").mkdir()
    os.mkfifo(stage.raw / "pipe.fits")
    (stage.raw / "empty.fits").touch()
    outside = write_frame(stage.data.parent / "secret.fits", PIXELS)
    (stage.raw / "link.fits").symlink_to(outside)
    (stage.raw / "gone.fits").symlink_to(stage.raw / "nowhere.fits")
    (stage.raw / "unreadable.fits").mkdir()
    stage.frame("odd \u202e name'<b>.fits")
    stage.frame("a.fits")
    os.rename(os.fsencode(stage.frame("latin.fits")), os.fsencode(stage.raw) + b"/caf\xe9.fits")
    stage.start()
    found = {one["File"]: one["Problem"] for one in stage.until(5)["Frames"]}
    assert found.pop("a.fits") == found.pop("odd \u202e name'<b>.fits") == ""
    assert found.pop("caf\\xe9.fits") == "its name is no UTF-8"
    assert found.pop("link.fits").startswith("a link to elsewhere")
    assert "FITS" in found.pop("empty.fits")
    assert not found
    with pytest.raises(BadFrame, match="a link to elsewhere"):
        stage.ask(Night=NIGHT, Picture="link.fits")
    with pytest.raises(BadFrame, match=r"^empty\.fits cannot be drawn: (?!.*/)"):
        stage.ask(Night=NIGHT, Picture="empty.fits")


def test_a_night_that_is_a_link_to_elsewhere_is_not_read(stage):
    elsewhere = stage.data.parent / "elsewhere"
    write_frame(elsewhere / "raw" / "secret.fits", PIXELS)
    (stage.data / "nights" / "20261120").symlink_to(elsewhere)
    stage.start()
    assert stage.ask(Night="20261120")["Number of Frames"] == 0
    with pytest.raises(UnknownOrder):
        stage.ask(Night="20261120", Picture="secret.fits")
    assert stage.executor.keys == []


def test_frames_below_a_declared_root_are_found(stage, tmp_path):
    stage.settings = PreprocessorSettings(roots=(tmp_path / "shared",))
    write_frame(tmp_path / "shared" / NIGHT / "a.fits", PIXELS)
    stage.frame("b.fits")
    stage.start()
    assert files(stage.until(1)) == ["a.fits"]


@pytest.mark.parametrize(
    "name", ["../a.fits", "/etc/passwd", "raw/a.fits", "a\\b.fits", "..", "", ".a.fits", "a\n.fits"]
)
def test_a_picture_is_asked_for_by_the_name_of_a_file_only(stage, name):
    stage.start()
    with pytest.raises(BadOrder, match="Picture"):
        stage.ask(Picture=name)


def test_a_picture_comes_with_its_frame_and_is_drawn_once(stage):
    stage.frame("a.fits")
    stage.frame("b.fits")
    stage.start()
    stage.until(2)
    reply = stage.ask(Picture="a.fits")
    assert base64.b64decode(reply["Picture"]).startswith(b"\x89PNG")
    assert (reply["Picture Type"], files(reply), reply["Night"]) == ("image/png", ["a.fits"], NIGHT)
    assert stage.ask(Picture="a.fits", Night=NIGHT)["Picture"] == reply["Picture"]
    assert stage.executor.keys.count(f"draw {NIGHT} a.fits") == 1
    stage.frame("a.fits", pixels=PIXELS[::-1] * 2)
    assert stage.ask(Picture="a.fits")["Picture"] != reply["Picture"]
    with pytest.raises(UnknownOrder, match=r"no frame 'missing\.fits' in the night 20261121"):
        stage.ask(Picture="missing.fits")


def test_a_worker_that_dies_of_a_frame_is_tried_again_and_then_told(stage):
    stage.frame("bomb.fits")
    stage.frame("a.fits")
    executor = Recording()
    executor.before = lambda task: (
        Outcome(task.key, failure=Failure("its worker process ended"))
        if "bomb" in task.key
        else None
    )
    stage.start(executor)
    end = stage.wait_for(
        lambda: executor.keys.count(f"look {NIGHT} bomb.fits"),
        lambda count: count == quick_backlog.MOST_TRIES,
    )
    reply = stage.wait_for(stage.ask, lambda reply: reply["Waiting"] == 0)
    problems = {one["File"]: one["Problem"] for one in reply["Frames"]}
    assert problems == {"a.fits": "", "bomb.fits": "not looked at: its worker process ended"}
    stage.frame("later.fits")
    stage.until(3)
    assert executor.keys.count(f"look {NIGHT} bomb.fits") == end


def test_frames_are_told_while_a_look_hangs_and_a_picture_is_refused_in_time(stage, monkeypatch):
    monkeypatch.setattr(quick_desk, "PICTURE_WAIT_S", 0.1)
    stage.frame("a.fits")
    stage.start()
    stage.until(1)
    is_held = [True]

    def hold(task):
        while is_held[0] and "b.fits" in task.key:
            time.sleep(0.005)

    stage.executor.before = hold
    stage.frame("b.fits")
    stage.wait_for(lambda: stage.executor.keys, lambda keys: f"look {NIGHT} b.fits" in keys)
    assert files(stage.ask()) == ["a.fits"]
    assert stage.ask()["Waiting"] == 1
    with pytest.raises(ServiceUnreachable, match=r"within 0\.1 s"):
        stage.ask(Picture="a.fits")
    is_held[0] = False
    assert len(files(stage.until(2))) == 2


def test_a_disk_that_is_full_is_told_and_the_look_kept_when_there_is_room(stage):
    stage.start()
    book = stage.service.looker._parts.book
    run, full = book.writer.run, [True]

    def write(function, timeout_s=30.0):
        if full[0]:
            raise StoreUnavailable("preprocessor.sqlite3: cannot write now: disk is full")
        return run(function, timeout_s)

    book.writer.run = write
    stage.frame("a.fits")
    reply = stage.wait_for(stage.ask, lambda reply: reply["Reasons"])
    assert "disk is full" in reply["Reasons"][0]
    full[0] = False
    assert stage.until(1)["Frames"][0]["Problem"] == ""
    stage.wait_for(stage.ask, lambda reply: reply["Reasons"] == [])


def test_a_folder_that_cannot_be_read_is_told(stage, monkeypatch):
    stage.frame("a.fits")
    stage.start()
    stage.until(1)

    def broken(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(quick_looker.QuickBacklog, "refresh", broken)
    reply = stage.wait_for(stage.ask, lambda reply: reply["Reasons"])
    assert reply["Reasons"] == [
        "frames are not looked at now: a folder cannot be read: Permission denied"
    ]
    assert files(reply) == ["a.fits"]
    monkeypatch.undo()
    stage.wait_for(stage.ask, lambda reply: reply["Reasons"] == [])


def test_a_stop_ends_a_picture_that_is_waited_for(stage):
    stage.start()
    looker = stage.service.looker
    looker.stop(LIMIT_S)
    with pytest.raises(ServiceUnreachable):
        looker.picture(NIGHT, "a.fits").result(LIMIT_S)
    assert looker.want(NIGHT).done()


def test_real_workers_look_and_draw(stage):
    stage.frame("a.fits")
    stage.start(ProcessPool(1))
    assert stage.until(1)["Frames"][0]["Problem"] == ""
    assert stage.ask(Picture="a.fits")["Picture Type"] == "image/png"


class Forks:
    """Stands for Popen: the first process cannot be had."""

    def __init__(self) -> None:
        self.refused = 0

    def __call__(self, *arguments, **keys):
        if not self.refused:
            self.refused += 1
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return POPEN(*arguments, **keys)


def test_a_frame_has_its_own_figures_after_a_fork_that_failed(stage, monkeypatch):
    forks = Forks()
    monkeypatch.setattr(worker_pool.subprocess, "Popen", forks)
    dark, bright = stage.frame("dark.fits"), stage.frame("bright.fits", pixels=PIXELS + 20000)
    os.utime(dark, (1.7e9, 1.7e9))
    os.utime(bright, (1.7e9 - 100, 1.7e9 - 100))
    stage.start(ProcessPool(1))
    # it is tried again behind a newer one
    newest = stage.frame("newest.fits", pixels=PIXELS + 40000)
    os.utime(newest, (1.7e9 + 100, 1.7e9 + 100))
    levels = {one["File"]: one["Median"] for one in stage.until(3)["Frames"]}
    assert forks.refused == 1
    assert levels["dark.fits"] < 2000 < levels["bright.fits"] < 22000 < levels["newest.fits"]


def test_a_picture_is_of_its_own_frame_after_a_fork_that_failed(stage):
    refused = []

    def refuse(task):
        if task.key.startswith("draw") and not refused:
            refused.append(task)
            stage.executor._tasks.insert(0, task)  # it waits in the line yet
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    stage.frame("a.fits")
    stage.frame("b.fits", pixels=PIXELS[::-1] * 2)
    stage.start()
    stage.until(2)
    stage.executor.before = refuse
    with pytest.raises(ServiceUnreachable, match="no worker process now: Resource temporarily"):
        stage.ask(Picture="a.fits")
    second = stage.ask(Picture="b.fits")["Picture"]
    assert second != stage.ask(Picture="a.fits")["Picture"]
    assert stage.executor.keys[-2:] == [f"draw {NIGHT} b.fits", f"draw {NIGHT} a.fits"]


def test_an_outcome_of_another_task_is_dropped(stage):
    stage.start()
    stale = Outcome(f"look {NIGHT} gone.fits", failure=Failure("of another frame"))
    told = [stale]
    executor, next_outcome = stage.executor, stage.executor.next_outcome
    executor.next_outcome = lambda timeout_s: told.pop() if told else next_outcome(timeout_s)
    stage.frame("a.fits")
    assert stage.until(1)["Frames"][0]["Problem"] == ""
    assert not told


def test_a_frame_that_cannot_be_kept_does_not_hold_up_the_others(stage):
    path = stage.frame("newest.fits")
    os.utime(path, (2e9, 2e9))
    executor, answered = Recording(), []

    def spoil(task):
        answered.append(task.key)
        if "newest" in task.key:
            return Outcome(task.key, answer={"problem": "", "no such column": 1})
        return None

    executor.before = spoil
    stage.start(executor)
    stage.frame("a.fits")
    assert files(stage.until(1)) == ["a.fits"]
    assert answered.count(f"look {NIGHT} newest.fits") == 1
