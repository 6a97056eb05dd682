"""The frames of a night as a table, as JSON, and a picture of one."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ctmo_indi import cli
from ctmo_indi.cli import frames as command

LIGHT = {
    "File": "M_45_V_001.fits",
    "Night": "20261121",
    "Frame Type": "Light",
    "Object": "[/x] :star: <b>M 45</b>",
    "Filter": "V",
    "Exposure Time": 60.0,
    "Start": "2026-11-22T03:00:00.000+00:00",
    "FWHM": 2.345,
    "FWHM Unit": "arcsec",
    "Ellipticity": 0.07,
    "Stars": 120,
    "Background": 400.4,
    "Median": 401.0,
    "Saturated": 0.001,
    "Problem": "",
}
BROKEN = {"File": "broken.fits", "Night": "20261121", "Problem": "truncated: 3500 bytes"}
PNG = b"\x89PNG and so on"


class Desk:
    """Answers as the preprocessor, and records."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, object]] = []
        self.reply: dict[str, object] = {
            "Night": "20261121",
            "Frames": [LIGHT, BROKEN],
            "Number of Frames": 7,
            "Waiting": 2,
            "Reasons": ["frames are not looked at now: the disk is full"],
            "Picture": base64.b64encode(PNG).decode(),
            "Picture Type": "image/png",
        }

    def client(self, _config: object, service: str, timeout_s: float) -> Desk:
        assert service == "preprocessor"
        return self

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def front_desk(self, order: Mapping[str, object]) -> dict[str, object]:
        self.asked.append(order)
        return self.reply


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(command, "client", made.client)
    return made


def test_a_table(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.run(["frames"]) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if "M_45" in line)
    for word in ("03:00:00", '2.35"', "[/x] :star: <b>M 45</b>", "0.07", "120", "0.10"):
        assert word in line
    assert "truncated: 3500 bytes" in out
    assert "night 20261121: 2 of 7 frames, 2 not looked at yet; frames are not" in out
    assert desk.asked == [{"WOType": "Frames", "Limit": 50}]


def test_widths_without_a_scale_are_in_pixels(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.reply["Frames"] = [{**LIGHT, "FWHM Unit": "px"}]
    assert cli.run(["frames", "--night", "20261121", "--limit", "1"]) == 0
    assert "2.35 px" in capsys.readouterr().out
    assert desk.asked == [{"WOType": "Frames", "Limit": 1, "Night": "20261121"}]


def test_json(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["frames", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["Frames"] == [LIGHT, BROKEN]
    assert "Picture" not in told


def test_no_frames_yet(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.reply = {"Night": "", "Frames": [], "Number of Frames": 0, "Waiting": 0, "Reasons": []}
    assert cli.run(["frames"]) == 0
    assert capsys.readouterr().out == "no frames yet\n"


def test_a_picture(desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    assert cli.run(["frames", "--picture", "M_45_V_001.fits", "--out", str(out)]) == 0
    assert out.read_bytes() == PNG
    assert capsys.readouterr().out == f"{out}: image/png, {len(PNG)} bytes\n"
    assert desk.asked[0]["Picture"] == "M_45_V_001.fits"


def test_a_picture_that_cannot_be_written(
    desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "missing" / "a.png"
    assert cli.run(["frames", "--picture", "a.fits", "--out", str(out)]) == 5
    assert "cannot be written: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--picture", "a.fits"], ["--out", "a.png"]])
def test_a_picture_needs_both_options(
    desk: Desk, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert cli.run(["frames", *words]) == 2
    assert "go together" in capsys.readouterr().err
    assert desk.asked == []
