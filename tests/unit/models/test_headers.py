"""Headers of raw frames: complete, true, and FITS."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from datetime import UTC, datetime

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.utils import iers

from ctmo_indi.models.headers import CARDS, FrameFacts, complete_header, disagreements, parse_date
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Site

iers.conf.auto_download = False
iers.conf.auto_max_age = None  # the tables of the package serve, whatever the date

SITE = Site("CTMO", 25.996275, -97.571269, 12.0)
FACTS = FrameFacts(
    site=SITE,
    frame_type=FrameType.LIGHT,
    exposure_s=60.0,
    start_utc_s=datetime(2026, 11, 22, 10, 16, 30, tzinfo=UTC).timestamp(),
    telescope_name="CTMO",
    creator="ctmo-indi 0.1.0",
    receipt="O-01K",
    order_id="1",
    attempt_id="A-01K",
    exposure_id="A-01K-001",
    sequence=1,
    count=3,
    user="Zoë",
    object_name="M 81",
    job_type="Research",
    object_type="Galaxy",
    ra_deg=148.9,
    dec_deg=69.07,
    target_ra_deg=148.888,
    target_dec_deg=69.065,
    filter_name="I",
    filter_slot="Slot 5",
    binning=1,
    camera="CCD Simulator",
    focal_length_mm=400.0,
    aperture_mm=100.0,
    gain_e_per_adu=1.3,
    read_noise_e=7.5,
    dome_azimuth_deg=12.34,
    shutter="OPEN",
    focus_position=50000.0,
    drivers="CCD Simulator 1.9.9",
    written_utc_s=datetime(2026, 11, 22, 10, 18, tzinfo=UTC).timestamp(),
)


def _drivers_header(**changes: object) -> fits.Header:
    """Cards as libindi 1.9.9's CCD simulator writes them."""
    header = fits.PrimaryHDU(np.zeros((2, 3), dtype=np.uint16)).header
    cards = {
        "ROWORDER": "TOP-DOWN", "INSTRUME": "CCD Simulator", "TELESCOP": "Telescope Simulator",
        "OBSERVER": "Unknown", "OBJECT": "left from last time", "EXPTIME": 60.0, "CCD-TEMP": 0.0,
        "XBINNING": 1, "YBINNING": 1, "FRAME": "Light", "IMAGETYP": "Light Frame", "FILTER": "I",
        "FOCALLEN": 400.0, "APTDIA": 100.0, "SITELAT": 25.99, "SITELONG": 262.42, "AIRMASS": 9.9,
        "OBJCTAZ": 1.0, "OBJCTALT": 2.0, "OBJCTRA": " 9 55 36", "OBJCTDEC": "69 04 12",
        "RA": 148.9, "DEC": 69.07, "PIERSIDE": "WEST", "EQUINOX": 2000,
        "DATE-OBS": "2026-11-22T10:16:30.803", "GAIN": 90.0, "CHECKSUM": "stale", **changes,
    }  # fmt: skip
    for keyword, value in cards.items():
        if value is not None:
            header[keyword] = value
    if "DATE-OBS" in header:
        header.comments["DATE-OBS"] = "UTC start date of observation"
    return header


def test_every_card_of_the_table_is_there_when_everything_is_known() -> None:
    header = complete_header(_drivers_header(), FACTS)
    assert [card.keyword for card in CARDS if card.keyword not in header] == []
    assert header["OBJECT"] == "M 81"
    assert header["OBSERVER"] == "Zoe"
    assert header["TELESCOP"] == "CTMO"
    assert header["FILTER"] == "I"
    assert header["FILTSLOT"] == "Slot 5"
    assert header["SITELONG"] == -97.571269
    assert header["NIGHT"] == "20261121"
    assert header["DOMEAZ"] == 12.34
    assert (header["RECEIPT"], header["ATTEMPT"], header["EXPID"]) == (
        "O-01K",
        "A-01K",
        "A-01K-001",
    )


def test_keywords_are_those_fits_allows_and_stand_once_in_the_table() -> None:
    keywords = [card.keyword for card in CARDS]
    assert len(set(keywords)) == len(keywords)
    for keyword in keywords:
        assert len(keyword) <= 8
        assert set(keyword) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_the_completed_frame_is_saved_verified_and_read_back_with_its_checksum() -> None:
    header = complete_header(_drivers_header(), FACTS)
    buffer = io.BytesIO()
    hdu = fits.PrimaryHDU(np.arange(6, dtype=np.uint16).reshape(2, 3), header=header)
    hdu.writeto(buffer, output_verify="exception", checksum=True)
    buffer.seek(0)
    with fits.open(buffer, checksum=True) as hdus:
        hdus.verify("exception")
        read = hdus[0].header
        assert (hdus[0].data == np.arange(6).reshape(2, 3)).all()
        for card in CARDS:
            assert read[card.keyword] == header[card.keyword], card.keyword
    assert all(len(line.image) == 80 for line in read.cards)


def test_the_drivers_start_is_kept_and_all_times_follow_from_it() -> None:
    header = complete_header(_drivers_header(), FACTS)
    start = Time("2026-11-22T10:16:30.803", scale="utc")
    assert header["DATE-OBS"] == "2026-11-22T10:16:30.803"
    assert header.comments["DATE-OBS"] == "UTC start date of observation"
    assert header["DATE-AVG"] == "2026-11-22T10:17:00.803"
    assert header["DATE-END"] == "2026-11-22T10:17:30.803"
    assert header["MJD-OBS"] == pytest.approx(start.mjd, abs=1e-8)
    assert header["MJD-END"] == pytest.approx((start + 60 * u.s).mjd, abs=1e-8)
    assert header["TIMESYS"] == "UTC"


