"""Who owns a data folder, and what a second ``up`` is told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ctmo_indi.cli import _told, data_folder, run
from ctmo_indi.errors import ConfigError, ServiceUnreachable
from ctmo_indi.store.database import open_database


def test_a_second_up_refuses_before_it_writes_and_names_what_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "run" / "ctmo.conf.yaml"
    with data_folder.owned(tmp_path, "demo"):
        written.write_text("of the demo")
        before = sorted(tmp_path.rglob("*"))
        assert run(["up", "--profile", "simulators", "--data", str(tmp_path)]) == 2
        assert sorted(tmp_path.rglob("*")) == before
    assert written.read_text() == "of the demo"
    err = capsys.readouterr().err
    assert f"ctmo-indi demo (process {os.getpid()}) runs here" in err
    assert "--data" in err
    assert "Is it running?" not in err


def test_a_demo_refuses_likewise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with data_folder.owned(tmp_path, "up"):
        assert run(["demo", "--data", str(tmp_path)]) == 2
    assert "ctmo-indi up (process" in capsys.readouterr().err


def test_services_of_the_system_are_named(tmp_path: Path) -> None:
    database = open_database("scheduler", tmp_path / "scheduler.sqlite3")
    try:
        with (
            pytest.raises(ConfigError, match="run already: scheduler"),
            data_folder.owned(tmp_path, "up"),
        ):
            pytest.fail("owned twice")
    finally:
        database.close()
    with data_folder.owned(tmp_path, "up"):
        assert (tmp_path / data_folder.LOCK_FILE).read_text().startswith("ctmo-indi up")


@pytest.mark.parametrize(
    ("umask", "folder_mode", "file_mode"), [(0o000, 0o750, 0o640), (0o077, 0o700, 0o600)]
)
def test_what_is_made_in_it_is_closed_to_others(
    tmp_path: Path, umask: int, folder_mode: int, file_mode: int
) -> None:
    before = os.umask(umask)
    try:
        with data_folder.owned(tmp_path / "a" / "data", "up"):
            open_database("scheduler", tmp_path / "a" / "data" / "scheduler.sqlite3").close()
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    found = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert {mode(path) for path in found if path.is_dir()} == {folder_mode}
    assert {mode(path) for path in found if path.is_file()} == {file_mode}


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with data_folder.owned(tmp_path, "up"):
        assert mode(tmp_path) == 0o755
        assert mode(tmp_path / "run") == 0o750


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_who_starts_services_is_not_asked_whether_they_run() -> None:
    error = ServiceUnreachable("scheduler ended with 2")
    assert _told(error, ["up", "--speed", "2"]) == [f"ServiceUnreachable: {error}"]
    assert "Is it running?" in _told(error, ["status"])[-1]


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        (["status", "--nonsense"], "Try ctmo-indi status --help."),
        (["queue", "add", "--nonsense"], "Try ctmo-indi queue add --help."),
        (["queue", "add", "sleep", "60"], "Try ctmo-indi queue add --help."),
        (["simulate", "--nights", "x"], "Try ctmo-indi simulate --help."),
        (["nonsense"], "Try ctmo-indi --help."),
        (["--nonsense"], "Try ctmo-indi --help."),
    ],
)
def test_wrong_words_lead_to_the_help_that_explains_them(
    words: list[str], asks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.rstrip().endswith(asks)


def test_up_refuses_a_scheduler_configuration_that_is_none_before_it_starts_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, data = tmp_path / "ctmo.yaml", tmp_path / "data"
    config.write_text("Scheduler Configuration: plann\n")
    assert run(["up", "--config", str(config), "--data", str(data)]) == 2
    assert "no file plann.scheduler.yaml; there are default, dry," in capsys.readouterr().err
    assert not data.exists()
