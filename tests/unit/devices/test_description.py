from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ctmo_indi import catalogue
from ctmo_indi.clock import SystemClock
from ctmo_indi.devices import description
from ctmo_indi.devices.device import UNFIT_PAUSE_S
from ctmo_indi.devices.observatory import Observatory, driver_executables
from ctmo_indi.errors import ConfigError, NotConnected, ServerLost, UnknownProperty
from ctmo_indi.indi.names import may_be_kept
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.profiles import Equipment, Profile, Role
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import CAMERA, DOME, MOUNT, WHEEL, FakeInstruments

FILES = sorted(path.stem for path in catalogue.folder("devices").glob("*.yaml"))

GOOD = """\
extends: generic_mount
role: mount
summary: A new mount
driver: indi_new
device: New Mount
"""


def write(folder: Path, text: str, name: str = "new_mount") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_good_and_keeps_nothing_that_moves(name: str) -> None:
    found = description.load(name)
    assert found.name == name
    assert bool(found.driver) is not name.startswith("generic_")
    for prop, values in found.configure.items():
        assert may_be_kept(prop, values), prop


def test_new_mount_is_data_only(tmp_path: Path) -> None:
    text = GOOD + (
        "operations:\n"
        "  slew:\n"
        "    property: GOTO_J2000\n"
        "    first: null\n"
        '    values: {RA: null, DEC: null, R: "${icrs_ra_hours}", D: "${icrs_dec_deg}"}\n'
        "  track_on: null\n"
        "readings:\n"
        "  position:\n"
        "    property: POSITION_J2000\n"
        "    elements: {ra_hours: R, dec_deg: D}\n"
        "    frame: icrs\n"
    )
    found = description.load(write(tmp_path, text))
    slew = found.operation("slew")
    assert slew.property == "GOTO_J2000"
    assert dict(slew.values) == {"R": "${icrs_ra_hours}", "D": "${icrs_dec_deg}"}
    assert slew.first == {}
    assert slew.finish_s == 180.0  # from the parent
    assert not found.can("track_on")
    assert found.readings["position"].frame == "icrs"


@pytest.mark.parametrize(
    ("extra", "line", "expected"),
    [
        ("quirks: {slew_tolerance_arcsec: -1}\n", 6, "slew_tolerance_arcsec"),
        ("operatons: {}\n", 6, "did you mean 'operations'"),
        ("operations:\n  slew:\n    values: {RA: '${ra_hour}'}\n", 7, "did you mean 'ra_hours'"),
        ("operations:\n  slew: null\n", 6, "'slew' is missing, expected keys with values"),
        ("operations:\n  slew:\n    done: {states: [Done]}\n", 8, "Idle, Ok, Busy, Alert"),
        ("requires: []\n", 6, "at least 1"),
        ("connect:\n  SIMULATION: {ENABLE: [1]}\n", 7, "SIMULATION"),
    ],
)
def test_wrong_file_names_line_and_expectation(
    tmp_path: Path, extra: str, line: int, expected: str
) -> None:
    path = write(tmp_path, GOOD + extra)
    with pytest.raises(ConfigError) as caught:
        description.load(path)
    message = str(caught.value)
    assert path in message
    assert expected in message
    assert f"line {line}" in message


def test_circle_of_extends_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"extends: {path}\nrole: mount\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="circle"):
        description.load(str(path))


def test_unknown_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="generic_mouse"):
        description.load(write(tmp_path, GOOD.replace("generic_mount", "generic_mouse")))


def test_sites_file_wins(tmp_path: Path) -> None:
    folder = tmp_path / "devices"
    folder.mkdir()
    write(folder, GOOD, "lx200gps")
    assert description.load("lx200gps", site=tmp_path).device == "New Mount"
    assert description.load("lx200gps", site=tmp_path / "none").device == "LX200 GPS"


def test_operation_a_device_lacks_is_named() -> None:
    with pytest.raises(UnknownProperty, match="cannot track_on; it can abort, park"):
        description.load("lx200gps").operation("track_on")


def test_drivers_of_a_profile(profile: Profile) -> None:
    assert set(driver_executables(profile)) == {
        "indi_simulator_telescope",
        "indi_simulator_ccd",
        "indi_simulator_wheel",
        "indi_simulator_dome",
        "indi_simulator_focus",
        "indi_simulator_weather",
        "indi_simulator_lightpanel",
    }


