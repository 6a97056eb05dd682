"""Make the virtual environment the installed services run in, without network.

Standard library only; used by :mod:`ctmo_indi.installer`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ctmo_indi.errors import ConfigError

# Units hide these from the services (ProtectHome=yes), and other users may not enter them.
_HOMES = ("/root", "/home", "/Users")
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def build_environment(
    place: Path, final: Path, *, wheels: Path, with_dependencies: bool = True
) -> None:
    """Make a new environment at ``place`` that will work at ``final``; blocks for some ten seconds.

    Parameters
    ----------
    place, final
        Differ with DESTDIR: the scripts are written for ``final``.
    wheels
        Folder with the wheel of this project and of all it needs; no network is used.
    with_dependencies
        False for packagers whose system brings the requirements.

    Raises
    ------
    ConfigError
        No usable Python, or pip could not install; the message has its last lines.
    """
    python = service_python()
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    clean["PIP_CONFIG_FILE"] = os.devnull  # no index of the user's
    clean.pop("PYTHONPATH", None)
    _run([str(python), "-m", "venv", "--clear", str(place)], clean)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--no-index", "--no-cache-dir"]
    pip += ["--quiet", "--disable-pip-version-check", "--find-links", str(wheels.resolve())]
    if with_dependencies:
        _run([*pip, "ctmo-indi[sky]"], clean)
        if any(wheels.glob("pyindi_client-*")):
            # Its requirement dbus-python needs a compiler and is never imported.
            _run([*pip, "--no-deps", "pyindi-client"], clean)
    else:
        _run([*pip, "--no-deps", "ctmo-indi"], clean)
    if place != final:
        _rename_inside(place, final)


def service_python(base: Path | None = None) -> Path:
    """Return the interpreter services can run: the one we have, or the system's of that version.

    Parameters
    ----------
    base
        Ours; default: the one behind this process.

    Raises
    ------
    ConfigError
        Ours lies in somebody's home folder and the system has none of the same version.
    """
    own = base or Path(sys.base_prefix) / "bin" / f"python{_VERSION}"
    own = own.resolve()
    if not str(own).startswith(tuple(f"{home}/" for home in _HOMES)):
        return own
    for folder in ("/usr/bin", "/usr/local/bin"):
        candidate = Path(folder) / f"python{_VERSION}"
        if candidate.exists() and _has_venv(candidate):
            return candidate
    raise ConfigError(
        f"{own} is in a home folder, which services cannot read; install Python {_VERSION} for the "
        "whole system with its venv module, or run make again with PYTHON=/usr/bin/python3"
    )


def _has_venv(python: Path) -> bool:
    probe = [str(python), "-c", "import ensurepip, venv"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise ConfigError(f"{' '.join(command)} failed:\n{tail}")


def _rename_inside(place: Path, final: Path) -> None:
    for path in (*sorted((place / "bin").iterdir()), place / "pyvenv.cfg"):
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        renamed = data.replace(os.fsencode(place), os.fsencode(final))
        if renamed != data:
            path.write_bytes(renamed)
