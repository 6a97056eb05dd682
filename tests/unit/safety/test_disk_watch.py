"""The data folder is measured by a thread that may hang."""

from __future__ import annotations

import os
import threading

import pytest

from ctmo_indi.safety.disk_watch import DiskWatch
from ctmo_indi.testing.fake_clock import FakeClock


def test_nothing_is_known_before_the_first_measurement(tmp_path):
    assert DiskWatch(tmp_path, FakeClock()).facts() is None


def test_space_is_measured_and_grows_old(tmp_path):
    clock = FakeClock()
    watch = DiskWatch(tmp_path, clock)
    watch.measure()
    clock.advance(7.0)
    facts = watch.facts()
    found = os.statvfs(tmp_path)
    assert facts.free_mb == pytest.approx(found.f_bavail * found.f_frsize / 1e6, rel=0.2)
    assert (facts.age_s, facts.trouble) == (7.0, "")


def test_a_folder_that_is_gone_is_trouble(tmp_path):
    watch = DiskWatch(tmp_path / "gone", FakeClock())
    watch.measure()
    assert watch.facts().free_mb is None
    assert "gone" in watch.facts().trouble


class _Full:
    f_bavail, f_frsize, f_files, f_favail, f_flag = 1000, 4096, 100, 0, 0


class _ReadOnly(_Full):
    f_favail, f_flag = 50, os.ST_RDONLY


@pytest.mark.parametrize(("found", "word"), [(_Full, "no further file"), (_ReadOnly, "read-only")])
def test_a_disk_that_takes_nothing_is_trouble(tmp_path, monkeypatch, found, word):
    monkeypatch.setattr(os, "statvfs", lambda _path: found)
    watch = DiskWatch(tmp_path, FakeClock())
    watch.measure()
    assert word in watch.facts().trouble


def test_a_mount_that_hangs_makes_the_last_measurement_old(tmp_path, monkeypatch):
    clock, stuck, hangs = FakeClock(), threading.Event(), threading.Event()
    watch = DiskWatch(tmp_path, clock)
    watch.measure()

    def hang(_path):
        hangs.set()
        stuck.wait(10.0)
        raise OSError("stale file handle")

    monkeypatch.setattr(os, "statvfs", hang)
    watch.start()
    assert hangs.wait(10.0)
    clock.advance(61.0)
    assert watch.facts().age_s == 61.0
    watch.stop()
    stuck.set()
