"""Installing over strangers, over an older version, over a site's own configuration; removing."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from ctmo_indi import installer, service_environment, units
from ctmo_indi.errors import ConfigError
from ctmo_indi.manifest import Manifest

CONFIG = units.DEFAULT_CONFIG.relative_to("/")


def make_environment(place: Path, final: Path) -> None:
    (place / "bin").mkdir(parents=True, exist_ok=True)
    (place / "bin" / "ctmo-indi").write_text(f"#!{final}/bin/python\n")


@pytest.fixture
def layout(tmp_path) -> installer.Layout:
    return installer.Layout(
        Path("/opt/ctmo-indi"), Path("/usr/local/bin"), "systemd", tmp_path / "root"
    )


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("system", ["systemd", "launchd"])
def test_uninstall_takes_everything_and_nothing_else(tmp_path, system):
    layout = installer.Layout(Path("/opt/x"), Path("/usr/bin"), system, tmp_path)
    for name in ("etc/systemd/system", "usr/bin", "Library"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/systemd/system/other.service").touch()
    before = everything_below(tmp_path)
    installer.install(layout, make_environment)
    assert len(everything_below(tmp_path)) > len(before) + 8
    assert installer.uninstall(layout) == []
    assert everything_below(tmp_path) == before


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("systemd", {"etc/ctmo/logs": 0o770}),
        ("launchd", {"etc/ctmo/logs": 0o750, "var/lib/ctmo": 0o750}),
    ],
)
def test_what_services_write_in_is_closed_to_others(tmp_path, system, expected):
    layout = installer.Layout(Path("/opt/x"), Path("/usr/bin"), system, tmp_path)
    installer.install(layout, make_environment)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in expected}
    assert modes == expected


def test_installing_again_changes_nothing_and_still_uninstalls(layout):
    installer.install(layout, make_environment)
    first = everything_below(layout.destdir)
    installer.install(layout, make_environment)
    assert everything_below(layout.destdir) == first
    installer.uninstall(layout)
    assert everything_below(layout.destdir) == []


def test_a_file_of_somebody_else_stops_the_installation_before_it_begins(layout):
    stranger = layout.destdir / "etc/systemd/system/telescope.service"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("another telescope\n")
    before = everything_below(layout.destdir)
    with pytest.raises(ConfigError, match=r"/etc/systemd/system/telescope\.service: exists"):
        installer.install(layout, make_environment)
    assert everything_below(layout.destdir) == before
    assert stranger.read_text() == "another telescope\n"


def test_a_configuration_the_site_changed_is_neither_replaced_nor_removed(layout):
    installer.install(layout, make_environment)
    path = layout.destdir / CONFIG
    path.write_text("Profile: mine\n")
    notes = installer.install(layout, make_environment)
    assert path.read_text() == "Profile: mine\n"
    assert any("was kept" in note for note in notes)
    notes = installer.uninstall(layout)
    assert path.read_text() == "Profile: mine\n"
    assert any("changed by the site" in note for note in notes)
    assert [name for name in everything_below(layout.destdir) if "conf" in name] == [str(CONFIG)]


def test_a_configuration_that_was_there_first_belongs_to_the_site(layout):
    path = layout.destdir / CONFIG
    path.parent.mkdir(parents=True)
    path.write_text("Profile: old\n")
    installer.install(layout, make_environment)
    installer.uninstall(layout)
    assert path.read_text() == "Profile: old\n"


def test_an_interrupted_installation_can_be_removed(layout):
    def fail(place: Path, _final: Path) -> None:
        place.mkdir(parents=True)
        raise ConfigError("no space left")

    with pytest.raises(ConfigError, match="no space left"):
        installer.install(layout, fail)
    installer.uninstall(layout)
    assert everything_below(layout.destdir) == []


def test_units_enabled_by_hand_are_disabled(layout):
    installer.install(layout, make_environment)
    wants = layout.destdir / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "scheduler.service").symlink_to("/etc/systemd/system/scheduler.service")
    (wants / "other.service").symlink_to("/etc/systemd/system/other.service")
    installer.uninstall(layout)
    assert [path.name for path in wants.iterdir()] == ["other.service"]


def test_uninstalling_nothing_says_so(layout):
    assert installer.uninstall(layout) == ["nothing is installed below /opt/ctmo-indi"]


def test_the_manifest_survives_writing_and_reading(tmp_path):
    manifest = Manifest(
        files=(Path("/a"),), folders=(Path("/b"),), configs={Path("/c"): "digest"}, user="ctmo"
    )
    manifest.write(tmp_path / "x" / "manifest.json")
    assert Manifest.read(tmp_path / "x" / "manifest.json") == manifest


def test_without_root_and_destdir_nothing_is_tried(monkeypatch, capsys):
    monkeypatch.setattr(installer.os, "geteuid", lambda: 1000)
    assert installer.main(["install"]) == 2
    assert "sudo" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["relative/ctmo-indi", "/opt/a b/ctmo-indi", "/opt/100%/x"])
def test_a_path_a_unit_cannot_hold_is_refused(path):
    with pytest.raises(ConfigError, match="absolute path"):
        units.render_all("systemd", program=Path(path))


def test_services_do_not_run_on_a_python_in_a_home_folder(monkeypatch, tmp_path):
    outside = tmp_path / "python3"
    assert service_environment.service_python(outside) == outside.resolve()
    hidden = Path("/home/somebody/.pyenv/bin/python3")
    monkeypatch.setattr(service_environment, "_has_venv", lambda _python: False)
    with pytest.raises(ConfigError, match="home folder"):
        service_environment.service_python(hidden)
    monkeypatch.setattr(service_environment, "_has_venv", lambda _python: True)
    system = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    if system.exists():
        assert service_environment.service_python(hidden) == system


def test_services_whose_kernels_are_compiled_may_make_memory_executable():
    texts = units.render_all("systemd", program=Path("/opt/bin/ctmo-indi"))
    allowed = {name for name, text in texts.items() if "MemoryDenyWriteExecute=no" in text}
    assert allowed == {"preprocessor.service", "scheduler.service"}  # both import numba
    assert all("NUMBA_CACHE_DIR=" in texts[name] for name in allowed)
