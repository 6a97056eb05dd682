"""What users get: wheel, sdist, editable install, installed services; and rules of the layout."""

from __future__ import annotations

import configparser
import json
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from ctmo_indi import config, units

ROOT = Path(__file__).resolve().parents[1]
DATA_FOLDERS = ("devices", "xmlrpc", "profiles")
CACHE = "__pycache__"  # of Python, and of numba's kernels
NOT_COPIED = (".*", "build", "dist", "*.egg-info", CACHE, "ctmo-data", "docs", "tests")
FIND_ALL = """
import json
from ctmo_indi import catalogue, units
def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
found = {kind: names(catalogue.folder(kind)) for kind in ("devices", "xmlrpc", "profiles")}
found["share"] = names(units.TEMPLATES.parent)
found["units"] = sorted(units.render_all("systemd", program=units.Path("/bin/true")))
print(json.dumps(found))
"""


def files_of(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in paths if CACHE not in path.parts)


def expected_files() -> dict[str, list[str]]:
    return {kind: files_of(ROOT / kind) for kind in DATA_FOLDERS}


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def pip(*words: str | Path, cwd: Path, **environment: str) -> None:
    options = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    action, *rest = words
    run(sys.executable, "-m", "pip", action, *options, *rest, cwd=cwd, **environment)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy, since building writes into the tree."""
    place = tmp_path_factory.mktemp("source") / "ctmo-indi"
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return place


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, checkout, cwd=folder)
    (found,) = folder.glob("ctmo_indi-*.whl")
    return found


def found_by(python: Path | str, cwd: Path, **environment: str) -> dict[str, list[str]]:
    found = json.loads(run(python, "-c", FIND_ALL, cwd=cwd, **environment))
    assert found.pop("units") == sorted(units.render_all("systemd", program=Path("/bin/true")))
    assert "ctmo.conf.yaml" in found.pop("share")
    return {
        kind: [name for name in names if CACHE not in Path(name).parts]
        for kind, names in found.items()
    }


@pytest.mark.packaging
def test_an_installed_wheel_finds_every_data_file(wheel, tmp_path):
    pip("install", "--target", tmp_path / "site", wheel, cwd=tmp_path)
    found = found_by(sys.executable, tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert found == expected_files()


@pytest.mark.packaging
def test_the_wheel_has_every_module_of_the_checkout(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("ctmo_indi/")}
    sources = {
        f"ctmo_indi/{name}" for name in files_of(ROOT / "ctmo_indi") if not name.endswith(".md")
    }
    assert sources - names == set()


@pytest.mark.packaging
def test_the_sdist_builds_the_same_wheel(checkout, wheel, tmp_path):
    words = (sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path)
    run(*words, checkout, cwd=tmp_path)
    (archive,) = tmp_path.glob("ctmo_indi-*.tar.gz")
    (tmp_path / "unpacked").mkdir()
    run("tar", "-xf", archive, "-C", tmp_path / "unpacked", cwd=tmp_path)
    (source,) = (tmp_path / "unpacked").iterdir()
    pip("wheel", "--no-build-isolation", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    (again,) = tmp_path.glob("ctmo_indi-*.whl")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert set(second.namelist()) == set(first.namelist())


@pytest.mark.packaging
def test_an_editable_install_finds_every_data_file(checkout, tmp_path):
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    tools = sysconfig.get_path("purelib")  # pip and setuptools, without what .pth files there add
    words = ("install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    run(python, "-m", "pip", *words, "--editable", checkout, cwd=tmp_path, PYTHONPATH=tools)
    assert found_by(python, tmp_path) == expected_files()


@pytest.mark.packaging
def test_make_install_and_uninstall_below_destdir_leave_nothing(wheel, tmp_path):
    destdir, prefix = tmp_path / "root", "/opt/observatory"
    stamp = wheel.parent / ".stamp-project"
    stamp.touch()
    words = ("make", "--silent", f"DESTDIR={destdir}", f"PREFIX={prefix}", "SYSTEM=systemd")
    words += (f"WHEELS={wheel.parent}", "NO_DEPS=1", f"VENV={Path(sys.prefix)}")

    run(*words, "--old-file", str(stamp), "install", cwd=ROOT)
    program = destdir / prefix[1:] / "venv" / "bin" / "ctmo-indi"
    assert program.read_text().startswith(f"#!{prefix}/venv/bin/python")
    service = (destdir / "etc/systemd/system/scheduler.service").read_text()
    assert f"\nExecStart={prefix}/venv/bin/ctmo-indi serve scheduler " in service
    assert (destdir / "etc/systemd/system/dome.service").readlink() == Path("telescope.service")
    assert (destdir / "etc/ctmo/logs").is_dir()
    python = program.parent / "python"
    tools = sysconfig.get_path("purelib")
    said = run(python, "-m", "ctmo_indi", "--version", cwd=tmp_path, PYTHONPATH=tools)
    assert said.startswith("ctmo-indi ")

    run(*words, "uninstall", cwd=ROOT)
    assert not files_of(destdir)
    assert list(destdir.iterdir()) == []


def test_make_without_root_names_what_is_missing_in_one_message(tmp_path):
    for name in ("make", "sh", "ls", "grep", "id", "find"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    words = (shutil.which("make"), "--silent", f"PYTHON={sys.executable}", "system-packages")
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},  # neither indiserver nor apt-get nor sudo
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    (line, _) = done.stderr.splitlines()
    assert line.startswith("Missing, and not to be installed without root or sudo: indi-bin")


def test_make_help_names_the_targets():
    said = run("make", "--silent", "help", cwd=ROOT)
    for target in ("demo", "test", "install", "uninstall", "clean", "lint", "bench"):
        assert f"\n  {target} " in said


def test_data_folders_hold_no_python_package():
    assert [str(p) for kind in DATA_FOLDERS for p in (ROOT / kind).rglob("__init__.py")] == []


def test_every_package_is_listed_in_setup_cfg():
    listed = set(setup_cfg()["options"]["packages"].split())
    there = {
        ".".join(path.relative_to(ROOT).parts)
        for path in (ROOT / "ctmo_indi").rglob("*")
        if path.is_dir() and any(path.glob("*.py")) and "migrations" not in path.parts
    }
    mapped = {f"ctmo_indi.share.{kind}" for kind in DATA_FOLDERS}
    assert listed == there | {"ctmo_indi"} | mapped


def test_every_package_has_an_init():
    folders = {path.parent for path in (ROOT / "ctmo_indi").rglob("*.py")}
    without = [str(f) for f in folders if not (f / "__init__.py").is_file()]
    assert [name for name in without if "migrations" not in name] == []


def test_no_module_is_named_like_one_of_the_standard_library():
    stems = {path.stem for path in (ROOT / "ctmo_indi").rglob("*.py")}
    stems |= {path.name for path in (ROOT / "ctmo_indi").rglob("*") if path.is_dir()}
    assert stems & sys.stdlib_module_names - {"__init__", "__main__"} == set()


def test_the_shipped_configuration_says_what_holds_without_one():
    shipped = config.load(units.TEMPLATES.parent / "ctmo.conf.yaml")
    for name in ("scheduler", "telescope", "dome", "preprocessor", "safety"):
        assert getattr(shipped, name) == getattr(config.Config(), name)
    assert (shipped.profile, shipped.data_dir) == (
        config.Config().profile,
        config.Config().data_dir,
    )
    assert shipped.logging.file == Path("/etc/ctmo/logs/ctmo.log")


@pytest.fixture
def systemd_units(tmp_path) -> list[Path]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    program = Path(shutil.which("true") or "/bin/true")  # verify wants one that exists
    paths = []
    for name, text in units.render_all("systemd", program=program).items():
        (tmp_path / name).write_text(text)
        paths.append(tmp_path / name)
    for name, target in units.ALIASES.items():
        (tmp_path / name).symlink_to(target)
    return paths


# A misspelt key fails only with the second set of options, a missing required unit only with the
# first (systemd 252).
@pytest.mark.parametrize("options", [("--man=no",), ("--man=no", "--recursive-errors=no")])
def test_systemd_finds_nothing_wrong_with_the_units(systemd_units, options):
    words = ["systemd-analyze", "verify", *options, *map(str, systemd_units)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.promise
def test_systemd_calls_the_services_well_protected(systemd_units, promise):
    exposures = {}
    for path in systemd_units:
        if path.suffix == ".service":
            words = ["systemd-analyze", "security", "--offline=yes", str(path)]
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
            (level,) = re.findall(r"Overall exposure level .*: ([0-9.]+)", done.stdout)
            exposures[path.stem] = float(level)
    assert len(exposures) == len(units.SERVICES) + len(units.OPTIONAL)
    told = ", ".join(f"{name} {level}" for name, level in exposures.items())
    promise("units_exposure", told, holds=max(exposures.values()) <= 2.0)


def test_pixels_yield_to_the_telescope():
    """Workers cannot lower their priority by themselves: the units' filter forbids the call."""
    rendered = units.render_all("systemd", program=Path("/bin/true"))
    for name in ("safety", "telescope", "scheduler", "preprocessor"):
        lines = set(rendered[f"{name}.service"].splitlines())
        niceness, weight = (10, 20) if name == "preprocessor" else (0, 100)
        assert {f"Nice={niceness}", f"CPUWeight={weight}", f"IOWeight={weight}"} <= lines
    plists = units.render_all("launchd", program=Path("/bin/true"))
    kinds = {name: plistlib.loads(text.encode())["ProcessType"] for name, text in plists.items()}
    assert [name for name, kind in kinds.items() if kind == "Background"] == [
        "org.toros.preprocessor.plist"
    ]


