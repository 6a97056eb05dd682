"""From the cards of a header, in whoever's spelling, to a frame in ours: pure.

Other programs write the same facts under other names; :data:`KEYWORDS` and :data:`FRAME_TYPES` are
the tables of what is understood. A header that lacks what calibration needs, or contradicts itself,
is refused with every reason at once: a guess here would spoil a whole night's master.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from ctmo_indi.models.frames import Frame, Readout
from ctmo_indi.models.headers import parse_date
from ctmo_indi.models.states import FrameType
from ctmo_indi.preprocessor.header_reader import Cards, Value
from ctmo_indi.work_orders.angles import read_dec, read_ra

#: Fact -> keywords that hold it, the first that is there wins.
KEYWORDS: Mapping[str, tuple[str, ...]] = {
    "type": ("IMAGETYP", "FRAME", "OBSTYPE", "FRAMETYP", "PICTTYPE", "IMTYPE"),
    "exposure": ("EXPTIME", "EXPOSURE", "EXP_TIME", "ITIME"),
    "start": ("DATE-OBS", "DATE-BEG", "DATE_OBS"),
    "time": ("TIME-OBS", "UTSTART", "UT"),
    "mjd": ("MJD-OBS", "MJD-BEG"),
    "timesys": ("TIMESYS",),
    "camera": ("INSTRUME", "CAMERA", "DETECTOR"),
    "x_binning": ("XBINNING", "CCDXBIN"),
    "y_binning": ("YBINNING", "CCDYBIN"),
    "binning": ("CCDSUM", "BINNING"),
    "x_origin": ("XORGSUBF", "CCDXORG", "SUBX"),
    "y_origin": ("YORGSUBF", "CCDYORG", "SUBY"),
    "mode": ("READOUTM", "READMODE", "CONFMODE"),
    "gain": ("GAIN", "GAINSET"),
    "offset": ("OFFSET", "BLKLEVEL"),
    "temperature": ("CCD-TEMP", "CCDTEMP", "DET-TEMP", "CCDATEMP"),
    "set_temperature": ("SET-TEMP", "CCD-TSET", "CCDSTEMP", "SETTEMP"),
    "filter": ("FILTER", "FILTERS", "INSFILTE", "FILTERID"),
    "object": ("OBJECT", "OBJNAME"),
    "ra": ("RA", "OBJCTRA"),
    "dec": ("DEC", "OBJCTDEC"),
    "receipt": ("RECEIPT",),
    "order_id": ("ORDERID",),
    "attempt_id": ("ATTEMPT",),
    "exposure_id": ("EXPID",),
    "night": ("NIGHT",),
    "telescope": ("TELESCOP",),
    "product": ("PRODKIND", "PRODID"),
    "calibrated": ("CALSTAT",),
}
WANTED = frozenset(keyword for keywords in KEYWORDS.values() for keyword in keywords)

#: Words for a kind of frame: lower case, letters only, "frame", "image" and "field" left out.
FRAME_TYPES: Mapping[str, FrameType] = {
    "light": FrameType.LIGHT,
    "object": FrameType.LIGHT,
    "science": FrameType.LIGHT,
    "sci": FrameType.LIGHT,
    "expose": FrameType.LIGHT,
    "target": FrameType.LIGHT,
    "bias": FrameType.BIAS,
    "zero": FrameType.BIAS,
    "offset": FrameType.BIAS,
    "dark": FrameType.DARK,
    "flat": FrameType.FLAT,
    "domeflat": FrameType.FLAT,
    "skyflat": FrameType.FLAT,
    "twilightflat": FrameType.FLAT,
    "panelflat": FrameType.FLAT,
    "lampflat": FrameType.FLAT,
    "flatdome": FrameType.FLAT,
    "flatsky": FrameType.FLAT,
    "flattwilight": FrameType.FLAT,
}
_NOISE_WORDS = re.compile(r"frame|image|field|[^a-z]")
_NIGHT = re.compile(r"(?:19|20)\d{6}", re.ASCII)
_TYPE_CARDS = ("IMAGETYP", "FRAME")  # INDI writes both

BIAS_LONGEST_S = 1.0
TEMPERATURE_WINDOW_C = 0.5
LONGEST_S = 86400.0


class RefusedHeader(Exception):
    """The header does not make a frame; the text has every reason."""


def frame_type_of(word: str) -> FrameType | None:
    """Return the kind of frame a header's word means; None for an unknown one."""
    return FRAME_TYPES.get(_NOISE_WORDS.sub("", word.lower()))


