"""Scheduling drivers of other packages that cannot be had: what is said about them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ctmo_indi.errors import ConfigError
from ctmo_indi.scheduling import registry

Install = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install the package ``ctmo-west`` with that module, if any; return why it is refused."""

    def install(module: str, text: str | None) -> str:
        installed = tmp_path / "ctmo_west-1.0.dist-info"
        installed.mkdir()
        (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: ctmo-west\nVersion: 1\n")
        (installed / "entry_points.txt").write_text(
            f"[{registry.ENTRY_POINT_GROUP}]\nwest = {module}:West\n"
        )
        if text is not None:
            (tmp_path / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        with pytest.raises(ConfigError) as caught:
            registry.driver_class("west")
        return str(caught.value)

    return install


def test_a_module_that_this_process_does_not_find(refusal: Install) -> None:
    told = refusal("westmost_gone", None)
    assert told.startswith("scheduling driver west of the package ctmo-west: ")
    assert "westmost_gone" in told
    assert "restart the scheduler" in told


def test_a_package_that_lacks_what_it_needs(refusal: Install) -> None:
    told = refusal("westmost_poor", "import a_module_nobody_has\n")
    assert told.startswith("scheduling driver west of the package ctmo-west: ")
    assert "westmost_poor needs a_module_nobody_has" in told
    assert "restart" not in told


@pytest.mark.parametrize(
    ("module", "text", "why"),
    [
        ("westmost_empty", "", "AttributeError"),
        ("westmost_broken", "def\n", "SyntaxError"),
        ("westmost_raises", "1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_module_that_breaks(refusal: Install, module: str, text: str, why: str) -> None:
    told = refusal(module, text)
    assert told.startswith("scheduling driver west of the package ctmo-west: ")
    assert f"{module}:West cannot be imported: {why}: " in told


def test_what_is_no_driver(refusal: Install) -> None:
    assert "no subclass of Driver" in refusal("westmost_other", "class West: pass\n")
