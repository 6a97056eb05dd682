"""The site as its services tell it: observatory, verdict, frames of a night, report of a night.

As of :mod:`ctmo_indi.api.results`: frozen, units in names, ``raw`` is the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ctmo_indi.api.replies import instant, number, struct, structs, text, texts, whole

Raw = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ObservatoryView:
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

    state: str
    utc: datetime | None
    has_link: bool
    ra_deg: float | None
    dec_deg: float | None
    altitude_deg: float | None
    azimuth_deg: float | None
    is_tracking: bool | None
    is_parked: bool | None
    shutter: str
    dome_azimuth_deg: float | None
    filter_name: str
    busy: str
    held: str
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, reply: Raw) -> ObservatoryView:
        """Read a Status reply of the telescope."""
        devices = struct(reply, "Devices")
        mount, dome = struct(devices, "Mount"), struct(devices, "Dome")
        return cls(
            state=text(reply, "Observatory"),
            utc=instant(devices, "UTC"),
            has_link=reply.get("Link") == "UP",
            ra_deg=number(mount, "RA"),
            dec_deg=number(mount, "Dec"),
            altitude_deg=number(mount, "Altitude"),
            azimuth_deg=number(mount, "Azimuth"),
            is_tracking=_claim(mount, "Tracking"),
            is_parked=_claim(mount, "Parked"),
            shutter=text(dome, "Shutter"),
            dome_azimuth_deg=number(dome, "Azimuth"),
            filter_name=text(struct(devices, "Filter Wheel"), "Filter"),
            busy=text(reply, "Busy"),
            held=text(reply, "Held"),
            raw=reply,
        )


def _claim(reply: Raw, key: str) -> bool | None:
    value = reply.get(key)
    return value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class VerdictView:
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

    level: str
    reasons: tuple[str, ...]
    age_s: float | None
    lock_owner: str
    lock_reason: str
    is_stopped: bool
    raw: Raw = field(repr=False, compare=False)

    @property
    def is_safe(self) -> bool:
        """Whether the level is SAFE; unknown is not."""
        return self.level == "SAFE"

    @classmethod
    def from_wire(cls, reply: Raw) -> VerdictView:
        """Read a Status reply of safety."""
        verdict = struct(reply, "Verdict")
        lock = struct(verdict, "Lock")
        return cls(
            level=text(verdict, "Level"),
            reasons=texts(verdict, "Reasons"),
            age_s=number(reply, "Verdict Age"),
            lock_owner=text(lock, "Owner"),
            lock_reason=text(lock, "Reason"),
            is_stopped=bool(struct(verdict, "Latch")),
            raw=reply,
        )


@dataclass(frozen=True, slots=True)
class FrameView:
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

    file: str
    night: str
    frame_type: str
    object_name: str
    filter_name: str
    exposure_s: float | None
    start_utc: datetime | None
    order: str
    attempt: str
    fwhm: float | None
    fwhm_unit: str
    ellipticity: float | None
    stars: int | None
    background_adu: float | None
    median_adu: float | None
    saturated: float | None
    problem: str
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, wire: Raw) -> FrameView:
        """Read one struct of ``Frames``."""
        return cls(
            file=text(wire, "File"),
            night=text(wire, "Night"),
            frame_type=text(wire, "Frame Type"),
            object_name=text(wire, "Object"),
            filter_name=text(wire, "Filter"),
            exposure_s=number(wire, "Exposure Time"),
            start_utc=instant(wire, "Start"),
            order=text(wire, "Parent"),
            attempt=text(wire, "Receipt"),
            fwhm=number(wire, "FWHM"),
            fwhm_unit=text(wire, "FWHM Unit"),
            ellipticity=number(wire, "Ellipticity"),
            stars=whole(wire, "Stars") if "Stars" in wire else None,
            background_adu=number(wire, "Background"),
            median_adu=number(wire, "Median"),
            saturated=number(wire, "Saturated"),
            problem=text(wire, "Problem"),
            raw=wire,
        )


@dataclass(frozen=True, slots=True)
class NightReport:
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

    night: str
    begin_utc: datetime | None
    end_utc: datetime | None
    length_s: float | None
    ledger_s: Mapping[str, float]
    attention: tuple[str, ...]
    text: str
    raw: Raw = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def from_wire(cls, reply: Raw) -> NightReport:
        """Read a Report reply."""
        ledger = {
            text(row, "Class"): number(row, "Seconds") or 0.0 for row in structs(reply, "Ledger")
        }
        return cls(
            night=text(reply, "Night"),
            begin_utc=instant(reply, "Begin"),
            end_utc=instant(reply, "End"),
            length_s=number(reply, "Length"),
            ledger_s=ledger,
            attention=texts(reply, "Attention"),
            text=text(reply, "Text"),
            raw=reply,
        )