def frame_of(path: Path, cards: Cards) -> Frame:
    """Make a frame of what was read of its file.

    Raises
    ------
    RefusedHeader
        Naming everything that is missing, wrong or contradictory.
    """
    facts = HeaderFacts(cards.values)
    problems: list[str] = []
    _require_raw(facts, problems)
    frame_type = _type(facts, problems)
    exposure_s = _exposure(facts, frame_type, problems)
    start_utc_s = start_of(facts, problems)
    readout = _readout(facts, cards.shape, problems)
    temperature_c, set_c = facts.number("temperature"), facts.number("set_temperature")
    if (
        frame_type is FrameType.DARK
        and None not in (temperature_c, set_c)
        and abs(temperature_c - set_c) > TEMPERATURE_WINDOW_C  # type: ignore[operator]  # not None
    ):
        problems.append(
            f"a dark at {temperature_c:g} C, asked for {set_c:g} C, expected them within "
            f"{TEMPERATURE_WINDOW_C:g} degrees"
        )
    filter_name = facts.text("filter")
    if frame_type is FrameType.FLAT and not filter_name:
        problems.append("a flat without FILTER")
    if problems or frame_type is None or readout is None:
        raise RefusedHeader("; ".join(problems))
    is_light = frame_type is FrameType.LIGHT
    ra_deg, dec_deg = _pointing(facts) if is_light else (None, None)
    night = facts.text("night")
    return Frame(
        path=path,
        frame_type=frame_type,
        readout=readout,
        exposure_s=exposure_s,
        start_utc_s=start_utc_s,
        temperature_c=temperature_c,
        set_temperature_c=set_c,
        filter_name=filter_name if is_light or frame_type is FrameType.FLAT else "",
        target_name=facts.text("object") if is_light else "",
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        receipt=facts.text("receipt"),
        order_id=facts.text("order_id"),
        attempt_id=facts.text("attempt_id"),
        exposure_id=facts.text("exposure_id"),
        night=night if _NIGHT.fullmatch(night) else "",
        telescope=facts.text("telescope"),
        size_bytes=cards.size_bytes,
        mtime_ns=cards.mtime_ns,
    )


