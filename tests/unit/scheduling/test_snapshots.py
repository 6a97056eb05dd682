"""Snapshots of a driver: data that comes back, or is refused and changes nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling import registry
from ctmo_indi.scheduling.sequential import SequentialScheduler
from ctmo_indi.scheduling.target import Observation
from ctmo_indi.testing.fake_sky import fake_models

MADE = Observation("A-1", "O-1", "M 31", 10.0, 41.0, 61000.0, 60.0, 3, "V", number=1)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    driver = SequentialScheduler(fake_models())
    driver.register_observation(MADE)
    return driver.save_state(tmp_path / "snapshot.json")


def test_a_snapshot_brings_the_state_back(snapshot: Path) -> None:
    driver = SequentialScheduler(fake_models())
    driver.reset_from_state(snapshot)
    assert driver.observation_number == MADE.number


@pytest.mark.parametrize("fault", ["cut", "altered", "version", "driver", "missing"])
def test_a_bad_snapshot_is_refused_by_name_and_changes_nothing(snapshot: Path, fault: str) -> None:
    text = snapshot.read_text()
    outer = json.loads(text)
    if fault == "cut":
        snapshot.write_text(text[: len(text) // 2])
    elif fault == "missing":
        snapshot.unlink()
    else:
        key = {"altered": "state", "version": "version", "driver": "driver"}[fault]
        outer[key] = {"altered": outer["state"] + " ", "version": 99, "driver": "other"}[fault]
        snapshot.write_text(json.dumps(outer))
    driver = SequentialScheduler(fake_models())
    other = Observation("A-2", "O-2", "M 33", 20.0, 30.0, 61001.0, 60.0, 1, number=2)
    driver.register_observation(other)
    with pytest.raises(ConfigError, match=r"snapshot\.json"):
        driver.reset_from_state(snapshot)
    assert driver.observation_number == other.number


@pytest.mark.parametrize("state", ["{", "[" * 100_000, "[1]", '{"night_count": []}'])
def test_a_checksum_does_not_make_a_state_of_it(snapshot: Path, state: str) -> None:
    outer = json.loads(snapshot.read_text())
    digest = hashlib.sha256(state.encode()).hexdigest()
    snapshot.write_text(json.dumps({**outer, "state": state, "sha256": digest}))
    driver = SequentialScheduler(fake_models())
    with pytest.raises(ConfigError, match=r"snapshot\.json"):
        driver.reset_from_state(snapshot)


def test_what_is_no_text_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.sqlite3"
    path.write_bytes(b"SQLite format 3\x00\xb7" * 10_000)
    with pytest.raises(ConfigError) as raised:
        SequentialScheduler(fake_models()).reset_from_state(path)
    assert len(str(raised.value)) < 500


def test_the_registry_knows_ours_and_names_them_when_asked_for_another() -> None:
    assert registry.driver_class("sequential") is SequentialScheduler
    with pytest.raises(ConfigError, match="sequential"):
        registry.driver_class("none such")
