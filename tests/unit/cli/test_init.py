"""init: what it writes is read by profile and configuration, and nothing is ever overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ctmo_indi import catalogue, cli, config, profiles
from ctmo_indi.cli import init as init_command
from ctmo_indi.cli import init_answers
from ctmo_indi.devices.scan import GENERIC, SeenDevice, match
from ctmo_indi.profiles import Role

WHOLE = (
    *("--device", "mount=lx200gps", "--device", "camera=generic_camera:ZWO CCD"),
    *("--site", "Hill: #1", "--latitude", "33:30 S", "--longitude", "289", "--elevation", "2400m"),
    *("--aperture", "300", "--focal-length", "1500mm"),
)
Init = Callable[..., tuple[int, str, str]]


@pytest.fixture
def init(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> Init:
    monkeypatch.setattr(catalogue, "SITE_FOLDER", tmp_path / "etc")

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.run(["init", str(tmp_path / "mine"), "--no-input", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_what_is_written_is_read(init: Init, tmp_path: Path) -> None:
    code, out, _ = init(*WHOLE, "--json")
    assert code == 0
    told = json.loads(out)
    settings = config.load(told["configuration"])
    profile = profiles.load(settings.profile)
    assert settings.data_dir == tmp_path / "mine" / "ctmo-data"
    site = profile.site
    assert (site.name, site.latitude_deg, site.longitude_deg) == ("Hill: #1", -33.5, -71.0)
    assert (site.elevation_m, profile.optics.focal_length_mm) == (2400.0, 1500.0)
    assert profile.equipment[Role.CAMERA].device == "ZWO CCD"
    assert profile.safety.weather_required
    assert told["missing"][0].startswith("no weather station: it never opens")
    assert told["missing"][-1].endswith("run indiserver yourself, on port 7624")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "ctmo.conf.yaml",
        "hill-1.yaml",
    ]


def test_nothing_is_overwritten_unless_told_to(init: Init, tmp_path: Path) -> None:
    init(*WHOLE)
    profile = tmp_path / "mine" / "hill-1.yaml"
    profile.write_text("mine")
    code, _, err = init(*WHOLE)
    assert code == 2
    assert "--force" in err
    assert profile.read_text() == "mine"
    assert init(*WHOLE, "--force")[0] == 0
    assert profile.read_text() != "mine"


def test_everything_that_is_missing_or_wrong_is_told_at_once(init: Init, tmp_path: Path) -> None:
    code, _, err = init("--latitude", "95", "--device", "mount=lx200", "--device", "rudder=x")
    assert code == 2
    for option in ("--site", "--longitude", "--elevation", "--aperture", "--focal-length"):
        assert f"{option}: is missing" in err
    assert "--latitude: came '95', expected degrees" in err
    assert "no device file 'lx200'; there are generic_mount, lx200gps" in err
    assert "rudder=x: expected ROLE=FILE" in err
    assert "expected camera=FILE" in err
    assert not (tmp_path / "mine").exists()


def test_a_file_of_another_role_is_refused_and_nothing_is_left(init: Init, tmp_path: Path) -> None:
    code, _, err = init(*WHOLE, "--device", "dome=ccd_simulator")
    assert code == 2
    assert "dome=ccd_simulator: that file is of a camera" in err
    assert list((tmp_path / "mine").iterdir()) == []


def test_weather_is_required_unless_somebody_else_judges_it(init: Init, tmp_path: Path) -> None:
    init(*WHOLE, "--no-weather")
    profile = yaml.safe_load((tmp_path / "mine" / "hill-1.yaml").read_text())
    assert profile["safety"]["weather_required"] is False


def test_a_server_that_is_not_there_is_told_with_the_next_step(init: Init) -> None:
    code, _, err = init("--scan", "localhost:1")
    assert code != 0
    assert "no INDI server at localhost:1" in err
    assert "--device" in err


def test_devices_of_a_server_take_their_roles() -> None:
    seen = [
        SeenDevice("Big CCD", "indi_asi_ccd", interface=1 << 1 | 1 << 4),
        SeenDevice("EQ Mount", "indi_eqmod_telescope", interface=1 << 0 | 1 << 2),
        SeenDevice("LX200 GPS", "indi_lx200gps", interface=1 << 0),
        SeenDevice("Guide CCD", "indi_qhy_ccd", interface=1 << 1),
        SeenDevice("Dome Simulator", "indi_simulator_dome", interface=1 << 5),
        SeenDevice("GPS", "indi_gpsd", interface=1 << 6),
    ]
    found = {one.role: (one.device, one.description) for one in match(seen)}
    assert found == {
        Role.MOUNT: ("LX200 GPS", "lx200gps"),  # known by its file, before what can be a mount
        Role.CAMERA: ("Big CCD", GENERIC.format("camera")),
        Role.FILTER_WHEEL: ("Big CCD", GENERIC.format("filter_wheel")),
        Role.DOME: ("Dome Simulator", "dome_simulator"),
    }
    (camera,) = (one for one in match(seen) if one.role is Role.CAMERA)
    assert camera.others == ("Guide CCD",)


def test_a_wheel_of_its_own_wins_over_that_in_the_camera() -> None:
    seen = [
        SeenDevice("CCD Simulator", "indi_simulator_ccd", interface=0b10110),
        SeenDevice("Filter Simulator", "indi_simulator_wheel", interface=0b10000),
    ]
    found = {one.role: one.device for one in match(seen)}
    assert found[Role.FILTER_WHEEL] == "Filter Simulator"


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (init_answers.latitude, "25.99", 25.99),
        (init_answers.latitude, "-25:30:00", -25.5),
        (init_answers.latitude, "25 30 S", -25.5),
        (init_answers.longitude, "97:30 W", -97.5),
        (init_answers.longitude, "262.5", -97.5),
        (init_answers.longitude, "0:30 w", -0.5),
        (init_answers.metres, "-12.5", -12.5),
    ],
)
def test_places_as_people_write_them(read, text: str, value: float) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "N", "91", "12:60", "1:2:3:4", "-25 S", "25 W", "nan", "1e1"])
def test_what_is_no_latitude_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected degrees"):
        init_answers.latitude(text)


def test_a_human_is_asked_for_what_no_option_says(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(catalogue, "SITE_FOLDER", tmp_path / "etc")
    told = iter(
        [
            *(
                "localhost:1",
                "telescope_simulator",
                "spectrograph",
                "ccd_simulator",
                *("none",) * 6,
            ),
            *("Hill", "hill", "north", "25.5", "-97", "12", "100", "400"),
        ]
    )
    asked = []

    def prompt(question: str, **_: object) -> str:
        asked.append(question)
        return next(told)

    monkeypatch.setattr(init_answers.typer, "prompt", prompt)
    monkeypatch.setattr(init_command.sys.stdin, "isatty", lambda: True, raising=False)
    assert cli.run(["init", str(tmp_path)]) == 0
    profile = profiles.load(str(tmp_path / "hill.yaml"))
    assert set(profile.equipment) == {Role.MOUNT, Role.CAMERA}
    assert profile.site.latitude_deg == 25.5
    assert profile.indiserver.start
    out = capsys.readouterr().out
    assert "no INDI server at localhost:1" in out
    assert "came 'spectrograph', expected one of" in out
    assert asked.count("Latitude") == 2
