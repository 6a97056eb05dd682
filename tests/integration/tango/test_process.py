"""The process: its end, where it listens, and a Tango database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ctmo_indi import catalogue, tokens
from ctmo_indi.cli import tango_check
from ctmo_indi.clock import SystemClock
from ctmo_indi.fleet_ports import free_ports
from ctmo_indi.front_desk.identity import TokenAccess, TokenFile
from ctmo_indi.tokens import Token

from .stage import Changes, Stage, reason, staged, tango, until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_with_a_client_subscribed(tmp_path, number):
    with staged(tmp_path) as stage:
        stage.start()
        changes = Changes(stage.device("Mount"), "State", "RightAscension")
        code, took_s = stage.end(number)
        assert code == 0, stage.log()
        assert took_s < 5.0
        assert "service_stopped service=tango" in stage.log()
        changes.close()


def test_it_listens_on_loopback_alone(tmp_path):
    with staged(tmp_path) as stage:
        stage.start()
        changes = Changes(stage.device("Mount"), "State")  # opens the ports of events, too
        process = psutil.Process(stage.process.pid)
        places = {each.laddr.ip for each in process.net_connections() if each.status == "LISTEN"}
        changes.close()
        assert places == {"127.0.0.1"}


def test_check_finds_it_while_it_runs(tmp_path):
    with staged(tmp_path) as stage:
        stage.start()
        settings = replace(stage.settings, is_enabled=True)
        place = f"127.0.0.1:{stage.settings.port}"
        assert tango_check.look(settings) == [("Tango devices", True, f"{place} answers")]
        stage.end()
        ((_, good, detail),) = tango_check.look(settings)
        assert good
        assert detail.startswith(f"{place} is not running")


def test_it_has_the_role_of_its_own_token(tmp_path):
    secrets = {role: tokens.new_secret() for role in ("read", "operate")}
    now = SystemClock().utc()
    tokens.write_tokens(
        tmp_path / "tokens.json",
        [Token(f"tango-{role}", role, tokens.digest(text), now) for role, text in secrets.items()],
    )
    access = TokenAccess(TokenFile(tmp_path / "tokens.json").tokens, is_local=lambda _: False)
    file = tmp_path / "tango.token"
    for role, text in secrets.items():
        file.write_text(text)
        file.chmod(0o600)
        with staged(tmp_path, access=access, token_file=file) as stage:
            stage.start()
            mount = stage.device("Mount")
            assert mount.RightAscension == 133.2
            if role == "read":
                with pytest.raises(tango.DevFailed) as refused:
                    mount.Park()
                assert reason(refused)[0] == "CTMO_NotPermitted"
                assert "has read" in reason(refused)[1]
            else:
                assert mount.Park()
                assert stage.desks["telescope"].told[-1]["User"] == "tango-operate"
            assert stage.end()[0] == 0


def test_weather_limits_of_the_profile_are_alarm_levels_but_state_is_ours(tmp_path):
    text = (catalogue.folder("profiles") / "simulators.yaml").read_text()
    profile = tmp_path / "windy.yaml"
    limits = "\n  weather_limits: {WEATHER_WIND_SPEED: {max: 2}}"
    profile.write_text(text.replace("\n  weather_required: true", limits, 1))
    with staged(tmp_path, profile=str(profile)) as stage:
        stage.start()
        weather = stage.device("Weather")
        assert float(weather.get_attribute_config("WindSpeed").alarms.max_alarm) == 2.0
        assert weather.read_attribute("WindSpeed").quality is tango.AttrQuality.ATTR_ALARM
        # Tango would say ALARM for any such attribute; the verdict says what it means.
        assert weather.state() is tango.DevState.ON


def test_a_taken_port_is_told_and_the_process_ends(tmp_path):
    with staged(tmp_path) as stage:
        stage.start()
        done = subprocess.run(
            [sys.executable, "-m", "ctmo_indi", "serve", "tango", "--config", str(stage.config)],
            capture_output=True,
            text=True,
            timeout=30.0,
            check=False,
        )
        assert done.returncode == 2
        assert f"Tango: 127.0.0.1:{stage.settings.port}" in done.stderr


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """Run pytango-db's database in memory of a folder; yield its host:port."""
    pytest.importorskip("databaseds", reason="pytango-db is not installed")
    port = free_ports(1)[0]
    program = Path(sys.executable).with_name("PyDatabaseds")
    with (folder / "database.out").open("wb") as output:
        process = subprocess.Popen(
            [str(program), "--host", "127.0.0.1", "--port", str(port), "2"],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTANGO_DATABASE_NAME": str(folder / "tango.sqlite3")},
        )
    try:

        def answers() -> bool:
            assert process.poll() is None, (folder / "database.out").read_text()
            try:
                tango.Database("127.0.0.1", str(port)).get_info()
            except tango.DevFailed:
                return False
            return True

        until(answers, "the database answers", 20.0)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _serve(stage: Stage) -> None:
    stage.environment["TANGO_HOST"] = str(stage.settings.database)
    stage.start()


def test_with_a_database_the_devices_are_found_by_name_and_alias(tmp_path):
    with database(tmp_path) as place, staged(tmp_path, database=place) as stage:
        _serve(stage)
        host, port = place.split(":")
        there = tango.Database(host, port)
        assert there.get_device_class_list("ctmo-indi/ctmo").value_string[:4:2]
        there.put_device_alias("ctmo/mount/1", "mount")
        mount = tango.DeviceProxy(f"tango://{place}/mount")
        assert mount.state() is tango.DevState.ON
        changes = Changes(mount, "RightAscension")
        stage.desks["telescope"].says["Devices"]["Mount"]["RA"] = 99.0
        changes.wait_for("RightAscension", 99.0)
        changes.close()
        assert stage.end()[0] == 0, stage.log()

        # A name that the site chose in its database stays; nothing is added beside it.
        there.delete_device("ctmo/dome/1")
        info = tango.DbDevInfo()
        info.name, info._class, info.server = "site/dome/big", "Dome", "ctmo-indi/ctmo"
        there.add_device(info)
        stage.urls["Dome"] = f"tango://{place}/site/dome/big"
        _serve(stage)
        assert stage.device("Dome").state() is tango.DevState.OPEN
        found = list(there.get_device_class_list("ctmo-indi/ctmo").value_string)
        assert "ctmo/dome/1" not in found
        assert stage.end()[0] == 0, stage.log()
