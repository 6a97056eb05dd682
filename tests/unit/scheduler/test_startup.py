"""COLD, WARM, HOT and AUTO: what the driver is given, and what refuses a start."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from ctmo_indi.checked_yaml import Lines
from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduler.component.startup import Started, StartParts, StartWish, start
from ctmo_indi.scheduler.configuration import (
    Configuration,
    SchedulerCscParameters,
    SchedulerModes,
    StartupType,
)
from ctmo_indi.scheduler.snapshots import Snapshot, SnapshotFolder
from ctmo_indi.scheduling.driver import Driver
from ctmo_indi.scheduling.target import DriverTarget, Observation, SurveyTopology
from ctmo_indi.script_queue.block_library import BlockLibrary
from ctmo_indi.script_queue.registry import ScriptRegistry
from ctmo_indi.store import observations
from ctmo_indi.store.database import Database, open_database
from ctmo_indi.testing.fake_clock import EVENING, FakeClock
from ctmo_indi.testing.fake_sky import fake_models

if TYPE_CHECKING:
    from ctmo_indi.scheduling.conditions import Conditions


class Rememberer(Driver):
    """Remembers the names of all it was told; whoever asks it for a target at a start fails."""

    name: ClassVar[str] = "rememberer"

    def configure_scheduler(self, configuration: Mapping[str, object]) -> SurveyTopology:
        if configuration:
            raise ConfigError(f"unknown keys {sorted(configuration)}")
        self.seen: list[str] = []
        return SurveyTopology(self.name)

    def select_next_target(self) -> DriverTarget | None:
        raise AssertionError("a start never asks for a target")

    def update_conditions(self, conditions: Conditions) -> None:
        raise AssertionError("a start brings no conditions")

    def register_observation(self, observation: Observation) -> None:
        super().register_observation(observation)
        self.seen.append(observation.attempt_id)

    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "seen": list(self.seen)}

    def set_state(self, state: Mapping[str, object]) -> None:
        seen = state["seen"]
        assert isinstance(seen, list)
        super().set_state(state)
        self.seen = list(seen)

    def parse_observation_database(self, path: Path) -> list[Observation]:
        return [made(name, number=999) for name in json.loads(path.read_text())]


class NoHistory(Rememberer):
    """Cannot be rebuilt from observations."""

    name: ClassVar[str] = "no_history"

    def parse_observation_database(self, path: Path) -> list[Observation]:
        raise ConfigError(f"{path}: no_history cannot be rebuilt from observations")


class Chatterbox(Rememberer):
    """Its state is no data."""

    name: ClassVar[str] = "chatterbox"

    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "clock": object()}


DRIVERS: dict[str, type[Driver]] = {one.name: one for one in (Rememberer, NoHistory, Chatterbox)}


def made(name: str, number: int = 0) -> Observation:
    return Observation(name, "O-1", name, 10.0, 20.0, 60000.0, 30.0, 1, number=number)


@dataclass
class Start:
    """A place to start from."""

    folder: Path
    database: Database
    clock: FakeClock = field(default_factory=FakeClock)
    told: list[str] = field(default_factory=list)
    announced: list[Snapshot] = field(default_factory=list)
    parameters: SchedulerCscParameters = field(
        default_factory=lambda: SchedulerCscParameters(driver_type="rememberer")
    )

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"

    def store(self, *names: str) -> None:
        with self.database.write() as connection:
            for name in names:
                observations.record(connection, made(name))

    def parts(self) -> StartParts:
        file = self.folder / "test.scheduler.yaml"
        return StartParts(
            clock=self.clock,
            load_configuration=lambda name: Configuration(
                name, file, "", self.parameters, Lines(file, {})
            ),
            make_models=fake_models,
            database=self.database,
            snapshots_folder=self.snapshots,
            open_telemetry=lambda _: {},
            load_blocks=lambda folder: BlockLibrary.load(folder, ScriptRegistry.load()),
            announce=self.announced.append,
            driver_class=DRIVERS.__getitem__,
        )

    def go(self, kind: str | None = None, startup_type: StartupType | None = None) -> Started:
        if kind is not None:
            self.parameters = replace(self.parameters, startup_type=StartupType(kind))
        return start(StartWish("", startup_type), self.parts(), self.told.append)

    def seen(self, kind: str) -> list[str]:
        driver = self.go(kind).driver
        assert isinstance(driver, Rememberer)
        return driver.seen

    def snapshot_of(self, *names: str, number: int, driver: str = "rememberer") -> Path:
        """Save a snapshot of a driver that knows these."""
        its = DRIVERS[driver](fake_models())
        its.configure_scheduler({})
        for name in names:
            its.register_observation(made(name))
        its.observation_number = number
        return SnapshotFolder(self.snapshots, 100, self.announced.append).save(its, EVENING).path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Start]:
    database = open_database("scheduler", tmp_path / "scheduler.sqlite3")
    yield Start(tmp_path, database)
    database.close()


def test_cold_recalls_nothing_whatever_there_is(place: Start) -> None:
    place.store("a", "b")
    place.snapshot_of("x", number=1)
    assert place.seen("COLD") == []


def test_warm_registers_the_database_in_order_and_asks_for_no_target(place: Start) -> None:
    place.store("a", "b")
    path = place.folder / "old.json"
    path.write_text(json.dumps(["p", "q", "r"]))
    place.parameters = replace(place.parameters, startup_database=path.as_uri())
    started = place.go("WARM")
    assert isinstance(started.driver, Rememberer)
    assert started.driver.seen == ["p", "q", "r"]
    # Its numbers belong to another history: what is stored here goes on after 2.
    assert started.driver.observation_number == 2
    assert "replay 0 of 3" in place.told


def test_hot_goes_back_to_the_snapshot_and_replays_nothing(place: Start) -> None:
    place.store("a", "b")
    path = place.snapshot_of("x", "y", number=1)
    place.parameters = replace(place.parameters, startup_database=str(path))
    assert place.seen("HOT") == ["x", "y"]


def test_auto_takes_the_newest_snapshot_and_what_was_stored_since(place: Start) -> None:
    place.store("a", "b", "c", "d")
    place.snapshot_of("x", number=1)
    place.snapshot_of("x", "a", "b", number=2)
    started = place.go("AUTO")
    assert isinstance(started.driver, Rememberer)
    assert started.driver.seen == ["x", "a", "b", "c", "d"]
    assert started.driver.observation_number == 4
    assert "2 observations since" in started.recalled


def test_auto_without_a_snapshot_replays_everything_stored(place: Start) -> None:
    assert place.seen("AUTO") == []
    place.store("a", "b")
    for path in place.snapshots.iterdir():
        path.unlink()
    assert place.seen("AUTO") == ["a", "b"]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def altered(path: Path) -> None:
    path.write_text(path.read_text().replace("x", "z"))


def of_another_version(path: Path) -> None:
    outer = json.loads(path.read_text())
    path.write_text(json.dumps(outer | {"version": 99}))


def of_another_program(path: Path) -> None:
    """Whole, but the driver's own code trips over it."""
    outer = json.loads(path.read_text())
    state = json.dumps({**json.loads(outer["state"]), "seen": 7})
    digest = hashlib.sha256(state.encode()).hexdigest()
    path.write_text(json.dumps(outer | {"state": state, "sha256": digest}))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil", [cut_short, altered, of_another_version, of_another_program, empty]
)
def test_auto_skips_a_spoilt_snapshot_and_names_it(
    place: Start, caplog: pytest.LogCaptureFixture, spoil
) -> None:
    place.store("a", "b")
    place.snapshot_of("a", number=1)
    newest = place.snapshot_of("x", "y", number=2)
    spoil(newest)
    with caplog.at_level(logging.WARNING):
        assert place.seen("AUTO") == ["a", "b"]
    assert newest.name in caplog.text


