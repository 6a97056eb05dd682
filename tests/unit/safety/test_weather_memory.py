from __future__ import annotations

from datetime import timedelta

import pytest

from ctmo_indi.safety.weather_memory import WeatherMemory
from ctmo_indi.testing.fake_clock import EVENING, FakeClock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "safety" / "weather.json"


def noted(path):
    memory = WeatherMemory(path, FakeClock())
    memory.note()
    memory.join(10.0)
    return memory


def since_s(path, clock):
    last_s = WeatherMemory(path, clock).last_elapsed_s
    return None if last_s is None else clock.elapsed_s() - last_s


def test_nothing_is_remembered_at_first(path):
    assert since_s(path, FakeClock()) is None


def test_bad_weather_survives_a_restart(path):
    noted(path)
    assert since_s(path, FakeClock(EVENING + timedelta(seconds=90))) == pytest.approx(90.0)


def test_bad_weather_in_the_future_was_just_now(path):
    noted(path)
    assert since_s(path, FakeClock(EVENING - timedelta(hours=1))) == pytest.approx(0.0)


@pytest.mark.parametrize("text", ["", "{}", '{"last_bad_utc_s": null}', "[]"])
def test_what_cannot_be_read_counts_as_bad_weather(path, text):
    path.parent.mkdir()
    path.write_text(text)
    assert since_s(path, FakeClock()) == pytest.approx(0.0)


def test_a_disk_that_cannot_be_written_is_no_hindrance(path):
    path.parent.write_text("a file where the folder would be")
    assert noted(path).last_elapsed_s == pytest.approx(1000.0)


def test_a_long_storm_is_written_now_and_then(path):
    clock = FakeClock()
    memory = WeatherMemory(path, clock)
    for _ in range(62):
        memory.note()
        memory.join(10.0)
        clock.advance(1.0)
    assert since_s(path, clock) == pytest.approx(2.0)