@pytest.mark.parametrize("date", [None, "", "0000-00-00T00:00:00", "yesterday"])
def test_without_a_valid_date_of_the_driver_ours_is_taken(date: str | None) -> None:
    header = complete_header(_drivers_header(**{"DATE-OBS": date}), FACTS)
    assert header["DATE-OBS"] == "2026-11-22T10:16:30.000"
    assert header["DATE-END"] == "2026-11-22T10:17:30.000"


def test_altitude_and_airmass_are_those_of_mid_exposure_by_astropy() -> None:
    header = complete_header(_drivers_header(), FACTS)
    location = EarthLocation(
        lon=SITE.longitude_deg * u.deg, lat=SITE.latitude_deg * u.deg, height=12 * u.m
    )
    middle = Time("2026-11-22T10:17:00.803", scale="utc")
    truth = SkyCoord(148.9 * u.deg, 69.07 * u.deg).transform_to(
        AltAz(obstime=middle, location=location)
    )
    assert header["OBJCTALT"] == pytest.approx(truth.alt.deg, abs=0.005)
    assert header["OBJCTAZ"] == pytest.approx(truth.az.deg, abs=0.01)
    assert header["AIRMASS"] == pytest.approx(truth.secz.value, rel=0.005)
    assert header["RADESYS"] == "ICRS"


def test_the_cameras_gain_setting_is_never_taken_for_electrons() -> None:
    header = complete_header(_drivers_header(), FACTS)
    assert header["GAIN"] == 90.0
    assert "not e-/adu" in header.comments["GAIN"]
    assert header["EGAIN"] == 1.3
    assert header["RDNOISE"] == 7.5
    assert "EGAIN" not in complete_header(_drivers_header(), replace(FACTS, gain_e_per_adu=None))


@pytest.mark.parametrize("kind", [FrameType.BIAS, FrameType.DARK, FrameType.FLAT])
def test_frames_without_sky_have_no_pointing(kind: FrameType) -> None:
    facts = replace(FACTS, frame_type=kind)
    header = complete_header(_drivers_header(IMAGETYP=f"{kind} Frame"), facts)
    for keyword in ("RA", "DEC", "AIRMASS", "OBJCTRA", "OBJCTALT", "TARGRA", "MOONANGL"):
        assert keyword not in header
    assert header["OBJECT"] == kind.value
    assert header["IMAGETYP"] == f"{kind} Frame"
    assert ("FILTER" in header) == (kind is FrameType.FLAT)
    assert "SUNALT" in header


def test_what_is_not_known_or_not_finite_makes_no_card() -> None:
    facts = replace(
        FACTS, dome_azimuth_deg=math.nan, focus_position=None, shutter="", read_noise_e=math.inf,
        ra_deg=math.nan, user="", written_utc_s=None,
    )  # fmt: skip
    header = complete_header(_drivers_header(), facts)
    for keyword in ("DOMEAZ", "FOCUSPOS", "DOMESHUT", "RDNOISE", "DATE", "MOONANGL"):
        assert keyword not in header
    # What the driver knew stays where we know nothing better.
    assert header["RA"] == 148.9
    assert header["OBSERVER"] == "Unknown"


def test_a_card_of_the_driver_that_is_no_fits_does_not_spoil_the_frame() -> None:
    header = _drivers_header()
    header.append(fits.Card.fromstring("CCD-POWR=                  nan / a driver's NaN"))
    completed = complete_header(header, FACTS)
    assert "CCD-POWR" not in completed
    fits.PrimaryHDU(header=completed).verify("exception")


def test_a_target_without_a_name_is_called_by_its_place() -> None:
    header = complete_header(_drivers_header(), replace(FACTS, object_name=""))
    assert header["OBJECT"] == "J0955+6903"
    south = replace(FACTS, object_name="", target_ra_deg=359.99, target_dec_deg=-0.5)
    assert complete_header(_drivers_header(), south)["OBJECT"] == "J2359-0030"


def test_the_drivers_header_itself_is_not_changed() -> None:
    header = _drivers_header()
    before = header.tostring()
    complete_header(header, FACTS)
    assert header.tostring() == before


def test_extra_cards_are_written_and_cut_to_fit() -> None:
    header = complete_header(
        _drivers_header(),
        replace(FACTS, extra={"cloud": (0.25, "[1] cover"), "NOTE": ("é" * 99, "")}),
    )
    assert header["CLOUD"] == 0.25
    assert header["NOTE"] == "e" * 68


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FRAME": "Dark"}, "FRAME is 'Dark', expected 'Light'"),
        ({"EXPTIME": 6.0}, "EXPTIME is 6.0 s, expected 60.0 s"),
        ({"XBINNING": 2}, "XBINNING is 2, expected 1"),
    ],
)
def test_a_frame_that_is_not_what_was_asked_for_is_noticed(
    changes: dict[str, object], words: str
) -> None:
    assert disagreements(_drivers_header(**changes), FACTS) == (words,)
    assert disagreements(_drivers_header(), FACTS) == ()


def test_a_bias_may_have_the_shortest_exposure_the_camera_can() -> None:
    bias = replace(FACTS, frame_type=FrameType.BIAS, exposure_s=0.0)
    header = _drivers_header(FRAME="Bias", IMAGETYP="Bias Frame", EXPTIME=0.01)
    assert disagreements(header, bias) == ()


def test_dates_of_fits_are_utc() -> None:
    expected = datetime(2026, 11, 22, 10, 16, 30, 803000, tzinfo=UTC).timestamp()
    assert parse_date("2026-11-22T10:16:30.803") == pytest.approx(expected, abs=1e-6)
    assert parse_date("2026-11-22T10:16:30.803Z") == pytest.approx(expected, abs=1e-6)
    assert parse_date("22/11/26") is None
