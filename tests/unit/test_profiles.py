"""Profiles: the shipped ones load, wrong ones name every error."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ctmo_indi import profiles
from ctmo_indi.detector_facts import BadPixelRules, DetectorFacts
from ctmo_indi.errors import ConfigError
from ctmo_indi.profiles import Role
from ctmo_indi.safety_policy import MountFailedPolicy, SafetyPolicy

MINIMAL = """\
name: tiny
site: {name: Here, latitude_deg: -30, longitude_deg: 20.5, elevation_m: 100}
telescope_names: [T1]
optics: {aperture_mm: 200, focal_length_mm: 1000}
equipment:
  mount: {description: telescope_simulator}
  camera: {description: my/camera.yaml}
filters: {}
"""


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_profile_serves_the_2019_example_orders() -> None:
    profile = profiles.load("simulators")
    assert profile.telescope_names[0] == "CTMO"
    assert "I" in profile.filters
    assert profile.switches["Blink01"].on == "FLAT_LIGHT_ON"
    assert profile.switches["Blink01"].role in profile.equipment
    assert profile.safety.weather_update_s <= 10.0
    assert profile.indiserver.start


def test_the_default_profiles_wheel_is_told_the_names_that_headers_show() -> None:
    profile = profiles.load("simulators")
    names = profile.equipment[Role.FILTER_WHEEL].settings["FILTER_NAME"]
    assert set(profile.filters.values()) == set(names.values())


def test_the_example_of_a_real_observatory_loads() -> None:
    profile = profiles.load("ctmo")
    assert not profile.indiserver.start
    assert profile.limits.horizon_mask_deg[0] == (0.0, 25.0)
    assert profile.safety.mount_failed is MountFailedPolicy.CLOSE


def test_what_is_left_out_has_its_default_and_numbers_are_floats(tmp_path: Path) -> None:
    profile = profiles.load(_written(tmp_path, MINIMAL))
    assert profile.limits == profiles.Limits()
    assert profile.safety == SafetyPolicy()
    assert isinstance(profile.site.latitude_deg, float)
    assert profile.site.longitude_deg == 20.5
    assert pickle.loads(pickle.dumps(profile)) == profile


def test_a_path_of_a_description_counts_from_the_profiles_folder(tmp_path: Path) -> None:
    profile = profiles.load(_written(tmp_path, MINIMAL))
    assert profile.equipment[Role.CAMERA].description == str(tmp_path / "my" / "camera.yaml")
    assert profile.equipment[Role.MOUNT].description == "telescope_simulator"


def test_a_sites_own_profile_wins_over_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "simulators.yaml").write_text(MINIMAL, encoding="utf-8")
    assert profiles.load("simulators", site_folder=tmp_path).name == "tiny"


def test_an_unknown_profile_is_refused_with_the_names_there_are() -> None:
    told = r"no file nowhere\.yaml; there are .*simulators.*; looked in /etc/ctmo/profiles and /"
    with pytest.raises(ConfigError, match=told):
        profiles.load("nowhere")


def test_every_wrong_key_is_named_with_file_line_and_expectation(tmp_path: Path) -> None:
    text = MINIMAL.replace("-30", "95").replace("T1", "''")
    text += "limits:\n  horizont_deg: 20\nsafety: {mount_failed: hope}\n"
    path = _written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        profiles.load(path)
    joined = str(raised.value)
    assert len(raised.value.problems) == 4
    assert f"{path}, line 2, site.latitude_deg: came 95, expected a number from -90" in joined
    assert f"{path}, line 3, telescope_names[0]: came ''" in joined
    assert (
        f"{path}, line 10, limits.horizont_deg: unknown key (did you mean 'horizon_deg'?" in joined
    )
    assert "line 11, safety.mount_failed: came 'hope', expected one of close, stay_open" in joined


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("limits: {horizon_deg: 60, max_altitude_deg: 50}\n", "expected more than horizon_deg"),
        ("limits: {horizon_mask_deg: [[90, 20], [80, 10]]}\n", "expected more than 90 before it"),
        ("limits: {horizon_mask_deg: [[90, 120]]}\n", "came altitude 120"),
        ("limits: {meridian_flip_margin_min: 4}\n", "expected meridian_flip_h beside it"),
        (
            "limits: {meridian_flip_h: 0.5}\nkinematics: {mount: fork}\n",
            "came 0.5, expected none: kinematics.mount is fork, which never flips",
        ),
        (
            "switches: {Lamp: {role: light_panel, property: P, on: A, off: B}}\n",
            "expected a role of equipment: mount, camera",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(
    tmp_path: Path, extra: str, words: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        profiles.load(_written(tmp_path, MINIMAL + extra))
    assert words in str(raised.value)
    assert "line 9" in str(raised.value)


def test_a_watchdog_must_not_overtake_the_telescope_and_needs_a_dome(tmp_path: Path) -> None:
    text = MINIMAL.replace("equipment:\n", "equipment:\n  watchdog: {description: watchdog}\n")
    text += "safety: {safety_silence_s: 45, watchdog_silence_s: 50}\n"
    with pytest.raises(ConfigError) as raised:
        profiles.load(_written(tmp_path, text))
    assert "came a watchdog, expected none without a dome" in str(raised.value)
    assert "came 50, expected safety_silence_s = 45 and at least 10 s more" in str(raised.value)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("weather_limits: {WEATHER_RAIN: {max: 0}}", "without a weather station"),
        ("weather_limits: {WEATHER_RAIN: {min: 3, max: 1}}", "came min 3 above max 1"),
        ("watch: [{@, min: 3, max: 1}]", "came min 3 above max 1"),
        ("watch: [{@}, {@}]", "came 'mains' twice"),
        ("watch: [{@, is_on: true, min: 3}]", "came is_on and a range"),
    ],
)
def test_safety_keys_that_contradict_each_other_are_refused(
    tmp_path: Path, keys: str, words: str
) -> None:
    keys = keys.replace("{@", "{name: mains, device: UPS, property: P, element: E")
    with pytest.raises(ConfigError) as raised:
        profiles.load(_written(tmp_path, f"{MINIMAL}safety: {{{keys}}}\n"))
    assert words in str(raised.value)


def test_filters_need_a_wheel_and_slots_it_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected none without a filter_wheel"):
        profiles.load(_written(tmp_path, MINIMAL.replace("filters: {}", "filters: {I: I}")))
    wheel = (
        "  filter_wheel:\n    description: w\n"
        "    settings: {FILTER_NAME: {FILTER_SLOT_NAME_1: V}}\nfilters: {I: Infrared}\n"
    )
    with pytest.raises(ConfigError, match=r"filters\.I: came 'Infrared', expected a slot .*: V"):
        profiles.load(_written(tmp_path, MINIMAL.replace("filters: {}\n", wheel)))


def test_what_is_told_of_the_detector_is_read_and_a_list_counts_from_the_profiles_folder(
    tmp_path: Path,
) -> None:
    detector = (
        'detector: {overscan: "[2049:2112,1:2048]", overscan_per: frame, '
        "bad_pixels: bad.txt, hot_sigma: 20, cold_ratio: 0}\n"
    )
    found = profiles.load(_written(tmp_path, MINIMAL + detector)).detector
    assert found == DetectorFacts(
        overscan="[2049:2112,1:2048]",
        overscan_per="frame",
        bad_pixels=tmp_path / "bad.txt",
        rules=BadPixelRules(hot_sigma=20.0, cold_ratio=0.0),
    )
    assert profiles.load(_written(tmp_path, MINIMAL)).detector == DetectorFacts()
    wrong = _written(tmp_path, MINIMAL + "detector: {trim: '[0:5,1:3]'}\n")
    with pytest.raises(ConfigError, match=r"trim: came '\[0:5,1:3\]'"):
        profiles.load(wrong)
