"""Which configuration a client reads: the given one, the folder's, the system's, ./ctmo-data's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctmo_indi import config
from ctmo_indi.running_config import find_config


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the system's configuration would be; a ./ctmo-data has run here."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "etc.yaml"
    monkeypatch.setattr(config, "DEFAULT_FILE", file)
    running = tmp_path / "ctmo-data" / "run" / "ctmo.conf.yaml"
    running.parent.mkdir(parents=True)
    running.write_text("")
    return file


def test_a_given_file_wins(installed: Path) -> None:
    assert find_config(Path("mine.yaml"), Path("data")) == Path("mine.yaml")
    assert find_config(None, Path("data")) == Path("data/run/ctmo.conf.yaml")


def test_the_systems_wins_over_the_folder_here(installed: Path) -> None:
    assert find_config(None, None) == Path("ctmo-data/run/ctmo.conf.yaml")
    installed.write_text("")
    assert find_config(None, None) is None
