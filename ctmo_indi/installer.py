"""Install the services on this machine, and remove exactly what was installed.

``make install`` and ``make uninstall`` run it as ``python -m ctmo_indi.installer``, with the
standard library only: removal must work when nothing else is left. What is installed: a virtual
environment below the prefix, the command ``ctmo-indi`` and its manual page, units of systemd or
launchd, the configuration file and the folder of the logs, and on Linux the services' user.

A manifest below the prefix is written before the first file, so that an interrupted installation
can be removed, too. The configuration file belongs to the site: once changed, it is neither
replaced nor removed. See ``docs/decisions/0002-installation.md``.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctmo_indi import units
from ctmo_indi.errors import ConfigError
from ctmo_indi.manifest import Manifest, digest
from ctmo_indi.service_environment import build_environment

_UNIT_FOLDERS = {
    "systemd": Path("/etc/systemd/system"),
    "launchd": Path("/Library/LaunchAgents"),
}
_DATA = Path("/var/lib/ctmo")
# For their user, with the group of an indiserver's user where that one writes frames; as the units'
# own UMask and StateDirectoryMode.
_MODES = {
    "systemd": {units.DEFAULT_LOGS: 0o770},
    "launchd": {units.DEFAULT_LOGS: 0o750, _DATA: 0o750},
}
MAN_PAGE = units.TEMPLATES.parent / "man" / "ctmo-indi.1"
_BOOTED = Path("/run/systemd/system")  # sd_booted(3)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything goes. All paths are those of the finished system, without ``destdir``.

    Parameters
    ----------
    destdir
        Put in front of every path while files are copied, for packagers and tests; with it nothing
        of the running system is touched: no user, no systemctl. None: this machine itself.
    """

    prefix: Path
    bindir: Path
    system: str
    destdir: Path | None

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.prefix / "venv"

    @property
    def program(self) -> Path:
        """The command the units run."""
        return self.venv / "bin" / "ctmo-indi"

    @property
    def manifest(self) -> Path:
        """The list of what was installed."""
        return self.prefix / "manifest.json"

    def real(self, path: Path) -> Path:
        """Where ``path`` is while we write it."""
        return path if self.destdir is None else self.destdir / path.relative_to("/")

    @property
    def man(self) -> Path:
        """The folder of manual pages that man(1) looks into for commands of ``bindir``."""
        return self.bindir.parent / "share" / "man" / "man1"

    def units(self) -> dict[Path, str]:
        """Every unit."""
        folder = _UNIT_FOLDERS[self.system]
        rendered = units.render_all(self.system, program=self.program)
        return {folder / name: text for name, text in rendered.items()}

    def texts(self) -> dict[Path, str]:
        """Every file that is written, but for the configuration."""
        return {**self.units(), self.man / MAN_PAGE.name: MAN_PAGE.read_text(encoding="utf-8")}

    def links(self) -> dict[Path, Path]:
        """Every symbolic link -> its target."""
        found = {self.bindir / "ctmo-indi": self.program}
        if self.system == "systemd":
            folder = _UNIT_FOLDERS[self.system]
            found |= {folder / name: Path(target) for name, target in units.ALIASES.items()}
        return found

    def folders(self) -> tuple[Path, ...]:
        """Folders of ours, parents first; systemd makes the data folder itself."""
        data = (_DATA,) if self.system == "launchd" else ()
        return (units.DEFAULT_CONFIG.parent, units.DEFAULT_LOGS, *data)