class TestConnecting:
    def test_mount_gets_site_optics_and_no_gps(
        self, observatory: Observatory, client: FakeInstruments, profile: Profile
    ) -> None:
        assert client.kept[MOUNT, "GEOGRAPHIC_COORD"] == {
            "LAT": profile.site.latitude_deg,
            "LONG": pytest.approx(profile.site.longitude_deg + 360.0),
            "ELEV": profile.site.elevation_m,
        }
        assert client.kept[MOUNT, "ACTIVE_DEVICES"] == {"ACTIVE_GPS": "", "ACTIVE_DOME": DOME}
        assert client.kept[MOUNT, "TELESCOPE_INFO"]["TELESCOPE_FOCAL_LENGTH"] == 400.0

    def test_camera_is_bound_to_mount_and_wheel(
        self, profile: Profile, client: FakeInstruments, clock: SystemClock
    ) -> None:
        plain = {**profile.equipment, Role.CAMERA: Equipment(Role.CAMERA, "ccd_simulator")}
        Observatory.build(replace(profile, equipment=plain), client, clock).connect_all()
        bound = client.kept[CAMERA, "ACTIVE_DEVICES"]
        assert bound["ACTIVE_TELESCOPE"] == MOUNT
        assert bound["ACTIVE_FILTER"] == WHEEL
        assert client.kept[CAMERA, "CCD_COMPRESSION"] == {"INDI_DISABLED": True}

    def test_what_an_operation_sets_is_not_kept(
        self, observatory: Observatory, client: FakeInstruments
    ) -> None:
        # The profile gives CCD_BINNING; kept, it would undo the binning of an exposure.
        assert (CAMERA, "CCD_BINNING") not in client.kept

    def test_it_is_set_again_when_the_driver_is_back(
        self, observatory: Observatory, client: FakeInstruments
    ) -> None:
        client.update(CAMERA, "CCD_BINNING", {"HOR_BIN": 4.0, "VER_BIN": 4.0})
        client.restore(CAMERA)
        assert client.commands_to("CCD_BINNING") == [{"HOR_BIN": 1.0, "VER_BIN": 1.0}]

    def test_settings_of_the_profile_win(
        self, profile: Profile, client: FakeInstruments, clock: SystemClock
    ) -> None:
        settings = {
            "POLLING_PERIOD": {"PERIOD_MS": 500},
            "SIMULATION": {"ENABLE": True},
            "UPLOAD_MODE": {"UPLOAD_LOCAL": True},
        }
        mount = Equipment(Role.MOUNT, "telescope_simulator", settings=settings)
        changed = replace(profile, equipment={**profile.equipment, Role.MOUNT: mount})
        before, after = Observatory.build(changed, client, clock).mount.configuration(
            Observatory.build(changed, client, clock).context()
        )
        assert before == {"SIMULATION": {"ENABLE": True}}
        assert after["POLLING_PERIOD"] == {"PERIOD_MS": 500}
        assert after["UPLOAD_MODE"] == {"UPLOAD_LOCAL": True}

    def test_device_in_the_wrong_role_is_refused(
        self, profile: Profile, client: FakeInstruments, clock: SystemClock
    ) -> None:
        wrong = {**profile.equipment, Role.DOME: Equipment(Role.DOME, "telescope_simulator")}
        with pytest.raises(ConfigError, match="its role is mount"):
            Observatory.build(replace(profile, equipment=wrong), client, clock)

    def test_family_file_needs_the_devices_name(
        self, profile: Profile, client: FakeInstruments, clock: SystemClock
    ) -> None:
        plain = {**profile.equipment, Role.DOME: Equipment(Role.DOME, "generic_dome")}
        with pytest.raises(ConfigError, match="names no device"):
            Observatory.build(replace(profile, equipment=plain), client, clock)
        named = {**profile.equipment, Role.DOME: Equipment(Role.DOME, "generic_dome", DOME)}
        observatory = Observatory.build(replace(profile, equipment=named), client, clock)
        observatory.connect_all()
        assert observatory.dome.is_connected

    def test_device_that_fails_does_not_keep_the_others_away(
        self, profile: Profile, client: FakeInstruments, clock: SystemClock
    ) -> None:
        client.remove_device(WHEEL)
        observatory = Observatory.build(profile, client, clock)
        with pytest.raises(NotConnected, match=WHEEL):
            observatory.connect_all()
        assert observatory.status().disconnected == (Role.FILTER_WHEEL,)

    def test_only_what_is_missing_is_connected_again(
        self, observatory: Observatory, client: FakeInstruments
    ) -> None:
        # An exposure binned 4 x 4 goes on while the wheel is away.
        client.update(CAMERA, "CCD_BINNING", {"HOR_BIN": 4.0, "VER_BIN": 4.0})
        client.update(CAMERA, "UPLOAD_MODE", {"UPLOAD_CLIENT": False, "UPLOAD_LOCAL": True})
        client.remove_device(WHEEL)
        client.connected.clear()
        with pytest.raises(NotConnected, match=WHEEL):
            observatory.connect_all()
        assert [device for device, _ in client.connected] == [WHEEL]
        assert client.commands_to("CCD_BINNING") == []
        assert client.get(CAMERA, "UPLOAD_MODE").values["UPLOAD_LOCAL"] is True

    def test_what_came_back_is_set_up_again(
        self, observatory: Observatory, client: FakeInstruments
    ) -> None:
        client.update(CAMERA, "CONNECTION", {"CONNECT": False, "DISCONNECT": True})
        client.connected.clear()
        observatory.connect_all()
        assert [device for device, _ in client.connected] == [CAMERA]
        assert client.commands_to("CCD_BINNING") == [{"HOR_BIN": 1.0, "VER_BIN": 1.0}]

    def test_what_another_process_has_connected_is_configured_but_not_set_back(
        self,
        observatory: Observatory,
        client: FakeInstruments,
        profile: Profile,
        clock: SystemClock,
    ) -> None:
        client.update(CAMERA, "CCD_BINNING", {"HOR_BIN": 4.0, "VER_BIN": 4.0})
        client.kept.clear()
        second = Observatory.build(profile, client, clock)
        assert CAMERA in second.missing()
        second.connect_all()
        assert (CAMERA, "UPLOAD_MODE") in client.kept
        assert client.commands_to("CCD_BINNING") == []
        assert second.missing() == ()

    def test_what_came_back_by_itself_before_it_was_set_up_is_set_up(
        self, profile: Profile, client: FakeInstruments, clock: SystemClock
    ) -> None:
        only_a_mount = {Role.MOUNT: profile.equipment[Role.MOUNT]}
        observatory = Observatory.build(replace(profile, equipment=only_a_mount), client, clock)
        client.connect_failures.append(ServerLost("no ping was answered"))
        with pytest.raises(NotConnected, match=MOUNT):
            observatory.connect_all()
        client.define(MOUNT, "CONNECTION", {"CONNECT": True, "DISCONNECT": False})
        client.restore(MOUNT)
        assert observatory.missing() == (MOUNT,)
        observatory.connect_all()
        assert {(MOUNT, "GEOGRAPHIC_COORD"), (MOUNT, "TELESCOPE_INFO")} <= set(client.kept)
        assert observatory.missing() == ()

    def test_what_is_connected_but_does_not_fit_is_not_tried_for_ever(
        self, profile: Profile, client: FakeInstruments, clock: SystemClock
    ) -> None:
        client.remove_device(WHEEL)
        client.define(WHEEL, "CONNECTION", {"CONNECT": True, "DISCONNECT": False})
        observatory = Observatory.build(profile, client, clock)
        assert WHEEL in observatory.missing()
        assert WHEEL not in observatory.missing([WHEEL])
        with pytest.raises(NotConnected, match=WHEEL):
            observatory.connect_all()
        assert observatory.missing() == ()

    def test_what_is_connected_but_does_not_fit_is_told_and_tried_again(
        self, profile: Profile, client: FakeInstruments
    ) -> None:
        clock = FakeClock()
        observatory = Observatory.build(profile, client, clock)
        observatory.connect_all()
        assert observatory.status().unfit == {}
        client.remove_device(MOUNT)
        client.define(MOUNT, "CONNECTION", {"CONNECT": True, "DISCONNECT": False})

        again = Observatory.build(profile, client, clock)
        assert again.status().unfit == {}  # not tried yet
        with pytest.raises(NotConnected, match=MOUNT):
            again.connect_all()
        assert "EQUATORIAL_EOD_COORD" in again.status().unfit[Role.MOUNT]
        assert again.missing() == ()
        clock.advance(UNFIT_PAUSE_S + 1.0)
        assert again.missing() == (MOUNT,)
        assert again.status().unfit  # until it fits

    def test_connection_in_alert_is_no_connection(
        self, observatory: Observatory, client: FakeInstruments
    ) -> None:
        client.update(DOME, "CONNECTION", state=PropertyState.ALERT)
        assert observatory.status().disconnected == (Role.DOME,)
