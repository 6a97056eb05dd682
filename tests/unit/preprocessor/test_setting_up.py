from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from ctmo_indi import profiles
from ctmo_indi.detector_facts import BadPixelRules, DetectorFacts
from ctmo_indi.errors import ConfigError
from ctmo_indi.preprocessor import setting_up
from ctmo_indi.preprocessor.setting_up import settings_of


def test_what_the_profile_tells_of_the_detector_goes_into_the_settings(tmp_path):
    listed = tmp_path / "bad.txt"
    listed.write_text("[3,4]\n")
    detector = DetectorFacts("[9:10,1:5]", "[1:8,1:5]", "frame", listed, BadPixelRules(20.0))
    settings = settings_of(replace(profiles.load("simulators"), detector=detector))
    assert (settings.overscan, settings.trim) == ("[9:10,1:5]", "[1:8,1:5]")
    assert settings.overscan_per == "frame"
    assert settings.bad_pixel_rules == BadPixelRules(20.0)
    assert settings.bad_pixels == listed
    assert settings.bad_pixels_sha256 == hashlib.sha256(b"[3,4]\n").hexdigest()


def test_a_list_that_cannot_be_read_is_refused_at_the_start(tmp_path):
    detector = DetectorFacts(bad_pixels=tmp_path / "none.txt")
    with pytest.raises(ConfigError, match=r"detector\.bad_pixels: .*none\.txt: No such file"):
        settings_of(replace(profiles.load("simulators"), detector=detector))


def test_kernels_of_other_sources_are_kept_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(setting_up.os, "access", lambda *_: False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    package = tmp_path / "pixels"
    package.mkdir()
    (package / "caller.py").write_text("one")
    (package / "called.py").write_text("two")
    before = setting_up._kernel_cache(tmp_path, package)["NUMBA_CACHE_DIR"]
    assert before == setting_up._kernel_cache(tmp_path, package)["NUMBA_CACHE_DIR"]
    (package / "called.py").write_text("three")
    assert setting_up._kernel_cache(tmp_path, package)["NUMBA_CACHE_DIR"] != before
