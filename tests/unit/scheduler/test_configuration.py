"""The component's configuration: defaults, both steps, and what is said about wrong files."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ctmo_indi import catalogue, config, profiles
from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduler import configuration
from ctmo_indi.scheduler.configuration import (
    SchedulerCscParameters,
    SchedulerModes,
    StartupType,
    local_path,
)

if TYPE_CHECKING:
    from ctmo_indi.profiles import Profile


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    return tmp_path


def write(site: Path, text: str, name: str = "mine") -> Path:
    path = site / "profiles" / f"{name}.scheduler.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(site: Path, text: str) -> list[str]:
    path = write(site, text)
    with pytest.raises(ConfigError) as caught:
        configuration.load("mine", site_folder=site)
    for problem in caught.value.problems:
        assert problem.startswith(f"{path}, line ")
    return [problem.removeprefix(f"{path}, ") for problem in caught.value.problems]


def test_the_shipped_default_spells_out_every_key_with_its_default(site: Path) -> None:
    assert configuration.load(site_folder=site).parameters == SchedulerCscParameters()
    spelt = yaml.safe_load((catalogue.folder("profiles") / "default.scheduler.yaml").read_text())
    schema = json.loads((catalogue.folder("profiles") / "scheduler.schema.json").read_text())
    assert set(spelt) == set(schema["properties"])
    ours = {one.name for one in fields(SchedulerCscParameters)} - {"telemetry_streams"}
    assert ours | {"telemetry"} == set(spelt)


@pytest.mark.parametrize(
    ("name", "mode"), [("default", "ADVANCE"), ("simple", "SIMPLE"), ("dry", "DRY")]
)
def test_the_shipped_ones_have_their_modes_and_start_cold(name: str, mode: str) -> None:
    parameters = configuration.load(name).parameters
    assert parameters.mode == SchedulerModes(mode)
    assert parameters.startup_type is StartupType.COLD


def test_a_site_s_own_file_wins_and_is_read_anew(site: Path) -> None:
    write(site, "n_targets: 7\ndriver_timeout_s: 5\n", "default")
    first = configuration.load(site_folder=site)
    assert (first.parameters.n_targets, first.parameters.driver_timeout_s) == (7, 5.0)
    write(site, "n_targets: 8\n", "default")
    second = configuration.load("default", site_folder=site)
    assert second.parameters.n_targets == 8
    assert second.version != first.version


def test_profiles_and_configurations_are_listed_apart(site: Path) -> None:
    write(site, "")
    (site / "profiles" / "own.yaml").touch()
    assert configuration.available(site_folder=site) == (
        "default",
        "dry",
        "feature",
        "mine",
        "plan",
        "simple",
    )
    assert catalogue.names("profiles", site=site) == ("ctmo", "own", "simulators")
    with pytest.raises(ConfigError, match="there are default, dry, feature, mine, plan, simple"):
        configuration.load("other", site_folder=site)
    with pytest.raises(ConfigError, match="there are ctmo, own, simulators"):
        profiles.load("other", site_folder=site)


def test_what_is_no_file_is_not_listed(site: Path) -> None:
    before = configuration.available(site_folder=site)
    folder = site / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / "directory.scheduler.yaml").mkdir()
    (folder / "dangling.scheduler.yaml").symlink_to(folder / "nowhere.yaml")
    (folder / "loop.scheduler.yaml").symlink_to(folder / "loop.scheduler.yaml")
    assert configuration.available(site_folder=site) == before
    write(site, "", "real")
    (folder / "linked.scheduler.yaml").symlink_to(folder / "real.scheduler.yaml")
    assert set(configuration.available(site_folder=site)) == {*before, "real", "linked"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("mod: DRY\n", 1, "mod: unknown key (did you mean 'mode'?), expected one of"),
        ("mode: FAST\n", 1, "mode: came 'FAST', expected one of SIMPLE, ADVANCE, DRY"),
        ("\nn_targets: 0\n", 2, "n_targets: came 0, expected a whole number from 1 to 1000"),
        ("n_targets: many\n", 1, "n_targets: came 'many', expected a whole number"),
        ("driver_timeout_s: 0\n", 1, "driver_timeout_s: came 0, expected a number from 0.1"),
        ("telemetry:\n  stream: []\n", 2, "telemetry.stream: unknown key"),
        (
            "telemetry:\n  streams:\n    - name: wind\n      properties: [a.b.c]\n"
            "      window: 3\n",
            5,
            "telemetry.streams[0].window: unknown key (did you mean 'window_s'?)",
        ),
        (
            "telemetry:\n  streams:\n    - name: wind\n      properties: [wind]\n",
            4,
            "telemetry.streams[0].properties[0]: came 'wind', expected text matching",
        ),
        (
            "telemetry:\n  streams:\n    - {name: wind, properties: [a.b.c]}\n"
            "    - {name: wind, properties: [a.b.d]}\n",
            4,
            "telemetry.streams[1].name: came 'wind' again, expected another name",
        ),
        ("startup_type: WARM\n", 1, "the key 'startup_database' is missing, expected text"),
        ("startup_type: HOT\nstartup_database: ''\n", 2, "startup_database: came '', expected"),
        (
            "startup_database: http://example.org/a\n",
            1,
            "startup_database: came http://example.org/a: expected a path, or file:///",
        ),
        ("startup_type: LUKEWARM\n", 1, "startup_type: came 'LUKEWARM', expected one of COLD"),
    ],
)
def test_a_wrong_file_is_refused_with_line_key_what_came_and_what_was_expected(
    site: Path, text: str, line: int, said: str
) -> None:
    (problem,) = problems(site, text)
    assert problem.startswith(f"line {line}")
    assert said in problem


def test_a_whole_number_with_a_point_is_one(site: Path) -> None:
    write(site, "n_targets: 2.0\nsnapshots_kept: 3.0\n")
    made = configuration.load("mine", site_folder=site).parameters
    assert [made.n_targets, made.snapshots_kept] == [2, 3]
    assert type(made.n_targets) is type(made.snapshots_kept) is int


def test_everything_wrong_is_told_at_once(site: Path) -> None:
    assert len(problems(site, "mode: X\nn_targets: 0\nsleep: 1\n")) == 3


def test_the_second_step_is_the_driver_s_own(site: Path, profile: Profile) -> None:
    path = write(site, "n_targets: 2\ndriver_configuration:\n  no_such_key: 3\n")
    (problem,) = configuration.check("mine", profile, site_folder=site)
    assert problem.startswith(f"{path}, line 2, driver_configuration: ")
    assert "no_such_key" in problem
    write(site, "driver_type: sequentia\n")
    (problem,) = configuration.check("mine", profile, site_folder=site)
    assert "line 1, driver_type: " in problem
    assert "expected one of" in problem
    for name in ("default", "simple", "dry"):
        assert configuration.check(name, profile, site_folder=site) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/data/a b.json", "/data/a b.json"),
        ("file:///data/a%20b.json", "/data/a b.json"),
        ("file://localhost/data/%C3%A9t%C3%A9%23%3F.json", "/data/été#?.json"),
        ("file:///data/a#1?x.json", "/data/a#1?x.json"),
        ("snapshots/last.json", "snapshots/last.json"),
    ],
)
def test_a_path_may_be_a_file_address_with_escapes(text: str, path: str) -> None:
    assert local_path(text) == Path(path)


@pytest.mark.parametrize(
    "text", ["ftp://host/a", "file://other/a", "file://", "file:///a%00b", "file:///a%ff"]
)
def test_another_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        local_path(text)


def test_a_relative_startup_database_counts_from_the_file(site: Path) -> None:
    path = write(site, "startup_type: HOT\nstartup_database: last.json\n")
    assert configuration.load("mine", site_folder=site).startup_path == path.parent / "last.json"


def test_the_configuration_file_names_the_one_to_start_with(tmp_path: Path) -> None:
    file = tmp_path / "ctmo.conf.yaml"
    assert config.Config().scheduler_configuration == "default"
    file.write_text("Scheduler Configuration: winter\n")
    assert config.load(file).scheduler_configuration == "winter"
    file.write_text("Scheduler Configuration: ../winter\n")
    with pytest.raises(ConfigError, match=r"Scheduler Configuration: came '\.\./winter'"):
        config.load(file)
