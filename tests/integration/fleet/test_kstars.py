"""KStars beside the manager, by the recipe of docs/how-to/kstars.md: each sees what the other does.

KStars runs on a display, a bus and a home of its own. No command by which it might end other
people's programs is in its PATH, and no local profile of Ekos is ever started.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ctmo_indi.cli import kstars_traps
from ctmo_indi.models.coordinates import sidereal_time_h

from ...running_fleet import RunningFleet, until

PROGRAMS = ("kstars", "Xvfb", "openbox", "dbus-daemon", "qdbus", "xdotool")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
pytestmark = [
    pytest.mark.indi,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

PARKED, TRACKING = "5", "3"  # of Ekos' ISD::Mount::Status
DEVICES = {
    "Telescope Simulator": "Mount",
    "CCD Simulator": "CCD",
    "Filter Simulator": "Filter",
    "Focuser Simulator": "Focuser",
    "Dome Simulator": "Dome",
}


class KStars:
    """KStars of a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        nothing = home / "bin"
        for folder in (nothing, home / ".config", home / "run"):
            folder.mkdir(parents=True)
        (home / "run").chmod(0o700)
        self.would_kill = home / "would_kill.log"
        for name in ("pkill", "killall", "kill"):
            (nothing / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {self.would_kill}\n')
            (nothing / name).chmod(0o755)
        (home / ".config" / "kwalletrc").write_text("[Wallet]\nEnabled=false\n")
        (home / ".config" / "kstarsrc").write_text(
            "[Location]\nCityName=CTMO\nCountryName=USA\nLatitude=25.996275\n"
            "Longitude=-97.571269\nTimeZone=-6\n[TipOfDay]\nRunOnStart=false\n"
        )
        self.environment = {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "LC_ALL": "C.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_SELECT": "5",
            "PATH": f"{nothing}:{os.environ['PATH']}",
        }

    @contextmanager
    def desktop(self) -> Iterator[None]:
        """Run a display and a bus inside."""
        with ExitStack() as ended:
            reading, writing = os.pipe()
            ended.enter_context(
                self._running("Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x900x24",
                              "-nolisten", "tcp", pass_fds=(writing,))
            )  # fmt: skip
            os.close(writing)
            with os.fdopen(reading) as told:
                self.environment["DISPLAY"] = f":{told.readline().strip()}"
            ended.enter_context(self._running("openbox"))
            address = f"unix:path={self.home / 'run' / 'bus'}"
            ended.enter_context(
                self._running("dbus-daemon", "--session", "--nofork", "--address", address)
            )
            until((self.home / "run" / "bus").exists, "the bus")
            self.environment["DBUS_SESSION_BUS_ADDRESS"] = address
            yield

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run KStars inside."""
        with self._running("kstars", "--paused"):
            yield

    @contextmanager
    def _running(self, *words: str, pass_fds: tuple[int, ...] = ()) -> Iterator[None]:
        with (self.home / f"{words[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                words, env=self.environment, stdout=log, stderr=log, pass_fds=pass_fds
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def add_profile(self, port: int) -> None:
        """Write the remote profile as Ekos' editor does; KStars reads it at its start."""
        with sqlite3.connect(self.database) as link:
            row = link.execute(
                "INSERT INTO profile (name, host, port, autoconnect, guidertype, indihub,"
                " portselector) VALUES ('ctmo-indi', '127.0.0.1', ?, 1, 0, 0, 0)",
                (port,),
            ).lastrowid
            link.executemany(
                "INSERT INTO driver (label, role, profile) VALUES (?, ?, ?)",
                [(label, role, row) for label, role in DEVICES.items()],
            )
        link.close()

    @property
    def database(self) -> Path:
        return self.home / ".local" / "share" / "kstars" / "userdb.sqlite"

    def ask(self, path: str, *words: str) -> str:
        """Call something of KStars over D-Bus."""
        done = subprocess.run(
            ["qdbus", "org.kde.kstars", *filter(None, [path]), *words],
            env=self.environment, capture_output=True, text=True, timeout=20.0, check=False,
        )  # fmt: skip
        return done.stdout.strip()

    def ekos(self, method: str, *words: str) -> str:
        return self.ask("/KStars/Ekos", f"org.kde.kstars.Ekos.{method}", *words)

    def mount(self, method: str, *words: str) -> str:
        return self.ask("/KStars/Ekos/Mount", f"org.kde.kstars.Ekos.Mount.{method}", *words)

    def has_profile(self) -> bool:
        """Whether Ekos takes our profile; the dialogue that greets at every start is closed."""
        find = ("xdotool", "search", "--name", "Startup Wizard", "windowactivate", "key", "Escape")
        subprocess.run(find, env=self.environment, capture_output=True, timeout=20, check=False)
        return self.ekos("setProfile", "ctmo-indi") == "true"

    def is_tracking(self) -> bool:
        return self.mount("status") == TRACKING


@pytest.fixture(scope="module")
def kstars(fleet: RunningFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KStars]:
    """KStars with Ekos on our indiserver."""
    assert fleet.supervisor.indiserver is not None
    one = KStars(tmp_path_factory.mktemp("kstars"))
    with one.desktop():
        with one.running():  # makes the file of profiles
            until(one.database.exists, "the file of profiles", 30.0)
            until(lambda: len(_profiles(one)) > 0, "its own profile", 30.0)
        one.add_profile(fleet.supervisor.indiserver.endpoint.port)
        with one.running():
            until(one.has_profile, "the profile", 60.0)
            one.ekos("start")
            until(lambda: one.ekos("ekosStatus") == "2", "Ekos has started", 30.0)
            one.ekos("connectDevices")
            until(lambda: one.mount("status") != "", "the mount is online", 30.0)
            yield one


def _profiles(one: KStars) -> list[kstars_traps.EkosProfile]:
    try:
        return kstars_traps.read(one.database)
    except sqlite3.Error:
        return []  # being made


def held(fleet: RunningFleet) -> str:
    return str(fleet.ask({"WOType": "Status"}, "telescope")["Held"])


def test_a_remote_profile_ends_no_server_and_takes_nothing_over(fleet, kstars):
    assert held(fleet) == ""
    assert not kstars.would_kill.exists()
    assert fleet.supervisor.indiserver.is_alive()


def test_check_finds_the_local_profile_that_kstars_makes(fleet, kstars):
    found = kstars_traps.read(kstars.database)
    assert {one.name: one.is_local for one in found} == {"Simulators": True, "ctmo-indi": False}
    (told,) = kstars_traps.traps(found, fleet.supervisor.fleet.config, fleet.profile)
    assert "Ekos profile Simulators: is local" in told


def test_each_sees_what_the_other_moves(fleet, kstars):
    receipt = fleet.observe(**{"Exposure Time": 3000.0})
    fleet.exposing(receipt)
    until(kstars.is_tracking, "Ekos sees the mount track", 20.0)

    ra_h = (sidereal_time_h(fleet.profile.site, fleet.clock.utc()) + 1.5) % 24.0
    assert kstars.mount("slew", f"{ra_h:.4f}", "60.0") == "true"
    until(lambda: "is sent elsewhere" in held(fleet), "the takeover is noticed", 10.0)
    fleet.watch(
        "scheduler",
        lambda status: status["Attempts"][-1]["Status"] == "INTERRUPTED",
        "the attempt is interrupted",
        Receipt=receipt,
    )
    until(lambda: abs(fleet.mount_position()[1] - 60.0) < 0.5, "it goes where Ekos sent it", 20.0)

    fleet.ask({"WOType": "Control", "Command": "release"}, "telescope")
    fleet.exposing(receipt)
    assert held(fleet) == ""
    fleet.ask({"WOType": "Cancel", "Receipt": receipt})


def test_ekos_may_stop_without_disturbing_anybody(fleet, kstars):
    kstars.ekos("stop")
    until(lambda: kstars.ekos("ekosStatus") != "2", "Ekos has stopped", 20.0)
    status = fleet.ask({"WOType": "Status"}, "telescope")
    assert status["Held"] == ""
    assert status["Devices"]["Mount"]["Connected"]
