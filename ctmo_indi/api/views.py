"""The site as its services tell it: observatory, verdict, frames of a night, report of a night.

As of :mod:`ctmo_indi.api.results`: frozen, units in names, ``raw`` is the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ctmo_indi.api.reading import Reading, as_it_came, told
from ctmo_indi.api.replies import (
    Reply,
    claim,
    instant,
    number,
    struct,
    structs,
    text,
    texts,
    whole_if_told,
)


def _is_up(reply: Reply, key: str) -> bool:
    return reply.get(key) == "UP"


def _is_held(verdict: Reply, key: str) -> bool:
    return bool(struct(verdict, key))


def _seconds_by_class(reply: Reply, key: str) -> Mapping[str, float]:
    return {text(row, "Class"): number(row, "Seconds") or 0.0 for row in structs(reply, key)}


@dataclass(frozen=True, slots=True)
class ObservatoryView(Reading):
    """What the telescope service sees of its devices.

    Parameters
    ----------
    state
        CLOSED, OPENING, OPEN, CLOSING, UNKNOWN or ALARM.
    utc
        Time at the site when it was looked; of a site under a fast clock the scaled one.
    ra_deg, dec_deg
        Where the mount points, ICRS; None where it is not known.
    is_tracking, is_parked
        None where the mount does not tell.
    shutter
        OPEN, CLOSED, ... as the dome's device says; "" where there is none.
    busy
        What the telescope does now; "" for nothing.
    held
        Why the manager keeps its hands off; "" when it does not.
    """

    state: str = told(text, "Observatory")
    utc: datetime | None = told(instant, "Devices", "UTC")
    has_link: bool = told(_is_up, "Link")
    ra_deg: float | None = told(number, "Devices", "Mount", "RA")
    dec_deg: float | None = told(number, "Devices", "Mount", "Dec")
    altitude_deg: float | None = told(number, "Devices", "Mount", "Altitude")
    azimuth_deg: float | None = told(number, "Devices", "Mount", "Azimuth")
    is_tracking: bool | None = told(claim, "Devices", "Mount", "Tracking")
    is_parked: bool | None = told(claim, "Devices", "Mount", "Parked")
    shutter: str = told(text, "Devices", "Dome", "Shutter")
    dome_azimuth_deg: float | None = told(number, "Devices", "Dome", "Azimuth")
    filter_name: str = told(text, "Devices", "Filter Wheel", "Filter")
    busy: str = told(text, "Busy")
    held: str = told(text, "Held")
    raw: Reply = as_it_came()


@dataclass(frozen=True, slots=True)
class VerdictView(Reading):
    """What safety said.

    Parameters
    ----------
    level
        SAFE, HOLD or UNSAFE.
    age_s
        How old the verdict was when safety answered.
    lock_owner, lock_reason
        Who holds the observatory, and why; "" for nobody.
    is_stopped
        Somebody pressed stop: nothing moves before ``release``.
    """

    level: str = told(text, "Verdict", "Level")
    reasons: tuple[str, ...] = told(texts, "Verdict", "Reasons")
    age_s: float | None = told(number, "Verdict Age")
    lock_owner: str = told(text, "Verdict", "Lock", "Owner")
    lock_reason: str = told(text, "Verdict", "Lock", "Reason")
    is_stopped: bool = told(_is_held, "Verdict", "Latch")
    raw: Reply = as_it_came()

    @property
    def is_safe(self) -> bool:
        """Whether the level is SAFE; unknown is not."""
        return self.level == "SAFE"


@dataclass(frozen=True, slots=True)
class FrameView(Reading):
    """A raw frame as it was seen at a quick look.

    Parameters
    ----------
    file
        Its name, without the folder.
    fwhm
        Of its stars, median, in ``fwhm_unit``: arcsec, or px where the scale is not known.
    ellipticity
        1 - b/a, median.
    stars
        How many were found; None where nobody looked for them.
    saturated
        Part of the pixels, 0 to 1.
    problem
        Why its pixels are of no use, or what is wrong with its header; "" for nothing.
    """

    file: str = told(text, "File")
    night: str = told(text, "Night")
    frame_type: str = told(text, "Frame Type")
    object_name: str = told(text, "Object")
    filter_name: str = told(text, "Filter")
    exposure_s: float | None = told(number, "Exposure Time")
    start_utc: datetime | None = told(instant, "Start")
    order: str = told(text, "Parent")
    attempt: str = told(text, "Receipt")
    fwhm: float | None = told(number, "FWHM")
    fwhm_unit: str = told(text, "FWHM Unit")
    ellipticity: float | None = told(number, "Ellipticity")
    stars: int | None = told(whole_if_told, "Stars")
    background_adu: float | None = told(number, "Background")
    median_adu: float | None = told(number, "Median")
    saturated: float | None = told(number, "Saturated")
    problem: str = told(text, "Problem")
    raw: Reply = as_it_came()


@dataclass(frozen=True, slots=True)
class NightReport(Reading):
    """Where the time of a night went, and what became of its orders.

    Parameters
    ----------
    length_s
        From ``begin_utc`` to ``end_utc``.
    ledger_s
        Class -> seconds; their sum is the length.
    attention
        What somebody should look at, the most urgent first.
    text
        The report for people.
    """

    night: str = told(text, "Night")
    begin_utc: datetime | None = told(instant, "Begin")
    end_utc: datetime | None = told(instant, "End")
    length_s: float | None = told(number, "Length")
    ledger_s: Mapping[str, float] = told(_seconds_by_class, "Ledger")
    attention: tuple[str, ...] = told(texts, "Attention")
    text: str = told(text, "Text")
    raw: Reply = as_it_came()

    def __str__(self) -> str:
        return self.text
