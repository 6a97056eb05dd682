from __future__ import annotations

import numpy as np
from astropy.io import fits

from ctmo_indi.testing.night_frames import Sensor, write_night

COUNTS = {"biases": 2, "darks": {30.0: 1}, "flats": {"V": 2}, "lights": {("M 31", "V"): 1}}


def test_the_same_seed_writes_the_same_files(tmp_path):
    first = write_night(tmp_path / "a", seed=3, shape=(40, 64), **COUNTS)
    second = write_night(tmp_path / "b", seed=3, shape=(40, 64), **COUNTS)
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_headers_are_spelled_as_indi_spells_them(tmp_path):
    paths = write_night(tmp_path, seed=3, shape=(40, 64), **COUNTS)
    headers = [fits.getheader(path) for path in paths]
    kinds = [header["IMAGETYP"] for header in headers]
    assert kinds == ["Bias Frame"] * 2 + ["Dark Frame"] + ["Flat Frame"] * 2 + ["Light Frame"]
    assert all(header["BITPIX"] == 16 and header["BZERO"] == 32768 for header in headers)
    assert headers[-1]["OBJECT"] == "M 31"
    assert sorted(header["DATE-OBS"] for header in headers) == [h["DATE-OBS"] for h in headers]


def test_frames_hold_what_the_sensor_says(tmp_path):
    sensor = Sensor.of(3, (40, 64))
    paths = write_night(tmp_path, seed=3, shape=(40, 64), biases=20, flats={"V": 1})
    mean = np.mean([fits.getdata(path).astype(float) for path in paths[:20]], axis=0)
    noise_adu = sensor.read_noise_e / sensor.gain_e_per_adu / np.sqrt(20)
    assert np.abs(mean - sensor.offset_adu).max() < 6 * noise_adu
    flat = (fits.getdata(paths[-1]) - mean) / sensor.flat("V")
    assert np.std(flat) / np.mean(flat) < 0.02
