"""The FITS header of a raw frame: every card we add, in one table, and nothing else.

INDI's driver writes what the camera knows; :func:`complete_header` adds what only the manager knows
(order, observer, target, Sun, Moon, dome) and corrects what INDI gets wrong:

* OBJCTALT, OBJCTAZ and AIRMASS are recomputed for mid-exposure (INDI takes J2000 for of-date);
* GAIN is a setting of the camera, not e-/ADU: its comment says so, EGAIN has the number;
* FILTER is removed from bias and dark frames, pointing cards from every frame without sky;
* a stale OBJECT of an earlier frame is replaced; CHECKSUM and DATASUM go, the writer makes new
  ones when it saves.

Keywords are those of FITS 4.0 and of common use; units stand in the comment in brackets, as FITS
recommends. Strings are ASCII and fit one card; a value that is not known or not finite makes no
card. astropy is imported by whoever has a header.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ctmo_indi.first_import import FIRST_IMPORT
from ctmo_indi.models.coordinates import from_unix_s, mjd
from ctmo_indi.models.fits_text import fit_card
from ctmo_indi.models.frame_facts import Frame, FrameFacts
from ctmo_indi.models.nights import night_of
from ctmo_indi.models.states import FrameType

if TYPE_CHECKING:
    from astropy.io.fits import Header


class CardRule(NamedTuple):
    """One card: keyword, comment with its unit, and where the value comes from.

    Floats are rounded to ``digits`` decimals. ``is_default`` cards give way to what the header has
    already.
    """

    keyword: str
    comment: str
    value: Callable[[Frame], object]
    digits: int = 6
    is_default: bool = False


CARDS: tuple[CardRule, ...] = (
    # what
    CardRule("OBJECT", "target of the order", lambda f: f.object_name),
    CardRule("IMAGETYP", "kind of frame", lambda f: f"{f.facts.frame_type} Frame", is_default=True),
    CardRule("EXPTIME", "[s] exposure time", lambda f: f.exposure_s, is_default=True),
    CardRule("BUNIT", "unit of the pixels", lambda f: "adu"),
    CardRule("XBINNING", "binning in x", lambda f: f.facts.binning, is_default=True),
    CardRule("YBINNING", "binning in y", lambda f: f.facts.binning, is_default=True),
    CardRule("FILTER", "filter as named in the order", lambda f: f.filter_name),
    CardRule("FILTSLOT", "filter as named on the wheel", lambda f: f.facts.filter_slot),
    CardRule("EGAIN", "[e-/adu] gain, from the profile", lambda f: f.facts.gain_e_per_adu),
    CardRule("RDNOISE", "[e-] read noise, from the profile", lambda f: f.facts.read_noise_e),
    # who asked for it
    CardRule("RECEIPT", "receipt of the Work Order", lambda f: f.facts.receipt),
    CardRule("ORDERID", "ID the sender gave the Work Order", lambda f: f.facts.order_id),
    CardRule("ATTEMPT", "attempt at the Work Order", lambda f: f.facts.attempt_id),
    CardRule("EXPID", "id of this exposure", lambda f: f.facts.exposure_id),
    CardRule("FRAMENUM", "number of the frame in its attempt", lambda f: f.facts.sequence),
    CardRule("FRAMETOT", "frames asked for", lambda f: f.facts.count),
    CardRule("OBSERVER", "user of the Work Order", lambda f: f.facts.user),
    CardRule("JOBTYPE", "type of job", lambda f: f.facts.job_type),
    CardRule("OBJTYPE", "type of object", lambda f: f.facts.object_type),
    # when
    CardRule("TIMESYS", "time scale of all times here", lambda f: "UTC"),
    CardRule("DATE-OBS", "start of the exposure", lambda f: _iso(f.start_s), is_default=True),
    CardRule("DATE-AVG", "middle of the exposure", lambda f: _iso(f.middle_s)),
    CardRule("DATE-END", "end of the exposure", lambda f: _iso(f.end_s)),
    CardRule("MJD-OBS", "[d] start of the exposure", lambda f: mjd(f.start_s), digits=8),
    CardRule("MJD-AVG", "[d] middle of the exposure", lambda f: mjd(f.middle_s), digits=8),
    CardRule("MJD-END", "[d] end of the exposure", lambda f: mjd(f.end_s), digits=8),
    CardRule("NIGHT", "local date of the evening", lambda f: night_of(f.facts.site, f.start_s)),
    CardRule("DATE", "this file was written", lambda f: _iso(f.facts.written_utc_s)),
    # where to
    CardRule("RADESYS", "frame of RA and DEC", lambda f: "ICRS"),
    CardRule("EQUINOX", "equinox of RA and DEC", lambda f: 2000.0),
    CardRule("RA", "[deg] where the mount pointed, ICRS", lambda f: _first(f.pointing)),
    CardRule("DEC", "[deg] where the mount pointed, ICRS", lambda f: _second(f.pointing)),
    CardRule("TARGRA", "[deg] asked for, ICRS", lambda f: _first(f.target)),
    CardRule("TARGDEC", "[deg] asked for, ICRS", lambda f: _second(f.target)),
    CardRule("OBJCTALT", "[deg] altitude, no refraction", lambda f: _first(f.altaz_deg)),
    CardRule("OBJCTAZ", "[deg] azimuth, north over east", lambda f: _second(f.altaz_deg)),
    CardRule("OBJCTHA", "[h] hour angle, west positive", lambda f: f.hour_angle_h),
    CardRule("AIRMASS", "at mid-exposure (Kasten and Young 1989)", lambda f: f.airmass),
    # the sky around
    CardRule("SUNALT", "[deg] altitude of the Sun", lambda f: f.sun.altitude_deg),
    CardRule("MOONALT", "[deg] altitude of the Moon", lambda f: f.moon.altitude_deg),
    CardRule("MOONANGL", "[deg] pointing to Moon", lambda f: f.moon_separation_deg),
    CardRule("MOONPHAS", "lit part of the Moon's disk, 0 to 1", lambda f: f.moon.illumination),
    # the observatory
    CardRule("TELESCOP", "telescope", lambda f: f.facts.telescope_name),
    CardRule("INSTRUME", "camera", lambda f: f.facts.camera, is_default=True),
    CardRule("FOCALLEN", "[mm] focal length", lambda f: f.facts.focal_length_mm, is_default=True),
    CardRule("APTDIA", "[mm] aperture", lambda f: f.facts.aperture_mm, is_default=True),
    CardRule("OBSERVAT", "observatory", lambda f: f.facts.site.name),
    CardRule("SITELAT", "[deg] latitude, north positive", lambda f: f.facts.site.latitude_deg),
    CardRule("SITELONG", "[deg] longitude, east positive", lambda f: f.facts.site.longitude_deg),
    CardRule("SITEELEV", "[m] height above sea level", lambda f: f.facts.site.elevation_m),
    CardRule("DOMEAZ", "[deg] azimuth of the dome's slit", lambda f: f.facts.dome_azimuth_deg),
    CardRule("DOMESHUT", "dome's shutter", lambda f: f.facts.shutter),
    CardRule("FOCUSPOS", "focuser, steps", lambda f: f.facts.focus_position, is_default=True),
    # software
    CardRule("SWCREATE", "software that made this file", lambda f: f.facts.creator),
    CardRule("SWDRIVER", "INDI drivers", lambda f: f.facts.drivers),
)

KEYWORDS = frozenset(card.keyword for card in CARDS)
_WITHOUT_SKY = ("RA", "DEC", "OBJCTRA", "OBJCTDEC", "OBJCTALT", "OBJCTAZ", "AIRMASS", "PIERSIDE")
_STALE = ("CHECKSUM", "DATASUM", "OBJECT")
_GAIN_COMMENT = "setting of the camera, not e-/adu"


def complete_header(header: Header, facts: FrameFacts) -> Header:
    """Return a copy of a driver's header with every card of :data:`CARDS` we know.

    Parameters
    ----------
    header
        ``astropy.io.fits.Header`` as the driver wrote it; not changed.

    Notes
    -----
    DATE-OBS of the driver is kept (it is the instant the camera started); all other times, the Sun,
    the Moon and the altitude follow from it and EXPTIME.
    """
    result = header.copy()
    _drop_unreadable(result)
    for keyword in _STALE:
        _remove(result, keyword)
    if not facts.frame_type.needs_sky:
        for keyword in _WITHOUT_SKY:
            _remove(result, keyword)
    if facts.frame_type in (FrameType.BIAS, FrameType.DARK):
        _remove(result, "FILTER")
    if "GAIN" in result:
        result.comments["GAIN"] = _GAIN_COMMENT
    frame = _frame(result, facts)
    for rule in CARDS:
        if rule.is_default and _has(result, rule):
            continue
        value = rule.value(frame)
        if isinstance(value, float):
            value = round(value, rule.digits)
        _put(result, rule.keyword, value, rule.comment)
    for keyword, (value, comment) in facts.extra.items():
        _put(result, keyword.upper(), value, comment)
    return result


def disagreements(header: Header, facts: FrameFacts) -> tuple[str, ...]:
    """Return where a driver's header contradicts what was asked for; empty is well.

    Looks at the kind of frame, the exposure time (1 % or 0.1 s) and the binning.
    """
    found = []
    kind = str(header.get("FRAME", header.get("IMAGETYP", facts.frame_type)))
    if kind.split()[:1] != [str(facts.frame_type)]:
        found.append(f"FRAME is {kind!r}, expected {str(facts.frame_type)!r}")
    exposure_s = header.get("EXPTIME", facts.exposure_s)
    allowed_s = max(0.1, 0.01 * facts.exposure_s)
    if not (_is_number(exposure_s) and abs(exposure_s - facts.exposure_s) <= allowed_s):
        found.append(f"EXPTIME is {exposure_s} s, expected {facts.exposure_s} s")
    for keyword in ("XBINNING", "YBINNING"):
        binning = header.get(keyword, facts.binning)
        if facts.binning is not None and binning != facts.binning:
            found.append(f"{keyword} is {binning}, expected {facts.binning}")
    return tuple(found)


def parse_date(text: object) -> float | None:
    """Return the Unix seconds of a DATE-OBS in UTC, None when it is none."""
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _frame(header: Header, facts: FrameFacts) -> Frame:
    start_s = parse_date(header.get("DATE-OBS", ""))
    if start_s is None:
        start_s = facts.start_utc_s
        _remove(header, "DATE-OBS")
    exposure_s = header.get("EXPTIME", facts.exposure_s)
    if not _is_number(exposure_s) or not 0.0 <= exposure_s < math.inf:
        exposure_s = facts.exposure_s
        _remove(header, "EXPTIME")
    return Frame.of(facts, start_s, float(exposure_s))


def _drop_unreadable(header: Header) -> None:
    """Remove cards that are no FITS (a driver's NaN): saving the frame would fail for them."""
    with FIRST_IMPORT:
        from astropy.io.fits.verify import VerifyError  # here: whoever has a header has astropy

    for index in range(len(header) - 1, -1, -1):
        try:
            value = header[index]
        except (VerifyError, ValueError):
            del header[index]
            continue
        if isinstance(value, float) and not math.isfinite(value):
            del header[index]


def _has(header: Header, rule: CardRule) -> bool:
    value = header.get(rule.keyword)
    return value is not None and value != ""


def _put(header: Header, keyword: str, value: object, comment: str) -> None:
    card = fit_card(value, comment)
    if card is not None:
        header[keyword] = card


def _remove(header: Header, keyword: str) -> None:
    header.remove(keyword, ignore_missing=True, remove_all=True)


def _first(pair: tuple[float, float] | None) -> float | None:
    return None if pair is None else float(pair[0])


def _second(pair: tuple[float, float] | None) -> float | None:
    return None if pair is None else float(pair[1])


def _iso(seconds: float | None) -> str:
    """Write Unix seconds as FITS does: UTC, milliseconds, no zone."""
    if seconds is None:
        return ""
    moment = from_unix_s(round(seconds, 3))
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
