"""A night in the foreground, and where its files came from."""

from __future__ import annotations

import json

import pytest

from ctmo_indi import cli
from ctmo_indi.preprocessor.product_compression import is_compressed
from ctmo_indi.testing.night_frames import write_night


@pytest.fixture
def night(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "20261121"
    write_night(
        folder / "raw", seed=3, shape=(64, 64), biases=5, darks={30.0: 5}, flats={"V": 5},
        lights={("M 31", "V"): 1, ("M 33", "R"): 1},
    )  # fmt: skip
    return folder


def test_a_night_is_calibrated_and_traced(night, capsys):
    command = ["preprocess", str(night), "--workers", "1", "--no-solve", "--no-previews"]
    assert cli.run([*command, "--json"]) == 5
    told = json.loads(capsys.readouterr().out)
    assert len(told["Made"]) == 4
    ((name, reason),) = told["Not Made"].items()
    assert name.startswith("M_33_R")
    assert "no master flat" in reason
    for path in (night / "raw").glob("M_33*"):
        path.unlink()
    assert cli.run([*command, "--compress"]) == 0
    said = capsys.readouterr()
    assert "0 products made, 4 were there" in said.out
    assert said.err == ""

    (light,) = (night / "products").glob("M_31_V*.fits")
    assert is_compressed(light)
    assert cli.run(["trace", str(light)]) == 0
    said = capsys.readouterr().out
    assert "bias BIASM: biasm_1x1" in said
    assert "master flat of the same night, exact" in said
    assert "used in: nothing" in said
    assert cli.run(["trace", str(night / "raw" / "flat_V_001.fits"), "--json"]) == 0
    (flat,) = json.loads(capsys.readouterr().out)["Used In"]["Nodes"]
    assert (flat["Kind"], flat["Nodes"][0]["Name"]) == ("FLATM", light.name)


def test_a_folder_or_file_that_is_not_there_is_wrong_usage(tmp_path, capsys):
    assert cli.run(["preprocess", str(tmp_path / "none")]) == 2
    assert cli.run(["trace", str(tmp_path / "none.fits")]) == 2
    assert "does not exist" in capsys.readouterr().err
