"""The command on nights that lack something: what can be made is made, the rest is told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi import cli
from ctmo_indi.testing.full_disk import DiskKind, FullDisk
from ctmo_indi.testing.night_frames import write_night

FREE_BYTES = 285_000  # of a disk: an empty database and some products of 32 x 32
LIGHTS = {("M 31", "V"): 1, ("M 33", "V"): 1}
PLAIN = ("--workers", "1", "--no-solve", "--no-previews", "--no-cosmic-rays")


@pytest.fixture
def night(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "20261121")
    return tmp_path / "20261121"


def write(night: Path) -> None:
    write_night(
        night / "raw", seed=3, shape=(32, 32), biases=5, darks={30.0: 5}, flats={"V": 5},
        lights=LIGHTS,
    )  # fmt: skip


@pytest.fixture
def preprocess(capsys):
    def run(night: Path, expected: int) -> dict:
        assert cli.run(["preprocess", str(night), "--json", *PLAIN]) == expected
        said = capsys.readouterr()
        assert said.err == ""
        return json.loads(said.out)

    return run


def kinds(names: list[str]) -> Counter[str]:
    return Counter(next(kind for kind in KINDS if kind in name) for name in names)


KINDS = ("biasm", "darkm", "flatm", "calib_light")


@pytest.mark.parametrize(
    ("lacking", "made", "reasons", "rest"),
    [
        ("dark", {"biasm": 1}, ("no master dark", "no master flat"), {"darkm": 1, "flatm": 1}),
        ("flat", {"biasm": 1, "darkm": 1}, ("no master flat",), {"flatm": 1}),
    ],
)
def test_what_lacks_marks_the_lights_and_the_next_run_makes_the_rest_only(
    night, preprocess, lacking, made, reasons, rest
):
    held = night / "held"
    held.mkdir()
    for path in (night / "raw").glob(f"{lacking}_*"):
        path.rename(held / path.name)
    first = preprocess(night, 5)
    assert kinds(first["Made"]) == made
    assert kinds(list(first["Not Made"])) == {"calib_light": 2}
    for told in first["Not Made"].values():
        assert all(reason in told for reason in reasons), told
    assert not list((night / "products").glob("*calib_light*"))
    stamps = {path: path.stat().st_mtime_ns for path in (night / "products").glob("*.fits")}
    for path in held.iterdir():
        path.rename(night / "raw" / path.name)
    second = preprocess(night, 0)
    assert kinds(second["Made"]) == {**rest, "calib_light": 2}
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_a_light_of_another_size_is_marked_and_the_others_are_not(night, preprocess):
    path = night / "raw" / "M_33_V_000.fits"
    with fits.open(path) as units:
        header, pixels = units[0].header, np.ascontiguousarray(units[0].data[:, :16])
    fits.writeto(path, pixels, header, overwrite=True)
    told = preprocess(night, 5)
    ((name, reason),) = told["Not Made"].items()
    assert name.startswith("M_33")
    assert "no master bias for CCD Simulator 16x32" in reason
    assert "read out otherwise" in reason
    assert kinds(told["Made"])["calib_light"] == 1


def test_a_folder_without_frames_is_told(tmp_path, monkeypatch, preprocess):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("clouds")
    told = preprocess(tmp_path, 5)
    assert told["Made"] == []
    assert told["Notes"] == [f"no frames in {tmp_path}, expected FITS files (.fits, .fit, .fts)"]


def test_where_nothing_can_be_written_it_says_so_and_where(night, capsys):
    (night / "products").write_text("in the way")
    assert cli.run(["preprocess", str(night), *PLAIN]) == 2
    assert f"{night / 'products'}" in capsys.readouterr().err


def test_on_a_full_disk_it_says_so_and_goes_on_when_there_is_room(
    tmp_path, monkeypatch, preprocess, capsys
):
    monkeypatch.chdir(tmp_path)
    with FullDisk(tmp_path / "disk", size_bytes=900_000) as disk:
        if disk.kind is not DiskKind.TMPFS:
            pytest.skip("a disk of its own can be mounted by root only")
        night = disk.folder / "20261121"
        write(night)
        disk.fill(FREE_BYTES)
        assert cli.run(["preprocess", str(night), *PLAIN]) == 5
        said = capsys.readouterr().err
        assert "No space left" in said or "disk is full" in said, said
        assert list(night.glob("products/biasm*")), "FREE_BYTES must do for the first product"
        assert not list(night.rglob("*.part"))
        disk.make_room()
        told = preprocess(night, 0)
        assert kinds(told["Made"] + told["Found"]) == dict.fromkeys(KINDS[:3], 1) | {
            "calib_light": 2
        }