class HeaderFacts:
    """The cards of one header by what they mean.

    Parameters
    ----------
    values
        Keyword -> value, as ``header_reader.read_cards`` gives them.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values

    def raw(self, fact: str) -> tuple[str, Value] | None:
        """Return keyword and value of a fact; None when no card has it."""
        for keyword in KEYWORDS[fact]:
            value = self.values.get(keyword)
            if value is not None and value != "":
                return keyword, value
        return None

    def text(self, fact: str) -> str:
        """Return a fact as text, each run of spaces as one; "" when no card has it."""
        found = self.raw(fact)
        return "" if found is None else " ".join(str(found[1]).split())

    def number(self, fact: str) -> float | None:
        """Return a finite number, also of text; None when there is none."""
        found = self.raw(fact)
        if found is None or isinstance(found[1], bool):
            return None
        try:
            number = float(found[1])
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def named(self, fact: str) -> str:
        """Say what came for a fact."""
        found = self.raw(fact)
        return f"{KEYWORDS[fact][0]} is missing" if found is None else f"{found[0]} is {found[1]!r}"


def _require_raw(facts: HeaderFacts, problems: list[str]) -> None:
    """Refuse what somebody calibrated: its bias would be subtracted twice."""
    if facts.raw("product") is not None:
        problems.append(f"a product ({facts.named('product')}), expected a raw frame")
    elif facts.raw("calibrated") is not None:  # MaxIm DL's: B, D and F for what was done
        problems.append(f"{facts.named('calibrated')}: calibrated already, expected a raw frame")


def _type(facts: HeaderFacts, problems: list[str]) -> FrameType | None:
    frame_type = frame_type_of(facts.text("type"))
    if frame_type is None:
        problems.append(f"{facts.named('type')}, expected a kind such as Light, Bias, Dark or Flat")
        return None
    words = [str(facts.values[key]) for key in _TYPE_CARDS if facts.values.get(key)]
    kinds = {kind for word in words if (kind := frame_type_of(word)) is not None}
    if len(kinds) > 1:
        problems.append(f"{' and '.join(_TYPE_CARDS)} contradict each other: {', '.join(words)}")
    return frame_type


def _exposure(facts: HeaderFacts, frame_type: FrameType | None, problems: list[str]) -> float:
    exposure_s = facts.number("exposure")
    if frame_type is FrameType.BIAS:
        if exposure_s is None and facts.raw("exposure") is None:
            return 0.0  # some cameras write none: a bias is as short as can be by its name
        if exposure_s is None or not 0.0 <= exposure_s <= BIAS_LONGEST_S:
            problems.append(
                f"a bias whose {facts.named('exposure')}, expected 0 to {BIAS_LONGEST_S:g} s"
            )
        return exposure_s or 0.0
    if exposure_s is None or not 0.0 < exposure_s <= LONGEST_S:
        problems.append(f"{facts.named('exposure')}, expected seconds above 0")
        return 0.0
    return exposure_s


def start_of(facts: HeaderFacts, problems: list[str]) -> float:
    """Return when the exposure began, Unix seconds; 0 with a problem where no card tells it."""
    timesys = facts.text("timesys").upper()
    if timesys not in ("", "UTC", "UT", "UT1"):
        problems.append(f"TIMESYS is {timesys!r}, expected UTC")
    text = facts.text("start")
    if text and "T" not in text and (time := facts.text("time")):
        text = f"{text}T{time}"
    start_utc_s = parse_date(text) if len(text) > len("YYYY-MM-DD") else None
    if start_utc_s is not None:
        return start_utc_s
    mjd = facts.number("mjd")
    if mjd is not None:
        return (mjd - 40587.0) * 86400.0
    problems.append(f"{facts.named('start')}, expected a date and time such as 2026-11-22T03:00:00")
    return 0.0


def _readout(facts: HeaderFacts, shape: tuple[int, ...], problems: list[str]) -> Readout | None:
    if len(shape) != 2 or 0 in shape:
        problems.append(f"the image is {' x '.join(map(str, shape))}, expected two axes")
        return None
    binnings = [facts.number("x_binning"), facts.number("y_binning")]
    if binnings == [None, None]:
        both = re.findall(r"\d+", facts.text("binning"))
        binnings = [float(both[0]), float(both[-1])] if both else [1.0, 1.0]
    x_binning, y_binning = (1.0 if one is None else one for one in binnings)
    if not (x_binning >= 1 and y_binning >= 1 and x_binning % 1 == 0 and y_binning % 1 == 0):
        problems.append(f"binning {x_binning:g} x {y_binning:g}, expected whole numbers from 1 on")
        return None
    return Readout(
        camera=facts.text("camera"),
        nx=shape[0],
        ny=shape[1],
        x_binning=int(x_binning),
        y_binning=int(y_binning),
        x_origin=int(facts.number("x_origin") or 0),
        y_origin=int(facts.number("y_origin") or 0),
        mode=facts.text("mode"),
        gain=facts.number("gain"),
        offset=facts.number("offset"),
    )


def _pointing(facts: HeaderFacts) -> tuple[float, float] | tuple[None, None]:
    """Return ICRS degrees; numbers are degrees (INDI), sexagesimal RA is hours; else nothing."""
    ra, dec = facts.raw("ra"), facts.raw("dec")
    if ra is None or dec is None:
        return None, None
    try:
        return read_ra(ra[1], None, "deg"), read_dec(dec[1])
    except ValueError:
        return None, None
