"""The example of the driver author's guide: its own tests, and its entry point."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ctmo_indi.scheduling import registry

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "highest-first"


def test_the_examples_own_tests_pass(tmp_path: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(EXAMPLE / "tests")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,  # nothing is written beside the example
        env={"PYTHONPATH": f"{EXAMPLE}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installed_driver_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    points = project["entry-points"][registry.ENTRY_POINT_GROUP]
    installed = tmp_path / "highest_first-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: highest-first\nVersion: 0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (installed / "entry_points.txt").write_text(
        "\n".join([f"[{registry.ENTRY_POINT_GROUP}]", *lines])
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLE)
    importlib.invalidate_caches()

    assert {"feature", "highest-first", "sequential"} <= set(registry.names())
    found = registry.driver_class("highest-first")
    assert found.__name__ == "HighestFirst"
    assert found.name == "highest-first"
