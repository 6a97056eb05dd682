"""check warns of Ekos profiles that would end our indiserver; it writes nothing there."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import cli, profiles
from ctmo_indi.cli import kstars_traps
from ctmo_indi.cli.kstars_traps import EkosProfile
from ctmo_indi.config import Config
from ctmo_indi.profiles import Equipment, IndiServerSettings, Role
from ctmo_indi.service_addresses import IndiAddress

SIMULATORS = profiles.load("simulators")
OF_A_SERVICE = replace(SIMULATORS, indiserver=IndiServerSettings("localhost", 7624))
LOCAL = EkosProfile("Simulators")
REMOTE = EkosProfile("ctmo-indi", "127.0.0.1", 7624, ("Telescope Simulator",))

# As KStars 3.6.2 makes them; columns that are not read are left out.
TABLES = """
CREATE TABLE profile (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, host TEXT,
  port INTEGER, city TEXT, autoconnect INTEGER DEFAULT 1, guidertype INTEGER);
CREATE TABLE driver (id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL,
  role TEXT NOT NULL, profile INTEGER NOT NULL);
INSERT INTO profile (name, host, port) VALUES ('Simulators', NULL, NULL),
  ('ctmo-indi', '127.0.0.1', 7625);
INSERT INTO driver (label, role, profile) VALUES ('Telescope Simulator', 'Mount', 1),
  ('Telescope Simulator', 'Mount', 2), ('WatchDog', 'Aux1', 2);
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    file = tmp_path / ".local" / "share" / "kstars" / "userdb.sqlite"
    file.parent.mkdir(parents=True)
    with sqlite3.connect(file) as link:
        link.executescript(TABLES)
    link.close()
    return file


def test_profiles_are_read_and_nothing_is_written(home: Path) -> None:
    home.parent.chmod(0o555)
    before = home.read_bytes()
    (file,) = kstars_traps.files()
    assert kstars_traps.read(file) == [
        EkosProfile("Simulators", "", 7624, ("Telescope Simulator",)),
        EkosProfile("ctmo-indi", "127.0.0.1", 7625, ("Telescope Simulator", "WatchDog")),
    ]
    assert home.read_bytes() == before
    assert list(home.parent.iterdir()) == [home]
    home.parent.chmod(0o755)


@pytest.mark.parametrize(
    ("found", "settings", "profile", "words"),
    [
        ([REMOTE], Config(), SIMULATORS, []),
        ([LOCAL, REMOTE], Config(), SIMULATORS, ["Simulators: is local"]),
        ([LOCAL], Config(), OF_A_SERVICE, ["its own would take port 7624"]),
        ([LOCAL], Config(indi=IndiAddress("dome.example")), OF_A_SERVICE, []),
        ([replace(LOCAL, host="  ")], Config(), SIMULATORS, ["is local"]),
        ([replace(REMOTE, drivers=("WatchDog",))], Config(), SIMULATORS, []),
        (
            [replace(REMOTE, drivers=("WatchDog",))],
            Config(),
            replace(
                SIMULATORS,
                equipment={Role.WATCHDOG: Equipment(Role.WATCHDOG, "watchdog")},
            ),
            ["WatchDog, which safety keeps"],
        ),
    ],
)
def test_what_is_a_trap(found, settings, profile, words) -> None:
    told = kstars_traps.traps(found, settings, profile)
    assert len(told) == len(words)
    assert all(word in text for word, text in zip(words, told, strict=True))


def test_check_warns_and_is_content_all_the_same(home: Path, tmp_path: Path, capsys) -> None:
    file = tmp_path / "ctmo.conf.yaml"
    file.write_text(f"Data Directory: {tmp_path}\n")
    code = cli.run(["check", "--config", str(file), "--json"])
    rows = json.loads(capsys.readouterr().out)
    (warning,) = (row for row in rows if row["warning"])
    assert (warning["what"], warning["ok"]) == ("KStars", True)
    assert "ends every indiserver" in warning["detail"]
    assert code == (0 if all(row["ok"] for row in rows) else 5)
    cli.run(["check", "--config", str(file)])
    assert "beware KStars" in capsys.readouterr().out


def test_a_file_that_is_none_is_told(home: Path) -> None:
    home.write_text("no database")
    (told,) = kstars_traps.look(Config(), SIMULATORS)
    assert "cannot be read" in told
