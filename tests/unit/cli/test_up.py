"""What ``up`` tells of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctmo_indi.cli.fleet import _status_command
from ctmo_indi.config import DEFAULT_FILE, Config


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (Config(data_dir=Path("ctmo-data")), "ctmo-indi status"),
        (Config(file=DEFAULT_FILE), "ctmo-indi status"),
        (Config(data_dir=Path("/data/a b")), "ctmo-indi status --data '/data/a b'"),
        (Config(file=Path("my/ctmo.conf.yaml")), "ctmo-indi status --config my/ctmo.conf.yaml"),
    ],
)
def test_the_second_terminal_is_told_what_finds_it(settings: Config, command: str) -> None:
    assert _status_command(settings) == command
