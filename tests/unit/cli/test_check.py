"""check: the scheduler's configuration, its driver and the observing blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ctmo_indi import catalogue, cli

Check = Callable[[], dict[str, list[tuple[bool, str]]]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a site's own configurations, which ctmo.conf.yaml names "mine"."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    monkeypatch.setattr(catalogue, "SITE_FOLDER", tmp_path)
    (tmp_path / "ctmo.conf.yaml").write_text(
        f"Scheduler Configuration: mine\nData Directory: {tmp_path}\n"
    )
    return folder


@pytest.fixture
def check(site: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    def run() -> dict[str, list[tuple[bool, str]]]:
        cli.run(["check", "--config", str(site.parent / "ctmo.conf.yaml"), "--json"])
        rows: dict[str, list[tuple[bool, str]]] = {}
        for row in json.loads(capsys.readouterr().out):
            rows.setdefault(row["what"], []).append((row["ok"], row["detail"]))
        return rows

    return run


def test_a_right_configuration_and_its_blocks(site: Path, check: Check) -> None:
    (site / "mine.scheduler.yaml").write_text("mode: SIMPLE\n")
    rows = check()
    assert rows["scheduler configuration"] == [(True, "mine")]
    ((is_right, names),) = rows["observing blocks"]
    assert is_right
    assert "observe" in names


@pytest.mark.parametrize(("mode", "is_told"), [(0o644, True), (0o640, False)])
@pytest.mark.parametrize("is_in_own_file", [True, False])
def test_passwords_that_others_can_read_are_told(
    site: Path, check: Check, mode: int, is_told: bool, is_in_own_file: bool
) -> None:
    (site / "mine.scheduler.yaml").write_text("mode: SIMPLE\n")
    config, own = site.parent / "ctmo.conf.yaml", site.parent / "addresses"
    own.write_text("json://user:secret@localhost\n")
    notify = f"{{File: {own}}}" if is_in_own_file else "{URLs: ['json://user:secret@localhost']}"
    config.write_text(f"{config.read_text()}Notify: {notify}\n")
    config.chmod(0o644 if is_in_own_file else mode)
    own.chmod(mode)
    rows = check().get("secrecy", [])
    assert [is_right for is_right, _ in rows] == [False] * is_told
    assert "secret" not in str(rows)


def test_an_unknown_key_is_named_with_its_file_and_line(site: Path, check: Check) -> None:
    (site / "mine.scheduler.yaml").write_text("mode: SIMPLE\nmodes: 3\n")
    ((is_right, problem),) = check()["scheduler configuration"]
    assert not is_right
    assert "mine.scheduler.yaml" in problem
    assert "2" in problem
    assert "modes" in problem


def test_what_the_driver_refuses_is_found(site: Path, check: Check) -> None:
    (site / "mine.scheduler.yaml").write_text("driver_configuration:\n  nonsense: 1\n")
    ((is_right, problem),) = check()["scheduler configuration"]
    assert not is_right
    assert "nonsense" in problem


def test_a_block_with_a_wrong_script_is_found(site: Path, check: Check) -> None:
    blocks = site / "blocks"
    blocks.mkdir()
    (blocks / "mine.yaml").write_text("name: mine\nscripts:\n  - name: dance\n")
    (site / "mine.scheduler.yaml").write_text("path_observing_blocks: blocks\n")
    ((is_right, problem),) = check()["observing blocks"]
    assert not is_right
    assert "mine" in problem
    assert "dance" in problem