def test_auto_skips_a_snapshot_of_another_driver_and_one_of_another_history(
    place: Start, caplog: pytest.LogCaptureFixture
) -> None:
    place.store("a", "b")
    place.snapshot_of("a", number=1)
    foreign = place.snapshot_of("f", number=2, driver="no_history")
    future = place.snapshot_of("z", number=7)
    with caplog.at_level(logging.WARNING):
        assert place.seen("AUTO") == ["a", "b"]
    assert foreign.name in caplog.text
    assert f"{future} reason=it knows observation 7, the newest stored is 2" in caplog.text


@pytest.mark.parametrize(
    "spoil", [cut_short, altered, of_another_version, of_another_program, empty, Path.unlink]
)
def test_hot_with_a_spoilt_snapshot_is_refused_and_names_it(place: Start, spoil) -> None:
    path = place.snapshot_of("x", number=1)
    spoil(path)
    place.parameters = replace(place.parameters, startup_database=str(path))
    with pytest.raises(ConfigError, match=path.name):
        place.go("HOT")


@pytest.mark.parametrize("content", [None, "", "{]", '{"a": 1'])
def test_warm_with_an_unreadable_database_is_refused_and_names_it(
    place: Start, content: str | None
) -> None:
    path = place.folder / "o b#s.json"
    if content is not None:
        path.write_text(content)
    place.parameters = replace(place.parameters, startup_database=path.as_uri())
    with pytest.raises(ConfigError, match=r"o b#s\.json"):
        place.go("WARM")


def test_warm_with_a_driver_that_cannot_be_rebuilt_is_refused(place: Start) -> None:
    (place.folder / "old.json").write_text("[]")
    place.parameters = replace(
        place.parameters, driver_type="no_history", startup_database="old.json"
    )
    with pytest.raises(ConfigError, match="cannot be rebuilt"):
        place.go("WARM")


def test_a_cold_start_is_not_undone_by_a_later_auto(place: Start) -> None:
    place.store("a", "b")
    place.go("COLD")
    place.store("c")
    assert place.seen("AUTO") == ["c"]


def test_a_comeback_starts_with_auto_whatever_the_configuration_says(place: Start) -> None:
    place.store("a")
    driver = place.go("COLD", StartupType.AUTO).driver
    assert isinstance(driver, Rememberer)
    assert driver.seen == ["a"]


def test_dry_has_no_driver_and_makes_no_models(place: Start) -> None:
    place.parameters = replace(place.parameters, mode=SchedulerModes.DRY, driver_type="none")
    started = place.go()
    assert (started.driver, started.models, started.topology) == (None, None, None)
    assert place.announced == []


def test_a_driver_whose_state_is_no_data_starts_in_simple_mode_only(place: Start) -> None:
    place.parameters = replace(
        place.parameters, driver_type="chatterbox", mode=SchedulerModes.SIMPLE
    )
    assert place.go("COLD").driver is not None
    place.parameters = replace(place.parameters, mode=SchedulerModes.ADVANCE)
    with pytest.raises(Exception, match="its state is no data"):
        place.go("COLD")


def test_every_start_leaves_a_snapshot_and_says_what_it_does(place: Start) -> None:
    place.go("COLD")
    assert [one.driver for one in place.announced] == ["rememberer"]
    assert place.told[:3] == ["configuration", "models", "driver rememberer"]
