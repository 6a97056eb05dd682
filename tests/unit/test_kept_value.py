"""A file that is written behind its owner's back, whatever the disk does."""

from __future__ import annotations

import json
import os
import threading

import pytest

from ctmo_indi.kept_value import KeptValue

LIMIT_S = 10.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "safety" / "value.json"


def test_what_is_durable_is_read_by_the_next_process(path):
    kept = KeptValue(path)
    kept.write({"lock": None})
    assert kept.trouble(LIMIT_S) == ""
    assert KeptValue(path).read() == {"lock": None}


def test_a_missing_file_is_no_unreadable_one(path):
    with pytest.raises(FileNotFoundError):
        KeptValue(path).read()
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        KeptValue(path).read()


def test_a_failure_is_stated_and_made_good_when_there_is_room_again(path):
    path.parent.write_text("a file where the folder would be")
    kept = KeptValue(path, retry_s=0.05)
    kept.write(1)
    assert str(path) in kept.trouble(LIMIT_S)
    assert kept.failure
    path.parent.unlink()
    kept.write(2)
    assert kept.trouble(LIMIT_S) == ""
    assert kept.failure == ""
    assert json.loads(path.read_text()) == 2


def test_a_failed_value_is_tried_again_without_being_asked(path):
    path.parent.write_text("a file where the folder would be")
    kept = KeptValue(path, retry_s=0.02)
    kept.write(7)
    assert kept.trouble(LIMIT_S)
    path.parent.unlink()
    with kept._changed:
        assert kept._changed.wait_for(lambda: kept._durable == 1, LIMIT_S)
    assert json.loads(path.read_text()) == 7


def test_a_disk_that_hangs_holds_up_nobody(path, monkeypatch):
    stuck, is_stuck = threading.Event(), threading.Event()

    def hang(_descriptor):
        is_stuck.set()
        stuck.wait(LIMIT_S)

    monkeypatch.setattr(os, "fsync", hang)
    kept = KeptValue(path)
    kept.write(1)
    assert is_stuck.wait(LIMIT_S)
    for value in range(100):
        kept.write(value)
    assert kept.failure == ""
    assert "not written within" in kept.trouble(0.01)
    stuck.set()
    assert kept.trouble(LIMIT_S) == ""
    assert json.loads(path.read_text()) == 99


def test_a_file_that_hangs_is_unreadable(path):
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(TimeoutError):
        KeptValue(path).read(timeout_s=0.05)
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))  # let the reader go


def test_closing_writes_what_waits(path):
    kept = KeptValue(path)
    kept.write("last")
    kept.close(LIMIT_S)
    assert json.loads(path.read_text()) == "last"
