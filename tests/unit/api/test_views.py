"""Replies as services give them become views; what is missing is None, never a guess."""

from __future__ import annotations

from datetime import UTC, datetime

from ctmo_indi.api import FrameView, NightReport, ObservatoryView, OrderStatus, VerdictView

TELESCOPE = {
    "Observatory": "OPEN",
    "Link": "UP",
    "Busy": "slew",
    "Held": "",
    "Devices": {
        "UTC": "2026-11-23T08:33:34.908729+00:00",
        "Mount": {
            "RA": 133.19, "Dec": 11.81, "Altitude": 49.4, "Azimuth": 102.8, "Tracking": False,
            "Parked": True,
        },
        "Dome": {"Azimuth": 115.6, "Shutter": "OPEN"},
        "Filter Wheel": {"Filter": "Clear"},
    },
}  # fmt: skip


def test_the_observatory() -> None:
    view = ObservatoryView.from_wire(TELESCOPE)
    assert view.utc == datetime(2026, 11, 23, 8, 33, 34, 908729, tzinfo=UTC)
    assert (view.state, view.has_link, view.busy, view.shutter) == ("OPEN", True, "slew", "OPEN")
    assert (view.ra_deg, view.dec_deg, view.altitude_deg) == (133.19, 11.81, 49.4)
    assert (view.is_tracking, view.is_parked, view.filter_name) == (False, True, "Clear")


def test_what_a_dead_link_leaves_unknown() -> None:
    view = ObservatoryView.from_wire({"Observatory": "UNKNOWN", "Link": "DOWN", "Devices": {}})
    assert (view.ra_deg, view.is_tracking, view.is_parked, view.utc) == (None, None, None, None)
    assert not view.has_link


def test_the_verdict() -> None:
    lock = {"Owner": "ada", "Reason": "optics"}
    latch = {"Owner": "bob"}
    verdict = {"Level": "UNSAFE", "Reasons": ["rain"], "Lock": lock, "Latch": latch}
    reply = {"Verdict": verdict, "Verdict Age": 0.5}
    view = VerdictView.from_wire(reply)
    assert (view.is_safe, view.reasons, view.age_s) == (False, ("rain",), 0.5)
    assert (view.lock_owner, view.lock_reason, view.is_stopped) == ("ada", "optics", True)
    assert not VerdictView.from_wire({}).is_safe


def test_an_order_with_its_frames() -> None:
    frame = {"Exposure ID": "A-1-001", "Path": "/x.fits", "MJD Start": 61367.02, "RA": 322.4}
    status = OrderStatus.from_wire(
        {"Status": "COMPLETED", "Number of Exposures": 4, "Good Exposures": 4, "Revision": "7",
         "Exposures": [frame]}
    )  # fmt: skip
    assert (status.count, status.good_count, status.revision) == (4, 4, 7)
    assert (status.is_settled, status.is_completed) == (True, True)
    assert (status.exposures[0].start_mjd, status.exposures[0].exposure_s) == (61367.02, None)


def test_frames_and_report() -> None:
    frame = FrameView.from_wire({"File": "a.fits", "FWHM": 2.1, "FWHM Unit": "arcsec", "Stars": 0})
    assert (frame.fwhm, frame.fwhm_unit, frame.stars, frame.ellipticity) == (2.1, "arcsec", 0, None)
    assert FrameView.from_wire({}).stars is None
    report = NightReport.from_wire(
        {"Night": "20261122", "Length": 100.0, "Text": "NIGHT", "Ledger": [
            {"Class": "exposing", "Seconds": 60.0}, {"Class": "idle", "Seconds": 40}]}
    )  # fmt: skip
    assert report.ledger_s == {"exposing": 60.0, "idle": 40.0}
    assert (str(report), report.length_s, report.begin_utc) == ("NIGHT", 100.0, None)