def install(layout: Layout, make_environment: Callable[[Path, Path], None]) -> list[str]:
    """Install, or install again over an older version; returns what to tell the user.

    Parameters
    ----------
    make_environment
        Called with the place of the virtual environment now and with the one it will have.

    Raises
    ------
    ConfigError
        Files that are not ours are in the way (all named), or a step failed.
    """
    previous = Manifest.read(layout.real(layout.manifest))
    texts, links = layout.texts(), layout.links()
    strangers = [
        str(path)
        for path in (*texts, *links)
        if os.path.lexists(layout.real(path)) and path not in previous.paths
    ]
    if strangers:
        raise ConfigError([f"{path}: exists and is not ours; move it away" for path in strangers])

    manifest = previous.extended(
        files=tuple(texts), links=tuple(links), trees=(layout.venv,), units=tuple(layout.units())
    )
    manifest = manifest.with_folders(
        tuple(f for f in _with_parents(layout) if not layout.real(f).exists())
    )
    default = (units.TEMPLATES.parent / "ctmo.conf.yaml").read_text(encoding="utf-8")
    notes: list[str] = []
    write_config = _config_is_ours(layout, previous)
    if write_config:
        manifest = manifest.with_config(units.DEFAULT_CONFIG, digest(default.encode()))
    else:
        notes.append(f"{units.DEFAULT_CONFIG} is the site's own and was kept")
    if layout.destdir is None and sys.platform == "linux" and _make_user():
        manifest = manifest.with_user(units.USER)
    manifest.write(layout.real(layout.manifest))

    for folder in layout.folders():
        layout.real(folder).mkdir(parents=True, exist_ok=True)
    make_environment(layout.real(layout.venv), layout.venv)
    for path, text in texts.items():
        _write(layout.real(path), text)
    for path, target in links.items():
        _link(layout.real(path), target)
    if write_config:
        _write(layout.real(units.DEFAULT_CONFIG), default)
    _hand_over(layout)
    _reload(layout)
    return [*notes, *_next_steps(layout)]


def uninstall(layout: Layout) -> list[str]:
    """Remove what :func:`install` put there; returns what was left and why."""
    manifest = Manifest.read(layout.real(layout.manifest))
    if not manifest.paths:
        return [f"nothing is installed below {layout.prefix}"]
    notes: list[str] = []
    _stop_services(layout, manifest)
    for path in (*manifest.links, *manifest.files):
        layout.real(path).unlink(missing_ok=True)
    for unit in manifest.units:  # what "systemctl enable" made where no systemd runs
        for folder in layout.real(unit).parent.glob("*.wants"):
            (folder / unit.name).unlink(missing_ok=True)
    for path, expected in manifest.configs.items():
        real = layout.real(path)
        if real.is_file() and digest(real.read_bytes()) == expected:
            real.unlink()
        elif real.exists():
            notes.append(f"{path} was changed by the site and stays")
    for tree in manifest.trees:
        shutil.rmtree(layout.real(tree), ignore_errors=True)
    layout.real(layout.manifest).unlink(missing_ok=True)
    for folder in sorted(manifest.folders, key=lambda path: len(path.parts), reverse=True):
        try:
            layout.real(folder).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            notes.append(f"{folder} is not empty and stays")
    if manifest.user and layout.destdir is None:
        notes += _remove_user(manifest.user)
    _reload(layout)
    return notes


def _with_parents(layout: Layout) -> list[Path]:
    places = (layout.prefix, layout.bindir, layout.man, _UNIT_FOLDERS[layout.system])
    wanted = [*places, *layout.folders()]
    found: dict[Path, None] = {}
    for folder in wanted:
        for parent in reversed((folder, *folder.parents[:-1])):
            found[parent] = None
    return list(found)


def _config_is_ours(layout: Layout, previous: Manifest) -> bool:
    real = layout.real(units.DEFAULT_CONFIG)
    if not real.exists():
        return True
    expected = previous.configs.get(units.DEFAULT_CONFIG)
    return expected is not None and digest(real.read_bytes()) == expected


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(path)


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _make_user() -> bool:
    """Make the system user; False when it is there already."""
    import grp
    import pwd

    try:
        pwd.getpwnam(units.USER)
    except KeyError:
        pass
    else:
        return False
    try:
        grp.getgrnam(units.USER)
        group: tuple[str, ...] = ("--gid", units.USER)
    except KeyError:
        group = ("--user-group",)
    options = ("--system", "--no-create-home", "--home-dir", str(_DATA))
    shell = ("--shell", "/usr/sbin/nologin")
    subprocess.run(["/usr/sbin/useradd", *options, *shell, *group, units.USER], check=True)
    return True


