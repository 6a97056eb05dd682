"""The closer's alarm outlives the process, and a closing that hangs is not waited for."""

from __future__ import annotations

import threading

import pytest

from ctmo_indi.errors import CommandCanceled, DeviceError, Locked
from ctmo_indi.kept_value import KeptValue
from ctmo_indi.safety import closer as module
from ctmo_indi.safety.closer import Closer
from ctmo_indi.safety_policy import SafetyPolicy
from ctmo_indi.testing.fake_clock import FakeClock

LIMIT_S = 10.0


class Report:
    def __init__(self, *failures):
        self.failures, self.confirmed = failures, not failures


class Rig:
    def __init__(self, path):
        self.path, self.clock, self.said = path, FakeClock(), []
        self.memory = KeptValue(path)
        self.closer = Closer(
            None,
            SafetyPolicy(),
            self.clock,
            lambda kind, text: self.said.append((kind, text)),
            self.memory,
        )

    def close(self):
        self.closer.demand("rain")
        self.closer.join(LIMIT_S)
        assert self.memory.trouble(LIMIT_S) == ""


@pytest.fixture
def outcome(monkeypatch):
    """What closing does: a report to return or an error to raise."""
    found = {"of": Report()}

    def close_observatory(*_words, **_more):
        if isinstance(found["of"], Exception):
            raise found["of"]
        return found["of"]() if callable(found["of"]) else found["of"]

    monkeypatch.setattr(module, "close_observatory", close_observatory)
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alarm.json"


def test_a_closing_is_told_from_beginning_to_end(path, outcome):
    rig = Rig(path)
    rig.close()
    assert rig.said == [("closing_begun", "closing: rain"), ("closed", "closed and read back")]
    assert rig.closer.alarm is None


@pytest.mark.parametrize(
    "end", [Report("the shutter reads OPEN"), DeviceError("stuck"), KeyError("bug")]
)
def test_an_alarm_outlives_the_process_until_all_is_closed(path, outcome, end):
    outcome["of"] = end
    rig = Rig(path)
    rig.close()
    assert rig.said[-1][0] == "alarm"
    after = Rig(path)
    assert "before the restart" in after.closer.alarm
    after.closer.confirm_closed()
    assert after.memory.trouble(LIMIT_S) == ""
    assert Rig(path).closer.alarm is None


def test_an_alarm_ends_with_the_next_closing_that_is_confirmed(path, outcome):
    outcome["of"] = Report("the shutter reads OPEN")
    rig = Rig(path)
    rig.close()
    outcome["of"] = Report()
    rig.closer.demand("too early")
    assert not rig.closer.is_closing
    rig.clock.advance(31.0)
    rig.close()
    assert rig.closer.alarm is None
    assert Rig(path).closer.alarm is None


BY_A_HUMAN = [CommandCanceled("the closing was given up: stopped by ana"), Locked("ana is inside")]


@pytest.mark.parametrize("end", BY_A_HUMAN)
def test_what_a_human_stopped_is_no_alarm_and_may_be_closed_again_at_once(path, outcome, end):
    outcome["of"] = end
    rig = Rig(path)
    rig.close()
    assert rig.said == [("closing_begun", "closing: rain"), ("closing_stopped", str(end))]
    assert rig.closer.alarm is None
    assert Rig(path).closer.alarm is None
    outcome["of"] = Report()
    rig.close()
    assert rig.said[-1] == ("closed", "closed and read back")


@pytest.mark.parametrize("end", BY_A_HUMAN)
def test_a_stop_does_not_end_an_alarm(path, outcome, end):
    outcome["of"] = Report("the shutter reads OPEN")
    rig = Rig(path)
    rig.close()
    outcome["of"] = end
    rig.clock.advance(31.0)
    rig.close()
    assert "OPEN" in rig.closer.alarm
    assert "OPEN" in Rig(path).closer.alarm
    assert [kind for kind, _ in rig.said].count("alarm") == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"alarm"'])
def test_what_cannot_be_read_is_an_alarm(path, text):
    path.write_text(text)
    assert "not known" in Rig(path).closer.alarm


def test_a_closing_that_hangs_is_an_alarm_and_another_one_is_begun(path, outcome):
    stuck = threading.Event()

    def hang():
        stuck.wait(LIMIT_S)
        return Report()

    outcome["of"] = hang
    rig = Rig(path)
    rig.closer.demand("rain")
    hung = rig.closer._thread
    rig.clock.advance(600.0)
    rig.closer.demand("rain")
    assert rig.closer._thread is hung
    rig.clock.advance(200.0)
    outcome["of"] = Report()
    rig.close()
    assert rig.closer._thread is not hung
    assert ("alarm", "ALARM: a closing hangs and is begun anew") in rig.said
    stuck.set()
    hung.join(LIMIT_S)
