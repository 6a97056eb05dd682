"""Headers of INDI and of others become frames; what a guess would spoil is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ctmo_indi.models.frames import Frame, Readout
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.frames import RefusedHeader, frame_of, frame_type_of
from ctmo_indi.preprocessor.header_reader import Cards

from .night_frames import EVENING_S, cards

BIAS = {"IMAGETYP": "Bias Frame", "FRAME": "Bias", "EXPTIME": 0.01}
DARK = {"IMAGETYP": "Dark Frame", "FRAME": "Dark"}
FLAT = {"IMAGETYP": "Flat Frame", "FRAME": "Flat"}


def made(shape: tuple[int, ...] = (64, 48), **changed: object) -> Frame:
    values: Any = cards(**changed)
    return frame_of(Path("/n/a.fits"), Cards(values, shape, 9, 8))


def refusal(shape: tuple[int, ...] = (64, 48), **changed: object) -> str:
    with pytest.raises(RefusedHeader) as caught:
        made(shape, **changed)
    return str(caught.value)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Light Frame", FrameType.LIGHT),  # INDI
        ("LIGHT", FrameType.LIGHT),  # TOROS
        ("object", FrameType.LIGHT),  # IRAF
        ("EXPOSE", FrameType.LIGHT),  # LCO
        ("Bias Frame", FrameType.BIAS),
        ("zero", FrameType.BIAS),
        ("Dark Frame", FrameType.DARK),
        ("DARK", FrameType.DARK),
        ("Flat Field", FrameType.FLAT),  # MaxIm DL
        ("SKYFLAT", FrameType.FLAT),
        ("dome flat", FrameType.FLAT),
        ("FLAT,SKY", FrameType.FLAT),  # ESO
        ("Tricolor Image", None),
        ("", None),
        ("darkflat", None),  # neither a dark nor a flat: a guess would spoil one of them
    ],
)
def test_kinds_of_frames_are_known_in_many_spellings(word: str, kind: FrameType | None) -> None:
    assert frame_type_of(word) is kind


def test_an_indi_light_becomes_a_frame_in_units() -> None:
    frame = made(RECEIPT="O-1", ORDERID="7", ATTEMPT="A-1", EXPID="A-1-1", NIGHT="20261121")

    assert frame.frame_type is FrameType.LIGHT
    assert frame.readout == Readout("CCD Simulator", 64, 48, gain=90.0)
    assert (frame.exposure_s, frame.start_utc_s, frame.temperature_c) == (60.0, EVENING_S, -10.0)
    assert (frame.filter_name, frame.target_name) == ("R", "M 31")
    assert (frame.ra_deg, frame.dec_deg) == (10.68, 41.27)
    assert (frame.receipt, frame.order_id) == ("O-1", "7")
    assert (frame.attempt_id, frame.exposure_id) == ("A-1", "A-1-1")
    assert (frame.night, frame.size_bytes, frame.mtime_ns) == ("20261121", 9, 8)


@pytest.mark.parametrize("kind", [BIAS, DARK])
def test_the_filter_and_target_of_a_frame_without_light_are_ignored(kind: dict[str, Any]) -> None:
    frame = made(**kind)
    assert (frame.filter_name, frame.target_name, frame.ra_deg) == ("", "", None)


def test_others_spell_the_same_facts_otherwise() -> None:
    others: Any = {
        "OBSTYPE": "EXPOSE",
        "EXPOSURE": "60.0",
        "DATE-OBS": "2026-11-22",
        "UTSTART": "00:00:00.0",
        "CAMERA": "CCD Simulator",
        "CCDSUM": "2 2",
        "XORGSUBF": 10,
        "CCDTEMP": -10.0,
        "SET-TEMP": -10.0,
        "READOUTM": "Fast",
        "BLKLEVEL": 30,
        "OBJCTRA": "00 42 43.2",
        "OBJCTDEC": "+41 16 12",
        "FILTER": " R ",
    }
    frame = frame_of(Path("/n/a.fits"), Cards(others, (64, 48), 9, 8))

    assert frame.readout == Readout("CCD Simulator", 64, 48, 2, 2, 10, 0, "Fast", None, 30.0)
    assert (frame.exposure_s, frame.start_utc_s) == (60.0, EVENING_S)
    assert (frame.temperature_c, frame.set_temperature_c) == (-10.0, -10.0)
    assert frame.ra_deg == pytest.approx(10.68)
    assert frame.dec_deg == pytest.approx(41.27)
    assert frame.filter_name == "R"


def test_a_bias_may_lack_its_exposure() -> None:
    assert made(**{**BIAS, "EXPTIME": None}).exposure_s == 0.0


def test_the_start_may_stand_in_the_mjd() -> None:
    frame = made(**{"DATE-OBS": None, "MJD-OBS": 61366.0})
    assert frame.start_utc_s == EVENING_S


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"EXPTIME": None}, "EXPTIME is missing, expected seconds above 0"),
        ({"EXPTIME": "long"}, "EXPTIME is 'long'"),
        ({"EXPTIME": 0.0}, "EXPTIME is 0.0"),
        ({"EXPTIME": -1}, "EXPTIME is -1"),
        ({"EXPTIME": "nan"}, "EXPTIME is 'nan'"),
        ({"EXPTIME": True}, "EXPTIME is True"),
        ({**BIAS, "EXPTIME": 60.0}, "a bias whose EXPTIME is 60.0, expected 0 to 1 s"),
        ({"IMAGETYP": None, "FRAME": None}, "IMAGETYP is missing, expected a kind"),
        ({"IMAGETYP": "Tricolor"}, "IMAGETYP is 'Tricolor'"),
        ({"IMAGETYP": "Dark Frame"}, "contradict each other: Dark Frame, Light"),
        ({"DATE-OBS": None}, "DATE-OBS is missing, expected a date and time"),
        ({"DATE-OBS": "yesterday"}, "DATE-OBS is 'yesterday'"),
        ({"DATE-OBS": "2026-11-22"}, "DATE-OBS is '2026-11-22'"),
        ({"TIMESYS": "TAI"}, "TIMESYS is 'TAI', expected UTC"),
        ({"XBINNING": 0}, "binning 0 x 1"),
        ({"XBINNING": 1.5}, "binning 1.5 x 1"),
        ({**DARK, "SET-TEMP": -12.0}, "a dark at -10 C, asked for -12 C"),
        ({**FLAT, "FILTER": None}, "a flat without FILTER"),
    ],
)
def test_what_is_missing_or_contradictory_is_refused(changed: dict[str, Any], told: str) -> None:
    assert told in refusal(**changed)


@pytest.mark.parametrize("shape", [(64,), (64, 48, 3), (0, 48)])
def test_an_image_that_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    assert "expected two axes" in refusal(shape)


def test_every_reason_is_told_at_once() -> None:
    told = refusal(EXPTIME=None, **{"DATE-OBS": None})
    assert "EXPTIME" in told
    assert "DATE-OBS" in told


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"PRODKIND": "CALIB_LIGHT", "PRODID": "0" * 64}, "a product (PRODKIND is 'CALIB_LIGHT')"),
        ({"CALSTAT": "BDF"}, "CALSTAT is 'BDF': calibrated already"),
    ],
)
def test_what_is_calibrated_already_is_no_raw_frame(changed: Any, reason: str) -> None:
    """Its bias would be subtracted twice, and nobody would see it."""
    assert reason in refusal(**changed)
    assert made(CALSTAT="").frame_type is FrameType.LIGHT
