"""``ctmo-indi simulate``: what it prints, and the file it leaves."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from ctmo_indi.cli import run
from ctmo_indi.scheduling.schema_converter import SchemaConverter


def simulate(*options: object) -> int:
    words = ["simulate", "--profile", "simulators", "--start", "2026-11-21", *map(str, options)]
    return run(words)


def table(path: Path, name: str) -> list[dict[str, object]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
    finally:
        connection.close()


def test_every_visit_stands_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "night.sqlite3"
    assert simulate("--nights", 2, "--orders", 12, "--json", "--output", path) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["File"] == str(path)
    assert [night["Night"] for night in told["Nights"]] == ["20261121", "20261122"]
    visits = table(path, "observations")
    assert len(visits) == told["Summary"]["Visits"] > 12
    assert {visit["night"] for visit in visits} == {1, 2}
    assert all(1.0 <= visit["airmass"] < 4.0 for visit in visits)
    assert all(visit["sunAlt"] < -11.9 for visit in visits)
    nights = table(path, "nights")
    assert [night["label"] for night in nights] == ["20261121", "20261122"]
    assert sum(night["visits"] for night in nights) == len(visits)
    assert nights[0]["morning_mjd"] - nights[0]["evening_mjd"] == pytest.approx(
        11.486 / 24, abs=1e-3
    )
    made = SchemaConverter().read_observations(path)
    assert [one.mjd for one in made] == sorted(visit["observationStartMJD"] for visit in visits)


def test_an_older_file_is_replaced_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "night.sqlite3"
    for _ in range(2):
        assert simulate("--orders", 5, "--output", path) == 0
    assert len(table(path, "nights")) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["night.sqlite3"]


def test_people_get_a_table_and_the_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("--orders", 5, "--output", tmp_path / "n.sqlite3") == 0
    printed = capsys.readouterr().out
    assert "20261121" in printed
    assert "Open Shutter (%)" in printed
    assert "times real time" in printed


def test_the_table_fits_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert simulate("--orders", 300, "--weather", 0.4, "--output", tmp_path / "n.sqlite3") == 0
    printed = capsys.readouterr().out
    table_lines = printed.partition("Together")[0].splitlines()
    assert max(map(len, table_lines)) <= 80
    assert "20261121" in printed
    words = {word for line in table_lines for word in line.split()}
    assert {"Night", "Dark", "Orders", "Completed", "Shutter", "Weather", "Slew"} <= words


def test_orders_of_a_file_are_observed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = tmp_path / "orders.yaml"
    orders.write_text(
        "- {ID: m31, User: ada, RA: 10.68, Dec: 41.27, Filter: V, Exposure Time: 60,"
        " Number of Exposures: 3, Object: M 31}\n"
        "- {ID: bias, User: ada, Frame Type: Bias, Number of Exposures: 5}\n"
    )
    path = tmp_path / "n.sqlite3"
    assert simulate("--nights", 2, "--orders-file", orders, "--output", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["Summary"]["Completed"] == 2
    visits = table(path, "observations")
    assert {(visit["target_name"], visit["numExposures"]) for visit in visits} == {
        ("M 31", 3),
        ("", 5),
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--driver", "nonsense"], "scheduling driver nonsense: unknown"),
        (["--orders-file", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--nights", "0"], "--nights"),
        (["--weather", "1.5"], "--weather"),
        (["--start", "tomorrow"], "--start"),
        (["--configuration", "nonsense"], "nonsense"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert simulate(*options) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_driver_of_a_scheduler_configuration_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "n.sqlite3"
    assert simulate("--orders", 3, "--configuration", "default", "--output", path) == 0
    assert table(path, "observations")


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert simulate("--orders", 2, "--output", tmp_path / "file" / "n.sqlite3") != 0
    assert "n.sqlite3" in capsys.readouterr().err


def test_a_configuration_without_a_driver_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "n.sqlite3"
    assert simulate("--configuration", "dry", "--output", path) == 2
    err = capsys.readouterr().err
    assert "dry.scheduler.yaml, line " in err
    assert "DRY" in err
    assert not path.exists()