def _remove_user(user: str) -> list[str]:
    if _DATA.exists():
        return [f"the user {user} owns {_DATA} and stays with it"]
    subprocess.run(["/usr/sbin/userdel", user], check=False)
    return []


def _hand_over(layout: Layout) -> None:
    """Give the folders that services write in to the user they run as, and close them to others."""
    for folder, mode in _MODES[layout.system].items():
        layout.real(folder).chmod(mode)
    if layout.destdir is not None:
        return
    if layout.system == "systemd":
        shutil.chown(units.DEFAULT_LOGS, units.USER, units.USER)
    elif "SUDO_UID" in os.environ:  # LaunchAgents run as the user who logs in
        for folder in (units.DEFAULT_LOGS, _DATA):
            os.chown(folder, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))


def _systemd_runs(layout: Layout) -> bool:
    return layout.system == "systemd" and layout.destdir is None and _BOOTED.is_dir()


def _reload(layout: Layout) -> None:
    if _systemd_runs(layout):
        subprocess.run(["systemctl", "daemon-reload"], check=False)


def _stop_services(layout: Layout, manifest: Manifest) -> None:
    names = [path.name for path in manifest.units]
    if _systemd_runs(layout):
        subprocess.run(["systemctl", "disable", "--now", *names], check=False)
    elif layout.system == "launchd" and layout.destdir is None and shutil.which("launchctl"):
        for path in manifest.units:
            subprocess.run(["launchctl", "unload", str(path)], check=False)


def _next_steps(layout: Layout) -> list[str]:
    lines = [f"configuration: {units.DEFAULT_CONFIG}; check it with: ctmo-indi check"]
    if layout.system == "launchd":
        folder = _UNIT_FOLDERS["launchd"]
        return [*lines, *(f"launchctl load {folder}/{name}" for name in _plists())]
    return [*lines, f"start all services with: systemctl enable --now {units.TARGET}"]


def _plists() -> list[str]:
    return [f"{units.label(unit)}.plist" for unit in units.SERVICES]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the Makefile; 0 done, 2 refused, 5 failed."""
    parser = argparse.ArgumentParser(prog="python -m ctmo_indi.installer", description=__doc__)
    parser.add_argument("action", choices=("install", "uninstall"))
    parser.add_argument("--prefix", type=Path, default=Path("/opt/ctmo-indi"))
    parser.add_argument("--bindir", type=Path, default=Path("/usr/local/bin"))
    parser.add_argument("--destdir", type=Path)
    parser.add_argument("--wheels", type=Path, default=Path("build/wheels"))
    parser.add_argument("--no-deps", action="store_true")
    default_system = "launchd" if sys.platform == "darwin" else "systemd"
    parser.add_argument("--system", choices=tuple(_UNIT_FOLDERS), default=default_system)
    given = parser.parse_args(arguments)
    destdir = given.destdir.resolve() if given.destdir else None
    layout = Layout(given.prefix, given.bindir, given.system, destdir)
    if destdir is None and os.geteuid() != 0:
        sys.stderr.write(f"{given.action} needs root: run it with sudo (or give DESTDIR)\n")
        return 2
    try:
        if given.action == "install":
            options = {"wheels": given.wheels, "with_dependencies": not given.no_deps}
            notes = install(layout, functools.partial(build_environment, **options))
        else:
            notes = uninstall(layout)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError) as error:
        sys.stderr.write(f"{given.action} failed: {error}\n")
        return 5
    sys.stdout.write("".join(f"{note}\n" for note in notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