def test_what_needs_an_extra_is_started_with_the_others_where_the_extra_is():
    rendered = units.render_all("systemd", program=Path("/opt/ctmo-indi/venv/bin/ctmo-indi"))
    conditions = {
        name: line.partition("=")[2]
        for name, text in rendered.items()
        for line in text.splitlines()
        if line.startswith("ConditionPathExistsGlob=")
    }
    place = "/opt/ctmo-indi/venv/lib/python*/site-packages/tango"
    assert conditions == {"ctmo-tango.service": place}
    assert "ctmo-tango.service" in rendered[units.TARGET]
    assert "serve tango --config" in rendered["ctmo-tango.service"]


def test_units_call_a_command_that_exists():
    text = units.render_all("systemd", program=Path("/bin/true"))["safety.service"]
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    _, *words = shlex.split(line.partition("=")[2])
    assert words == ["serve", "safety", "--config", "/etc/ctmo/ctmo.conf.yaml"]
    said = run(sys.executable, "-m", "ctmo_indi", "serve", "--help", cwd=ROOT)
    assert "--config" in said


def test_launchd_property_lists_have_known_keys_and_the_documents_names():
    known = {
        *("Label", "ProgramArguments", "RunAtLoad", "KeepAlive", "ThrottleInterval"),
        *("ExitTimeOut", "ProcessType", "Umask", "StandardErrorPath", "Disabled"),
    }
    rendered = units.render_all("launchd", program=Path("/opt/a&b/bin/ctmo-indi"))
    for name, text in rendered.items():
        data = plistlib.loads(text.encode())
        assert set(data) == known
        assert data["Label"] == name.removesuffix(".plist")
        assert data["ProgramArguments"][0] == "/opt/a&b/bin/ctmo-indi"
        assert data["KeepAlive"] is True
        assert data["Umask"] == 0o027
        assert data["Disabled"] is (name == "org.ctmo.tango.plist")
    assert {"org.ctmo.scheduler.plist", "org.ctmo.telescope.plist"} <= set(rendered)
    assert "org.toros.preprocessor.plist" in rendered
